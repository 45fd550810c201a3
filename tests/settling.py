"""A state of settlement of a test's own: redemptions and payments as one likes, commands decided on it."""

from __future__ import annotations

from typing import Any

from ledger.domain.commands import Answer, Command
from ledger.domain.events import REGISTRY
from ledger.domain.relations.drafts import Context, Draft, Drafted, command_decide
from ledger.domain.relations.policy import NoPolicy
from ledger.domain.relations.records import Standing
from ledger.domain.relations.state import Happened
from ledger.domain.settlement.records import part_key, payment_key
from ledger.domain.values import customer_id, day_parse, day_text, month_last_day, month_parse
from reconciliation.invented import InventedPayment, fact_fields
from reconciliation.reconciling import commands_of, found_in, rehearsed, state_new
from reconciliation.report import Report, report_of


class Desk:
    """Decides commands and folds events; `log` keeps what was drafted."""

    def __init__(self) -> None:
        self.state = state_new()
        self.log: list[Drafted] = []
        self.redemptions = 0

    @property
    def settlement(self) -> Any:
        return self.state.settlement

    def happened(self, topic: str, customer: int, on: str, /, **fields: Any) -> None:
        dated = {"occurred_at": on, "booked_on": on} if topic.startswith("Redemption") else {}
        self.state.apply(Happened(self.state.position + 1, customer, topic, dated | fields, day_parse(on)))
        self.state.settle()

    def redeem(
        self, fen: int, day: str, customer: int = 1, *, reference: str = "", project: str = "", kind: str = "offset"
    ) -> str:
        """A redemption of one part; its name."""
        self.redemptions += 1
        redemption = f"R-{self.redemptions:06d}"
        self.happened(
            "RedemptionReserved", customer, day, redemption=redemption, kind=kind, reference=reference, project=project
        )
        self.commit(redemption, 1, fen, day, customer)
        return part_key(redemption, 1)

    def commit(self, redemption: str, part: int, fen: int, day: str, customer: int = 1) -> str:
        self.happened(
            "RedemptionCommitted", customer, day, redemption=redemption, part=part, money=fen, reference="", points=fen
        )
        return part_key(redemption, part)

    def reverse(self, key: str, fen: int, day: str, customer: int = 1) -> None:
        redemption, _, part = key.partition("/")
        self.happened("RedemptionReversed", customer, day, redemption=redemption, part=int(part), money=fen)

    def pay(
        self, external_id: str, fen: int, day: str, customer: int = 1, *, reference: str = "", project: str = "",
        invoice: str = "", corrects: int = 0, recorded: str = "", fact_type: str = "payment_received",
    ) -> str:  # fmt: skip
        """A payment that takes so much off; its name."""
        paid = InventedPayment(
            external_id, customer, day_parse(day), reference, "甲公司", project, invoice, 1_000_00, fen
        )
        fields = fact_fields(paid) | {"corrects": corrects, "fact_type": fact_type}
        self.happened("FactRecorded", customer, recorded or day, **fields)
        return payment_key("bank", external_id)

    def merge(self, merged: int, survivor: int, on: str = "2025-06-30") -> None:
        """A customer is found to be another one."""
        self.happened("CustomersMerged", survivor, on, merged=customer_id(merged), reason="same firm")

    def unmerge(self, merged: int, survivor: int, on: str = "2025-07-01") -> None:
        """And is two after all."""
        undoes = self.state.mergings[merged].position
        self.happened("CustomersUnmerged", survivor, on, merged=customer_id(merged), undoes=undoes, reason="two firms")

    def close(self, month: str) -> None:
        last = month_last_day(month_parse(month))
        self.happened("DayClosed", 0, day_text(last), day=day_text(last))

    def do(self, command: Command, actor: str = "ann", day: str = "2025-07-05") -> Answer:
        """Decide a command. Raises Refused, and then nothing has changed."""
        draft = Draft(self.state, Context(actor, day_parse(day), NoPolicy(), lambda customer: Standing()))
        answer = command_decide(draft, command)
        for drafted in draft.events:
            # What the log takes is what its class declares.
            REGISTRY[drafted.topic](
                originator_id="settlement", originator_version=1, occurred_at="", recorded_at="", actor=actor,
                **drafted.fields,
            )  # fmt: skip
        self.log += draft.events
        self.state.settle()
        return answer

    def reconcile(self, month: str = "2025-06") -> Report:
        """Match by rule, then report."""
        period = month_parse(month)
        rehearsed(self.state, commands_of(found_in(self.settlement, period)), month_last_day(period))
        self.state.settle()
        return self.report(month)

    def report(self, month: str = "2025-06") -> Report:
        return report_of(self.settlement, month_parse(month))

    def kinds(self, month: str = "2025-06") -> dict[str, str]:
        """Open items and their kinds."""
        report = self.report(month)
        assert report.faults == ()
        return {line.item: line.kind for line in report.lines}
