"""How events change the state of settlement: redemptions and payments in customers' streams, the rest in its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ledger.domain.posting_day import open_day_after, posting_day
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.settlement.records import (
    OFFSET,
    PAYMENT,
    PERSON,
    Lines,
    Match,
    Part,
    Payment,
    Reserved,
    Ruling,
    Said,
    SignedOff,
    match_said,
    numbered,
    part_key,
    payment_key,
    ruling_said,
)
from ledger.domain.settlement.state import NOTHING, Settlement
from ledger.domain.values import day_parse, month_first_day, month_of, month_parse


def lines_of_redemptions(raw: Iterable[Any]) -> Lines:
    """From [redemption, part, fen]."""
    return tuple((part_key(redemption, part), fen) for redemption, part, fen in raw)


def lines_of_payments(raw: Iterable[Any]) -> Lines:
    """From [source, external id, fen]."""
    return tuple((payment_key(source, external_id), fen) for source, external_id, fen in raw)


@evolves("RedemptionReserved")
def _reserved(state: Relations, event: Happened) -> None:
    said = event.fields
    if said["kind"] == OFFSET:
        state.settlement.reserved.put(
            said["redemption"], Reserved(event.customer, said["reference"], said["project"])
        )


@evolves("RedemptionCommitted")
def _committed(state: Relations, event: Happened) -> None:
    said, here = event.fields, state.settlement
    reserved = here.reserved.get(said["redemption"])
    if reserved is None:
        return
    key = part_key(said["redemption"], said["part"])
    period = here.period_open(month_of(day_parse(said["booked_on"])))
    here.parts.put(
        key,
        Part(
            key, said["redemption"], said["part"], reserved.customer, event.position, _day_occurred(said), period,
            said["reference"] or reserved.reference, reserved.project, said["money"],
        ),
    )  # fmt: skip
    here.book(period, key, "redeemed", said["money"])


@evolves("RedemptionReversed")
def _reversed(state: Relations, event: Happened) -> None:
    said, here = event.fields, state.settlement
    key = part_key(said["redemption"], said["part"])
    part = here.parts.get(key)
    if part is not None:
        here.parts.put(key, part._replace(back=part.back + said["money"]))
        period = here.period_open(month_of(day_parse(said["booked_on"])))
        here.book(period, key, "redeemed", -said["money"])


def _day_occurred(said: Mapping[str, Any]) -> int:
    return day_parse(said["occurred_at"][:10])


@evolves("FactRecorded")
def _recorded(state: Relations, event: Happened) -> None:
    said, here = event.fields, state.settlement
    if said["fact_type"] != PAYMENT and not said["corrects"]:
        return
    key = payment_key(said["source"], said["external_id"])
    known = here.payments.get(key)
    if said["fact_type"] != PAYMENT:
        # Corrected into something that is no payment: nothing is taken off any more.
        if known is not None and known.stands:
            none = known._replace(offset=0, paid=0, position=event.position, stands=False)
            _correct(state, known, none, _month_taken_back(state, known))
        return
    values = said["attributes"]
    period = here.period_open(month_of(day_parse(said["booked_on"])))
    payment = Payment(
        key, event.customer, event.position, _day_occurred(said), period,
        values.get("reference") or "", values.get("payer") or "", values.get("project") or "",
        values.get("invoice") or "", values.get("amount") or 0, values.get("offset_amount") or 0,
        known.settled if known else 0, known.ruled if known else 0, period,
    )  # fmt: skip
    if known is not None:
        _correct(state, known, payment, period)
    else:
        here.payments.put(key, payment)
        here.book(period, key, "offset", payment.offset)


def _month_taken_back(state: Relations, known: Payment) -> int:
    """The month in which a version of a payment is taken back: where it is booked, as long as that is open."""
    booked, open_day = month_first_day(known.period_last), open_day_after(state.days_closed[0])
    return state.settlement.period_open(month_of(posting_day("FactRecorded", booked, open_day)))


def _correct(state: Relations, known: Payment, payment: Payment, period: int) -> None:
    """As its points: the version before is taken back, and the new one is booked in `period`."""
    here, back = state.settlement, _month_taken_back(state, known)
    if back == known.period:
        payment = payment._replace(period=period, period_last=period, later=0)
    else:
        # What stands where it was booked first stays there.
        later = payment.offset - known.offset + known.later
        payment = payment._replace(period=known.period, period_last=period, later=later)
    here.payments.put(payment.key, payment)
    if back == period:
        here.book(period, payment.key, "offset", payment.offset - known.offset)
    else:
        here.book(back, payment.key, "offset", -known.offset)
        here.book(period, payment.key, "offset", payment.offset)


@evolves("SettlementMatched")
def _matched(state: Relations, event: Happened) -> None:
    said, here = event.fields, state.settlement
    redemptions, payments = lines_of_redemptions(said["redemptions"]), lines_of_payments(said["payments"])
    number, period = numbered(said["settlement"], "M"), month_parse(said["period"])
    proposed = here.matches.get(number)
    here.matches.put(
        number,
        Match(
            number, redemptions, payments, "matched", said["rule"], said["score"], period, event.day, event.position,
            said["proposed_by"], proposed.reason if proposed else "", tuple(said["evidence"]),
        ),
    )  # fmt: skip
    if proposed is not None:
        _decided(here, match_said(redemptions, payments), number)
    here.settle(redemptions, period, 1)
    here.settle(payments, period, 1)


@evolves("SettlementProposed")
def _proposed(state: Relations, event: Happened) -> None:
    said = event.fields
    redemptions, payments = lines_of_redemptions(said["redemptions"]), lines_of_payments(said["payments"])
    number, here = numbered(said["settlement"], "M"), state.settlement
    here.matches.put(
        number,
        Match(
            number, redemptions, payments, "proposed", PERSON, 100, NOTHING, event.day, event.position,
            said["proposed_by"], said["reason"],
        ),
    )  # fmt: skip
    here.waiting.put(match_said(redemptions, payments), number)


def _decided(here: Settlement, said: Said, number: int) -> None:
    """A proposal waits no more. Logs of before may have several that say the same: the last stands for them."""
    if here.waiting.get(said) == number:
        here.waiting.drop(said)


@evolves("SettlementDeclined")
def _declined(state: Relations, event: Happened) -> None:
    here = state.settlement
    match = here.matches[numbered(event.fields["settlement"], "M")]
    here.matches.put(match.number, match._replace(state="declined"))
    _decided(here, match_said(match.redemptions, match.payments), match.number)


@evolves("SettlementUndone")
def _undone(state: Relations, event: Happened) -> None:
    here = state.settlement
    match = here.matches[numbered(event.fields["settlement"], "M")]
    period, by = month_parse(event.fields["period"]), event.fields["actor"]
    undone = match._replace(state="undone", undone_period=period, undone_day=event.day, undone_by=by)
    here.matches.put(match.number, undone)
    here.settle(match.redemptions, period, -1)
    here.settle(match.payments, period, -1)
    for part, _ in match.redemptions:
        for payment, _ in match.payments:
            here.barred.put((part, payment), match.number)
    for key, _ in (*match.redemptions, *match.payments):
        here.parted.put(key, match.number)


@evolves("RulingProposed")
def _ruling_proposed(state: Relations, event: Happened) -> None:
    said = event.fields
    number, here = numbered(said["ruling"], "Q"), state.settlement
    here.waiting.put(ruling_said(said["item"], said["outcome"], said["amount"]), number)
    here.rulings.put(
        number,
        Ruling(
            number, said["item"], said["outcome"], said["amount"], "proposed", NOTHING, event.day, event.position,
            said["proposed_by"], said["reason"],
        ),
    )  # fmt: skip


@evolves("RulingDeclined")
def _ruling_declined(state: Relations, event: Happened) -> None:
    here = state.settlement
    ruling = here.rulings[numbered(event.fields["ruling"], "Q")]
    here.rulings.put(ruling.number, ruling._replace(state="declined"))
    _decided(here, ruling_said(ruling.item, ruling.outcome, ruling.amount), ruling.number)


@evolves("OpenItemRuled")
def _ruled(state: Relations, event: Happened) -> None:
    said, here = event.fields, state.settlement
    number, period = numbered(said["ruling"], "Q"), month_parse(said["period"])
    item = here.item(said["item"])
    if item is None:
        raise ValueError(f"event {event.position} rules on an item that is none")
    booked = said["amount"] if item.open > 0 else -said["amount"]
    _decided(here, ruling_said(said["item"], said["outcome"], said["amount"]), number)
    here.rulings.put(
        number,
        Ruling(
            number, said["item"], said["outcome"], said["amount"], "ruled", period, event.day, event.position,
            said["proposed_by"], said["reason"], booked,
        ),
    )  # fmt: skip
    here.rule(said["item"], period, booked)


@evolves("RulingUndone")
def _ruling_undone(state: Relations, event: Happened) -> None:
    here = state.settlement
    ruling = here.rulings[numbered(event.fields["ruling"], "Q")]
    period = month_parse(event.fields["period"])
    here.rulings.put(ruling.number, ruling._replace(state="undone", undone_period=period))
    here.rule(ruling.item, period, -ruling.booked)


@evolves("PeriodSignedOff")
def _signed(state: Relations, event: Happened) -> None:
    said, here = event.fields, state.settlement
    period = month_parse(said["period"])
    here.signed.put(
        period,
        SignedOff(
            period, said["through"], said["sha256"], said["redeemed"], said["settled"], said["open"], event.day
        ),
    )
    here.signed_last.put("month", period)


@evolves("HonoursAwarded")
def _honoured(state: Relations, event: Happened) -> None:
    state.settlement.honours.put(event.fields["year"], event.position)
