"""One form for names, credit codes and phone numbers, however they were typed. All firms here are invented."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st
from pypinyin.constants import PINYIN_DICT

from ledger.domain.relations.names import (
    FirmName,
    brand_of,
    credit_code_parse,
    firm_name,
    numbers_of,
    phone_number,
    plain,
    project_name,
    region_of,
)
from ledger.domain.relations.variants import FOLDED

CREDIT_CODE = "91350100M000100Y43"
"""The example of the standard itself."""


@pytest.mark.parametrize(
    "written",
    [
        "云岭振华建设有限公司",
        "云岭振华建设有限责任公司",
        "云岭振华建设股份有限公司",
        "云岭振华建设公司",
        "云岭振华建设",
        " 云岭 振华\u3000建设 有限公司 ",
        "云岭·振华建设有限公司",
        "【云岭】振华建设【有限公司】",
    ],
)
def test_legal_forms_brackets_and_spaces_make_no_difference(written: str) -> None:
    assert firm_name(written) == FirmName("云岭振华建设")


@pytest.mark.parametrize(
    "written",
    [
        "云岭振华建设集团有限公司",
        "云岭振华建设（集团）有限公司",
        "云岭振华建设(集团)股份有限公司",
        "云岭振华建设集团公司",
        "云岭振华建设集团",
    ],
)
def test_a_group_has_the_core_of_its_firm_and_is_told_from_it(written: str) -> None:
    assert firm_name(written) == FirmName("云岭振华建设", is_group=True)


@pytest.mark.parametrize(
    "written",
    ["ABC建设有限公司", "abc建设有限公司", "ＡＢＣ建设有限公司", "ａｂｃ 建设（股份）有限公司"],
)
def test_width_and_case_of_letters_make_no_difference(written: str) -> None:
    assert firm_name(written) == FirmName("abc建设")


@pytest.mark.parametrize(
    "written",
    [
        "Zhenhua Works Co., Ltd.",
        "ZHENHUA WORKS LIMITED",
        "Zhenhua Works",
        "Zhenhua Works Group Co.,Ltd",
        "Zhenhua-Works Inc.",
    ],
)
def test_latin_names_lose_their_legal_form_too(written: str) -> None:
    assert firm_name(written) == FirmName("zhenhuaworks")


def test_a_word_that_only_ends_like_a_legal_form_stays() -> None:
    assert firm_name("Fresco").core == "fresco"
    assert firm_name("Zinc").core == "zinc"


@pytest.mark.parametrize(
    ("written", "core", "branch"),
    [
        ("振华建设有限公司上海分公司", "振华建设", "上海"),
        ("振华建设集团有限公司上海市分公司", "振华建设", "上海"),
        ("振华建设上海分公司", "振华建设", "上海"),
        ("振华建设有限公司公路分公司", "振华建设", "公路"),
        ("振华建设有限公司北京办事处", "振华建设", "北京"),
        ("振华建设有限公司云岭高速项目部", "振华建设", "云岭高速"),
        ("振华建设第二分公司", "振华建设", "2"),
        ("振华建设有限公司第二分公司", "振华建设", "2"),
        ("振华建设有限公司第2工程分公司", "振华建设", "2"),
        ("振华建设第二工程有限公司", "振华建设", "2"),
        ("中江第八工程局有限公司", "中江", "8局"),
        ("中江八局集团有限公司", "中江", "8局"),
        ("中江８局", "中江", "8局"),
        ("中江第十二工程局", "中江", "12局"),
        ("中江八局集团有限公司第二工程分公司", "中江", "8局2"),
        ("中江八局第二工程有限公司", "中江", "8局2"),
    ],
)
def test_a_branch_is_told_from_the_firm(written: str, core: str, branch: str) -> None:
    assert firm_name(written) == FirmName(core, branch, "集团" in written)


def test_two_bureaus_of_one_group_are_two_names_and_one_core() -> None:
    seventh, eighth = firm_name("中江第七工程局有限公司"), firm_name("中江八局集团有限公司")
    assert seventh != eighth
    assert seventh.core == eighth.core


@pytest.mark.parametrize("written", ["云岭市教育局", "云岭市城乡建设局", "云岭大学", "云岭市中心医院"])
def test_authorities_and_institutions_are_left_whole(written: str) -> None:
    assert firm_name(written) == FirmName(written)


@pytest.mark.parametrize("written", ["公司", "集团", "有限公司", "分公司", "甲公司"])
def test_what_is_hardly_a_name_is_never_reduced_to_nothing(written: str) -> None:
    assert firm_name(written).core != ""


def test_the_region_in_front_stays_part_of_the_name() -> None:
    assert firm_name("上海振华建设有限公司") != firm_name("北京振华建设有限公司")
    assert region_of(firm_name("上海振华建设有限公司").core) == "上海"
    assert region_of("振华建设") == ""


def test_what_tells_a_firm_is_left_without_region_and_words_of_the_trade() -> None:
    assert brand_of("上海振华建设工程") == "振华"
    assert brand_of("城市建设投资") == ""


def test_ordinals_are_digits_so_that_numbers_can_be_compared() -> None:
    assert numbers_of(firm_name("云岭市第二建筑有限公司").core) == ["2"]
    assert numbers_of(firm_name("云岭市第贰建筑有限公司").core) == ["2"]
    assert plain("第一百零八号") == "第108号"
    assert plain("第二十标段") == "第20标段"
    assert plain("第二〇三标段") == "第203标段"
    assert plain("三一重装") == "三一重装"


@pytest.mark.parametrize(
    "written", ["滨江路（二期）改造工程", "滨江路2期改造项目", "滨江路二期改造工程施工总承包", "滨江路 二期 改造"]
)
def test_a_project_has_one_name_however_it_is_written(written: str) -> None:
    assert project_name(written) == "滨江路2期改造"


def test_lots_and_phases_of_a_project_are_told_apart() -> None:
    assert project_name("云岭高速三标段") != project_name("云岭高速四标段")
    assert project_name("工程") == "工程"


@pytest.mark.parametrize(
    "written",
    ["13900000000", "139-0000-0000", "+86 139 0000 0000", "8613900000000", "0086-13900000000", "１３９０００００００0"],
)
def test_a_phone_number_has_one_form(written: str) -> None:
    assert phone_number(written) == "13900000000"


@pytest.mark.parametrize("extension", ["转801", " 分机801", " ext. 801", "#801", " x801"])
def test_an_extension_is_left_out(extension: str) -> None:
    assert phone_number(f"021-00001234{extension}") == "02100001234"


@pytest.mark.parametrize("written", ["", "无", "12345", "1" * 16])
def test_what_is_no_phone_number_is_none(written: str) -> None:
    assert phone_number(written) == ""


@pytest.mark.parametrize(
    "written", [CREDIT_CODE, CREDIT_CODE.lower(), f" {CREDIT_CODE[:9]} {CREDIT_CODE[9:]} ", "９１350100M000100Y43"]
)
def test_a_credit_code_is_read_in_any_width_and_case(written: str) -> None:
    assert credit_code_parse(written) == CREDIT_CODE


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (CREDIT_CODE[:-1], "has not 18 characters"),
        (CREDIT_CODE + "0", "has not 18 characters"),
        ("91350100I000100Y43", "characters that no credit code has"),
        ("91350100M000100Y44", "check character"),
        (913501000001000143, "is not text"),
    ],
)
def test_a_credit_code_that_is_none_is_refused_with_its_reason(code: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        credit_code_parse(code)


def test_the_check_character_by_hand() -> None:
    # The ones of 911 weigh 3⁰, 3¹, 3²: 9·1 + 1·3 + 1·9 = 21, all others are zero, and 31 - 21 = 10 is written A.
    assert credit_code_parse("91100000000000000A") == "91100000000000000A"


@given(st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_any_single_wrong_character_of_a_credit_code_is_found(place: int, character: str) -> None:
    wrong = CREDIT_CODE[:place] + character + CREDIT_CODE[place + 1 :]
    if wrong == CREDIT_CODE:
        assert credit_code_parse(wrong) == wrong
    else:
        with pytest.raises(ValueError, match="check character"):
            credit_code_parse(wrong)


@given(st.integers(0, 16))
def test_two_neighbours_exchanged_in_a_credit_code_are_found(place: int) -> None:
    swapped = CREDIT_CODE[:place] + CREDIT_CODE[place + 1] + CREDIT_CODE[place] + CREDIT_CODE[place + 2 :]
    if swapped != CREDIT_CODE:
        with pytest.raises(ValueError, match="check character"):
            credit_code_parse(swapped)


@given(st.text(max_size=60))
def test_any_text_at_all_has_a_form_in_which_spaces_around_it_count_for_nothing(text: str) -> None:
    assert firm_name(f" {text}\u3000") == firm_name(text)
    assert project_name(f" {text} ") == project_name(text)
    assert phone_number(text).isdigit() or phone_number(text) == ""


@given(st.text(alphabet="甲乙丙丁建设上海北京第一二三工程局分集团有限公司()（） ", max_size=24))
def test_taking_a_name_apart_is_done_in_one_go(text: str) -> None:
    name = firm_name(text)
    assert firm_name(name.core) == FirmName(name.core)


def test_every_character_folded_is_a_traditional_one_that_sounds_as_its_simple_form_does() -> None:
    """GB 2312 has the characters of mainland China: none of those folded, all of those they become."""
    for code, simple in FOLDED.items():
        with pytest.raises(UnicodeEncodeError):
            chr(code).encode("gb2312")
        assert simple.encode("gb2312")
        assert ord(simple) not in FOLDED
        assert readings(chr(code)) & readings(simple), chr(code)


def readings(character: str) -> set[str]:
    """The syllables that a character may be read as, without tones."""
    return {
        "".join(c for c in unicodedata.normalize("NFD", reading) if c.isascii())
        for reading in PINYIN_DICT[ord(character)].split(",")
    }
