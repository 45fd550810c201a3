"""Problems say what is wrong and what to do in the language asked for; the rest of them stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from api.routes.imports import FILENAME_BYTES_MAX
from ledger.domain.problem_words import problem_words, words_of
from tests.integration.api.serving import Api

FACT: dict[str, Any] = {
    "source": "crm", "external_id": "words-1", "fact_type": "contract_signed", "customer": "C-000099",
    "occurred_at": "2026-10-01", "attributes": {"amount": "10000"},
}  # fmt: skip


def asked(api: Api, accept: str, code: str) -> Any:
    """A problem with this code, each come by in another way, asked for in a language."""
    headers = {"Accept-Language": accept} if accept else {}
    match code:
        case "ROUTE_UNKNOWN":
            return api.get("/nowhere", headers=headers)
        case "METHOD_NOT_ALLOWED":
            return api.post("/health", headers=headers)
        case "KEY_MISSING":
            return api.get("/v1/keys", key=None, headers=headers)
        case "PARAMETER_UNKNOWN":
            return api.get("/v1/keys?nonsense=1", headers=headers)
        case "INPUT_INVALID":
            return api.get("/v1/keys?limit=x", headers=headers)
        case "DOCUMENT_INVALID":
            return api.post("/v1/ledgers/main/facts", content=b"{", headers=headers)
        case "CUSTOMER_UNKNOWN":
            return api.post("/v1/ledgers/main/facts", json=FACT, headers=headers)
        case _:
            name = "n" * (FILENAME_BYTES_MAX + 1)
            return api.post(f"/v1/ledgers/main/imports?filename={name}", content=b"x", headers={**headers, "Content-Type": "text/csv"})


CODES = [
    "ROUTE_UNKNOWN", "METHOD_NOT_ALLOWED", "KEY_MISSING", "PARAMETER_UNKNOWN", "INPUT_INVALID", "DOCUMENT_INVALID",
    "CUSTOMER_UNKNOWN", "IMPORT_INVALID",
]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_a_problem_is_told_in_chinese_or_english_wherever_it_comes_from(api: Api, code: str) -> None:
    english, chinese = asked(api, "", code), asked(api, "zh-CN,zh;q=0.9,en;q=0.1", code)
    for answer, language, tag in ((english, "en", "en"), (chinese, "zh", "zh-CN")):
        document, words = answer.json(), words_of(code, language)  # pyright: ignore[reportArgumentType]
        assert document["code"] == code
        assert (document["title"], document["advice"]) == (words.title, words.advice)
        assert (answer.headers["content-language"], answer.headers["vary"]) == (tag, "Accept-Language")
    changed = {"title", "advice", "request_id"}
    assert {k: v for k, v in english.json().items() if k not in changed} == {
        k: v for k, v in chinese.json().items() if k not in changed
    }
    assert english.status_code == chinese.status_code


@pytest.mark.parametrize("accept", ["zh;q=x", ";;;", "zh" * 3_000, "\xff\xfe", "*;q=0", ",".join(["zh"] * 3_000) + "!"])
def test_a_header_that_is_nonsense_makes_no_answer_fail(api: Api, accept: str) -> None:
    answer = api.get("/nowhere", headers=[("Accept-Language", accept.encode("latin-1"))])
    assert answer.status_code == 404 and answer.json()["code"] == "ROUTE_UNKNOWN"
    assert answer.headers["content-language"] in ("en", "zh-CN")


def test_a_header_may_come_in_two_lines(api: Api) -> None:
    headers = [("Accept-Language", "en;q=0.1"), ("Accept-Language", "zh")]
    assert api.get("/nowhere", headers=headers).headers["content-language"] == "zh-CN"


def test_what_is_no_problem_is_the_same_in_every_language(api: Api) -> None:
    answers = [api.get("/v1/ledgers", headers={"Accept-Language": accept}) for accept in ("zh", "en")]
    assert answers[0].content == answers[1].content
    assert not {"vary", "content-language"} & answers[0].headers.keys()


def test_the_words_of_all_codes_are_open_to_everybody_for_those_that_come_alone(api: Api) -> None:
    told = {row["code"]: row for row in api.get("/schemas/problems", key=None).json()["data"]}
    assert told.keys() == problem_words().keys()
    line = api.post("/v1/ledgers/main/facts/bulk", content=b"{}\n", headers={"Content-Type": "application/x-ndjson"}).json()
    assert told[line["code"]]["title"]["zh"] == words_of(line["code"], "zh").title
    assert told["CUSTOMER_UNKNOWN"]["advice"]["en"] == words_of("CUSTOMER_UNKNOWN", "en").advice
