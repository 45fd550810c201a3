"""The answers of finance, as the OpenAPI document has them. Amounts are CNY, points decimals, all of them text."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from reconciliation.report import Kind, SideName

Words = dict[str, str]


def _example(**members: Any) -> ConfigDict:
    """An example of a model as a whole."""
    return ConfigDict(json_schema_extra={"examples": [members]})


class SideBody(BaseModel):
    """One side of a month: opening + claimed - settled - ruled = open."""

    model_config = _example(opening="0.00", claimed="325.00", settled="275.00", ruled="0.00", open="50.00")
    opening: str
    claimed: str
    settled: str
    ruled: str
    open: str


class NearbyBody(BaseModel):
    """An item of the other side that may belong to an open one; the higher the score, the likelier."""

    item: str = Field(examples=["bank:PAY-1"])
    score: int = Field(examples=[74])
    customer: str = Field(examples=["C-000001"])
    another_customer: bool = Field(
        description="It is another customer's: one names the other, but no rule matches them.", examples=[False]
    )


class OpenItemBody(BaseModel):
    """What is not settled of a committed part (R-000001/1) or a payment (source:id), of which kind, and why."""

    model_config = _example(
        item="R-000001/1", side="redemptions", kind="missing_payment", customer="C-000001", date="2025-06-02",
        age_days=28, amount="50.00", settled="0.00", ruled="0.00", open="50.00", late_from="2025-05",
        evidence={"reference": "FP-77"}, candidates=[], repeats="",
        sentence={"zh": "没有任何付款抵扣这 50.00 元。", "en": "No payment took these 50.00 CNY off."},
    )  # fmt: skip
    item: str
    side: SideName
    kind: Kind
    customer: str
    date: str
    age_days: int
    amount: str
    settled: str
    ruled: str
    open: str
    late_from: str | None = Field(description="The month it belongs to by its date, where it stands in a later one.")
    evidence: dict[str, str]
    candidates: list[NearbyBody]
    repeats: str = Field(description="Of a duplicate: the payment it repeats.")
    sentence: Words


class SettledLineBody(BaseModel):
    """An amount of an item that a match settles."""

    item: str = Field(examples=["R-000002/1"])
    amount: str = Field(examples=["275.00"])


class SettlementBody(BaseModel):
    """A match of redemptions with payments: by which rule, or by people, and on what evidence."""

    model_config = _example(
        settlement="M-000001", state="matched", rule="reference", score=100, period="2025-06", amount="275.00",
        redemptions=[{"item": "R-000002/1", "amount": "275.00"}],
        payments=[{"item": "bank:PAY-2", "amount": "275.00"}], proposed_by="", reason="",
        evidence=[{"what": "reference", "redemption": "r-000002", "payment": "r-000002"}],
    )  # fmt: skip
    settlement: str
    state: Literal["matched", "undone"]
    rule: str
    score: int
    period: str
    amount: str
    redemptions: list[SettledLineBody]
    payments: list[SettledLineBody]
    proposed_by: str
    reason: str
    evidence: list[dict[str, str]]


class ReportBody(BaseModel):
    """The reconciliation of a month; amounts are CNY. On each side opening + claimed - settled - ruled = open, and
    where the open items don't come to that, `adds_up` is false and `faults` say by how much. Of many items the first
    are told, `counts` of all."""

    period: str = Field(examples=["2025-06"])
    signed_off: bool = Field(examples=[False])
    adds_up: bool = Field(examples=[True])
    faults: list[str] = Field(examples=[[]])
    sha256: str
    redemptions: SideBody
    payments: SideBody
    counts: dict[str, int] = Field(examples=[{"missing_payment": 1}])
    open: list[OpenItemBody]
    matched: list[SettlementBody]
    undone: list[SettlementBody] = Field(examples=[[]])
    across_customers: list[str] = Field(
        description="Matches that rules made and that now join two customers: a merging was taken back since, or a"
        " payment is another customer's. They hold until people undo them.",
        examples=[[]],
    )


class ReconciledBody(ReportBody):
    """The report after matching. `matched_now`: how many matches rules found this time."""

    matched_now: int = Field(examples=[1])
    dry_run: bool


class ProposedItemBody(BaseModel):
    """An item that a proposal takes so much of (`takes`), whose it is, and what is known and open of it."""

    model_config = _example(
        item="R-000002/1", side="redemptions", customer="C-000002", date="2025-06-02", takes="275.00", amount="275.00",
        open="275.00", evidence={"reference": "FP-77"},
    )  # fmt: skip
    item: str
    side: SideName
    customer: str
    date: str
    takes: str
    amount: str
    open: str
    evidence: dict[str, str]


class ProposalBody(BaseModel):
    """What waits for another's approval. Of a match `settlement`, `rule`, `score`, `period`, `redemptions`, `payments`
    and `evidence` are there, of a ruling `ruling`, `item` and `outcome`; of both the rest."""

    model_config = _example(
        settlement="M-000002", state="proposed", rule="person", score=100, period=None, amount="275.00",
        redemptions=[{"item": "R-000002/1", "amount": "275.00"}],
        payments=[{"item": "bank:PAY-2", "amount": "275.00"}], proposed_by="wang.li", reason="见回单", evidence=[],
        items=[
            {
                "item": "R-000002/1", "side": "redemptions", "customer": "C-000002", "date": "2025-06-02",
                "takes": "275.00", "amount": "275.00", "open": "275.00", "evidence": {},
            },
            {
                "item": "bank:PAY-2", "side": "payments", "customer": "C-000002", "date": "2025-06-20",
                "takes": "275.00", "amount": "275.00", "open": "275.00", "evidence": {"payer": "甲路桥"},
            },
        ],
        across_customers=False, stale=False, sentence={"zh": "", "en": ""},
    )  # fmt: skip
    state: Literal["proposed"]
    amount: str
    proposed_by: str
    reason: str
    items: list[ProposedItemBody]
    across_customers: bool = Field(description="Its items are of customers who are not one.")
    stale: bool = Field(description="Less is open by now than it takes; it can only be declined.")
    sentence: Words = Field(description="What to know before it is approved; empty where there is nothing.")
    settlement: str = ""
    rule: str = ""
    score: int = 0
    period: str | None = None
    redemptions: list[SettledLineBody] = []
    payments: list[SettledLineBody] = []
    evidence: list[dict[str, str]] = []
    ruling: str = ""
    item: str = ""
    outcome: str = ""


class PointValueBody(BaseModel):
    """So many points stand for so many CNY."""

    points: str = Field(examples=["1000.00"])
    money: str = Field(examples=["50.00"])


class LiabilityDayBody(BaseModel):
    """A day, in points and CNY: opening + flows = closing = available + held."""

    model_config = _example(
        date="2025-06-30", opening="0.00", granted="700.00", deducted="0.00", reversed="0.00",
        redeemed="0.00", returned="0.00", expired="0.00", adjusted="0.00", debt="0.00", closing="700.00",
        available="600.00", held="100.00", opening_cny="0.00", granted_cny="35.00", deducted_cny="0.00",
        reversed_cny="0.00", redeemed_cny="0.00", returned_cny="0.00", expired_cny="0.00",
        adjusted_cny="0.00", debt_cny="0.00", closing_cny="35.00",
    )  # fmt: skip
    date: str
    opening: str
    granted: str
    deducted: str
    reversed: str
    redeemed: str
    returned: str
    expired: str
    adjusted: str
    debt: str
    closing: str
    available: str
    held: str
    opening_cny: str
    granted_cny: str
    deducted_cny: str
    reversed_cny: str
    redeemed_cny: str
    returned_cny: str
    expired_cny: str
    adjusted_cny: str
    debt_cny: str
    closing_cny: str


class LiabilityPartBody(BaseModel):
    """A part of the last day's closing: by age, or by the month at whose end it expires."""

    part: str = Field(examples=["2027-01"])
    points: str = Field(examples=["700.00"])
    held: str = Field(examples=["100.00"])
    cny: str = Field(examples=["35.00"])


