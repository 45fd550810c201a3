"""What a service needs of the writer: dry runs, all or nothing, accounts read while it works, books closed for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from ledger.domain.commands import (
    ActivateRuleSet,
    Answer,
    ChangeCustomer,
    CloseDays,
    CloseLedger,
    Command,
    CustomerReference,
    DeclareFactType,
    RecordFact,
    RegisterCustomer,
    Rehearsal,
    Request,
)
from ledger.writer import WriterStopped
from ledger.writer.wire import (
    answers_dump,
    answers_load,
    rehearsals_dump,
    rehearsals_load,
    request_load,
    requests_dump,
)
from ledger.writer.writer import HELD_REQUESTS_MAX
from tests.ledgers import Books, books_open, fact


@pytest.fixture
def books(database_url: str, schema_name: str) -> Iterator[Books]:
    with books_open(database_url, schema_name) as opened:
        opened.register("a", "b")
        yield opened


def rehearse(books: Books, *commands: Command, key: str = "") -> list[Rehearsal]:
    return books.writer.rehearse_later([Request(c, "bob", "c" if key else "", key) for c in commands]).result()


def test_a_rehearsal_tells_what_happens_and_records_nothing(books: Books) -> None:
    before = books.position
    commands = [
        fact("1", "contract_signed", "2026-10-05", amount="1000000.00"),
        fact("2", "login", "2026-10-05", "C-000009"),
        RegisterCustomer("crm", "new", "新公司"),
        fact("3", "login", "2026-10-05", CustomerReference("crm", "new")),
        fact("1", "contract_signed", "2026-10-05", amount="1000000.00"),
    ]
    rehearsed = rehearse(books, *commands)
    assert books.position == before
    told = [(r.answer, [e["event"] for e in r.events]) for r in rehearsed]
    real = books.send(*commands)
    assert [a for a, _ in told] == real
    assert [names for _, names in told][1] == [] and told[1][0].code == "CUSTOMER_UNKNOWN"
    assert [n for _, names in told for n in names] == [name for name, _ in books.told(before)]
    states = [e["state"] for r in rehearsed for e in r.events]
    assert states == [s for _, _, _, s in books.log(before)]


def test_a_rehearsed_fact_that_is_known_is_a_duplicate(books: Books) -> None:
    books.do(fact("1", "login", "2026-10-05"))
    [rehearsed] = rehearse(books, fact("1", "login", "2026-10-05"))
    assert (rehearsed.answer.status, rehearsed.events) == ("duplicate", [])


def test_orders_are_rehearsed_alone(books: Books) -> None:
    before = books.position
    [activated] = rehearse(books, ActivateRuleSet("RS-0001", "2026-12-01"))
    assert [e["event"] for e in activated.events] == ["RuleSetActivated"]
    [refused] = rehearse(books, ActivateRuleSet("RS-0009", "2026-12-01"))
    assert refused.answer.code == "RULESET_UNKNOWN"
    [closed] = rehearse(books, CloseDays("2026-10-31"))
    assert closed.events[-1]["event"] == "DayClosed" and closed.answer.status == "accepted"
    mixed = rehearse(books, CloseDays("2026-10-31"), fact("1", "login", "2026-10-05"))
    assert {r.answer.code for r in mixed} == {"REHEARSAL_INVALID"}
    assert books.position == before


def test_a_rehearsal_of_very_many_events_tells_the_first_and_counts_them_all(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.writer.rehearsing.EVENTS_TOLD_MAX", 10)
    [closed] = rehearse(books, CloseDays("2026-10-31"))
    assert [e["event"] for e in closed.events] == ["DayClosed"] * 10
    assert closed.counts == {"DayClosed": 31} and closed.answer.position == books.position + 31
    assert rehearsals_load(orjson.loads(orjson.dumps(rehearsals_dump([closed])))) == [closed]
    [one] = rehearse(books, fact("one", "project_completed", "2026-10-05"))
    assert one.counts == {"FactRecorded": 1, "PointsGranted": 1}


def test_a_rehearsal_of_a_close_is_of_all_its_months(books: Books) -> None:
    books.do(fact("1", "contract_signed", "2023-12-31", amount="10000000"))
    books.do(fact("2", "contract_signed", "2024-01-01", "C-000002", amount="500000"))
    before, accounts = books.position, [books.account(c) for c in ("C-000001", "C-000002")]
    [told] = rehearse(books, CloseDays("2026-03-31"))
    assert books.position == before and [books.account(c) for c in ("C-000001", "C-000002")] == accounts
    # 1 + 366 + 365 + 90 days; both have what they had expired, and C-000001 falls from silver.
    assert told.counts["DayClosed"] == 822 and told.counts["PointsExpired"] == 2
    assert told.counts["TierChanged"] >= 1 and len(told.events) == told.counts["DayClosed"] + told.counts["PointsExpired"] + told.counts["TierChanged"]
    assert told.answer == books.do(CloseDays("2026-03-31")) == Answer("accepted", books.position, id="2026-03-31")
    assert told.answer.position == before + sum(told.counts.values())
    assert [(e["event"], e["stream"], e["state"]) for e in told.events] == [(n, s, d) for _, s, n, d in books.log(before)]
    [again] = rehearse(books, CloseDays("2026-03-31"))
    assert again == Rehearsal(Answer("duplicate", books.position, id="2026-03-31"), [], {})


def test_a_close_of_too_many_months_of_too_many_customers_is_not_rehearsed(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.writer.closing.ACCOUNT_MONTHS_MAX", 7)
    books.do(fact("1", "login", "2026-02-10"))
    # Of two customers three months.
    [refused] = rehearse(books, CloseDays("2026-05-01"))
    assert (refused.answer.code, refused.answer.field) == ("REHEARSAL_TOO_LARGE", "through")
    assert refused.answer.reason.endswith("through 2026-04-30")
    [told] = rehearse(books, CloseDays("2026-04-30"))
    assert told.counts["DayClosed"] == 19 + 31 + 30
    assert books.do(CloseDays("2026-05-01")).status == "accepted"


def test_atomic_is_all_or_nothing(books: Books) -> None:
    before = books.position
    bad = [fact("1", "login", "2026-10-05"), fact("2", "login", "2026-10-05", "C-000009")]
    answers = books.writer.submit([Request(c, "bob") for c in bad], atomic=True)
    assert [a.code for a in answers] == ["ATOMIC_REFUSED", "CUSTOMER_UNKNOWN"] and books.position == before
    impossible = [fact("1", "login", "2026-10-05"), fact("2\0", "login", "2026-10-05")]
    answers = books.writer.submit([Request(c, "bob") for c in impossible], atomic=True)
    assert [a.status for a in answers] == ["refused", "refused"] and books.position == before
    answers = books.writer.submit([Request(CloseDays("2026-10-31"), "bob")], atomic=True)
    assert answers[0].code == "ATOMIC_INVALID"
    good = [fact("1", "login", "2026-10-05"), fact("2", "login", "2026-10-05", "C-000002")]
    answers = books.writer.submit([Request(c, "bob") for c in good], atomic=True)
    assert [a.status for a in answers] == ["accepted", "accepted"]


def test_an_account_read_while_the_writer_works_is_one_that_was_committed(books: Books) -> None:
    # Each fact of 1,000,000 CNY moves the balance by the same points; a balance is always so many of them.
    [first] = books.send(fact("0", "contract_signed", "2026-10-01", amount="1000000.00"))
    step = first.points
    assert step > 0
    seen: list[tuple[int, int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            account = books.writer.account(1)
            assert account is not None
            seen.append((account.position, account.balance))
            assert account.balance == sum(p for _, p in account.lots) - account.debt

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(1, 40):
        books.do(fact(str(i), "contract_signed", "2026-10-01", amount="1000000.00"))
    done.set()
    reader.join()
    assert seen == sorted(seen)
    account = books.writer.account(1)
    assert account is not None and account.balance == books.balance() and account.position == books.position
    assert books.writer.account(0) is None and books.writer.account(3) is None


def test_a_closed_ledger_takes_nothing_more_and_stays_readable(books: Books) -> None:
    kept = books.do(fact("1", "login", "2026-10-05"), client="c", key="k")
    assert books.do(CloseLedger("  ")).code == "REASON_MISSING"
    [rehearsed] = rehearse(books, CloseLedger("moved to another firm"))
    assert [e["event"] for e in rehearsed.events] == ["LedgerClosed"]
    closed = books.do(CloseLedger("moved to another firm"))
    assert closed.status == "accepted"
    position = books.position
    for restarted in (False, True):
        if restarted:
            books.restart()
        for command in (fact("2", "login", "2026-10-05"), ChangeCustomer("C-000001", "x"), CloseDays("2026-10-31"),
                        CloseLedger("again"), RegisterCustomer("crm", "z", "z")):  # fmt: skip
            assert books.do(command).code == "LEDGER_CLOSED"
        assert rehearse(books, fact("2", "login", "2026-10-05"))[0].answer.code == "LEDGER_CLOSED"
        again = books.do(fact("1", "login", "2026-10-05"), client="c", key="k")
        assert (again.position, again.hit) == (kept.position, True)
        assert books.writer.account(1) is not None
    assert books.position == position


def test_an_aborted_writer_leaves_nobody_waiting(books: Books) -> None:
    waiting = [books.writer.submit_later([Request(fact(str(i), "login", "2026-10-05"), "bob")]) for i in range(200)]
    books.writer.abort()
    answered = 0
    for future in waiting:
        error = future.exception(timeout=5)
        assert error is None or isinstance(error, WriterStopped)
        answered += error is None
    recorded = sum(name == "FactRecorded" for name, _ in books.told(0))
    assert recorded == answered
    with pytest.raises(WriterStopped):
        books.writer.submit([Request(fact("x", "login", "2026-10-05"), "bob")])


class Gate:
    """Stands before something that the writer calls: each call says that it has come, and waits until it may go on."""

    def __init__(self, behind: Callable[..., Any]) -> None:
        self.behind = behind
        self.come = threading.Semaphore(0)
        self.may_go = threading.Semaphore(0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.come.release()
        assert self.may_go.acquire(timeout=10)
        return self.behind(*args, **kwargs)

    def wait(self) -> None:
        assert self.come.acquire(timeout=10)


def later(books: Books, *numbers: int) -> Future[list[Answer]]:
    return books.writer.submit_later([Request(fact(str(n), "login", "2026-10-05"), "bob") for n in numbers])


def test_answers_are_given_before_the_next_batch_is_stored(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    storing = Gate(books.writer.recorder.append)
    monkeypatch.setattr(books.writer.recorder, "append", storing)
    first = later(books, 1)
    storing.wait()
    second = later(books, 2)
    storing.may_go.release()
    storing.wait()
    assert first.done() and not second.done()
    storing.may_go.release()
    assert [a.status for f in (first, second) for a in f.result(timeout=10)] == ["accepted", "accepted"]


def test_answers_are_not_held_while_a_long_batch_is_decided(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    storing = Gate(books.writer.recorder.append)
    monkeypatch.setattr(books.writer.recorder, "append", storing)
    first = later(books, 1)
    storing.wait()
    second = later(books, *range(2, 2 + HELD_REQUESTS_MAX + 1))
    deciding = Gate(books.writer.clock)
    monkeypatch.setattr(books.writer, "clock", deciding)
    storing.may_go.release()
    deciding.wait()
    assert first.done() and not second.done()
    deciding.may_go.release()
    storing.may_go.release()
    assert {a.status for a in second.result(timeout=10)} == {"accepted"}


def test_what_was_committed_is_answered_where_the_next_batch_fails(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> datetime:
        raise WriterStopped("another writer has taken over")

    storing = Gate(books.writer.recorder.append)
    monkeypatch.setattr(books.writer.recorder, "append", storing)
    first = later(books, 1)
    storing.wait()
    second = later(books, 2)
    monkeypatch.setattr(books.writer, "clock", gone)
    storing.may_go.release()
    assert isinstance(second.exception(timeout=10), WriterStopped)
    assert first.result(timeout=10)[0].status == "accepted"


def test_what_was_committed_is_answered_where_the_writer_is_aborted(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    storing = Gate(books.writer.recorder.append)
    monkeypatch.setattr(books.writer.recorder, "append", storing)
    first = later(books, 1)
    storing.wait()
    second = later(books, 2)
    aborting = threading.Thread(target=books.writer.abort)
    aborting.start()
    assert isinstance(second.exception(timeout=10), WriterStopped)
    storing.may_go.release()
    assert first.result(timeout=10)[0].status == "accepted"
    aborting.join()


def test_the_wire_gives_back_what_it_was_given() -> None:
    commands: list[Command] = [
        RecordFact("s", "1", "t", CustomerReference("s", "r"), "2026-01-01",
                   {"a": Decimal("1.50"), "b": date(2026, 1, 2), "c": True, "d": "x", "e": None, "f": 2**60},
                   RegisterCustomer("s", "r", "公司", {"region": "east"}), True),
        ChangeCustomer("C-000001", None, {"region": ""}), DeclareFactType({"id": "x", "list": [1, {"y": None}]}),
        CloseLedger("why"),
    ]  # fmt: skip
    requests = [Request(c, "a", "c", "k") for c in commands]
    assert [request_load(orjson.loads(d)) for d in requests_dump(requests)] == requests
    answers = [Answer("accepted", 5, "C-000001", points=-3), Answer("refused", code="X", reason="y", field="z", hit=True)]
    assert answers_load(orjson.loads(orjson.dumps(answers_dump(answers)))) == answers
    rehearsals = [Rehearsal(a, [{"event": "E", "stream": "s", "state": {"n": 1}}]) for a in answers]
    assert rehearsals_load(orjson.loads(orjson.dumps(rehearsals_dump(rehearsals)))) == rehearsals
