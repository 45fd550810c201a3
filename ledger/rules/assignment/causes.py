"""Why a customer came to somebody whom no rule chose, or to the pool: who asked for it, and the reason they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ledger.rules.assignment.sentences import Named
from ledger.rules.assignment.verdicts import VERDICTS
from ledger.rules.document import RuleSet
from ledger.rules.narrate_relations import WHY

_UNABLE: Final = (
    "当日不能接收客户（已满、休假、将离职或岗位不负责客户）",
    "could be given none that day (full, away, about to leave, or of a role that owns none)",
)


class Cause(NamedTuple):
    """The input that a change of owner followed from, as far as who asks may see it: its name, who asked for it, and
    its fields."""

    topic: str
    actor: str
    state: Mapping[str, Any]

    @property
    def reason(self) -> str:
        """The reason that was typed, "" where none was."""
        return self.state.get("reason", "")


def cause_words(fields: Mapping[str, Any], cause: Cause | None, at: int, named: Named) -> str:
    """What led to a CustomerAssigned or CustomerPooled that no rule decided. `at`: 0 in Chinese, 1 in English."""
    why, staff = fields.get("why", ""), named(fields["staff"]) if fields["staff"] else ""
    if "score" not in fields:
        return _pooled(why, staff, cause, at)
    by, reason = _by(cause, at), _reason(cause, at)
    if why == "claim":
        return (f"{staff}从公海认领{by}", f"{staff} claimed it from the pool{by}")[at]
    if why == "reassignment":
        return (f"改派给{staff}{by}{reason}", f"{staff} was named to have it{by}{reason}")[at]
    if why == "collision":
        number = cause.state.get("collision", "") if cause is not None else ""
        return (f"撞单{number}裁定归{staff}{by}{reason}", f"Collision {number} was ruled for {staff}{by}{reason}")[at]
    if why == "arrival":
        return (f"{staff}上报了这个新客户，归其所有{by}", f"{staff} reported the new customer and has it{by}")[at]
    if why in WHY:
        return (f"{staff}：{WHY[why][0]}{by}{reason}", f"{staff} has it {WHY[why][1]}{by}{reason}")[at]
    return (f"{staff}并非由规则选出", f"{staff} was not chosen by rules")[at]


def _pooled(why: str, staff: str, cause: Cause | None, at: int) -> str:
    by, reason = _by(cause, at), _reason(cause, at)
    into_pool = ("客户进入公海", "the customer goes to the pool")[at]
    if why == "released":
        return (f"{staff}释放，{into_pool}{by}{reason}", f"{staff} gave it back; {into_pool}{by}{reason}")[at]
    if why == "deadline":
        return (f"{staff}逾期未跟进，{into_pool}", f"{staff} did not follow it up in time; {into_pool}")[at]
    if why == "disputed":
        return ("撞单待裁定，此前客户在公海", "A collision is to be ruled; until then the customer is in the pool")[at]
    if why in WHY and why != "no_candidate":
        zh, en = WHY[why]
        return (f"{zh}，{into_pool}{by}{reason}", f"{en[0].upper()}{en[1:]}; {into_pool}{by}{reason}")[at]
    return (f"没有适用的分配规则，{into_pool}", f"No rule held; {into_pool}")[at]


def reporter_words(
    fields: Mapping[str, Any], cause: Cause | None, rules: RuleSet | None, rows: Sequence[Sequence[Any]], at: int,
    named: Named,
) -> str:  # fmt: skip
    """Why who reported a new customer doesn't have it, though they would by these rules; "" where nobody did, or they
    would not. `rows` are all candidates of all rules that were asked."""
    terms = rules.assignment.terms if rules is not None and rules.assignment is not None else None
    if cause is None or cause.topic != "LeadArrived" or (terms is not None and terms.reported_by_rules):
        return ""
    reporter = cause.state["staff"]
    if not reporter or not cause.state["is_new"] or ("score" in fields and fields["staff"] == reporter):
        return ""
    verdict = next((row[4] for row in rows if row[0] == reporter), "")
    why = VERDICTS[verdict][at] if verdict in VERDICTS else _UNABLE[at]
    who = named(reporter)
    return (f"上报人{who}未获分配：{why}", f"{who}, who reported it, was passed over: {why}")[at]


def _by(cause: Cause | None, at: int) -> str:
    if cause is None or not cause.actor:
        return ""
    return (f"（操作人：{cause.actor}）", f" (by {cause.actor})")[at]


def _reason(cause: Cause | None, at: int) -> str:
    if cause is None or not cause.reason:
        return ""
    return (f"，理由：{cause.reason}", f": {cause.reason}")[at]
