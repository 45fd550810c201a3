"""Who spent points that are taken back afterwards owes them, for everybody to see; what becomes of it the rules say."""

from __future__ import annotations

import pytest
from plumbline_client import ApiError, Ledger, Plumbline

from tests.catalogue import catalogue, catalogue_activate
from tests.integration.api.ports import LedgerHere
from tests.integration.client.test_client import ledger, plumbline, port, secret

__all__ = ["ledger", "plumbline", "port", "secret"]


@pytest.mark.parametrize("policy", ["recover", "negative"])
def test_taking_back_what_earned_points_already_spent_leaves_a_debt_that_shows(
    ledger: LedgerHere, plumbline: Plumbline, policy: str
) -> None:
    here = ledger.ledgers.make(policy)  # type: ignore[attr-defined]
    catalogue_activate(here.books, catalogue(debt=policy))
    of = Ledger(policy)
    with here.followed():
        one, other = (plumbline.send(of.register("crm", name, f"{name} 建设")).customer for name in ("a", "b"))

        def earn(external_id: str) -> None:
            """50 points for a project."""
            call = of.record("project_completed", one, "2026-10-05", source="crm", external_id=external_id)
            assert plumbline.send(call).points == 50_00

        for external_id in ("1", "2", "3"):
            earn(external_id)
        held = plumbline.send(of.reserve(one, "small", points="120"))
        plumbline.send(of.commit(held.id))
        # The first project turns out to be another customer's: of its 50 points 30 are left, 20 were spent.
        moved = plumbline.send(of.correct("crm", "1", "project_completed", other, "2026-10-05"))
        assert (moved.points, [(m.customer, m.points) for m in moved.moves]) == (0, [(one, -50_00), (other, 50_00)])
        assert [(m.reversals[0].points if m.reversals else 0, [a.rule for a in m.awards]) for m in moved.moves] == [
            (-50_00, []), (0, ["project_completed"])
        ]  # fmt: skip
        balance = plumbline.send(of.balance(one))
        assert (balance.balance, balance.debt, balance.available) == (-20_00, 20_00, -20_00)
        quote = plumbline.send(of.quote(one, "small", points="10"))
        assert (quote.available, quote.points_missing, quote.possible) == (0, 10_00, False)
        assert plumbline.send(of.balance_explanation(one)).debt == 20_00
        found = plumbline.send(of.liability())
        # The other customer's 50 points are all there is; what is owed is no part of it and stands beside it.
        assert (found.days[-1].closing, found.debt, found.adds_up) == (50_00, 20_00, True)
        with pytest.raises(ApiError) as refused:
            plumbline.send(of.reserve(one, "small", points="10"))
        assert refused.value.code == "POINTS_INSUFFICIENT"

        earn("4")
        balance = plumbline.send(of.balance(one))
        found = plumbline.send(of.liability())
        assert (balance.balance, balance.available) == (30_00, 30_00), "50 granted, less the 20 that are owed"
        if policy == "recover":
            # The grant has paid the debt: 30 form a lot.
            assert (balance.debt, sum(lot.points for lot in balance.lots)) == (0, 30_00)
            assert (found.days[-1].closing, found.debt) == (80_00, 0)
        else:
            # 50 form a lot in full, and the debt stands beside it.
            assert (balance.debt, sum(lot.points for lot in balance.lots)) == (20_00, 50_00)
            assert (found.days[-1].closing, found.debt) == (100_00, 20_00)
        assert found.adds_up
        with pytest.raises(ApiError) as refused:
            plumbline.send(of.reserve(one, "small", points="40"))
        assert refused.value.code == "POINTS_INSUFFICIENT"
        assert plumbline.send(of.reserve(one, "small", points="30")).status == "accepted"
        check = plumbline.send(of.journal_check())
        # Granted: 50 three times and once more, 50 taken back and 50 to the other; 120 spent, 30 held of what is left.
        assert check.balanced and check.sum == 0
        assert (check.accounts["issuance"], check.accounts["redeemed"]) == (-200_00, 120_00)
        assert (check.accounts["available"], check.accounts["held"]) == (50_00, 30_00)
