"""Finance through the client, against the real app: redeem, pay, reconcile, rule, sign off; liability and journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from plumbline_client import ApiError, AsyncPlumbline, Ledger, Plumbline

from api.access.keys import AccessStore
from ledger.domain.commands import AwardHonours, CloseDays, GiveConsent
from tests.catalogue import catalogue, catalogue_activate
from tests.integration.api.ports import LedgerHere
from tests.integration.client.test_client import ledger, plumbline, port, secret
from tests.ledgers import fact

__all__ = ["ledger", "plumbline", "port", "secret"]

MAIN = Ledger("main")
OCTOBER = "2026-10"


@pytest.fixture(scope="module")
def approver(port: int, database_url: str) -> Iterator[Plumbline]:
    """Another person."""
    access = AccessStore(database_url)
    _, secret = access.key_create("reviewer", "operator")
    access.close()
    with Plumbline(f"http://127.0.0.1:{port}", secret) as client:
        yield client


@pytest.fixture(scope="module")
def redeemed(port: int, secret: str, ledger: LedgerHere) -> tuple[str, str]:
    """Two offsets of 500 points, worth 25 CNY each, of a customer who has 2,000; one is set off by a payment."""
    catalogue_activate(ledger.books)
    [customer] = ledger.books.register("a")
    ledger.books.do(fact("c1", "contract_signed", f"{OCTOBER}-01", customer, amount="10000000"))
    with Plumbline(f"http://127.0.0.1:{port}", secret) as client:
        found: list[str] = []
        for invoice in ("FP-1", "FP-2"):
            held = client.send(
                MAIN.reserve(customer, "small", points="500", reference=invoice, occurred_on=f"{OCTOBER}-05")
            )
            client.send(MAIN.commit(held.id, occurred_on=f"{OCTOBER}-05"))
            found.append(held.id)
        paid = MAIN.record(
            "payment_received", customer, f"{OCTOBER}-09", source="bank", external_id="PAY-1", amount="975",
            offset_amount="25", invoice="FP-1",
        )  # fmt: skip
        client.send(paid)
    return found[0], found[1]


def test_a_month_is_reconciled_ruled_on_by_two_people_and_signed_off(
    plumbline: Plumbline, approver: Plumbline, redeemed: tuple[str, str], ledger: LedgerHere
) -> None:
    first, second = redeemed
    rehearsed = plumbline.send(MAIN.reconcile(OCTOBER, dry_run=True))
    assert (rehearsed.matched_now, rehearsed.dry_run) == (1, True)
    assert plumbline.send(MAIN.reconciliation(OCTOBER)).matched == []
    done = plumbline.send(MAIN.reconcile(OCTOBER))
    assert (done.matched_now, done.adds_up, done.redemptions.open) == (1, True, Decimal("25.00"))
    assert plumbline.send(MAIN.reconcile(OCTOBER)).matched_now == 0
    [match] = done.matched
    assert [(line.item, line.amount) for line in match.redemptions] == [(f"{first}/1", Decimal("25.00"))]
    assert (match.rule, match.payments[0].item) == ("reference", "bank:PAY-1")
    [item] = done.open
    assert (item.item, item.kind, item.open, item.candidates) == (f"{second}/1", "missing_payment", Decimal(25), [])

    undone = plumbline.send(MAIN.settlement_undo(match.settlement, "wrong invoice"))
    assert undone.status == "accepted" and plumbline.send(MAIN.reconciliation(OCTOBER)).matched == []
    proposed = plumbline.send(
        MAIN.match_propose([(f"{first}/1", Decimal("25.00"))], [("bank:PAY-1", "25.00")], "see the slip")
    )
    ruling = plumbline.send(MAIN.ruling_propose(f"{second}/1", "written_off", "25", "agreed"))
    declined = plumbline.send(MAIN.ruling_propose(f"{second}/1", "charged", 1, "or this"))
    waiting = plumbline.send(MAIN.proposals()).data
    assert [p.id for p in waiting] == [proposed.id, ruling.id, declined.id]
    assert [(i.item, i.takes, i.open) for i in waiting[0].items] == [
        (f"{first}/1", Decimal(25), Decimal(25)), ("bank:PAY-1", Decimal(25), Decimal(25)),
    ]  # fmt: skip
    assert len({i.customer for i in waiting[0].items}) == 1 and not waiting[0].across_customers and not waiting[0].stale
    with pytest.raises(ApiError) as twice:
        approver.send(MAIN.ruling_propose(f"{second}/1", "written_off", "25", "agreed too"))
    assert twice.value.code == "PROPOSAL_WAITING"
    assert (waiting[0].redemptions[0].item, waiting[1].item, waiting[1].amount) == (
        f"{first}/1",
        f"{second}/1",
        Decimal(25),
    )
    with pytest.raises(ApiError) as refused:
        plumbline.send(MAIN.proposal_approve(proposed.id))
    assert refused.value.code == "PROPOSAL_OWN"
    for call in (
        MAIN.proposal_approve(proposed.id), MAIN.proposal_approve(ruling.id), MAIN.proposal_decline(declined.id, "no"),
    ):  # fmt: skip
        assert approver.send(call).status == "accepted"
    assert plumbline.send(MAIN.proposals()).data == []

    ledger.books.do(CloseDays(f"{OCTOBER}-31"))
    report = plumbline.send(MAIN.reconciliation(OCTOBER))
    side = report.redemptions
    assert (report.open, side.claimed, side.settled, side.ruled) == ([], Decimal(50), Decimal(25), Decimal(25))
    with pytest.raises(ApiError) as moved:
        plumbline.send(MAIN.period_sign_off(OCTOBER, report.sha256, side.claimed, side.settled + side.ruled, "1.00"))
    assert moved.value.code == "PERIOD_MOVED"
    plumbline.send(MAIN.period_sign_off(OCTOBER, report.sha256, side.claimed, side.settled + side.ruled, side.open))
    assert plumbline.send(MAIN.reconciliation(OCTOBER)).signed_off


def test_the_liability_and_the_journal_are_typed_and_add_up(plumbline: Plumbline, redeemed: tuple[str, str]) -> None:
    found = plumbline.send(MAIN.liability(day_from=f"{OCTOBER}-01", day_to=f"{OCTOBER}-31"))
    assert found.adds_up and found.point_value.money == Decimal("50.00")
    spent = found.days[4]
    # 500 points twice, at 1,000 points for 50 CNY.
    assert (spent.date, spent.redeemed, spent.redeemed_cny) == (f"{OCTOBER}-05", -1_000_00, Decimal("-50.00"))
    assert found.days[-1].closing == sum(part.points for part in found.expiries) == 1_000_00
    assert found.breakage.rate_percent is None and found.breakage.method.keys() == {"zh", "en"}
    check = plumbline.send(MAIN.journal_check())
    assert check.balanced and check.sum == 0 and check.accounts["redeemed"] == 1_000_00
    assert plumbline.send(MAIN.journal()).splitlines()[0].startswith(b"position,date")
    assert b"POINTS @@" in plumbline.send(MAIN.journal(form="beancount", as_of=f"{OCTOBER}-31"))


def test_points_are_valued_by_what_the_rule_set_in_force_says(ledger: LedgerHere, plumbline: Plumbline) -> None:
    here = ledger.ledgers.make("forty")  # type: ignore[attr-defined]
    catalogue_activate(here.books, catalogue(point_value={"money": 40}))
    of = Ledger("forty")
    here.books.register("a")
    here.books.do(fact("c1", "contract_signed", f"{OCTOBER}-01", amount="10000000"))
    found = plumbline.send(of.liability(day_from=f"{OCTOBER}-01", day_to=f"{OCTOBER}-01"))
    assert (found.point_value.points, found.point_value.money) == (1_000_00, Decimal("40.00"))
    # 2,000 points at 1,000 points for 40 CNY.
    assert (found.days[0].closing, found.days[0].closing_cny) == (2_000_00, Decimal("80.00"))
    lines = plumbline.send(of.journal()).decode().splitlines()
    assert [line.rpartition(",")[2] for line in lines[1:]] == ["-80.00", "80.00"]


def test_the_best_of_a_year_are_named_where_they_agreed(
    plumbline: Plumbline, redeemed: tuple[str, str], ledger: LedgerHere
) -> None:
    with pytest.raises(ApiError) as unknown:
        plumbline.send(MAIN.honours(2025))
    assert unknown.value.code == "HONOURS_UNKNOWN"
    ledger.books.do(GiveConsent("C-000001", "publication"))
    ledger.books.do(AwardHonours(2025, "points_earned", 1, (("1", "C-000001", "500"),)))
    [place] = plumbline.send(MAIN.honours(2025)).places
    assert (place.rank, place.name, place.points) == (1, "a 公司", 500_00)


def test_the_asyncio_client_reads_finance_alike(port: int, secret: str, redeemed: tuple[str, str]) -> None:
    async def run() -> None:
        async with AsyncPlumbline(f"http://127.0.0.1:{port}", secret) as client:
            report = await client.send(MAIN.reconciliation(OCTOBER, limit=1))
            assert report.redemptions.claimed == Decimal("50.00")
            assert (await client.send(MAIN.journal_check())).balanced

    asyncio.run(run())
