"""Which customers a lead may be. All firms, people and numbers here are invented."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from ledger.domain.commands import (
    ChangeProfile,
    ErasePerson,
    MergeCustomers,
    RecordContact,
    RecordProject,
    ReportLead,
    UnmergeCustomers,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.alike import NameIndex, likeness
from ledger.domain.relations.drafts import Draft, command_decide
from ledger.domain.relations.matching import Matcher
from ledger.domain.relations.names import firm_name
from ledger.domain.relations.records import Match
from ledger.domain.relations.sounds import syllables
from ledger.domain.relations.state import Fresh, Relations
from tests.unit.relations.filing import Files, hire
from tests.unit.relations.office import customer, staff

CODE, CODE_OTHER = "91350100M000100Y43", "91100000000000000A"


class Desk(Files):
    """An office whose leads are matched by the matcher itself."""

    def __init__(self) -> None:
        super().__init__()
        self.matcher = Matcher(self.state)

    def draft(self) -> Draft:
        draft = super().draft()
        self.matcher.sealer = self.safe
        draft.context = replace(draft.context, matcher=self.matcher)
        return draft

    def matches(self, name: str = "", credit_code: str = "", phone: str = "", project: str = "") -> list[Match]:
        self.matcher.sealer = self.safe
        return self.matcher.matches(name, credit_code, phone, project)

    def found(self, name: str = "", **more: str) -> list[tuple[int, str, int]]:
        return [(m.customer, m.kind, m.score) for m in self.matches(name, **more)]


def desk(*names: str) -> Desk:
    """A desk with staff, and customers of these names."""
    office = Desk()
    hire(office)
    for name in names:
        office.register(name)
    return office


# Names.


@pytest.mark.parametrize(
    "written",
    [
        "云岭振华建设有限公司",
        "云岭振华建设有限责任公司",
        "云岭 振华建设 （股份）有限公司",
        "云岭振华建设",
        "云岭振华建设公司",
    ],
)
def test_the_same_registered_name_is_the_same_firm_however_it_is_typed(written: str) -> None:
    office = desk("云岭振华建设有限公司", "滨江置业有限公司")
    assert office.found(written) == [(1, "registered_name", 100)]


@pytest.mark.parametrize(
    ("written", "score"),
    [
        ("云岭振华建设集团有限公司", 96),  # the mother perhaps
        ("云岭振华建设有限公司滨江分公司", 90),  # a branch
        ("振华建设", 88),  # without its town
        ("云岭振华建设工程有限公司", 88),  # six of eight characters, and one is part of the other
        ("云岭振华市建设", 92),  # 2 × 6 of 13
    ],
)
def test_names_that_are_nearly_the_same_are_likely(written: str, score: int) -> None:
    office = desk("滨江置业有限公司", "云岭振华建设有限公司")
    assert office.found(written) == [(2, "similar_name", score)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("上海振华建设工程有限公司", "北京振华建设工程有限公司"),  # two regions
        ("中江第七工程局有限公司", "中江八局集团有限公司"),  # two numbers
        ("云岭市第一建筑有限公司", "云岭市第二建筑有限公司"),
        ("振华建设有限公司上海分公司", "振华建设有限公司北京分公司"),  # two branches
        (
            "上海振华水利水电市政工程建设有限公司",
            "上海金桥水利水电市政工程建设有限公司",
        ),  # two brands in many common words
        ("上海建设工程有限公司", "上海建设工程监理有限公司"),  # nothing but common words
        ("滨江置业有限公司", "云岭路桥有限公司"),
    ],
)
def test_names_that_say_they_are_two_firms_are_no_match(one: str, other: str) -> None:
    assert desk(one).found(other) == []
    assert likeness(firm_name(one), firm_name(other)) == likeness(firm_name(other), firm_name(one)) <= 60


@pytest.mark.parametrize(
    ("written", "registered"),
    [
        ("江苏交通厅", "江苏省交通厅"),
        ("湖北水利厅", "湖北省水利厅"),
        ("上海市隧道工程有限公司", "上海隧道工程有限公司"),
        ("湖北省交通投资集团", "湖北交通投资集团"),
        ("湖北省路桥集团", "湖北路桥集团有限公司"),
        ("武汉市城市建设投资", "武汉城市建设投资"),
        ("广西壮族自治区交通厅", "广西交通厅"),
        ("昆山市水利局", "昆山水利局"),  # no city of the list, so only where it is said to be one
        ("江苏昆山水利局", "江苏省昆山市水利局"),
        ("北京朝阳水务局", "北京市朝阳区水务局"),
        ("上海市市政工程设计院", "上海市政工程设计院"),
        ("上海市场监督管理局", "上海市市场监督管理局"),
        ("武汉人民政府", "武汉市人民政府"),
    ],
)
def test_a_place_is_the_same_whether_its_kind_is_said_or_not(written: str, registered: str) -> None:
    assert desk("滨江置业有限公司", registered).found(written) == [(2, "similar_name", 98)]
    assert desk("滨江置业有限公司", written).found(registered) == [(2, "similar_name", 98)]


@pytest.mark.parametrize(
    ("written", "registered", "score"),
    [
        ("云岭震华建设有限公司", "云岭振华建设有限公司", 97),
        ("上海遂道工程有限公司", "上海隧道工程有限公司", 97),
        ("上海市遂道工程有限公司", "上海隧道工程有限公司", 97),
        ("上海遂道工程集团有限公司", "上海隧道工程有限公司", 96),  # the mother perhaps
        ("上海遂道工程有限公司滨江分公司", "上海隧道工程有限公司", 87),  # 10 less for a branch
        ("湖北交通头资集团", "湖北省交通投资集团", 97),
        # In its city: no place that is known sounds otherwise than one that is.
        ("振江港务工程", "镇江港务工程有限公司", 97),
        ("无西太湖置业有限公司", "无锡太湖置业有限公司", 97),
        ("南静河西开发有限公司", "南京河西开发有限公司", 97),
        ("苏洲园林建设有限公司", "苏州园林建设有限公司", 97),
        ("江苏省振江市港务工程有限公司", "江苏镇江市港务工程有限公司", 97),
        ("振江市港务工程有限公司", "镇江市港务工程有限公司", 97),
    ],
)
def test_names_that_sound_the_same_are_likely_and_that_is_told(written: str, registered: str, score: int) -> None:
    assert desk("滨江置业有限公司", registered).found(written) == [(2, "same_sound", score)]


@pytest.mark.parametrize(
    ("written", "registered", "score"),
    [
        ("蘇州園林建設有限公司", "苏州园林建设有限公司", 100),
        ("長沙梅溪湖有限公司", "长沙梅溪湖有限公司", 100),
        ("湖北省交通投資集團有限公司", "湖北省交通投资集团有限公司", 100),
        ("鎮江港務工程股份有限公司", "镇江港务工程有限公司", 100),
        ("蘇洲園林建設有限公司", "苏州园林建设有限公司", 97),  # and mistyped
    ],
)
def test_traditional_characters_are_those_that_they_are_written_as_otherwise(
    written: str, registered: str, score: int
) -> None:
    office = desk("滨江置业有限公司", registered)
    assert [(found[0], found[2]) for found in office.found(written)] == [(2, score)]
    office = desk("滨江置业有限公司", written)
    assert [(found[0], found[2]) for found in office.found(registered)] == [(2, score)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("江苏交通厅", "浙江交通厅"),
        ("湖北省交通厅", "湖北省水利厅"),
        ("武汉市城市建设投资", "武汉市地铁集团"),
        ("武汉市城市建设投资", "武汉市城市建设发展"),
        ("吉林省交通局", "吉林市交通局"),  # a province, and a city in it
        ("长沙县水利局", "长沙市水利局"),
        ("南昌县水利局", "南昌水利局"),
        ("武汉市江夏区水务局", "武汉市江汉区水务局"),
        ("武汉第一医院", "武汉市第二医院"),
        # Each sounds as the other does.
        ("山西水利厅", "陕西省水利厅"),
        ("台州水利局", "泰州市水利局"),
        ("宿州市城市建设投资", "苏州城市建设投资"),
        ("弋阳水利局", "益阳水利局"),
        ("镇江水利局", "振江水利局"),
        ("弋阳县振华建设有限公司", "益阳振华建设有限公司"),
        ("昆山市振华建设有限公司", "坤山市振华建设有限公司"),
        ("宿州园林建设有限公司", "苏州园林建设有限公司"),
        ("山西振华建设有限公司", "陕西振华建设有限公司"),
        ("武汉市水务局", "武汉税务局"),
        ("江夏区监察局", "江夏检察局"),
    ],
)
def test_different_places_and_different_trades_stay_apart(one: str, other: str) -> None:
    assert desk(one).found(other) == desk(other).found(one) == []


def test_among_very_many_of_a_place_the_spelling_without_its_kind_and_the_one_by_ear_are_found() -> None:
    # More share each pair of syllables than are compared letter by letter.
    index = NameIndex()
    index.fill(1, [firm_name(f"上海{c}隧道工程") for c in map(chr, range(0x4E00, 0x4E00 + 1_500))])
    index.add(1_501, firm_name("上海市隧道工程有限公司"))
    assert 1_501 in {found.customer for found in index.find(firm_name("上海隧道工程"))}
    assert 1_501 in {found.customer for found in index.find(firm_name("上海遂道工程"))}


def test_a_name_of_common_words_alone_matches_only_itself() -> None:
    office = desk("上海建设工程有限公司", "上海建设工程监理有限公司")
    assert office.found("上海建设工程公司") == [(1, "registered_name", 100)]


def test_characters_that_sound_alike_are_alike_and_tones_make_no_difference() -> None:
    assert syllables("振华") == syllables("震华") == syllables("镇花") == ("zhen", "hua")
    assert syllables("绿地a1") == ("lü", "di", "a", "1")
    assert syllables("路") != syllables("绿")


def test_several_customers_of_one_name_are_all_found_in_order() -> None:
    office = desk("振华建设有限公司", "滨江置业有限公司", "振华建设股份有限公司")
    assert office.found("振华建设") == [(1, "registered_name", 100), (3, "registered_name", 100)]


def test_nothing_is_found_where_nothing_is_asked_or_known() -> None:
    assert desk().found("振华建设有限公司") == []
    assert desk("振华建设有限公司").found() == []
    assert desk("振华建设有限公司").found("（）") == []


# Credit codes, phones, projects.


def test_a_credit_code_tells_the_firm_whatever_it_is_called() -> None:
    office = desk("滨江置业有限公司", "云岭路桥有限公司")
    office.do(ChangeProfile(customer(2), {"credit_code": CODE}))
    assert office.found("甲乙丙", credit_code=CODE) == [(2, "credit_code", 100)]
    assert office.found("云岭路桥有限公司", credit_code=CODE) == [(2, "credit_code", 100), (2, "registered_name", 100)]


def test_of_two_firms_with_one_name_the_credit_code_tells_which() -> None:
    office = desk("振华建设有限公司", "振华建设有限公司")
    office.do(ChangeProfile(customer(1), {"credit_code": CODE}))
    # The first has another code, so it isn't it; of the second nobody knows.
    assert office.found("振华建设有限公司", credit_code=CODE_OTHER) == [(2, "registered_name", 100)]


def test_a_phone_finds_whose_contact_has_it_however_it_is_written() -> None:
    office = desk("滨江置业有限公司", "云岭路桥有限公司")
    office.do(RecordContact(customer(2), "李云", "139-0000-0000"))
    assert office.found(phone="+86 139 0000 0000") == [(2, "phone", 95)]
    assert office.found(phone="13900000001") == []
    assert office.found(phone="无") == []


def test_a_phone_that_changed_is_found_as_it_is_now() -> None:
    office = desk("滨江置业有限公司")
    office.do(RecordContact(customer(1), "李云", "13900000000"))
    assert office.found(phone="13900000000") == [(1, "phone", 95)]
    office.do(RecordContact(customer(1), "李云", "13900000001", person="P-000005"))
    assert office.found(phone="13900000000") == []
    assert office.found(phone="13900000001") == [(1, "phone", 95)]


def test_an_erased_person_leaves_the_index_at_once_and_nothing_is_opened_for_it() -> None:
    office = desk("滨江置业有限公司")
    office.do(RecordContact(customer(1), "李云", "13900000000"), RecordContact(customer(1), "王岭", "13900000000"))
    assert office.found(phone="13900000000") == [(1, "phone", 95)]
    office.do(ErasePerson("P-000005", "本人要求"))
    assert "13900000000" in office.matcher._phones._keys
    office.do(ErasePerson("P-000006", "本人要求"))
    assert office.matcher._phones._keys == {}
    assert office.found(phone="13900000000") == []


def test_who_was_erased_before_the_index_is_built_never_comes_into_it() -> None:
    office = desk("滨江置业有限公司")
    office.do(RecordContact(customer(1), "李云", "13900000000"), RecordContact(customer(1), "王岭", "13900000001"))
    office.do(ErasePerson("P-000005", "本人要求"))
    office.safe.erased.add(6)  # erased by another process, and not read of yet
    assert office.found(phone="13900000000") == office.found(phone="13900000001") == []


def test_contacts_are_opened_together_and_only_those_that_changed() -> None:
    office = desk("滨江置业有限公司")
    office.do(*(RecordContact(customer(1), "李云", f"1390000{n:04}") for n in range(50)))
    asked = office.safe.asked
    office.found(phone="13900000001")
    office.found(phone="13900000002")
    assert office.safe.asked == asked + 1


def test_a_project_is_found_by_its_name_from_projects_and_from_earlier_leads() -> None:
    office = desk("滨江置业有限公司", "云岭路桥有限公司")
    office.do(RecordProject(customer(2), "滨江路（二期）改造工程"))
    office.do(ReportLead("web", "l1", "金桥设计院", project="云岭高速三标段"))
    assert office.found(project="滨江路2期改造项目") == [(2, "project", 90)]
    assert office.found(project="云岭高速第三标段工程") == []
    assert office.found(project="云岭高速3标段") == [(3, "project", 90)]
    assert office.found(project="综合楼") == []


def test_all_that_speaks_for_a_customer_is_told() -> None:
    office = desk("滨江置业有限公司", "云岭路桥有限公司")
    office.do(
        ChangeProfile(customer(2), {"credit_code": CODE}),
        RecordContact(customer(2), "李云", "13900000000"),
        RecordProject(customer(2), "滨江大桥"),
    )
    assert office.found("云岭路桥公司", credit_code=CODE, phone="13900000000", project="滨江大桥工程") == [
        (2, "credit_code", 100), (2, "registered_name", 100), (2, "phone", 95), (2, "project", 90),
    ]  # fmt: skip


# Kept up to date.


def test_the_name_of_a_merged_customer_leads_to_the_survivor_and_back() -> None:
    office = desk("滨江置业有限公司", "云岭路桥有限公司")
    office.do(MergeCustomers(customer(1), customer(2), "同一家"))
    assert office.found("云岭路桥有限公司") == [(1, "registered_name", 100)]
    office.do(UnmergeCustomers(customer(2), "两家"))
    assert office.found("云岭路桥有限公司") == [(2, "registered_name", 100)]


def test_who_is_registered_or_renamed_later_is_found_as_they_are_called_now() -> None:
    office = desk("滨江置业有限公司")
    renamed: list[int] = []
    office.matcher = Matcher(office.state, renamed)
    assert office.found("云岭路桥有限公司") == []
    office.register("云岭路桥有限公司")
    assert office.found("云岭路桥有限公司") == [(2, "registered_name", 100)]
    source, reference, _, traits = office.customers.all[0]
    office.customers.all[0] = (source, reference, "金桥投资有限公司", traits)
    renamed.append(1)
    assert office.found("金桥投资有限公司") == [(1, "registered_name", 100)]
    assert office.found("滨江置业有限公司") == []


def test_a_lead_of_the_same_batch_is_found_and_forgotten_where_the_batch_is_taken_back() -> None:
    office = desk("滨江置业有限公司")
    draft = office.draft()
    first = command_decide(draft, ReportLead("web", "l1", "云岭路桥有限公司", staff=staff(1)))
    second = command_decide(draft, ReportLead("web", "l2", "云岭路桥公司", staff=staff(2)))
    assert (first.customer, second.code) == (customer(2), "COLLISION_FOUND")
    assert office.found("云岭路桥") == [(2, "registered_name", 100)]
    office.state.journal.rollback()
    assert office.found("云岭路桥") == []
    office.register("金桥投资有限公司")
    assert office.found("云岭路桥") == []
    assert office.found("金桥投资") == [(2, "registered_name", 100)]


def test_drafts_that_are_taken_back_do_not_add_up() -> None:
    office = desk("滨江置业有限公司")
    office.found("滨江置业")
    size = len(office.matcher._names._names)
    for n in range(20):
        office.state.register(2, Fresh("web", str(n), f"云岭{n}路桥有限公司", {}))
        assert office.found(f"云岭{n}路桥") == [(2, "registered_name", 100)]
        office.state.journal.rollback()
    office.found("滨江置业")
    assert len(office.matcher._names._names) == size


def test_a_phone_of_a_draft_that_was_taken_back_is_not_found() -> None:
    office = desk("滨江置业有限公司")
    office.do(RecordContact(customer(1), "李云", "13900000000"))
    command_decide(office.draft(), RecordContact(customer(1), "李云", "13900000001", person="P-000005"))
    command_decide(office.draft(), RecordContact(customer(1), "王岭", "13900000002"))
    assert [len(office.found(phone=f"1390000000{n}")) for n in range(3)] == [0, 1, 1]
    office.state.journal.rollback()
    assert [len(office.found(phone=f"1390000000{n}")) for n in range(3)] == [1, 0, 0]


def test_without_a_sealer_phones_wait_until_there_is_one() -> None:
    office = desk("滨江置业有限公司")
    office.do(RecordContact(customer(1), "李云", "13900000000"))
    office.matcher.sealer = None
    assert office.matcher.matches("", "", "13900000000", "") == []
    assert office.found(phone="13900000000") == [(1, "phone", 95)]


_NAMES = (
    "云岭路桥有限公司",
    "云岭路桥集团有限公司",
    "滨江置业有限公司",
    "云岭振华建设有限公司",
    "云岭震华建设有限公司",
)
_STEPS = st.one_of(
    st.sampled_from(_NAMES),
    st.builds(ReportLead, st.just("web"), st.integers(1, 9).map(str), st.sampled_from(_NAMES), project=st.sampled_from(["", "滨江大桥", "云岭隧道"])),
    st.builds(RecordContact, st.integers(1, 3).map(customer), st.just("李云"), st.sampled_from(["", "13900000000", "13900000001"]),
              person=st.sampled_from(["", "P-000005"])),
    st.builds(RecordProject, st.integers(1, 3).map(customer), st.sampled_from(["滨江大桥", "云岭隧道"]), project=st.sampled_from(["", "J-000001"])),
    st.builds(ChangeProfile, st.integers(1, 3).map(customer), st.sampled_from([{"credit_code": CODE}, {"credit_code": ""}])),
    st.builds(MergeCustomers, st.integers(1, 3).map(customer), st.integers(1, 3).map(customer), st.just("同一家")),
    st.builds(UnmergeCustomers, st.integers(1, 3).map(customer), st.just("两家")),
    st.builds(ErasePerson, st.just("P-000005"), st.just("要求")),
    st.just(None),
)  # fmt: skip
_QUESTIONS = [
    *((name, "", "", "") for name in _NAMES), ("", CODE, "", ""), ("", "", "13900000000", ""), ("", "", "13900000001", ""),
    ("", "", "", "滨江大桥"), ("", "", "", "云岭隧道"),
]  # fmt: skip


@given(st.lists(st.tuples(_STEPS, st.booleans(), st.booleans()), max_size=15))
@settings(max_examples=60, deadline=None)
def test_an_index_kept_up_to_date_answers_as_one_built_anew(steps) -> None:
    office = desk("丁置业有限公司")
    for step, asks, keeps in steps:
        if isinstance(step, str):
            office.register(step)
        elif step is not None:
            try:
                if keeps:
                    office.do(step)
                else:
                    command_decide(office.draft(), step)
                    office.matches(*_QUESTIONS[0])
                    office.state.journal.rollback()
            except Refused:
                office.state.journal.rollback()
        if asks:
            office.matches(*_QUESTIONS[0])
    anew = Matcher(office.state)
    anew.sealer = office.safe
    assert [office.matches(*question) for question in _QUESTIONS] == [
        anew.matches(*question) for question in _QUESTIONS
    ]


# How much it takes.


class Many:
    """Very many customers with names like those of contractors."""

    def __init__(self, count: int) -> None:
        chance = random.Random(20261125)
        characters = [chr(c) for c in range(0x4E00, 0x4E00 + 2_000)]
        self.names = [
            chance.choice(("上海", "北京", "云岭市", "滨江", "江苏"))
            + "".join(chance.choice(characters) for _ in range(chance.choice((2, 2, 3))))
            + chance.choice(("建设", "建筑工程", "路桥", "市政工程", "房地产开发", "置业", "水利水电工程"))
            + chance.choice(("有限公司", "有限责任公司", "集团有限公司"))
            for _ in range(count)
        ]

    def count(self) -> int:
        return len(self.names)

    def name(self, number: int) -> str:
        return self.names[number - 1]

    def traits(self, number: int) -> Mapping[str, str]:
        return {}

    def find(self, text: str) -> int:
        return 0


def test_among_very_many_names_every_one_is_found_and_a_question_takes_some_milliseconds() -> None:
    many = Many(30_000)
    matcher = Matcher(Relations(many))
    matcher.build()
    asked = range(1, 30_001, 150)
    began = time.process_time()
    for number in asked:
        assert (number, 100) in {(m.customer, m.score) for m in matcher.matches(many.name(number), "", "", "")}
    assert (time.process_time() - began) / len(asked) < 0.05


def test_a_name_mistyped_in_one_character_is_found_among_very_many() -> None:
    many = Many(20_000)
    index = NameIndex()
    for number in range(1, 20_001):
        index.add(number, firm_name(many.name(number)))
    wrong = 0
    for number in range(1, 20_001, 100):
        core = firm_name(many.name(number)).core
        typed = core[:-1] + ("设" if core[-1] != "设" else "社")
        wrong += number not in {found.customer for found in index.find(firm_name(typed))}
    assert wrong <= 4


def test_the_same_name_very_many_times_is_found_every_time() -> None:
    index = NameIndex()
    for number in range(1, 1_001):
        index.add(number, firm_name("云岭路桥有限公司"))
    assert len(index.find(firm_name("云岭路桥"))) == 1_000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("上海振华震建设8局（）有限公司", min_size=1, max_size=8), min_size=1, max_size=12), st.integers(0, 12))
def test_names_entered_all_at_once_are_found_as_those_entered_one_by_one(names: list[str], few: int) -> None:
    firms = [firm_name(name) for name in names]
    one_by_one, at_once = NameIndex(), NameIndex()
    for number, firm in enumerate(firms, 1):
        one_by_one.add(number, firm)
        if number <= few:
            at_once.add(number, firm)
    if few < len(firms):
        at_once.fill(few + 1, firms[few:])
    for index in (one_by_one, at_once):
        index.drop(2)
    assert [at_once.find(firm) for firm in firms] == [one_by_one.find(firm) for firm in firms]
    assert vars(at_once)["_pairs"] == vars(one_by_one)["_pairs"]
