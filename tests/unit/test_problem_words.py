"""Every code has its words in Chinese and English, and no words are of a code that nothing raises."""

from __future__ import annotations

import ast
import json

import pytest

from api.problems import STATUSES
from ledger.domain.problem_words import Language, problem_words, words_of
from tests.problem_codes import PAGE, ROOT, mentioned, page, raised, trees


def test_every_code_that_the_program_can_raise_has_words_and_nothing_else_does() -> None:
    codes: set[str] = set()
    written: set[str] = set()
    for tree in trees():
        codes |= raised(tree)
        written |= mentioned(tree)
    assert len(codes) > 200
    # What is raised from a place that `raised` doesn't know is written all the same.
    assert (codes | written) - problem_words().keys() == set()
    assert problem_words().keys() - codes == set()
    assert STATUSES.keys() - codes == set()


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("raise Refused('A_NEW', 'reason', 'field')", {"A_NEW"}),
        ("raise errors.Refused('A_NEW' if x else 'B_NEW', 'reason')", {"A_NEW", "B_NEW"}),
        ("class Lost(PlumblineError):\n    code = 'NEWER'", {"NEWER"}),
        ("Answer('refused', code='A_NEW')", {"A_NEW"}),
        ("def check(text, code='A_NEW'): ...", {"A_NEW"}),
        ("error = {'code': 'A_NEW'}", {"A_NEW"}),
        ("STATUSES = {'A_NEW': 409}\nroute(errors=('A_NEW',))", set()),
        ("environ['PLUMBLINE_HOME']; Refused('', 'PLUMBLINE_HOME')", set()),
    ],
)
def test_the_search_finds_a_code_where_it_is_raised(source: str, codes: set[str]) -> None:
    assert raised(ast.parse(source)) == codes


def test_the_search_finds_what_is_written_like_a_code_anywhere_but_among_exports() -> None:
    assert mentioned(ast.parse("__all__ = ['A_NAME']\nTAKEN = 'A_CODE'")) == {"A_CODE"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_titles_are_short_and_advice_is_a_sentence_in_its_language(language: Language) -> None:
    for code, words in problem_words().items():
        said = words[language]
        assert 3 <= len(said.title) <= 60 and said.title[-1] not in ".。", code
        assert said.advice.endswith("。" if language == "zh" else "."), code
        assert any("一" <= c <= "鿿" for c in said.title + said.advice) is (language == "zh") or code == "STAFF_SKILLS_INVALID", code
        assert code.replace("_", " ").lower() != said.title.lower(), code
        assert "|" not in said.title + said.advice, code


def test_the_file_is_in_the_order_of_its_codes_and_each_stands_there_once() -> None:
    path = ROOT / "ledger" / "domain" / "problem_words.json"
    codes = [code for code, _ in json.loads(path.read_text("utf-8"), object_pairs_hook=list)]
    assert codes == sorted(set(codes)) == list(problem_words())


def test_a_code_of_another_version_is_told_by_its_name() -> None:
    words = words_of("FROM_LATER", "zh")
    assert (words.title, words.advice) == ("From later", "")


def test_the_page_of_errors_is_what_the_registry_says() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: python -m tests.problem_codes"
