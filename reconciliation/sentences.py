"""Reconciliation in words, Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ledger.domain.settlement.records import numbered
from ledger.domain.values import customer_id, day_text, money_text

if TYPE_CHECKING:
    from ledger.domain.settlement.state import Settlement
    from reconciliation.report import Line

KIND_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "short": ("少付", "short"),
    "over": ("多付", "over"),
    "missing_payment": ("缺付款", "payment missing"),
    "missing_redemption": ("缺兑换", "redemption missing"),
    "duplicate": ("重复付款", "duplicate"),
    "unmatched": ("待匹配", "unmatched"),
}
RULE_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "reference": ("编号一致", "same reference"),
    "reference_split": ("编号一致，分次付款", "same reference, paid in parts"),
    "reference_combined": ("编号一致，合并付款", "same references, paid together"),
    "reference_many": ("编号一致，多对多", "same references, several to several"),
    "reference_partial": ("编号一致，金额不同", "same reference, other amount"),
    "amount_date": ("金额与日期相符", "amount and date fit"),
    "project_sum": ("同项目合计相符", "same project, same sum"),
    "person": ("人工确认", "by people"),
}

OUTCOME_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "written_off": ("核销", "written off"),
    "explained": ("说明", "explained"),
    "charged": ("补收", "charged"),
}


def sentence(line: Line, language: str) -> str:
    """Why an item is open, in a sentence."""
    zh = language == "zh"
    settled, fen = money_text(line.settled), money_text(abs(line.open))
    nearest = next((c for c in line.candidates if not c.elsewhere), None)
    redemption = line.side == "redemptions"
    match line.kind:
        case "short" if redemption:
            said = (f"已结 {settled} 元，尚缺 {fen} 元。", f"{settled} CNY are settled, {fen} are lacking.")
        case "short":
            said = (
                f"付款更正后少于已结金额 {fen} 元。", f"Corrected, it takes off {fen} CNY less than was settled with it."
            )  # fmt: skip
        case "over" if redemption:
            said = (
                f"兑换冲回后已结金额多出 {fen} 元。",
                f"Part of it was reversed: {fen} CNY more are settled than is left of it.",
            )
        case "over":
            said = (f"已结 {settled} 元，多抵 {fen} 元。", f"{settled} CNY are settled, {fen} more were taken off.")
        case "missing_payment":
            said = (f"没有任何付款抵扣这 {fen} 元。", f"No payment took these {fen} CNY off.")
        case "missing_redemption":
            said = (f"付款抵扣了 {fen} 元，却没有对应的兑换。", f"It took {fen} CNY off, but there is no such redemption.")
        case "duplicate":
            said = (f"与付款 {line.twin} 相同，重复抵扣 {fen} 元。", f"Says the same as {line.twin}: {fen} CNY twice.")
        case _:
            item, score = (nearest.item, nearest.score) if nearest else ("", 0)
            said = (
                f"{fen} 元可能对应 {item}（{score} 分），需要人工判断。",
                f"{fen} CNY may belong to {item} (score {score}); a person must say.",
            )
    strange = next((c for c in line.candidates if c.elsewhere), None)
    if strange is not None:
        whose = f"{strange.item}（{customer_id(strange.customer)}）", f"{strange.item} of {customer_id(strange.customer)}"
        said = (
            said[0] + (f"另一客户的付款 {whose[0]}写了它的编号。" if redemption else f"所写编号属于另一客户的兑换 {whose[0]}。"),
            said[1] + (f" {whose[1]}, another customer, names it." if redemption
                       else f" It names {whose[1]}, another customer."),
        )  # fmt: skip
    if line.undone:
        other, day, by = line.undone[0]
        said = (
            f"{said[0]}与 {other} 的匹配已由 {by} 于 {day_text(day)} 撤销。",
            f"{said[1]} A match with {other} was undone on {day_text(day)} by {by}.",
        )
    if line.late is not None:
        said = (said[0] + "所属月份已关账，记入后一月。", said[1] + " Its month was closed before it came, so it stands in a later one.")
    return said[0] if zh else said[1]


def evidence_words(evidence: Mapping[str, Any], language: str) -> str:
    """A piece of a match's evidence."""
    what, one, other = evidence["what"], evidence["redemption"], evidence["payment"]
    words = {"reference": ("编号", "reference"), "amount": ("金额", "amount"), "day": ("日期", "date"),
             "project": ("项目", "project")}  # fmt: skip
    name = words.get(what, (what, what))[0 if language == "zh" else 1]
    return f"{name} {one}" if one == other else f"{name} {one} / {other}"


def proposal_words(customers: Sequence[int], stale: bool, language: str) -> str:
    """What to know before a proposal is approved: which customers it joins, where they are several, and whether it can be
    approved at all. Empty where there is nothing to say."""
    zh, said = language == "zh", list[str]()
    if customers:
        names = [customer_id(customer) for customer in customers]
        joined = "、".join(names) if zh else ", ".join(names[:-1]) + " and " + names[-1]
        said.append(f"跨客户：{joined} 不是同一客户。" if zh else f"Across customers: {joined} are not one customer.")
    if stale:
        said.append(
            "已失效：未结金额不足，只能驳回。" if zh else "Stale: less is open than it takes; it can only be declined."
        )
    return ("" if zh else " ").join(said)


def approved_words(settlement: Settlement, name: str, language: str) -> str:
    """What was approved, a match or a ruling: how much, and what is left open of each item."""
    match, ruling = settlement.matches.get(numbered(name, "M")), settlement.rulings.get(numbered(name, "Q"))
    fen, keys = 0, list[str]()
    if match is not None:
        fen = sum(amount for _, amount in match.redemptions)
        keys = [key for key, _ in (*match.redemptions, *match.payments)]
    elif ruling is not None:
        fen, keys = ruling.amount, [ruling.item]
    left = [(key, money_text(item.open)) for key in keys if (item := settlement.item(key)) is not None]
    if language == "zh":
        return f"{money_text(fen)} 元；" + "，".join(f"{key} 未结 {amount} 元" for key, amount in left)
    return f"{money_text(fen)} CNY; " + ", ".join(f"{amount} of {key} is open" for key, amount in left)
