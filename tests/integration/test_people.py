"""People in the books: sealed from their first event on, found by their phone, and gone once they are erased."""

from __future__ import annotations

import logging
from typing import LiteralString

import psycopg
import pytest

from ledger.domain.commands import (
    Answer,
    ChangeCustomer,
    ErasePerson,
    RecordContact,
    RecordKnowledge,
    RegisterCustomer,
    Rehearsal,
    ReportLead,
    Request,
)
from ledger.log.codec import state_of
from ledger.log.vault import Vault
from ledger.writer.answers import request_sha256
from tests.ledgers import Books
from tests.relations_firm import firm_found, lead

NAME, PHONE, NOTE = "李云山", "13900000077", "只在早上八点接电话"
CONTACT = RecordContact("C-000001", NAME, PHONE, "总经理", True, NOTE)


def column(database_url: str, schema: str, query: LiteralString) -> list[bytes]:
    with psycopg.connect(database_url, options=f"-c search_path={schema}") as connection:
        return [bytes(row[0]) for row in connection.execute(query)]


def sealed_of(books: Books, person: str) -> list[str]:
    return [state["sealed"] for _, _, _, state in books.log() if state.get("person") == person and state.get("sealed")]


@pytest.fixture
def firm(books: Books) -> Books:
    """A firm with two sellers, and a customer that the first of them has."""
    firm_found(books, sellers=2)
    answer = books.do(lead("l1", "云岭路桥有限公司", "east"))
    assert answer.id == "C-000001"
    return books


