"""What the client decides without talking to anybody: keys, retries, how answers are read."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from plumbline_client import AnswerInvalid, ApiError, DocumentInvalid, Ledger, Retries, fact, points_parse, points_text
from plumbline_client.bulk import BulkPiece, pieces_of
from plumbline_client.calls import rehearsed
from plumbline_client.core import read_answer, read_error
from plumbline_client.results import LineResult

MAIN = Ledger("main")


@given(st.integers(-(10**15), 10**15))
def test_points_survive_their_text(points: int) -> None:
    assert points_parse(points_text(points)) == points


@pytest.mark.parametrize(("text", "points"), [("50.00", 5000), ("-0.05", -5), ("7", 700), ("7.5", 750), ("0.00", 0)])
def test_points_are_read_exactly(text: str, points: int) -> None:
    assert points_parse(text) == points


@pytest.mark.parametrize("text", ["", "1.234", "1e3", "٣.00", "--1", "1.-5", ".5", "1,00"])
def test_what_is_no_points_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="points"):
        points_parse(text)


def test_a_write_keeps_its_key_however_often_it_is_sent() -> None:
    call = MAIN.record("login", "C-000001", "2026-01-01", source="app", external_id="1")
    keys = {call.request("plk", 0)[3]["Idempotency-Key"] for _ in range(3)}
    assert len(keys) == 1 and keys != {""}
    other = MAIN.record("login", "C-000001", "2026-01-01", source="app", external_id="1")
    assert other.key != call.key
    assert MAIN.register("crm", "a", "A", key="mine").key == "mine"


def test_a_read_asks_for_what_was_written_unless_it_names_a_position_or_a_cursor() -> None:
    call = MAIN.balance("C-000001")
    assert call.request("plk", 42)[2] == {"min_position": 42}
    assert call.request("plk", 0)[2] == {}
    assert MAIN.history("C-000001").after("abc").request("plk", 42)[2] == {"cursor": "abc"}
    assert "min_position" not in MAIN.events().request("plk", 42)[2]


def test_a_dry_run_has_no_key_and_cannot_be_mistaken_for_the_write() -> None:
    call = rehearsed(MAIN.register("crm", "a", "A"))
    _, _, params, headers, _ = call.request("plk", 0)
    assert params == {"dry_run": "true"} and "Idempotency-Key" not in headers


def test_decimals_days_and_times_are_sent_as_the_service_writes_them() -> None:
    call = MAIN.record(
        "contract_signed", "C-000001", date(2026, 1, 15), source="crm", external_id="1", amount=Decimal("1E+6"),
        rate=Decimal("0.50"), seen=datetime(2026, 1, 15, 8, tzinfo=UTC),
    )  # fmt: skip
    assert call.body is not None
    document = json.loads(call.body)
    assert document["occurred_at"] == "2026-01-15"
    assert document["attributes"] == {"amount": "1000000", "rate": "0.50", "seen": "2026-01-15T08:00:00+00:00"}
    corrected = MAIN.correct("crm", "1", "contract_signed", "C-000001", date(2026, 1, 16), amount=Decimal(7))
    assert corrected.body is not None and json.loads(corrected.body)["attributes"] == {"amount": "7"}


@pytest.mark.parametrize("value", [Decimal("NaN"), float("inf"), b"1", object()])
def test_what_can_not_be_sent_is_refused_before_anything_is(value: Any) -> None:
    with pytest.raises(DocumentInvalid):
        MAIN.record("login", "C-000001", "2026-01-01", source="app", external_id="1", amount=value)
    lines = [fact("login", "C-000001", "2026-01-01", source="app", external_id=str(n)) for n in range(5)]
    lines[3]["attributes"]["amount"] = value
    # The first piece would have been given, and sent, before the fault was found.
    with pytest.raises(DocumentInvalid, match="line 4") as refused:
        next(pieces_of(iter(lines), 2))
    assert refused.value.line == 4
    with pytest.raises(DocumentInvalid):
        MAIN.record_lines(lines)


def test_the_secret_is_in_no_text_of_a_call() -> None:
    call = MAIN.record("login", "C-000001", "2026-01-01", source="app", external_id="1")
    assert "plk_secret" not in repr(call)


def test_parts_of_paths_are_quoted() -> None:
    assert MAIN.customer("../x y").path == "/v1/ledgers/main/customers/..%2Fx%20y"


def test_waits_double_to_a_longest_heed_the_service_and_end() -> None:
    retries = Retries(attempts_max=5, seconds_max=10.0, wait_seconds_first=0.1, wait_seconds_max=0.5)
    assert [retries.wait_seconds(n, 0.9999, None, 0.0) for n in (1, 2, 3, 4, 5)] == [
        pytest.approx(0.1, rel=0.01), pytest.approx(0.2, rel=0.01), pytest.approx(0.4, rel=0.01),
        pytest.approx(0.5, rel=0.01), None,
    ]  # fmt: skip
    assert retries.wait_seconds(1, 0.0, None, 0.0) == pytest.approx(0.05)
    assert retries.wait_seconds(1, 0.5, 3.0, 0.0) == 3.0
    assert retries.wait_seconds(1, 0.5, 3.0, 8.0) is None


def test_an_error_is_read_also_where_a_proxy_gave_it() -> None:
    problem = {
        "code": "INPUT_INVALID", "detail": "amount is wrong", "field": "amount", "request_id": "r-1",
        "errors": [{"field": "amount", "reason": "too large"}], "title": "填写有误", "advice": "改正后再提交。",
    }  # fmt: skip
    error = read_error(422, {}, json.dumps(problem).encode())
    assert (error.code, error.field, error.request_id, error.errors) == (
        "INPUT_INVALID", "amount", "r-1", (("amount", "too large"),),
    )  # fmt: skip
    assert error.retry_after_seconds is None and (error.title, error.advice) == ("填写有误", "改正后再提交。")
    proxied = read_error(502, {"retry-after": "3"}, b"<html>Bad Gateway</html>")
    assert (proxied.code, proxied.retry_after_seconds) == ("HTTP_ERROR", 3.0)
    assert (proxied.title, proxied.advice) == ("", "")


@pytest.mark.parametrize(("body", "code", "errors"), [
    ({"code": 503, "message": "no backend"}, "HTTP_ERROR", ()),
    ({"code": "Throttled", "errors": ["too many"], "detail": None}, "Throttled", ()),
    ({"code": "Throttled", "errors": {"field": "x"}}, "Throttled", ()),
    ({"code": "Throttled", "errors": None}, "Throttled", ()),
    ({"code": "INPUT_INVALID", "errors": [{"field": "name"}]}, "INPUT_INVALID", (("name", ""),)),
])  # fmt: skip
def test_a_refusal_of_something_in_between_is_one_whatever_it_looks_like(
    body: dict[str, Any], code: str, errors: tuple[tuple[str, str], ...]
) -> None:
    error = read_error(503, {}, json.dumps(body).encode())
    assert (error.code, error.errors, error.request_id) == (code, errors, "")
    assert "None" not in str(error)


def test_an_answer_given_again_says_so_and_what_is_new_in_it_is_left_out() -> None:
    call = MAIN.record("login", "C-000001", "2026-01-01", source="app", external_id="1")
    document = {"status": "accepted", "position": 7, "customer": "C-000001", "id": "1", "points": "1.00", "new": [1]}
    headers = {"content-type": "application/json", "idempotency-hit": "true"}
    answer = read_answer(call, 200, headers, json.dumps(document).encode())
    assert (answer.position, answer.points, answer.hit) == (7, 100, True)
    with pytest.raises(ApiError):
        read_answer(call, 409, {}, b"{}")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'{"status": "accepted"}'])
def test_an_answer_of_something_else_is_named_as_that(body: bytes) -> None:
    with pytest.raises(AnswerInvalid):
        read_answer(MAIN.register("crm", "a", "A"), 200, {"content-type": "application/json"}, body)


def test_members_are_read_in_their_forms_however_deep_they_lie() -> None:
    lots = [{"expires_on": None, "points": "1.50"}]
    sums = dict.fromkeys(["balance", "available", "held", "debt", "expiring_30_days", "expiring_90_days"], "1.50")
    together = dict.fromkeys(["balance", "available", "held", "debt"], "2.00")
    family = {"merged_into": None, "members": ["C-000002"], "together": together}
    document = {"customer": "C-000001", "position": 7, "lots": lots, **sums, **family}
    balance = read_answer(MAIN.balance("C-000001"), 200, {}, json.dumps(document).encode())
    assert [(lot.expires_on, lot.points) for lot in balance.lots] == [(None, 150)]
    assert balance.members == ("C-000002",) and balance.together is not None and balance.together.balance == 200
    event = {"position": 3, "stream": "s", "version": 1, "event": "E", "state": {"a": [1]}}
    page = {"data": [event], "next": "c", "has_more": True, "position_last": 3, "position_head": 9}
    events = read_answer(MAIN.events(), 200, {}, json.dumps(page).encode())
    assert (events.data[0].state, events.next, events.position_head) == ({"a": [1]}, "c", 9)


def test_lines_whose_fate_is_unknown_are_sent_again_alone_and_under_their_keys() -> None:
    facts = [fact("login", "C-000001", "2026-01-01", source="app", external_id=str(n)) for n in range(5)]
    pieces = list(pieces_of(facts, 3))
    assert [(p.first_line, len(p.lines)) for p in pieces] == [(1, 3), (4, 2)]
    piece: BulkPiece = pieces[1]
    keys = [line["key"] for line in piece.lines]
    unknown = LineResult(2, "refused", code="WRITER_UNAVAILABLE")
    piece.take([LineResult(1, "accepted", position=9), unknown], last=False)
    assert piece.missing == [1]
    again = piece.call(MAIN).body or b""
    assert [json.loads(line)["key"] for line in again.splitlines()] == keys[1:]
    piece.take([LineResult(1, "duplicate")], last=True)
    assert [(r.line, r.status) for r in piece.ordered()] == [(4, "accepted"), (5, "duplicate")]


def test_the_client_stands_alone() -> None:
    """Nothing of ours can be found, and the client works all the same."""
    folder = Path(__file__).parents[3] / "client"
    script = (
        "import sys; sys.path = [p for p in sys.path if 'main' not in p.split('/')[-1:]];"
        f"sys.path.insert(0, {str(folder)!r}); import plumbline_client;"
        "rooms = {'ledger', 'projections', 'replay', 'connectors', 'api', 'service', 'migrations'};"
        "assert not rooms & {m.split('.')[0] for m in sys.modules}; print(plumbline_client.Ledger('main'))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "Ledger('main')"
