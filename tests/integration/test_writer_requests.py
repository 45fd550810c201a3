"""Requests through the writer: keys, crowds, two writers by accident, cut connections, forged logs, nonsense."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ledger.domain.commands import (
    ActivateRuleSet,
    ApproveRuleSet,
    ChangeCustomer,
    CloseDays,
    CustomerReference,
    DeclareFactType,
    GiveConsent,
    ProposeRuleSet,
    RecordFact,
    RegisterCustomer,
    Request,
    WithdrawConsent,
)
from ledger.domain.events import PointsGranted
from ledger.log.codec import encode
from ledger.log.columns.reader import Columns
from ledger.log.lease import Lease, LeaseHeld
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.log.types import Appended
from ledger.rules.engine import state_of
from ledger.standard import fact_types_standard, rules_standard
from ledger.writer import LedgerState, Writer, WriterStopped
from ledger.writer.state import StateDiffers
from projections.columns import ColumnsView
from projections.view import Batch
from tests.ledgers import NOW, Books, books_open, fact, log_check, sums_of

DONE = "project_completed"


# --- idempotency ----------------------------------------------------------------


def test_a_repeated_key_gets_the_first_answer_and_another_body_is_a_conflict(books: Books) -> None:
    books.register("a")
    command = fact("1", DONE, "2026-10-05")
    first = books.do(command, client="app", key="k1")
    head = books.position
    again = books.do(command, client="app", key="k1")
    assert again == replace(first, hit=True) and first.points == 5_000
    conflict = books.do(fact("2", DONE, "2026-10-05"), client="app", key="k1")
    assert (conflict.status, conflict.code, conflict.field) == ("refused", "IDEMPOTENCY_CONFLICT", "key")
    assert books.position == head
    assert books.do(command, client="other app", key="k1").status == "duplicate", "keys are the client's own"
    books.restart()
    assert books.do(command, actor="carol", client="app", key="k1") == again
    assert books.do(fact("1", DONE, "2026-10-06"), client="app", key="k1").code == "IDEMPOTENCY_CONFLICT"
    assert books.balance() == 5_000


def test_a_key_repeated_in_one_batch_counts_once(books: Books) -> None:
    books.register("a")
    requests = [
        Request(fact("1", DONE, "2026-10-05"), "bob", "app", "k1"),
        Request(fact("2", DONE, "2026-10-05"), "bob", "app", "k2"),
        Request(fact("1", DONE, "2026-10-05"), "bob", "app", "k1"),
        Request(fact("3", DONE, "2026-10-05"), "bob", "app", "k2"),
    ]
    first, second, repeated, conflict = books.writer.submit(requests)
    assert repeated == replace(first, hit=True)
    assert (second.status, conflict.code) == ("accepted", "IDEMPOTENCY_CONFLICT")
    assert books.balance() == 2 * 5_000
    assert [a.hit for a in books.writer.submit(requests[:3])] == [True] * 3


def test_a_batch_of_known_and_new_keys_stores_the_new_alone(books: Books) -> None:
    books.register("a")
    requests = [Request(fact(str(i), DONE, "2026-10-05"), "bob", "app", f"k{i}") for i in range(200)]
    few = books.writer.submit(requests[:5])
    some = books.writer.submit(requests[:10])  # too few to be looked up beforehand
    assert [a.hit for a in some] == [True] * 5 + [False] * 5
    assert [replace(a, hit=False) for a in some[:5]] == few
    all_ = books.writer.submit(requests)  # looked up beforehand
    assert [a.hit for a in all_] == [True] * 10 + [False] * 190
    assert books.balance() == 200 * 5_000


def test_a_refusal_recorded_nothing_so_its_key_may_succeed_once_the_cause_is_mended(books: Books) -> None:
    refused = books.do(fact("1", DONE, "2026-10-05"), client="app", key="k1")
    closing = books.do(CloseDays("2026-11-01"), client="app", key="k2")
    assert (refused.code, closing.code) == ("CUSTOMER_UNKNOWN", "DAY_NOT_OVER")
    books.register("a")
    books.now = NOW.replace(day=5)
    assert books.do(fact("1", DONE, "2026-10-05"), client="app", key="k1").status == "accepted"
    assert books.do(CloseDays("2026-11-01"), client="app", key="k2").status == "accepted"
    assert books.do(CloseDays("2026-11-01"), client="app", key="k2").hit


def test_orders_repeated_under_their_key_are_done_once(books: Books) -> None:
    document = {**rules_standard(), "id": "other"}
    first = books.do(ProposeRuleSet(document), client="app", key="k1")
    assert books.do(ProposeRuleSet(document), client="app", key="k1") == replace(first, hit=True)
    assert books.do(ProposeRuleSet(rules_standard()), client="app", key="k1").code == "IDEMPOTENCY_CONFLICT"
    closed = books.do(CloseDays("2026-10-10"), client="app", key="k2")
    head = books.position
    books.restart()
    assert books.do(CloseDays("2026-10-10"), client="app", key="k2") == replace(closed, hit=True)
    assert books.position == head


def test_repeats_without_a_key_do_no_harm(books: Books) -> None:
    commands = [
        RegisterCustomer("crm", "a", "甲"),
        fact("1", DONE, "2026-10-05"),
        GiveConsent("C-000001", "publication"),
        ChangeCustomer("C-000001", traits={"region": "hubei"}),
    ]
    assert [a.status for a in books.send(*commands)] == ["accepted"] * 4
    head = books.position
    for _ in range(2):
        assert [a.status for a in books.send(*commands)] == ["duplicate"] * 4
        books.restart()
    assert books.position == head


# --- crowds ---------------------------------------------------------------------


def test_sixty_four_threads_at_once_each_get_their_own_answer(
    books: Books, database_url: str, schema_name: str
) -> None:
    customers = books.register(*(f"c{i}" for i in range(8)))

    def work(n: int) -> list[tuple[str, str, int]]:
        seen: list[tuple[str, str, int]] = []
        for i in range(6):
            answer = books.do(
                fact(f"{n}/{i}", "contract_signed", "2026-10-05", customers[n % 8], amount=(n + 1) * 10_000),
                client=f"t{n}", key=str(i),
            )  # fmt: skip
            seen.append((answer.status, answer.id, answer.points))
        return seen

    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(work, range(64)))
    # (n + 1) x 10,000 CNY: (n + 1) units, two points each.
    assert results == [[("accepted", f"{n}/{i}", (n + 1) * 200) for i in range(6)] for n in range(64)]
    for c in range(8):
        assert books.balance(customers[c]) == sum(6 * 200 * (n + 1) for n in range(64) if n % 8 == c)
    log_check(database_url, schema_name)
    assert sums_of(books.log()) == {c: books.balance(c) for c in customers}


def test_a_caller_who_no_longer_waits_harms_nobody(books: Books) -> None:
    books.register("a")
    entered, go_on = threading.Event(), threading.Event()

    def alive() -> bool:
        entered.set()
        return go_on.wait(30)

    books.writer.alive = alive
    first = books.writer.submit_later([Request(fact("1", DONE, "2026-10-05"), "bob")])
    assert entered.wait(30)
    given_up = books.writer.submit_later([Request(fact("2", DONE, "2026-10-05"), "bob")])
    last = books.writer.submit_later([Request(fact("3", DONE, "2026-10-05"), "bob")])
    assert given_up.cancel()
    go_on.set()
    assert [a.status for f in (first, last) for a in f.result(30)] == ["accepted"] * 2
    assert books.balance() == 2 * 5_000


def test_what_was_committed_before_a_failure_is_answered(books: Books) -> None:
    books.register("a")
    lease = iter([True, True, False])
    entered, go_on = threading.Event(), threading.Event()

    def alive() -> bool:
        entered.set()
        go_on.wait(30)
        return next(lease)

    books.writer.alive = alive
    first = books.writer.submit_later([Request(fact("1", DONE, "2026-10-05"), "bob")])
    assert entered.wait(30)
    # These three are drained together; the order between the facts splits them into three appends.
    second = books.writer.submit_later([Request(fact("2", DONE, "2026-10-05"), "bob")])
    third = books.writer.submit_later([Request(CloseDays("2026-10-10"), "bob")])
    go_on.set()
    assert first.result(30)[0].status == second.result(30)[0].status == "accepted"
    with pytest.raises(WriterStopped):
        third.result(30)
    books.writer.alive = lambda: True
    assert books.do(CloseDays("2026-10-10")).status == "accepted"


def test_a_stopped_writer_finishes_what_waits_and_takes_nothing_more(books: Books) -> None:
    books.register("a")
    futures = [
        books.writer.submit_later([Request(fact(str(i), DONE, "2026-10-05"), "bob")]) for i in range(20)
    ]
    books.writer.stop()
    assert [f.result(1)[0].status for f in futures] == ["accepted"] * 20
    with pytest.raises(WriterStopped):
        books.do(fact("x", DONE, "2026-10-05"))


# --- two writers, and the lease ---------------------------------------------------


def test_two_writers_by_accident_are_a_retry_and_never_a_wrong_balance(
    books: Books, database_url: str, schema_name: str
) -> None:
    books.register("a", "b")
    other = Books(books.recorder)

    def work(writer: Books, n: int) -> None:
        for i in range(25):
            customer = f"C-{i % 2 + 1:06d}"
            writer.send(
                fact(f"{n}/{i}", "login", f"2026-10-{i + 1:02d}", customer),
                fact(f"both/{i}", "complaint_filed", "2026-10-01", customer, severity=("minor", "major")[n]),
                RegisterCustomer("crm", f"{n}/{i}", "x"),
            )

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work, books, 0), pool.submit(work, other, 1)]:
            future.result()
    other.writer.stop()
    log_check(database_url, schema_name)
    entries = books.log()
    external = [s["external_id"] for _, _, n, s in entries if n == "FactRecorded" and s["version"] == 1]
    assert len(external) == len(set(external)) == 3 * 25
    assert len({s["reference"] for _, _, n, s in entries if n == "CustomerRegistered"}) == 2 + 50
    fresh = LedgerState.load(None, books.recorder)
    sums = sums_of(entries)
    for state in (fresh, *(s.state for s in (books, other))):
        state.catch_up(books.recorder)
        assert state.book == fresh.book
        for customer in ("C-000001", "C-000002"):
            record = state_of(state.program, state.records[int(customer[2:]) - 1])
            assert record["balance"] == sums[customer]
            # The third login of the month, once; both writers' logins count.
            assert record["earned"] == 1_000


def test_of_two_closings_at_once_each_month_end_is_written_once(
    books: Books, database_url: str, schema_name: str
) -> None:
    books.register("a")
    books.send(*(fact(str(m), DONE, f"2024-{m:02d}-05") for m in range(1, 13)))
    other = Books(books.recorder)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(b.do, CloseDays("2026-10-31")) for b in (books, other)]
        assert {f.result().status for f in futures} <= {"accepted", "duplicate"}
    other.writer.stop()
    days = [s["day"] for _, _, n, s in books.log() if n == "DayClosed"]
    assert len(days) == len(set(days)) and days == sorted(days) and days[-1] == "2026-10-31"
    # 12 grants of 50 points; those up to October 2024 have lived their 24 months.
    assert [n for _, _, n, _ in books.log()].count("PointsExpired") == 10
    assert books.balance() == 2 * 5_000
    log_check(database_url, schema_name)


def test_a_writer_whose_lease_is_gone_appends_nothing(
    books: Books, database_url: str, schema_name: str
) -> None:
    books.register("a")
    books.writer.stop()
    with Lease.take(database_url, schema_name, "alice pid 1") as lease:
        with pytest.raises(LeaseHeld, match="alice pid 1") as held:
            Lease.take(database_url, schema_name, "bob", wait_seconds=0.1)
        assert held.value.holder == "alice pid 1"
        state = LedgerState.load(None, books.recorder)
        with Writer(books.recorder, state, lambda: NOW, lease.held) as writer:
            assert writer.submit([Request(fact("1", DONE, "2026-10-05"), "a")])[0].status == "accepted"
            with psycopg.connect(database_url, autocommit=True) as owner:
                owner.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'plumbline-writer:alice pid 1'"
                )
            head = books.position
            with pytest.raises(WriterStopped, match="lease"):
                writer.submit([Request(fact("2", DONE, "2026-10-05"), "a")])
            assert books.position == head
    with Lease.take(database_url, schema_name, "bob"):
        books.restart()
        assert books.do(fact("2", DONE, "2026-10-05")).status == "accepted"
    assert books.balance() == 2 * 5_000


# --- interrupted ------------------------------------------------------------------


def test_a_long_close_cut_short_between_two_months_is_resumed(books: Books) -> None:
    books.register("a")
    books.do(fact("1", DONE, "2024-01-05"))
    months = iter([True] * 3)
    books.writer.alive = lambda: next(months, False)
    with pytest.raises(WriterStopped):
        books.do(CloseDays("2026-01-31"))
    books.restart()
    assert books.state.book.closed_month == (2024 - 1970) * 12 + 2, "three months were closed: to March 2024"
    assert books.do(CloseDays("2026-01-31")).status == "accepted"
    days = [s["day"] for _, _, n, s in books.log() if n == "DayClosed"]
    assert len(days) == len(set(days)) == 366 - 4 + 365 + 31
    assert books.balance() == 0


def test_a_writer_goes_on_after_the_database_ended_all_its_connections(
    books: Books, database_url: str
) -> None:
    books.register("a")
    for round_ in range(3):
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        answer = books.do(fact(str(round_), DONE, "2026-10-05"), client="app", key=str(round_))
        assert (answer.status, answer.points) == ("accepted", 5_000)
    assert books.balance() == 3 * 5_000


# --- a log that lies ----------------------------------------------------------------


def forge(books: Books, points: int = 100) -> None:
    """Append a grant to C-000001 that no rule ever gave."""
    common = {"occurred_at": NOW.isoformat(), "recorded_at": NOW.isoformat(), "actor": "mallory", "cause": 1}
    head = books.position
    forged = PointsGranted(
        originator_id="C-000001", originator_version=books.state.book.version("C-000001") + 1, **common,
        rule=DONE, rule_set="RS-0001", points=points, balance=points, booked_on="2026-10-05", expires_on=None,
        debt_paid=0, cut_by=None, arithmetic={},
    )  # fmt: skip
    assert books.recorder.append([encode(forged)], position_expected=head) == Appended(head + 1, head + 1)


def columns_of(recorder: LogRecorder, folder: Path, batch_events: int = 7) -> Columns:
    view = ColumnsView(folder)
    position = view.position_own()
    while events := recorder.select_range(position, batch_events):
        with recorder.datastore.get_connection() as connection:
            view.apply(Batch(events), connection)
        position = events[-1][0]
    view.close()
    return Columns.open(folder)


def test_a_forged_decision_is_found_at_start_and_the_customer_named(books: Books, tmp_path: Path) -> None:
    books.register("a", "b")
    books.do(fact("1", DONE, "2026-10-05", "C-000002"))
    good = columns_of(books.recorder, tmp_path / "good")
    forge(books)
    with pytest.raises(StateDiffers, match=r"C-000001: .* 0\.00 points, .* 1\.00"):
        LedgerState.load(None, books.recorder)
    with pytest.raises(StateDiffers, match="C-000001"):
        LedgerState.load(good, books.recorder)
    with pytest.raises(StateDiffers, match="C-000001"):
        LedgerState.load(columns_of(books.recorder, tmp_path / "bad"), books.recorder)


def test_a_writer_that_meets_a_forged_decision_writes_nothing_more(books: Books) -> None:
    books.register("a")
    forge(books)
    head = books.position
    for external_id in "123":
        with pytest.raises(StateDiffers, match="C-000001"):
            books.do(fact(external_id, DONE, "2026-10-05"))
    assert books.position == head


def test_columns_that_end_between_a_fact_and_its_decisions_are_no_difference(
    books: Books, tmp_path: Path
) -> None:
    books.register("a")
    books.send(*(fact(str(i), DONE, "2026-10-05") for i in range(3)))
    books.do(fact("1", "login", "2026-10-06"))
    with recorder_open(books.recorder.datastore.database_url, books.recorder.datastore.schema) as recorder:
        facts = [p for p, _, n, _ in books.log() if n == "FactRecorded"]
        for number, last in enumerate(facts):
            view = ColumnsView(tmp_path / str(number))
            view.position_own()
            with recorder.datastore.get_connection() as connection:
                view.apply(Batch(recorder.select_range(0, 10_000, stop=last)), connection)
            view.close()
            state = LedgerState.load(Columns.open(tmp_path / str(number)), recorder)
            assert state_of(state.program, state.records[0]) == books.account()


# --- nonsense -----------------------------------------------------------------------

ODD: list[Any] = [
    None, "", " ", "\0", "a\0b", "\ud800", "x" * 20_000, 1, -1, 2**200, 1.5, float("nan"), float("inf"), True, b"bytes",
    [], {}, [[]], {"a": {"b": [1.5]}}, {1: 2}, {"\ud800": "x"}, object(), "2026-13-01", "9999-12-31", "0001-01-01",
    "2026-10-05T25:00", "0001-01-01T00:00:00+14:00", "C-", "C-000000", "C-999999999999999999999999", "C-１", "ＲＳ",
]  # fmt: skip

SOUND: list[Callable[[], Any]] = [
    lambda: RegisterCustomer("crm", "odd", "甲", {"region": "hubei"}),
    lambda: ChangeCustomer("C-000001", "乙", {"region": "hunan"}),
    lambda: GiveConsent("C-000001", "publication"),
    lambda: WithdrawConsent("C-000001", "messages"),
    lambda: fact("odd", "contract_signed", "2026-10-05", amount="30000"),
    lambda: fact("odd", "login", "2026-10-05", CustomerReference("crm", "a")),
    lambda: fact(
        "odd", "login", "2026-10-05", CustomerReference("crm", "zz"), registration=RegisterCustomer("crm", "zz", "z")
    ),
    lambda: DeclareFactType(fact_types_standard()[0]),
    lambda: ProposeRuleSet({**rules_standard(), "id": "odd"}),
    lambda: ApproveRuleSet("RS-0001"),
    lambda: ActivateRuleSet("RS-0001", "1970-01-01"),
    lambda: CloseDays("2026-10-01"),
]  # fmt: skip

# What a field may be beside what it is: nothing given, no condition.
HARMLESS: dict[str, Callable[[Any], bool]] = {
    "traits": lambda v: v == {},
    "name": lambda v: v is None,
    "run": lambda v: v is None,
    "registration": lambda v: v is None,
    "revert": lambda v: v is True,
}


def replaced(command: Any, name: str, value: Any) -> Any:
    """The command with another value in a field, unfrozen for the purpose."""
    return replace(command, **{name: value})


@pytest.fixture(scope="module")
def odd_books(database_url: str) -> Iterator[Books]:
    with books_open(database_url, "t_odd_requests") as books:
        books.register("a")
        yield books


@pytest.mark.parametrize("make", SOUND, ids=lambda m: type(m()).__name__)
@pytest.mark.parametrize("key", ["", "key"])
def test_nonsense_in_any_field_of_any_command_is_a_refusal_with_a_field_and_changes_nothing(
    odd_books: Books, make: Callable[[], Any], key: str
) -> None:
    books = odd_books
    command = make()
    head, account = books.position, books.account()
    customers = len(books.state.book.customers)
    tried = 0
    for name in type(command).__slots__:
        for number, value in enumerate(ODD):
            if HARMLESS.get(name, lambda _: False)(value) or type(value) is type(getattr(command, name)) is dict:
                continue
            if name in ("name", "reference", "source", "external_id", "purpose") and _is_sound_text(value):
                continue
            answer = books.do(replaced(command, name, value), client="odd", key=key and f"{name}/{number}/{tried}")
            assert answer.status in ("refused", "duplicate"), (name, value, answer)
            if answer.status == "refused":
                assert answer.field and answer.code != "COMMAND_FAILED", (name, value, answer)
            tried += 1
    assert tried > 15
    assert (books.position, books.account(), len(books.state.book.customers)) == (head, account, customers)


def _is_sound_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) < 1000 and value.isprintable()


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_nonsense_as_actor_client_key_or_command_is_a_refusal(odd_books: Books, value: Any) -> None:
    command = GiveConsent("C-000001", "never given")
    head = odd_books.position
    requests: list[tuple[str, Any]] = [("command", Request(value, "bob"))]
    if not _is_sound_text(value) or value != value.strip():
        requests.append(("actor", Request(command, value)))
    if not isinstance(value, str) or "\0" in value or "\ud800" in value or len(value) > 1000:
        requests += [("client", Request(command, "bob", value, "k")), ("key", Request(command, "bob", "c", value))]
    sound = Request(RegisterCustomer("crm", "a", "甲"), "bob")
    answers = odd_books.writer.submit([sound, *(r for _, r in requests), sound])
    assert answers[0] == answers[-1] and answers[0].status == "duplicate"
    assert [(a.status, a.field) for a in answers[1:-1]] == [("refused", name) for name, _ in requests]
    assert odd_books.position == head


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "attributes",
    [
        {"amount": nested(5)}, {"amount": nested(100_000)}, {f"a{i}": 1 for i in range(100_000)}, {"x" * 100_000: 1},
        {"amount": "9" * 100_000}, {"amount": 10**5000}, {"amount": "1", "project": "p" * 100_000},
        {"amount": "1", "project": "\0"}, {"amount": "1", "project": "\ud800"}, {"amount": "1", "\ud800": 1},
    ],
    ids=range(10),
)  # fmt: skip
def test_deep_and_huge_attributes_are_refused(odd_books: Books, attributes: dict[str, Any]) -> None:
    head = odd_books.position
    command = RecordFact("crm", "huge", "contract_signed", "C-000001", "2026-10-05", attributes)
    for key in ("", "huge"):
        answer = odd_books.do(command, client="huge", key=key)
        assert answer.status == "refused" and answer.field and answer.code == "FACT_INVALID"
        assert len(answer.reason) < 1000
    assert odd_books.position == head


def test_deep_and_huge_documents_are_refused(odd_books: Books) -> None:
    head = odd_books.position
    for deep in (nested(100_000), {"id": nested(100_000)}, {str(i): i for i in range(200_000)}):
        assert odd_books.do(ProposeRuleSet(deep)).status == "refused"  # pyright: ignore[reportArgumentType]
        assert odd_books.do(DeclareFactType(deep)).status == "refused"  # pyright: ignore[reportArgumentType]
    assert odd_books.position == head


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.decimals(), st.binary(max_size=3),
    st.sampled_from(ODD),
)  # fmt: skip
TYPES = [d["id"] for d in fact_types_standard()]
NAMES = sorted({n for d in fact_types_standard() for n in d.get("attributes", {})})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(TYPES),
            st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), SCALARS | st.lists(SCALARS, max_size=2)),
            SCALARS | st.just("2026-10-05"),
        ),
        min_size=1,
        max_size=8,
    )
)  # fmt: skip
def test_a_fact_of_anything_at_all_is_answered_and_what_is_refused_leaves_no_trace(
    odd_books: Books, facts: list[tuple[str, dict[Any, Any], Any]]
) -> None:
    before = odd_books.position
    commands = [
        RecordFact("hypothesis", str(i), fact_type, "C-000001", occurred, attributes)
        for i, (fact_type, attributes, occurred) in enumerate(facts)
    ]
    answers = odd_books.send(*commands)
    for answer in answers:
        assert answer.code != "COMMAND_FAILED"
        assert answer.field if answer.status == "refused" else answer.position > 0
    recorded = [n for _, _, n, _ in odd_books.log(before)].count("FactRecorded")
    assert recorded == sum(a.status in ("accepted", "corrected") for a in answers)
