"""The demonstration, small: books of its own, filled through the usual doors, and replay finds the record."""

from __future__ import annotations

import re
import shlex
import sys
from datetime import date
from decimal import Decimal
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

import orjson
import pytest

from connectors.files.importing import import_file
from connectors.files.mapping_loading import mapping_load
from reconciliation.invented import FAULTS, MATCHED_BY
from reconciliation.reconciling import found_in, state_read
from service.bootstrap import clock, ledger_names, ledger_open
from service.demo.story import DemoRefused, demo_run
from service.output import Output
from service.settings import Settings
from streams.messages import message_of
from tests.event_messages import messages_check

LAST = date(2026, 6, 20)


def demo_small(settings: Settings, out: Output) -> None:
    demo_run(settings, out, "tester", last_day=LAST, firms=50, facts=1_800, years=1)


def test_the_demo_fills_its_own_books_and_replay_finds_no_difference(
    settings: Settings, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with ledger_open(settings, "demo_neighbour", "tester", create=True) as handle:
        neighbour = handle.recorder.position_head()
    for _ in range(2):  # the second run finds the books of the first and makes them anew
        demo_small(settings, Output(True, "en"))
        told = orjson.loads(capfdbinary.readouterr().out)
        assert told["customers"] == 51  # fifty firms, and one that came over the website
        assert told["facts"] == sum(told["facts_by_type"].values()) >= 1_800
        assert told["closed_through"] == "2026-05-30"
        assert told["recorded"]["differences"] == told["recorded"]["ownership"]["differences"] == 0
        assert len(told["leaderboard"]) == 10
        assert told["what_if"]["customers_changed"] > 0
        assert told["redemptions"]["committed"] > 5 and told["redemptions"]["voided"] > 0
        assert told["what_if"]["redemptions"]["count"] == told["redemptions"]["reserved"]
        settlement = told["settlement"]
        assert settlement["faults"] == {fault: {"planted": 1, "found": 1} for fault in FAULTS}
        assert settlement["missed"] == settlement["false"] == [] and settlement["adds_up"]
        assert settlement["payments"] > len(FAULTS) and settlement["matches"] > len(MATCHED_BY)
        redeemed, settled, left = (Decimal(settlement[name]) for name in ("redeemed", "settled", "open"))
        assert redeemed - settled == left > 0
        liability = {k: Decimal(v) for k, v in told["liability"].items() if k not in ("month", "closing_cny")}
        assert told["liability"]["month"] == "2026-04" and liability["redeemed"] < 0
        assert sum(liability.values()) == 2 * liability["closing"] > 0
        assert told["honours"]["year"] == 2025 and len(told["honours"]["places"]) == 10
        force = told["sales_force"]
        assert force["people"] == 40 and force["assigned"] + force["unassigned"] == 50
        assert force["collision"].startswith("X-") and "stays with them" in force["collision_told"]
        assert force["handed"] + force["pooled"] > 0 and len(force["why"]) > 2
        assert told["assignment_what_if"]["candidate"]["assignments"] > 0
    assert {"demo", "demo_neighbour"} <= set(ledger_names(settings))

    with ledger_open(settings, "demo", "tester") as handle:
        assert handle.recorder.position_head() == told["position"]
        month = settings.home / "demo" / "2026-01.csv"
        with handle.writing("tester") as writer:
            again = import_file(
                writer.submit,
                mapping_load("facts"),
                writer.state.book.fact_types.get,
                month,
                actor="tester",
                recorded_at=clock(),
            )
        assert again.read == again.duplicates > 0
        assert handle.recorder.position_head() == told["position"]
        # What is on record of the honours and of the payments is what was told.
        settled = state_read(handle.columns()).settlement
        assert settled.honours == {2025: told["honours"]["position"]} and len(settled.payments) == settlement["payments"]
        assert found_in(settled, settled.period_last) == []
        # Everything that happened can be told to others, and no firm's name is.
        rows = handle.recorder.select_range(0, told["position"])
        names = [c.name for c in handle.columns().book().customers]
    with ledger_open(settings, "demo_neighbour", "tester") as handle:
        assert handle.recorder.position_head() == neighbour
    some = [row for _, found in groupby(sorted(rows, key=itemgetter(3)), itemgetter(3)) for row in islice(found, 20)]
    assert len(messages_check(some)) >= 40
    bodies = b"".join(message_of("demo", row).body for row in rows)
    assert len(rows) == told["position"] and len(names) == 51
    assert [name for name in names if name.encode() in bodies] == []


@pytest.mark.parametrize(("language", "words"), [("zh", "积分榜"), ("en", "Leaderboard")])
def test_the_story_is_told_in_a_hundred_columns_and_names_files_that_are_there(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    words: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["plumbline", "demo"])
    output = Output(False, "zh" if language == "zh" else "en")
    demo_small(settings, output)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(words) for line in lines)
    commands = [line.strip() for line in lines if " plumbline " in line]
    assert len(commands) == 9
    assert any(line.startswith("全部找到并说对" if language == "zh" else "All found and named") for line in lines)
    told = [line for line in lines if line.strip() not in commands and str(settings.home) not in line]
    assert all(sum(2 if ord(c) > 0x2E80 else 1 for c in line) <= 100 for line in told)
    files = re.findall(r"\S+\.(?:yaml|csv)\b", "\n".join(commands))
    assert len(files) == 3
    assert all(Path(shlex.split(name)[0]).is_file() for name in files)


def test_an_external_database_is_left_alone_unless_one_says_so(database_url: str, tmp_path: Path) -> None:
    external = Settings(home=tmp_path, database_url=database_url)
    with pytest.raises(DemoRefused, match="PLUMBLINE_DATABASE_URL"):
        demo_small(external, Output(True, "en"))
