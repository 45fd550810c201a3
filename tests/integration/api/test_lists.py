"""Lists lead forwards and backwards: page after page, and the same pages back again."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import ProposeRuleSet
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.integration.test_reports import campaign_rules, live

MAIN = "/v1/ledgers/main"


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    """A year of facts, rule sets with campaigns, and other ledgers."""
    ledgers = LedgersHere(database_url, tmp_path_factory.mktemp("columns"))
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    for name in ("other", "third", "zero"):
        ledgers.make(name)
    live(here.books, seed=11, facts=100)
    for n in range(3):
        here.books.do(ProposeRuleSet({**campaign_rules(), "id": f"more{n}"}))
    here.follow()
    with here.recorder.datastore.get_connection() as connection:
        connection.execute(
            "INSERT INTO job (id, kind, state, request, created_by, created_at)"
            " SELECT 'J-' || n, 'import', 'done', '{}', 'x', now() - interval '1 hour' * (n / 2)"
            " FROM generate_series(1, 7) AS n"
        )
        connection.execute(
            "INSERT INTO job_row (list, job, number, row)"
            " SELECT 'rejected', 'J-1', n, jsonb_build_object('file', 'f', 'row', n, 'field', '', 'reason', 'r')"
            " FROM generate_series(1, 5) AS n"
        )
        connection.execute(
            "INSERT INTO quarantine (source, row_sha256, file, row, field, reason, raw, mapping, mapping_sha256, actor,"
            " recorded_at) SELECT 's', sha256(n::text::bytea), 'f', n, '', 'r', '{}', 'm', sha256(''), 'a', now()"
            " FROM generate_series(1, 5) AS n"
        )
    yield here
    ledgers.close()


@pytest.fixture(scope="module")
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    with Api(app_create(ledger.ledgers, access, ApiSettings()), access) as served:  # type: ignore[attr-defined]
        yield served
    access.close()


def page(api: Api, path: str, params: dict[str, Any]) -> Any:
    answer = api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    for row in found["data"]:
        if isinstance(row, dict):
            row.pop("last_used_at", None)  # of a key it changes while its list is read
    return found


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/ledgers", {}), (f"{MAIN}/customers", {}), (f"{MAIN}/customers", {"region": "east"}),
        (f"{MAIN}/customers", {"search": "r"}), (f"{MAIN}/customers/C-000001/history", {}),
        (f"{MAIN}/customers/C-000001/history", {"sort": "position:desc", "as_of": "2025-11-30"}),
        (f"{MAIN}/reports/leaderboard", {}), (f"{MAIN}/reports/leaderboard", {"by": "contribution", "period": "2025"}),
        (f"{MAIN}/reports/leaderboard", {"by": "balance"}), (f"{MAIN}/reports/regions", {"period": "2025"}),
        (f"{MAIN}/reports/segment", {}), (f"{MAIN}/reports/campaigns", {}), (f"{MAIN}/events", {}),
        (f"{MAIN}/events", {"after": 20}), (f"{MAIN}/rule-sets", {}), (f"{MAIN}/fact-types", {}),
        (f"{MAIN}/imports", {}), (f"{MAIN}/imports/J-1/rejected", {}), (f"{MAIN}/quarantine", {}), ("/v1/keys", {}),
    ],
)  # fmt: skip
def test_a_list_leads_to_its_end_and_back_to_its_beginning(api: Api, path: str, params: dict[str, Any]) -> None:
    whole = page(api, path, {**params, "limit": 1000})
    assert whole["previous"] is None and whole["next"] is None
    found = page(api, path, {**params, "limit": max(2, len(whole["data"]) // 20)})
    pages = [found["data"]]
    assert found["previous"] is None
    while found["has_more"]:
        found = page(api, path, {"cursor": found["next"]})
        pages.append(found["data"])
    assert [row for part in pages for row in part] == whole["data"] and len(pages) > 1
    back = [found["data"]]
    while found["previous"] is not None:
        found = page(api, path, {"cursor": found["previous"]})
        assert found["has_more"] and found["next"]
        back.append(found["data"])
    assert back[::-1] == pages
    # And forwards again from the middle.
    assert page(api, path, {"cursor": found["next"]})["data"] == pages[1]


def test_events_of_a_name_are_found_backwards_past_long_stretches_without_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.log_read.SCAN_EVENTS_MAX", 10)
    path, params = f"{MAIN}/events", {"event": "DayClosed", "limit": 3}
    found = page(api, path, params)
    forwards, backwards = found["data"], list[Any]()
    while found["has_more"]:
        found = page(api, path, {"cursor": found["next"]})
        forwards += found["data"]
    while True:
        backwards = found["data"] + backwards
        if found["previous"] is None:
            break
        found = page(api, path, {"cursor": found["previous"]})
    assert forwards == backwards and len(forwards) > 20


def test_a_cursor_of_an_older_kind_is_refused(api: Api) -> None:
    pages = api.app.state.core.pages
    payload = b'["/v1/ledgers",{"limit":2},["main"]]'
    old = base64.urlsafe_b64encode(pages._sign(payload) + payload).decode().rstrip("=")
    answer = api.get("/v1/ledgers", params={"cursor": old})
    assert (answer.status_code, answer.json()["code"]) == (400, "CURSOR_INVALID")
