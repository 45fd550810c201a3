"""What customers are found by: names are read word by word, each word once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st
from pypinyin import lazy_pinyin

from projections.search import folded, terms_of

WORDS = ("重庆", "银行", "行长", "音乐", "朝阳", "长江", "路桥", "集团", "有限公司", "單行路", "A区", "12", "ü", "Ⅲ")


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=6).map("".join))
@settings(deadline=None)
def test_a_name_read_word_by_word_reads_as_it_does_in_one_piece(name: str) -> None:
    syllables = lazy_pinyin(folded(name))
    terms = terms_of(name)
    assert terms.pinyin == "".join(syllables)
    assert terms.initials == "".join(s[:1] for s in syllables)


@pytest.mark.parametrize(
    ("name", "pinyin", "initials"),
    [("重庆银行", "chongqingyinhang", "cqyh"), ("重工行长", "zhonggonghangzhang", "zghz"), ("K 12", "k12", "k")],
)
def test_words_decide_how_a_character_of_several_readings_is_read(name: str, pinyin: str, initials: str) -> None:
    terms = terms_of(name)
    assert (terms.pinyin, terms.initials) == (pinyin, initials)


def test_a_name_is_found_by_its_characters_and_pairs_triples_of_pinyin_and_pairs_of_initials() -> None:
    assert terms_of("路桥 1").grams == {
        "n:路", "n:桥", "n:1", "n:路桥", "n:桥1",
        "p:luq", "p:uqi", "p:qia", "p:iao", "p:ao1",
        "i:lq", "i:q1",
    }  # fmt: skip
