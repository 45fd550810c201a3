"""Whatever comes in: never a 500, a problem document that names the field and echoes nothing."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings, strategies as st

from api.app import app_create
from api.routing import Route
from api.settings import ApiSettings
from ledger.domain.pattern_words import is_in_words
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api

MARK = "zqxjkv"
"""Stands in every hostile input; it must not come back."""
FACTS = "/v1/ledgers/main/facts"
FACT: dict[str, Any] = {
    "source": "crm", "external_id": "in-1", "fact_type": "contract_signed", "customer": "C-000001",
    "occurred_at": "2026-10-01", "attributes": {"amount": "10000"},
}  # fmt: skip
MEMBERS = {"type", "title", "status", "detail", "code", "field", "request_id", "advice"}

RAW = [
    b"", b" ", b"{", b"[]", b"null", b"1", b'"text"', b"\xff\xfe", b"\x00", b"\xef\xbb\xbf{}",
    b'{"zqxjkv": NaN}', b'{"zqxjkv": 1e400}', b'{"zqxjkv": Infinity}', b'{"zqxjkv": 99999999999999999999999}',
    b'{"zqxjkv": "\\u0000"}', b'{"zqxjkv": "\\ud800"}', b'{"\\ud800zqxjkv": 1}', b'{"zqxjkv": 1, "zqxjkv": 2}',
    b'{"zqxjkv": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", b"[" * 100_000, b'{"zqxjkv":' + b"9" * 100_000 + b"}",
]  # fmt: skip
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), "", " ", MARK, f"{MARK} 'x' OR 1=1", f"{MARK}%00", "../" + MARK,
    [], [MARK], {}, {MARK: MARK}, {"source": MARK}, "1e400", "NaN", "9" * 400, MARK * 4_000, "2026-02-30", "0000-00-00",
    "2026-10-01T25:00:00", f"2026-10-01{MARK}", [[[[MARK]]]],
]  # fmt: skip


def problem_check(answer: Any) -> dict[str, Any]:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document.keys() >= MEMBERS and document["status"] == answer.status_code
    assert document["detail"] and document["request_id"] == answer.headers["x-request-id"]
    assert MARK not in answer.text
    return document


def test_a_member_that_is_not_known_is_answered_with_those_that_may_be_there(api: Api) -> None:
    answer = api.post("/v1/ledgers/main/days/close", json={"through": "2026-09-30", MARK: 1})
    problem_check(answer)
    assert (answer.json()["code"], answer.json()["field"]) == ("INPUT_INVALID", "body")
    assert "it may have through" in answer.json()["detail"]


def test_bodies_that_are_no_json_of_ours_are_refused_on_every_route(api: Api, app: FastAPI) -> None:
    for route in app.routes:
        if not isinstance(route, Route) or route.spec.method != "POST" or route.path.endswith("/bulk"):
            continue
        path = route.path_format.format_map(
            dict.fromkeys(route.param_convertors, "x") | {"ledger": "main", "customer": "C-000001"}
        )
        for raw in RAW:
            problem_check(api.post(path, content=raw))


@pytest.mark.parametrize("member", [*FACT, "registration", "revert", "key", MARK])
def test_every_member_of_a_fact_takes_anything_without_breaking(api: Api, member: str) -> None:
    for value in HOSTILE:
        answer = api.post(FACTS + "?dry_run=true", content=orjson.dumps({**FACT, member: value}))
        if answer.status_code != 200:
            problem_check(answer)
            assert answer.json()["field"]


@pytest.mark.parametrize("member", ["source", "reference", "name", "traits", MARK])
def test_every_member_of_a_registration_takes_anything_without_breaking(api: Api, member: str) -> None:
    registration = {"source": "crm", "reference": "new", "name": "n", "traits": {"region": "east"}}
    for value in HOSTILE:
        fact = {
            **FACT, "customer": {"source": "crm", "reference": "new"}, "registration": {**registration, member: value},
        }  # fmt: skip
        answer = api.post(FACTS + "?dry_run=true", content=orjson.dumps(fact))
        if answer.status_code != 200:
            problem_check(answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("customers", {"source": "crm", "reference": "h", "name": "n", "traits": {"region": "east"}}),
        ("customers/C-000001/change", {"name": "n", "traits": {}}),
        ("customers/C-000001/consents", {"purpose": "p", "given": True}),
        ("days/close", {"through": "2026-10-01"}),
        ("close", {"reason": "r"}),
        ("quarantine/dismiss", {"ids": [1], "reason": "r"}),
        ("quarantine/retry", {"ids": [1], "cells": {"1": {"a": "b"}}}),
        ("rule-sets/RS-0001/approve", {"run": "r"}),
        ("rule-sets/RS-0001/activate", {"effective_from": "2026-10-01"}),
        ("fact-types", {"id": "x", "title": {"zh": "x", "en": "x"}, "attributes": {}}),
        ("rule-sets", {"id": "x", "title": {"zh": "x", "en": "x"}, "rules": []}),
    ],
)
def test_every_member_of_every_body_takes_anything_without_breaking(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    for member in [*body, MARK]:
        for value in HOSTILE:
            answer = api.post(
                f"/v1/ledgers/main/{path}?dry_run=true", content=orjson.dumps({**body, member: value})
            )
            if answer.status_code != 200:
                problem_check(answer)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=1001", "limit=99999999999999999999", "limit=true", "limit=1e3", "limit=NaN",
        "limit=" + "9" * 5_000, "limit=%00", "limit=zqxjkv", "cursor=zqxjkv", "cursor=%00", "cursor=", "zqxjkv=1",
        "cursor=" + "A" * 4_000, "cursor=" + "A" * 4_001, "cursor=%ED%A0%80", "limit=1&cursor=AAAA", "%FF=1",
    ],
)  # fmt: skip
def test_parameters_out_of_bounds_are_refused(api: Api, query: str) -> None:
    problem_check(api.get(f"/v1/keys?{query}"))


WORDS = {"zh": "字", "en": "Words"}
_RULE = {"id": "r", "title": WORDS, "fact": "contract_signed", "award": {"points": 1}}
_COLUMNS = {"c": {"type": "text", "headers": ["c"]}, "d": {"type": "date", "headers": ["d"], "formats": ["%Y"]}}
_MAPPING = {
    "id": "m", "title": WORDS, "source": "s", "columns": _COLUMNS, "customer": {"reference": {"column": "c"}},
    "fact": {"type": {"constant": "login"}, "occurred": {"column": "d"}},
}  # fmt: skip
SENSELESS: list[tuple[str, dict[str, Any]]] = [
    *(("rule-sets", {"rules": [{**_RULE, **wrong}]}) for wrong in (
        {"fact": MARK}, {"when": {"attribute": MARK, "equals": 1}}, {"when": {"tag": MARK}},
        {"when": {"tier": "at_least", "level": MARK}}, {"when": {"grade": [MARK]}}, {"award": {MARK: 1}},
        {"when": {"measure": MARK, "at_least": 1}}, {"award": {"per_unit": {"attribute": MARK, "unit": 1, "points": 1}}},
        {"award": {"streak": {"steps": [1], "broken_by": [{"fact": MARK}]}}}, {MARK: 1}, {"id": MARK.upper()},
    )),
    ("rule-sets", {"rules": [{**_RULE, "id": MARK}] * 2}),
    ("rule-sets", {"rules": [], "measures": [{"id": MARK, "fact": MARK, "window": "year"}]}),
    ("rule-sets", {"rules": [], "tags": [{"id": MARK, "title": WORDS, "when": {"tag": MARK}}]}),
    ("rule-sets", {"rules": [], "caps": [
        {"id": MARK, "title": WORDS, "window": "day", "points": 1, "rules": [MARK]}
    ]}),
    ("fact-types", {"attributes": {MARK: {"type": MARK, "title": WORDS}}}),
    ("fact-types", {"attributes": {MARK: {"type": "text", "title": WORDS, MARK: 1}}}),
    ("fact-types", {"attributes": {MARK.upper(): {"type": "text", "title": WORDS}}}),
    ("fact-types", {"derived": {MARK: {"days_from": MARK, "days_to": MARK, "title": WORDS}}}),
    ("fact-types", {"attributes": {MARK: {"type": "text", "title": WORDS, "length_max": [[MARK]]}}}),
    ("fact-types", {"attributes": {MARK: 1.5}}),
    ("replays", {"rules": {"id": MARK, "title": WORDS, "rules": [{**_RULE, "fact": MARK}]}}),
    *(("imports", {"filename": "f", "content": "YQ==", "mapping": {**_MAPPING, **wrong}}) for wrong in (
        {MARK: 1}, {"id": MARK.upper()}, {"columns": {**_COLUMNS, MARK: {"type": MARK}}},
        {"customer": {"reference": {"column": MARK}}}, {"order": [{"first": MARK, "then": "d", "reason": WORDS}]},
        {"columns": {**_COLUMNS, MARK: {"type": "text", "headers": ["x"], "suspicious": [
            {"matches": f"({MARK}", "reason": WORDS}
        ]}}},
        {"fact": {**_MAPPING["fact"], "attributes": {MARK: {"column": MARK}}}},  # type: ignore[dict-item]
    )),
]  # fmt: skip
"""Documents of the right form, or nearly, whose names lead nowhere."""


@pytest.mark.parametrize(("path", "wrong"), SENSELESS)
def test_a_document_whose_names_lead_nowhere_is_told_the_places_and_none_of_its_names(
    api: Api, path: str, wrong: dict[str, Any]
) -> None:
    document = wrong if path in ("replays", "imports") else {"id": "doc", "title": WORDS, **wrong}
    problem_check(api.post(f"/v1/ledgers/main/{path}", json=document))


def test_attributes_that_no_fact_type_has_are_told_by_their_number(api: Api) -> None:
    for attributes in ({"amount": "1", MARK: 1}, {"amount": "1", MARK: [1]}, {MARK: None}, {MARK: "x" * 20_000}):
        answer = api.post(FACTS, json={**FACT, "attributes": attributes})
        problem_check(answer)
        assert answer.json()["field"] in ("attributes.0", "attributes.1", "amount")


FAULTS = [
    (b"99999999999999999999", "64 bits"), (b'"\\u0000"', "NUL"), (b'"\\ud800"', "surrogate"), (b"NaN", "NaN"),
    (b'1, "amount": 2', "twice"), (b"[" * 50 + b"]" * 50, "levels deep"), (b'"\x01"', "not JSON"), (b"1e400", "decimal"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "told"), FAULTS)
def test_json_that_is_none_names_the_member_that_is_wrong(api: Api, value: bytes, told: str) -> None:
    body = orjson.dumps({**FACT, "attributes": {MARK: 1, "amount": 0}}).replace(b'"amount":0', b'"amount":' + value)
    place = "attributes.amount"
    for path in (FACTS, FACTS + "/crm/in-1/correct"):
        problem = problem_check(api.post(path, content=body))
        if told != "decimal":  # an amount like another, which its fact type refuses
            assert problem["field"].startswith(place) and told in problem["detail"]
    [first, line] = api.post(FACTS + "/bulk?dry_run=true", content=orjson.dumps(FACT) + b"\n" + body).content.splitlines()
    told_line = orjson.loads(line)
    assert MARK not in line.decode() and (orjson.loads(first)["line"], told_line["line"]) == (1, 2)
    assert told == "decimal" or (told_line["field"].startswith(place) and told in told_line["reason"])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("quarantine/dismiss", b'{"ids": [1, 99999999999999999999], "reason": "r"}', "ids.1"),
        ("customers", b'{"source": "crm", "reference": "h", "name": "n", "traits": {"zqxjkv": NaN}}', "traits.0"),
        ("rule-sets", b'{"id": "x", "rules": [{"id": "r", "award": {"points": 99999999999999999999}}]}', "rules.0.award.points"),
        ("fact-types", b'{"id": "x", "attributes": {"zqxjkv": {"type": "\\ud800"}}}', "attributes.0.type"),
        ("replays", b'{"rules": {"rules": [{"id": "\\u0000"}]}}', "rules.rules.0.id"),
        ("imports", b'{"filename": "f", "content": "YQ==", "mapping": {"columns": {"zqxjkv": {"headers": NaN}}}}', "mapping.columns.0.headers"),
    ],
)
def test_json_that_is_none_names_the_member_in_every_body(api: Api, path: str, body: bytes, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    problem = problem_check(api.post(f"/v1/ledgers/main/{path}", content=body, headers=headers))
    assert (problem["code"], problem["field"]) == ("DOCUMENT_INVALID", field)


EDGES = [
    MARK, "", "C-9223372036854775807", "C-9223372036854775806", "C-000001", str(2**63 - 1), "0001-01-01", "9999-12-31",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1970", "9999", "9999-Q4", "9999-12", "1970-01", "true",
]  # fmt: skip


def test_every_parameter_of_every_read_takes_the_edges_of_everything(
    api: Api, app: FastAPI, ledgers: LedgersHere
) -> None:
    with ledgers.ledgers["main"].followed():
        every_parameter_edged(api, app)


def every_parameter_edged(api: Api, app: FastAPI) -> None:
    met: Counter[str] = Counter()
    for route in app.routes:
        if not isinstance(route, Route) or route.spec.method != "GET":
            continue
        known = {"ledger": "main", "customer": "C-000001", "rule_set": "RS-0001", "position": "1", "view": "balances"}
        queries = [p.alias for p in route.dependant.query_params] + [p.name for p in route.spec.parameters]
        for name in [*route.param_convertors, *queries]:
            met[name] += 1
            # What many routes have takes all edges at the first ones, then a third at each, in turn.
            edges = EDGES if met[name] <= 4 else EDGES[met[name] % 3 :: 3]
            for edge in edges:
                parts = dict.fromkeys(route.param_convertors, "x") | known
                query = {name: edge} if name in queries else {}
                if name in parts and not query:
                    if not edge:
                        continue
                    parts[name] = edge
                answer = api.get(route.path_format.format_map(parts), params=query)
                assert answer.status_code < 500, (route.path, name, edge, answer.text)
    assert len(met) > 20


@pytest.mark.parametrize("query", ["dry_run=1", "dry_run=True", "dry_run=", "dry_run=true&dry_run=false", "dryrun=true"])
def test_a_dry_run_that_is_misspelt_records_nothing(api: Api, ledgers: LedgersHere, query: str) -> None:
    before = ledgers.ledgers["main"].books.position
    problem_check(api.post(f"{FACTS}?{query}", json=FACT))
    assert ledgers.ledgers["main"].books.position == before


@pytest.mark.parametrize(
    "path",
    [
        "/v1/ledgers/zqxjkv/facts", "/v1/ledgers/%00/facts", "/v1/ledgers/pg_catalog/facts", "/v1/ledgers/Ma'in/facts",
        "/v1/ledgers/..%2f/facts", "/v1/zqxjkv", "/v1/ledgers/main/facts/%00/zqxjkv/correct", "/%ED%A0%80",
        "/v1/ledgers/" + "m" * 3_000 + "/facts", "/v1/ledgers/main/facts/crm/" + "x" * 3_000 + "/correct",
    ],
)  # fmt: skip
def test_paths_that_lead_nowhere_are_refused(api: Api, path: str) -> None:
    problem_check(api.post(path, json={"fact_type": "login", "customer": "C-000001", "occurred_at": "2026-10-01"}))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "zqxjkv"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer " + "x" * 10_000},
        {"Authorization": b"Bearer \xff\xfe"}, {"Idempotency-Key": ""}, {"Idempotency-Key": "a b"},
        {"Idempotency-Key": "x" * 201}, {"Idempotency-Key": b"\xff"},
    ],
)  # fmt: skip
def test_headers_are_input_too(api: Api, headers: dict[str, Any]) -> None:
    problem_check(api.post(FACTS, headers=headers, json=FACT))


def test_two_idempotency_keys_are_refused_alike_or_not(api: Api, ledgers: LedgersHere) -> None:
    before = ledgers.ledgers["main"].books.position
    for keys in (("one", "two"), ("one", "one")):
        headers = [("Idempotency-Key", key) for key in keys]
        assert problem_check(api.post(FACTS, headers=headers, json=FACT))["code"] == "KEY_INVALID"
    assert ledgers.ledgers["main"].books.position == before


def test_a_body_that_was_encoded_is_told_that_it_may_not_be(api: Api) -> None:
    answer = api.post(FACTS, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b"{}"))
    problem = problem_check(answer)
    assert (problem["field"], "Content-Encoding" in problem["detail"]) == ("content-encoding", True)
    assert api.post(FACTS, headers={"Content-Encoding": "identity"}, json={}).json()["code"] == "FACT_INVALID"


@pytest.mark.parametrize(("path", "methods"), [("/v1/ledgers", "GET, POST"), ("/health", "GET"), (FACTS, "POST")])
def test_a_method_that_is_not_there_names_all_that_are(api: Api, path: str, methods: str) -> None:
    answer = api.send("OPTIONS", path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, methods)


@pytest.mark.parametrize("read", ["balance", "totals", "tier", "tags"])
def test_a_time_whose_plus_became_a_space_is_told_how_to_write_it(api: Api, read: str) -> None:
    for wrong in ("2026-11-26T17:30:00 08:00", "2026-11-26T17:30:00"):
        answer = api.get(f"/v1/ledgers/main/customers/C-000001/{read}", params={"as_known_at": wrong})
        problem = problem_check(answer)
        assert problem["field"] == "as_known_at" and "must be a time with its offset" in problem["detail"]
        assert "%2B" in problem["detail"] and "[0-9]" not in problem["detail"]


def patterns_of(document: Any) -> set[str]:
    """The patterns of all texts in a schema."""
    parts = list(document.values()) if isinstance(document, dict) else document if isinstance(document, list) else []
    own = document.get("pattern") if isinstance(document, dict) else None
    return set().union(*map(patterns_of, parts)) | ({own} if isinstance(own, str) else set())


def test_every_pattern_is_told_in_words(app: FastAPI) -> None:
    found = patterns_of(app.openapi())
    assert len(found) > 8
    # What the Idempotency-Key is made of is told by whoever reads that header.
    assert {pattern for pattern in found if not is_in_words(pattern)} == {"^[!-~]+$"}


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "told"),
    [
        ("GET", "customers/C-000001/tier?as_of=x", None, "as_of", "must be a day written as YYYY-MM-DD"),
        ("GET", "finance/reconciliation?period=2026", None, "period", "must be a month written as YYYY-MM"),
        ("GET", "quarantine?state=x", None, "state", "must be open or all"),
        ("POST", "quarantine/dismiss", {"ids": [1], "reason": " "}, "reason", "must be text that isn't blank"),
        ("POST", "fact-types", {"id": "X"}, "id", "must be 1 to 63 small letters"),
        ("POST", "imports", {"filename": "f", "content": "YQ==", "mapping": {"id": "m", "title": "x"}}, "mapping: title", "it may have zh, en"),
    ],
)
def test_a_form_that_is_asked_for_is_told_in_words(
    api: Api, method: str, path: str, body: Any, field: str, told: str
) -> None:
    problem = problem_check(api.send(method, f"/v1/ledgers/main/{path}", json=body))
    assert problem["field"] == field and told in problem["detail"] and "[" not in problem["detail"]


def test_the_ledgers_of_a_key_are_named_as_the_request_has_them(api: Api) -> None:
    body = {"actor": "x", "role": "customer", "customer": "C-000001", "ledgers": ["main", "other"]}
    assert problem_check(api.post("/v1/keys", json=body))["field"] == "ledgers"


def test_a_cursor_of_another_list_or_changed_by_one_character_is_refused(api: Api, app: FastAPI) -> None:
    cursor = api.get("/v1/keys?limit=1").json()["next"]
    assert api.get("/v1/keys", params={"cursor": cursor}).status_code == 200
    for at in range(0, len(cursor), 7):
        forged = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        answer = api.get("/v1/keys", params={"cursor": forged})
        assert (answer.status_code, answer.json()["code"]) == (400, "CURSOR_INVALID")
    from starlette.requests import Request

    elsewhere = Request({"type": "http", "method": "GET", "path": "/v1/other", "query_string": b"", "headers": [],
                         "server": ("test", 80), "scheme": "http"})  # fmt: skip
    foreign = app.state.core.pages.cursor(elsewhere, {"limit": 1}, "K")
    assert api.get("/v1/keys", params={"cursor": foreign}).json()["code"] == "CURSOR_INVALID"


def test_a_body_past_the_limit_is_given_up(ledgers: LedgersHere, api: Api) -> None:
    with Api(app_create(ledgers, api.access, ApiSettings(body_bytes_max=1_000, line_bytes_max=500)), api.access) as small:
        read = 0

        async def endless() -> Any:
            nonlocal read
            for _ in range(100_000):
                read += 100
                yield b"x" * 100

        answer = small.post(FACTS, content=endless())
        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
        [line] = small.post(FACTS + "/bulk", content=b"x" * 501).content.splitlines()
        assert orjson.loads(line)["code"] == "BODY_TOO_LARGE"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from([*FACT, "registration", "revert", "key"]), json_values, max_size=4))
def test_any_json_as_a_fact_is_answered(api: Api, changes: dict[str, Any]) -> None:
    import json

    answer = api.post(FACTS + "?dry_run=true", content=json.dumps({**FACT, **changes}).encode())
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=300))
def test_any_bytes_as_bulk_lines_are_answered_line_by_line(api: Api, raw: bytes) -> None:
    answer = api.post(FACTS + "/bulk", content=raw)
    assert answer.status_code == 200
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    assert [line["line"] for line in lines] == [n for n, line in enumerate(raw.split(b"\n"), 1) if line.strip()]
    assert all(line["status"] == "refused" for line in lines)
