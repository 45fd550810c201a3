"""How the command line tells a refusal: in both languages, for people and for programs."""

from __future__ import annotations

import json

import pytest
import typer

from service.main import language_asked
from service.output import Output, fail


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        (["plumbline", "why", "C-1"], {}, "en"),
        (["plumbline", "why", "C-1", "--language", "zh"], {}, "zh"),
        (["plumbline", "why", "--language=zh", "C-1"], {}, "zh"),
        (["plumbline", "why", "C-1"], {"PLUMBLINE_LANGUAGE": "zh"}, "zh"),
        (["plumbline", "why", "--language", "en"], {"PLUMBLINE_LANGUAGE": "zh"}, "en"),
        (["plumbline", "why", "--language"], {}, "en"),
        (["plumbline", "why", "--language", "fr"], {}, "en"),
    ],
)
def test_the_language_is_that_of_the_option_else_of_the_environment(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert language_asked(arguments, environment) == language


def test_who_asked_for_chinese_reads_what_it_means_and_what_to_do_before_the_detail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit):
        fail(Output(False, "zh"), "CUSTOMER_UNKNOWN", "one of [a, b]")
    assert capsys.readouterr().err == "CUSTOMER_UNKNOWN 没有这个客户。核对客户编号；新客户请先登记。\none of [a, b]\n"


def test_in_english_the_detail_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        fail(Output(False, "en"), "CUSTOMER_UNKNOWN", "no customer has this id; register the customer first")
    said = capsys.readouterr().err
    assert said == "CUSTOMER_UNKNOWN no customer has this id; register the customer first\n"


@pytest.mark.parametrize(("language", "title"), [("zh", "没有这个客户"), ("en", "There is no such customer")])
def test_programs_get_title_and_advice_as_well(
    language: str, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        fail(Output(True, language), "CUSTOMER_UNKNOWN", "reason", "customer")  # pyright: ignore[reportArgumentType]
    error = json.loads(capsys.readouterr().out)["error"]
    assert error.pop("advice")
    assert error == {"code": "CUSTOMER_UNKNOWN", "title": title, "reason": "reason", "field": "customer"}