class BreakageBody(BaseModel):
    """How much of the liability may expire unspent, and by which method; the rate is null where nothing can be
    estimated yet."""

    granted_into_lots_past: str = Field(examples=["800.00"])
    expired: str = Field(examples=["100.00"])
    rate_percent: str | None = Field(examples=["12.50"])
    outstanding_that_can_expire: str = Field(examples=["700.00"])
    points: str = Field(examples=["87.50"])
    cny: str = Field(examples=["4.37"])
    method: Words = Field(examples=[{"zh": "历史法", "en": "Historical"}])


class LiabilityBody(BaseModel):
    """The liability of points over some days. Each day: opening + flows = closing = available + held, in points and
    CNY. Parts come to the last day's closing."""

    position: int
    point_value: PointValueBody
    adds_up: bool = Field(examples=[True])
    faults: list[str] = Field(examples=[[]])
    days: list[LiabilityDayBody]
    ages: list[LiabilityPartBody]
    expiries: list[LiabilityPartBody]
    breakage: BreakageBody
    debt: str = Field(examples=["0.00"])


class CheckBody(BaseModel):
    """The trial balance: points in each account, which come to zero; `fault` is empty where the books balance."""

    balanced: bool = Field(examples=[True])
    position: int
    events: int
    customers: int = Field(examples=[7])
    accounts: dict[str, str] = Field(examples=[{"issuance": "-700.00", "available": "700.00"}])
    sum: str = Field(examples=["0.00"])
    fault: str = Field(examples=[""])


class PlaceBody(BaseModel):
    """A place among the best of a year; name and points are those of who agreed to publication."""

    rank: int = Field(examples=[1])
    name: str | None = Field(examples=["甲路桥"])
    points: str | None = Field(examples=["500.00"])


class HonoursBody(BaseModel):
    """The best customers of a year for a website: named are those who agreed to publication."""

    year: int = Field(examples=[2025])
    title: Words = Field(examples=[{"zh": "2025年度金牌合作伙伴", "en": "Gold Partners of 2025"}])
    measure: Words = Field(examples=[{"zh": "当年积分", "en": "Points of the year"}])
    places: list[PlaceBody]
