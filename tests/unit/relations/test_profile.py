"""What is known of a customer: its profile, its people and how they are sealed, soft knowledge, projects."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from ledger.domain.commands import (
    ChangeProfile,
    ErasePerson,
    MergeCustomers,
    RecordContact,
    RecordKnowledge,
    RecordProject,
    SetMilestone,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.assigning import wanted_of
from ledger.domain.relations.dossier import entries_of, profile_of
from ledger.domain.relations.dump import dump
from ledger.domain.relations.names import credit_code_parse
from ledger.domain.relations.records import Profile
from tests.unit.relations.filing import Files, filed
from tests.unit.relations.office import TODAY, customer, enrol, staff

ONE, TWO, THREE = customer(1), customer(2), customer(3)
CODE, CODE_OTHER = "91350100M000100Y43", "91100000000000000A"
LI, WANG = "P-000005", "P-000006"
"""The first four people are the staff."""


def knowledge(office: Files, number: int) -> list[tuple[str, str, str]]:
    entries = entries_of(office.state, number, office.state.traits(number))
    return [(e.kind, e.value, e.text) for e in entries]


# The profile.


def test_a_profile_holds_what_was_said_last_and_further_entries_by_name() -> None:
    office = filed()
    answer = office.do(
        ChangeProfile(
            ONE,
            {
                "credit_code": CODE.lower(),
                "qualifications": ["施工总承包特级", "设计甲级"],
                "needs": "快",
                "开户行": "云岭银行",
            },
        )
    )
    assert (answer.status, answer.customer) == ("accepted", ONE)
    office.do(ChangeProfile(ONE, {"needs": "价格优先", "cooperation": "三次，均按期付款"}))
    assert profile_of(office.state, 1) == Profile(
        CODE, ("施工总承包特级", "设计甲级"), "价格优先", "三次，均按期付款", {"开户行": "云岭银行"}
    )


def test_only_what_really_changes_is_recorded_and_empty_text_clears() -> None:
    office = filed()
    office.do(ChangeProfile(ONE, {"needs": "快", "cooperation": "愉快", "开户行": "云岭银行"}))
    office.do(ChangeProfile(ONE, {"needs": "快", "cooperation": "", "开户行": ""}))
    assert office.drafted("ProfileChanged")[-1].fields == {"changes": {"cooperation": "", "开户行": ""}}
    assert profile_of(office.state, 1) == Profile(needs="快")
    assert office.do(ChangeProfile(ONE, {"needs": " 快 "})).status == "duplicate"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({}, "CUSTOMER_PROFILE_INVALID", "changes"),
        ([], "CUSTOMER_PROFILE_INVALID", "changes"),
        ({"credit_code": "91350100M000100Y44"}, "CUSTOMER_CREDIT_CODE_INVALID", "credit_code"),
        ({"credit_code": None}, "CUSTOMER_CREDIT_CODE_INVALID", "credit_code"),
        ({"qualifications": "特级"}, "CUSTOMER_PROFILE_INVALID", "qualifications"),
        ({"qualifications": [""]}, "TEXT_INVALID", "qualifications"),
        ({"needs": 7}, "TEXT_INVALID", "needs"),
        ({"needs": "x" * 4_001}, "TEXT_INVALID", "needs"),
        ({"开户行": None}, "TEXT_INVALID", "changes"),
        ({"": "x"}, "TEXT_INVALID", "changes"),
        ({str(n): "x" for n in range(101)}, "CUSTOMER_PROFILE_FULL", "changes"),
    ],
)
def test_a_change_that_is_none_is_refused_and_changes_nothing(changes: Any, code: str, field: str) -> None:
    office = filed()
    before = dump(office.state)
    assert office.refused(ChangeProfile(ONE, changes)) == code
    assert dump(office.state) == before


def test_a_credit_code_is_of_one_customer_and_free_again_once_it_is_taken_back() -> None:
    office = filed()
    office.do(ChangeProfile(ONE, {"credit_code": CODE}))
    assert office.refused(ChangeProfile(TWO, {"credit_code": CODE})) == "CUSTOMER_CREDIT_CODE_TAKEN"
    office.do(ChangeProfile(ONE, {"credit_code": CODE_OTHER}))
    office.do(ChangeProfile(TWO, {"credit_code": CODE}))
    assert office.state.credit_codes == {CODE: 2, CODE_OTHER: 1}


def test_an_unknown_customer_has_no_profile_to_change() -> None:
    assert filed().refused(ChangeProfile("C-000009", {"needs": "快"})) == "CUSTOMER_UNKNOWN"


# People.


def test_a_contact_is_numbered_and_nothing_about_who_it_is_stands_in_the_clear() -> None:
    office = filed()
    answer = office.do(RecordContact(ONE, "李云", "13900000000", "总经理", True, "上午来电"))
    assert (answer.customer, answer.id) == (ONE, LI)
    assert office.do(RecordContact(TWO, "王岭")).id == WANG
    first, _ = office.drafted("ContactRecorded")
    assert first.fields == {"person": LI, "sealed": first.fields["sealed"], "position": "总经理", "decides": True}
    told = orjson.dumps([d.fields for d in office.drafted("ContactRecorded")]).decode()
    assert not any(word in told for word in ("李云", "13900000000", "上午来电", "王岭"))
    assert office.safe.open(5, first.fields["sealed"]) == {"name": "李云", "phone": "13900000000", "note": "上午来电"}
    assert office.name_of(6) == "王岭"


def test_staff_and_contacts_are_numbered_in_one_sequence_so_that_no_key_serves_two() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云"))
    office.do(enrol("e9"))
    office.do(RecordContact(ONE, "王岭"))
    assert sorted(office.state.contacts) == [5, 7]
    assert office.state.staff[5].person == 6


def test_a_contact_that_changed_keeps_its_number_and_one_that_did_not_is_a_duplicate() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云", "13900000000", "经理"))
    assert office.do(RecordContact(ONE, "李云", "13900000000", "经理", person=LI)).status == "duplicate"
    assert office.do(RecordContact(ONE, "李云", "13900000000", "总经理", person=LI)).status == "accepted"
    assert office.do(RecordContact(ONE, "李云", "13900000009", "总经理", person=LI)).status == "accepted"
    assert len(office.state.contacts) == 1
    assert office.state.contacts[5].position == "总经理"
    assert (office.safe.open(5, office.state.contacts[5].sealed) or {})["phone"] == "13900000009"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RecordContact(ONE, ""), "TEXT_INVALID"),
        (RecordContact(ONE, "李云", phone="无"), "PERSON_PHONE_INVALID"),
        (RecordContact(ONE, "李云", decides="yes"), "PERSON_INVALID"),  # pyright: ignore[reportArgumentType]
        (RecordContact(ONE, "李云", person="P-000001"), "PERSON_UNKNOWN"),  # one of the staff
        (RecordContact(ONE, "李云", person="P-000099"), "PERSON_UNKNOWN"),
        (RecordContact(ONE, "李云", person="5"), "PERSON_UNKNOWN"),
        (RecordContact("C-000009", "李云"), "CUSTOMER_UNKNOWN"),
    ],
)
def test_a_contact_that_can_not_be_is_refused_without_a_number_spent(command: RecordContact, code: str) -> None:
    office = filed()
    assert office.refused(command) == code
    assert office.do(RecordContact(ONE, "李云")).id == LI


def test_a_contact_belongs_to_its_customer() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云"))
    assert office.refused(RecordContact(TWO, "李云", person=LI)) == "PERSON_ELSEWHERE"


def test_erasing_is_final_and_a_second_time_is_a_duplicate() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云", "13900000000", "总经理", True))
    answer = office.do(ErasePerson(LI, "本人要求"))
    assert (answer.status, answer.id) == ("accepted", LI)
    assert office.do(ErasePerson(LI, "又一次")).status == "duplicate"
    assert office.refused(RecordContact(ONE, "李云", person=LI)) == "PERSON_ERASED"
    assert office.refused(RecordKnowledge("沟通", "微信", person=LI)) == "PERSON_ERASED"
    assert office.drafted("PersonErased")[0].customer == 0
    # A new contact gets a new number, never the erased one's.
    assert office.do(RecordContact(ONE, "李云")).id == WANG


def test_what_was_said_about_an_erased_person_steers_nothing_any_more_and_all_else_stays() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云"), RecordContact(ONE, "王岭"))
    office.do(RecordKnowledge("沟通", "微信", "晚上", person=LI), RecordKnowledge("沟通", "电话", "上午", person=WANG))
    office.do(RecordKnowledge("招标", "邀请招标", customer=ONE))
    office.do(ErasePerson(LI, "本人要求"))
    assert knowledge(office, 1) == [("沟通", "电话", ""), ("招标", "邀请招标", "")]
    assert office.state.contacts[5].sealed == ""
    assert office.name_of(6) == "王岭"


def test_a_member_of_staff_can_be_erased_and_still_owns_and_counts() -> None:
    office = filed()
    assert office.do(ErasePerson("P-000001", "离职后要求")).status == "accepted"
    assert office.state.staff[1].person == 1
    assert office.state.staff[1].capacity == 50


@pytest.mark.parametrize("person", ["P-000005", "P-000000", "", "S-000001"])
def test_nobody_is_erased_who_has_no_number(person: str) -> None:
    assert filed().refused(ErasePerson(person, "本人要求")) == "PERSON_UNKNOWN"


def test_erasing_needs_a_reason() -> None:
    assert filed().refused(ErasePerson("P-000001", " ")) == "TEXT_INVALID"


# Soft knowledge.


def test_knowledge_about_a_customer_one_of_its_people_or_a_region_is_what_rules_read() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云"))
    office.do(RecordKnowledge("招标", "邀请招标", "三家比价", customer=ONE))
    office.do(RecordKnowledge("沟通", "微信", "晚上八点以后", person=LI))
    office.do(RecordKnowledge("潜规则", "本地优先", "先拜访协会", region="华东"))
    office.do(RecordKnowledge("潜规则", "外地优先", region="华北"))
    assert wanted_of(office.draft(), 1, 0).knowledge == {"招标:邀请招标", "沟通:微信", "潜规则:本地优先"}
    assert wanted_of(office.draft(), 2, 0).knowledge == {"潜规则:本地优先"}
    about_person = office.drafted("KnowledgeRecorded")[1]
    assert (about_person.customer, about_person.fields["person"], about_person.fields["text"]) == (1, LI, "")
    assert office.safe.open(5, about_person.fields["sealed"]) == {"text": "晚上八点以后"}
    assert office.drafted("RegionKnowledgeRecorded")[0].customer == 0


def test_the_same_knowledge_again_is_a_duplicate_and_another_text_takes_its_place() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云"))
    for about in ({"customer": ONE}, {"person": LI}, {"region": "华东"}):
        first = RecordKnowledge("沟通", "微信", "晚上", **about)
        assert [office.do(first).status, office.do(first).status] == ["accepted", "duplicate"]
        assert office.do(RecordKnowledge("沟通", "微信", "上午", **about)).status == "accepted"
        assert office.do(RecordKnowledge("沟通", "电话", **about)).status == "accepted"
    assert [e.value for e in office.state.knowledge[1]] == ["微信", "电话", "微信", "电话"]
    assert [(e.value, e.text) for e in office.state.region_knowledge["华东"]] == [("微信", "上午"), ("电话", "")]


def test_knowledge_that_is_wrong_can_be_taken_back() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云"))
    for about in ({"customer": ONE}, {"person": LI}, {"region": "华东"}):
        office.do(RecordKnowledge("沟通", "微信", **about), RecordKnowledge("招标", "公开", **about))
        assert office.do(RecordKnowledge("沟通", "", **about)).status == "accepted"
        assert office.do(RecordKnowledge("沟通", "", **about)).status == "duplicate"
    assert {kind for kind, _, _ in knowledge(office, 1)} == {"招标"}
    assert len(knowledge(office, 1)) == 3


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RecordKnowledge("沟通", "微信"), "KNOWLEDGE_INVALID"),
        (RecordKnowledge("沟通", "微信", customer=ONE, region="华东"), "KNOWLEDGE_INVALID"),
        (RecordKnowledge("沟:通", "微信", customer=ONE), "KNOWLEDGE_INVALID"),
        (RecordKnowledge("", "微信", customer=ONE), "TEXT_INVALID"),
        (RecordKnowledge("沟通", "微信", customer="C-000009"), "CUSTOMER_UNKNOWN"),
        (RecordKnowledge("沟通", "微信", person="P-000001"), "PERSON_UNKNOWN"),
    ],
)
def test_knowledge_about_nothing_or_two_things_is_refused(command: RecordKnowledge, code: str) -> None:
    assert filed().refused(command) == code


def test_knowledge_about_a_person_names_no_other_customer() -> None:
    office = filed()
    office.do(RecordContact(ONE, "李云"))
    assert office.do(RecordKnowledge("沟通", "微信", customer=ONE, person=LI)).status == "accepted"
    assert office.refused(RecordKnowledge("沟通", "微信", customer=TWO, person=LI)) == "PERSON_ELSEWHERE"


# Projects.


def test_one_customer_has_several_projects_at_different_stages_with_their_parties() -> None:
    office = filed()
    parties = (
        ("建设单位", ONE),
        ("监理", "crm:3"),
        ("设计院", "云岭设计院"),
        ("分包商", "甲劳务"),
        ("分包商", "乙劳务"),
    )
    answer = office.do(RecordProject(ONE, "滨江大桥", "施工", "华东", "12345678.90", parties, (staff(2), staff(1))))
    assert answer.id == "J-000001"
    assert office.do(RecordProject(ONE, "云岭隧道", "投标")).id == "J-000002"
    bridge = office.state.projects[1]
    assert bridge.parties == (
        ("建设单位", ONE),
        ("监理", THREE),
        ("设计院", "云岭设计院"),
        ("分包商", "甲劳务"),
        ("分包商", "乙劳务"),
    )
    assert (bridge.amount, bridge.site_team, bridge.stage) == (1_234_567_890, (1, 2), "施工")
    assert [p.stage for p in office.state.projects.values()] == ["施工", "投标"]


def test_a_project_that_changed_keeps_its_number_and_its_milestones() -> None:
    office = filed()
    office.do(RecordProject(ONE, "滨江大桥", "投标"))
    office.do(SetMilestone("J-000001", "封顶", "主塔封顶", "2027-05-01"))
    assert office.do(RecordProject(ONE, "滨江大桥", "投标", project="J-000001")).status == "duplicate"
    assert office.do(RecordProject(ONE, "滨江大桥", "施工", project="J-000001")).status == "accepted"
    assert office.state.projects[1].stage == "施工"
    assert list(office.state.projects[1].milestones) == ["封顶"]
    assert office.refused(RecordProject(TWO, "滨江大桥", project="J-000001")) == "PROJECT_ELSEWHERE"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": " "}, "TEXT_INVALID"),
        ({"amount": "-1"}, "AMOUNT_INVALID"),
        ({"parties": (("监理", ""),)}, "TEXT_INVALID"),
        ({"parties": (("", "甲监理"),)}, "TEXT_INVALID"),
        ({"parties": (("监理",),)}, "PROJECT_PARTIES_INVALID"),
        ({"parties": "监理"}, "PROJECT_PARTIES_INVALID"),
        ({"parties": (("监理", "C-000009"),)}, "CUSTOMER_UNKNOWN"),
        ({"site_team": ("S-000099",)}, "STAFF_UNKNOWN"),
        ({"site_team": 7}, "PROJECT_SITE_TEAM_INVALID"),
        ({"project": "J-000009"}, "PROJECT_UNKNOWN"),
    ],
)
def test_a_project_that_can_not_be_is_refused(more: dict[str, Any], code: str) -> None:
    assert filed().refused(RecordProject(**{"customer": ONE, "name": "滨江大桥", **more})) == code


def test_a_milestone_is_due_on_its_day_until_it_is_moved_or_reached() -> None:
    office = filed()
    office.do(RecordProject(ONE, "滨江大桥"))
    key = ("milestone", 1, "封顶")
    office.do(SetMilestone("J-000001", "封顶", "主塔封顶", "2026-12-20"))
    assert dict(office.state.work_due.items()) == {TODAY + 25: [key]}
    assert office.do(SetMilestone("J-000001", "封顶", "主塔封顶", "2026-12-20")).status == "duplicate"
    office.do(SetMilestone("J-000001", "封顶", "主塔封顶", "2026-12-21"))
    assert dict(office.state.work_due.items()) == {TODAY + 26: [key]}
    office.do(SetMilestone("J-000001", "封顶", "主塔封顶", "2026-12-21", "2026-11-25"))
    assert dict(office.state.work_due.items()) == {}
    assert office.state.projects[1].milestones == {"封顶": ("主塔封顶", TODAY + 26, TODAY)}
    office.do(SetMilestone("J-000001", "封顶", "主塔封顶", "2026-12-21"))
    assert dict(office.state.work_due.items()) == {TODAY + 26: [key]}


def test_a_milestone_that_is_near_is_said_once_to_whoever_has_the_customer() -> None:
    office = filed()
    office.do(RecordProject(ONE, "滨江大桥"), SetMilestone("J-000001", "封顶", "主塔封顶", "2026-12-05"))
    said = [e for e in office.pass_days(20) if e[0] == "ReminderDue"]
    assert [(c, f["kind"], f["about"], f["due_on"]) for _, c, f in said] == [
        (1, "milestone", "J-000001/封顶", "2026-12-05")
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (SetMilestone("J-000009", "封顶", "主塔封顶", "2026-12-20"), "PROJECT_UNKNOWN"),
        (SetMilestone("J-000001", "", "主塔封顶", "2026-12-20"), "TEXT_INVALID"),
        (SetMilestone("J-000001", "封顶", "", "2026-12-20"), "TEXT_INVALID"),
        (SetMilestone("J-000001", "封顶", "主塔封顶", ""), "DATE_INVALID"),
        (SetMilestone("J-000001", "封顶", "主塔封顶", "2026-12-20", "2026-11-26"), "DATE_INVALID"),
    ],
)
def test_a_milestone_that_can_not_be_is_refused(command: SetMilestone, code: str) -> None:
    office = filed()
    office.do(RecordProject(ONE, "滨江大桥"))
    assert office.refused(command) == code


# All together.

_CODES = [c for c in ("91350100M000100Y43", "91100000000000000A") if credit_code_parse(c)]
COMMANDS = st.one_of(
    st.builds(
        ChangeProfile,
        st.sampled_from([ONE, TWO, THREE]),
        st.fixed_dictionaries(
            {},
            optional={
                "credit_code": st.sampled_from(["", *_CODES]),
                "needs": st.sampled_from(["", "快", "省"]),
                "开户行": st.sampled_from(["", "甲", "乙"]),
                "qualifications": st.lists(st.sampled_from(["特级", "一级"]), max_size=2),
            },
        ),
    ),
    st.builds(
        RecordContact,
        st.sampled_from([ONE, TWO, THREE]),
        st.sampled_from(["李云", "王岭"]),
        person=st.sampled_from(["", LI, WANG]),
    ),
    st.builds(
        RecordKnowledge,
        st.sampled_from(["沟通", "招标"]),
        st.sampled_from(["", "甲", "乙"]),
        st.sampled_from(["", "细节"]),
        customer=st.sampled_from(["", ONE, TWO]),
        region=st.sampled_from(["", "华东"]),
        person=st.sampled_from(["", LI, WANG]),
    ),
    st.builds(ErasePerson, st.sampled_from([LI, WANG, "P-000001"]), st.just("要求")),
    st.builds(RecordProject, st.sampled_from([ONE, TWO]), st.sampled_from(["甲桥", "乙桥"]), project=st.sampled_from(["", "J-000001"])),
    st.builds(
        SetMilestone, st.just("J-000001"), st.sampled_from(["a", "b"]), st.just("节点"),
        st.sampled_from(["2026-12-20", "2026-12-21"]), st.sampled_from(["", "2026-11-24"]),
    ),
    st.builds(MergeCustomers, st.sampled_from([ONE, TWO]), st.sampled_from([TWO, THREE]), st.just("重复")),
)  # fmt: skip


@given(st.lists(COMMANDS, max_size=25))
@settings(max_examples=60, deadline=None)
def test_the_log_folds_to_the_same_state_and_a_refusal_leaves_no_trace(commands: list[Any]) -> None:
    office = filed()
    for command in commands:
        before = dump(office.state)
        try:
            answer = office.do(command)
        except Refused as refusal:
            assert refusal.code and refusal.reason and refusal.field
            assert dump(office.state) == before
        else:
            assert (dump(office.state) == before) == (answer.status == "duplicate")
    assert dump(office.rebuilt()) == dump(office.state)
    replayed, _, dropped = office.replayed()
    assert dropped == 0
    assert dump(replayed) == dump(office.state)
