"""Commands about settlement decided: what doesn't fit is refused, and nothing is settled twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.domain.commands import (
    Answer,
    ApproveProposal,
    AwardHonours,
    DeclineProposal,
    MatchByRule,
    ProposeMatch,
    ProposeRuling,
    SignPeriodOff,
    UndoSettlement,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.checks import amount_checked, number_checked, text_required
from ledger.domain.relations.drafts import Draft, decides
from ledger.domain.settlement.figures import figures_of
from ledger.domain.settlement.records import (
    OUTCOMES,
    PERSON,
    Lines,
    Match,
    Part,
    Payment,
    Ruling,
    Said,
    is_part,
    match_said,
    numbered,
    payment_named,
    ruling_id,
    ruling_said,
    settlement_id,
)
from ledger.domain.settlement.state import Settlement
from ledger.domain.values import customer_number, money_text, month_last_day, month_parse, month_text, points_parse

REASON_LENGTH_MAX: Final = 1_000
RULE_LENGTH_MAX: Final = 60
NAME_LENGTH_MAX: Final = 400
SCORE_MAX: Final = 100
PLACES_MAX: Final = 1_000


@decides(MatchByRule)
def _match(draft: Draft, command: MatchByRule) -> Answer:
    here = draft.state.settlement
    rule = text_required(command.rule, RULE_LENGTH_MAX, "rule")
    if rule == PERSON:
        raise Refused("MATCH_RULE_INVALID", "a person proposes a match, and another approves it", "rule")
    redemptions, payments = _lines(here, command.redemptions, command.payments)
    for field, lines in (("redemptions", redemptions), ("payments", payments)):
        if any(key in here.parted for key, _ in lines):
            raise Refused("MATCH_UNDONE", "people undid a match of one of these; let a person propose the next", field)
    number = len(here.matches) + 1
    _matched(
        draft, number, redemptions, payments, rule, number_checked(command.score, 0, SCORE_MAX, "score"), "",
        [{"what": what, "redemption": one, "payment": other} for what, one, other in command.evidence],
    )  # fmt: skip
    return Answer("accepted", draft.state.position, id=settlement_id(number))


@decides(ProposeMatch)
def _propose(draft: Draft, command: ProposeMatch) -> Answer:
    here = draft.state.settlement
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    redemptions, payments = _lines(here, command.redemptions, command.payments)
    _waits_not(here, match_said(redemptions, payments))
    number = len(here.matches) + 1
    position = draft.input(
        "SettlementProposed", 0, settlement=settlement_id(number), redemptions=_of_redemptions(redemptions),
        payments=_of_payments(payments), proposed_by=draft.context.actor, reason=reason,
    )  # fmt: skip
    return Answer("accepted", position, id=settlement_id(number))


@decides(ProposeRuling)
def _propose_ruling(draft: Draft, command: ProposeRuling) -> Answer:
    here = draft.state.settlement
    if command.outcome not in OUTCOMES:
        raise Refused("RULING_OUTCOME_INVALID", f"outcome is one of {', '.join(OUTCOMES)}", "outcome")
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    amount = _amount(command.amount, "amount")
    item = _item(here, command.item, "item")
    _ruling_fits(item, amount)
    _waits_not(here, ruling_said(item.key, command.outcome, amount))
    number = len(here.rulings) + 1
    position = draft.input(
        "RulingProposed", 0, ruling=ruling_id(number), item=item.key, outcome=command.outcome, amount=amount,
        proposed_by=draft.context.actor, reason=reason,
    )  # fmt: skip
    return Answer("accepted", position, id=ruling_id(number))


@decides(ApproveProposal)
def _approve(draft: Draft, command: ApproveProposal) -> Answer:
    here = draft.state.settlement
    proposal = _proposal(here, command.proposal)
    if proposal.proposed_by == draft.context.actor:
        raise Refused("PROPOSAL_OWN", "who proposed it can't approve it; another person does", "proposal")
    if isinstance(proposal, Match):
        _fits(here, proposal.redemptions, "redemptions")
        _fits(here, proposal.payments, "payments")
        _matched(
            draft, proposal.number, proposal.redemptions, proposal.payments, PERSON, SCORE_MAX, proposal.proposed_by, []
        )
    else:
        item = _item(here, proposal.item, "proposal")
        _ruling_fits(item, proposal.amount)
        draft.input(
            "OpenItemRuled", 0, ruling=ruling_id(proposal.number), item=proposal.item, outcome=proposal.outcome,
            amount=proposal.amount, period=month_text(here.period_open(item.period_of(proposal.amount))),
            proposed_by=proposal.proposed_by, reason=proposal.reason,
        )  # fmt: skip
    return Answer("accepted", draft.state.position, id=command.proposal)


@decides(DeclineProposal)
def _decline(draft: Draft, command: DeclineProposal) -> Answer:
    proposal = _proposal(draft.state.settlement, command.proposal)
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    if isinstance(proposal, Match):
        position = draft.input("SettlementDeclined", 0, settlement=command.proposal, reason=reason)
    else:
        position = draft.input("RulingDeclined", 0, ruling=command.proposal, reason=reason)
    return Answer("accepted", position, id=command.proposal)


@decides(UndoSettlement)
def _undo(draft: Draft, command: UndoSettlement) -> Answer:
    here = draft.state.settlement
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    found = here.matches.get(numbered(command.settlement, "M")) or here.rulings.get(numbered(command.settlement, "Q"))
    if found is None:
        raise Refused("SETTLEMENT_UNKNOWN", "no match (M-000001) or ruling (Q-000001) has this id", "settlement")
    if found.state not in ("matched", "ruled"):
        raise Refused("SETTLEMENT_NOT_IN_FORCE", f"it is {found.state} and settles nothing", "settlement")
    period = month_text(here.period_open(found.period))
    if isinstance(found, Match):
        position = draft.input("SettlementUndone", 0, settlement=command.settlement, period=period, reason=reason)
    else:
        position = draft.input("RulingUndone", 0, ruling=command.settlement, period=period, reason=reason)
    return Answer("accepted", position, id=command.settlement)


@decides(SignPeriodOff)
def _sign(draft: Draft, command: SignPeriodOff) -> Answer:
    here = draft.state.settlement
    try:
        period = month_parse(command.period)
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"period {error}", "period") from None
    if period in here.signed:
        raise Refused("PERIOD_SIGNED", "this month is signed off; what came later is booked in the next", "period")
    if period < here.signed_last.get("month", period):
        raise Refused("PERIOD_SIGNED", "a later month is signed off; months are signed off in order", "period")
    if draft.state.days_closed[0] < month_last_day(period):
        raise Refused("PERIOD_OPEN", "this month isn't closed in the ledger; close it first", "period")
    sha256 = text_required(command.sha256, 64, "sha256")
    if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
        raise Refused("TEXT_INVALID", "sha256 must be 64 hexadecimal digits, as the report says", "sha256")
    side = figures_of(here, period).redemptions
    settled = side.settled + side.ruled
    given = (command.redeemed, command.settled, command.open)
    if given != tuple(money_text(fen) for fen in (side.claimed, settled, side.open)):
        raise Refused("PERIOD_MOVED", "something came in since that report; reconcile again, then sign", "period")
    position = draft.input(
        "PeriodSignedOff", 0, period=month_text(period), through=draft.state.position, sha256=sha256,
        redeemed=side.claimed, settled=settled, open=side.open,
    )  # fmt: skip
    return Answer("accepted", position, id=month_text(period))


@decides(AwardHonours)
def _honour(draft: Draft, command: AwardHonours) -> Answer:
    state = draft.state
    year = number_checked(command.year, 1970, 9_999, "year")
    known = state.settlement.honours.get(year)
    if known is not None:
        return Answer("duplicate", known, id=str(year))
    measure = text_required(command.measure, RULE_LENGTH_MAX, "measure")
    if len(command.places) > PLACES_MAX:
        raise Refused("HONOURS_INVALID", f"at most {PLACES_MAX} places are awarded", "places")
    ranks = [rank for rank, _, _ in command.places]
    places = [
        {
            "rank": _rank(rank), "customer": customer, "name": _named(draft, customer),
            "points": _points(points), "tied": ranks.count(rank) > 1,
        }
        for rank, customer, points in command.places
    ]  # fmt: skip
    position = draft.input(
        "HonoursAwarded", 0, year=year, measure=measure, through=number_checked(command.through, 0, 1 << 62, "through"),
        places=places,
    )  # fmt: skip
    return Answer("accepted", position, id=str(year))


def _matched(
    draft: Draft, number: int, redemptions: Lines, payments: Lines, rule: str, score: int, proposed_by: str,
    evidence: list[dict[str, str]],
) -> None:  # fmt: skip
    here = draft.state.settlement
    period = max(here.parts[key].period_of(fen) for key, fen in redemptions)
    period = max(period, *(here.payments[key].period_of(fen) for key, fen in payments))
    draft.input(
        "SettlementMatched", 0, settlement=settlement_id(number), redemptions=_of_redemptions(redemptions),
        payments=_of_payments(payments), rule=rule, score=score, period=month_text(here.period_open(period)),
        proposed_by=proposed_by, evidence=evidence,
    )  # fmt: skip


def _lines(
    here: Settlement, redemptions: Sequence[tuple[str, str]], payments: Sequence[tuple[str, str]]
) -> tuple[Lines, Lines]:
    """Both sides of a match, checked. Raises Refused."""
    found: list[Lines] = []
    for field, given in (("redemptions", redemptions), ("payments", payments)):
        if not given:
            raise Refused("MATCH_EMPTY", f"name at least one of the {field}", field)
        lines = tuple((key, _amount(amount, field)) for key, amount in given)
        if len({key for key, _ in lines}) < len(lines):
            raise Refused("MATCH_TWICE", f"one of the {field} is named twice", field)
        if any(is_part(key) != (field == "redemptions") for key, _ in lines):
            raise Refused("ITEM_UNKNOWN", f"one of the {field} is none", field)
        _fits(here, lines, field)
        found.append(lines)
    left, right = found
    if sum(fen for _, fen in left) != sum(fen for _, fen in right):
        raise Refused("MATCH_UNEQUAL", "both sides of a match come to the same amount", "payments")
    return left, right


def _fits(here: Settlement, lines: Lines, field: str) -> None:
    for key, fen in lines:
        if fen > _item(here, key, field).open:
            raise Refused("MATCH_EXCEEDS", "more than is open; what is settled already is open no more", field)


def _item(here: Settlement, key: str, field: str) -> Part | Payment:
    item = here.item(key)
    if item is None:
        raise Refused("ITEM_UNKNOWN", "no redemption (R-000001/1) or payment (source:id) is called so", field)
    return item


def _waits_not(here: Settlement, said: Said) -> None:
    number = here.waiting.get(said)
    if number is not None:
        name = ruling_id(number) if said[0] else settlement_id(number)
        raise Refused("PROPOSAL_WAITING", f"{name} proposes the same and waits; approve or decline it", "")


def _ruling_fits(item: Part | Payment, amount: int) -> None:
    if amount > abs(item.open):
        raise Refused("RULING_EXCEEDS", "more than is open", "amount")


def _proposal(here: Settlement, text: str) -> Match | Ruling:
    found = here.matches.get(numbered(text, "M")) or here.rulings.get(numbered(text, "Q"))
    if found is None:
        raise Refused("PROPOSAL_UNKNOWN", "no proposed match (M-000001) or ruling (Q-000001) has this id", "proposal")
    if found.state != "proposed":
        raise Refused("PROPOSAL_DECIDED", f"it is {found.state} already", "proposal")
    return found


def _amount(raw: object, field: str) -> int:
    amount = amount_checked(raw, field)
    if not amount:
        raise Refused("AMOUNT_INVALID", f"{field} must be above zero", field)
    return amount


def _of_redemptions(lines: Lines) -> list[list[str | int]]:
    found: list[list[str | int]] = []
    for key, fen in lines:
        redemption, _, part = key.partition("/")
        found.append([redemption, int(part), fen])
    return found


def _of_payments(lines: Lines) -> list[list[str | int]]:
    return [[*payment_named(key), fen] for key, fen in lines]


def _rank(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 6:
        raise Refused("HONOURS_INVALID", "a rank is a number from 1", "places")
    return int(text)


def _points(text: str) -> int:
    try:
        return points_parse(text)
    except ValueError as error:
        raise Refused("HONOURS_INVALID", f"points of a place: {error}", "places") from None


def _named(draft: Draft, customer: str) -> str:
    number = customer_number(customer)
    if not 0 < number <= draft.state.customer_count():
        raise Refused("CUSTOMER_UNKNOWN", "no customer has the id of a place", "places")
    return draft.state.name(number)