def test_nothing_personal_stands_in_log_answers_or_logs(
    firm: Books, database_url: str, schema_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    contact = firm.do(CONTACT, client="crm", key="k1")
    assert contact.status == "accepted"
    assert (
        firm.do(RecordKnowledge("沟通", "电话", NOTE, person=contact.id), client="crm", key="k2").status == "accepted"
    )
    assert (
        firm.do(ReportLead("web", "l2", "滨江置业有限公司", phone=PHONE), client="crm", key="k3").status == "accepted"
    )
    kept = [
        *column(database_url, schema_name, "SELECT state FROM event"),
        *column(database_url, schema_name, "SELECT body FROM answer"),
        caplog.text.encode(),
    ]
    assert len(kept) > 10
    for word in (NAME, PHONE, NOTE, "员工1号", "13900000001"):
        assert not any(word.encode() in text for text in kept)
        assert not any(word.encode("unicode_escape") in text for text in kept)


def test_a_requests_digest_says_nothing_about_who_it_is_about_and_all_else_counts() -> None:
    def digest(**more: object) -> bytes:
        return request_sha256(Request(RecordContact(**{"customer": "C-000001", "name": NAME, **more}), "bob"))  # pyright: ignore[reportArgumentType]

    assert digest() == digest(name="王岭") == digest(phone=PHONE) == digest(note=NOTE)
    assert (
        len(
            {
                digest(),
                digest(customer="C-000002"),
                digest(position="经理"),
                digest(decides=True),
                digest(person="P-000001"),
            }
        )
        == 5
    )
    about = {
        person: [
            request_sha256(Request(RecordKnowledge("k", "v", text, "C-000001", person=person), "bob"))
            for text in ("a", "b")
        ]
        for person in ("", "P-000001")
    }
    assert about["P-000001"][0] == about["P-000001"][1]
    assert about[""][0] != about[""][1]


def test_an_erased_person_is_unreadable_in_every_process_and_for_ever_and_all_else_works(firm: Books) -> None:
    person = firm.do(CONTACT).id
    firm.do(RecordKnowledge("沟通", "电话", NOTE, person=person))
    texts = sealed_of(firm, person)
    number = int(person[2:])
    other = Vault(firm.recorder.datastore)
    assert [
        found and found.get("name", found.get("text")) for found in other.open_many([(number, t) for t in texts])
    ] == [NAME, NOTE]
    before = firm.log()
    assert firm.do(ErasePerson(person, "本人要求")).status == "accepted"
    assert other.open_many([(number, t) for t in texts]) == [None, None]
    assert firm.log()[: len(before)] == before
    assert firm.do(ErasePerson(person, "本人要求")).status == "duplicate"
    assert firm.do(RecordContact("C-000001", NAME, person=person)).code == "PERSON_ERASED"
    firm.restart()
    assert firm.do(RecordContact("C-000001", NAME, person=person)).code == "PERSON_ERASED"
    assert firm.do(RecordContact("C-000001", "王岭", "13900000078")).status == "accepted"
    assert other.open_many([(number, t) for t in texts]) == [None, None]


def test_a_key_that_a_crash_left_behind_is_deleted_at_the_next_start(
    firm: Books, database_url: str, schema_name: str
) -> None:
    person = firm.do(CONTACT).id
    [text] = sealed_of(firm, person)
    number = int(person[2:])
    [key] = column(database_url, schema_name, "SELECT key FROM person_key ORDER BY person DESC LIMIT 1")
    firm.do(ErasePerson(person, "本人要求"))
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        connection.execute("UPDATE person_key SET key = %s, erased_at = NULL WHERE person = %s", [key, number])
    firm.restart()
    assert Vault(firm.recorder.datastore).open(number, text) is None


def test_a_lead_is_found_by_the_phone_of_a_contact_until_the_contact_is_erased(firm: Books) -> None:
    person = firm.do(CONTACT).id
    found = firm.do(ReportLead("web", "l2", "滨江置业有限公司", staff="S-000002", phone="+86 139-0000-0077"))
    assert (found.code, found.customer) == ("COLLISION_FOUND", "")
    firm.restart()
    found = firm.do(ReportLead("web", "l3", "金桥投资有限公司", staff="S-000002", phone=PHONE))
    assert found.code == "COLLISION_FOUND"
    firm.do(ErasePerson(person, "本人要求"))
    found = firm.do(ReportLead("web", "l4", "丁香园林有限公司", staff="S-000002", phone=PHONE))
    assert (found.code, found.status) == ("", "accepted")


def test_the_phone_of_a_lead_is_kept_sealed_found_by_the_next_and_gone_once_erased(
    firm: Books, database_url: str, schema_name: str
) -> None:
    def report(reference: str, name: str, phone: str = PHONE, staff: str = "S-000002") -> Answer:
        return firm.do(ReportLead("web", reference, name, staff=staff, phone=phone))

    first = report("l2", "甲乙丙公司", staff="S-000001")
    assert (first.code, first.customer) == ("", "C-000002")
    [(stream, told)] = [(stream, state) for _, stream, topic, state in firm.log() if topic == "ContactRecorded"]
    vault = Vault(firm.recorder.datastore)
    number = int(told["person"][2:])
    assert (stream, told["position"], told["decides"]) == ("C-000002", "", False)
    assert vault.open(number, told["sealed"]) == {"name": "", "phone": PHONE, "note": ""}
    assert not any(PHONE.encode() in text for text in column(database_url, schema_name, "SELECT state FROM event"))
    # Written otherwise and by the same seller, it says nothing new.
    assert report("l3", "甲乙丙公司", "+86 139-0000-0077", "S-000001").customer == "C-000002"
    assert [topic for _, _, topic, _ in firm.log()].count("ContactRecorded") == 1
    assert report("l4", "庚辛公司").code == "COLLISION_FOUND"
    firm.restart()
    assert report("l5", "壬癸公司").code == "COLLISION_FOUND"
    people = [state["person"] for _, _, topic, state in firm.log() if topic == "ContactRecorded"]
    for person in people:
        firm.do(ErasePerson(person, "本人要求"))
    assert vault.open(number, told["sealed"]) is None
    assert report("l6", "子丑公司").code == ""


def test_what_is_no_phone_is_refused_of_a_lead_as_of_a_contact(firm: Books) -> None:
    before = firm.log()
    refused = firm.do(ReportLead("web", "l2", "甲乙丙公司", phone="abc"))
    assert (refused.code, refused.field) == ("PERSON_PHONE_INVALID", "phone")
    assert firm.do(RecordContact("C-000001", NAME, "abc")).reason == refused.reason
    assert firm.log() == before


def test_names_that_were_registered_changed_or_drafted_are_all_found(firm: Books) -> None:
    def collides(reference: str, name: str) -> bool:
        return firm.do(ReportLead("web", reference, name, staff="S-000002")).code == "COLLISION_FOUND"

    assert collides("a1", "云岭路桥集团有限公司")
    firm.do(ChangeCustomer("C-000001", "金桥路桥有限公司"))
    assert collides("a2", "金桥路桥")
    firm.send(RegisterCustomer("crm", "x", "滨江置业有限公司"))
    assert not collides("a3", "滨江置业")
    both = firm.send(
        ReportLead("web", "b1", "丁香园林有限公司", staff="S-000001"),
        ReportLead("web", "b2", "丁香园林", staff="S-000002"),
    )
    assert [a.code for a in both] == ["", "COLLISION_FOUND"]


def test_a_rehearsal_of_a_contact_and_its_lead_makes_no_key_and_leaves_nothing(
    firm: Books, database_url: str, schema_name: str
) -> None:
    keys = column(database_url, schema_name, "SELECT key FROM person_key ORDER BY person")
    told: list[Rehearsal] = firm.writer.rehearse_later(
        [
            Request(CONTACT, "bob"),
            Request(ReportLead("web", "l2", "滨江置业有限公司", staff="S-000002", phone=PHONE), "bob"),
        ]
    ).result()
    assert [r.answer.code for r in told] == ["", "COLLISION_FOUND"]
    assert NAME not in str(told)
    assert column(database_url, schema_name, "SELECT key FROM person_key ORDER BY person") == keys
    assert firm.do(ReportLead("web", "l3", "金桥投资有限公司", staff="S-000002", phone=PHONE)).code == ""


def test_events_of_people_carry_what_their_class_says(firm: Books) -> None:
    firm.do(CONTACT)
    [(_, stream, state)] = [(p, s, st) for p, s, topic, st in firm.log() if topic == "ContactRecorded"]
    assert stream == "C-000001"
    assert set(state) - {"occurred_at", "recorded_at", "actor", "cause"} == {"person", "sealed", "position", "decides"}
    assert state_of("ContactRecorded", b'{"person": "P-000001"}') == {"person": "P-000001"}
