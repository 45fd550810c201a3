"""What points are redeemed for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from plumbline_client.forms import Points


@dataclass(frozen=True, slots=True)
class Price:
    """What one of an offer costs; `variant` "" where there are none."""

    variant: str
    points: Points
    title: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Step:
    """From so many points on they are worth so much CNY, and more in proportion."""

    points: Points
    money: Decimal


@dataclass(frozen=True, slots=True)
class OfferLimit:
    """How often, and for how many points, each customer may redeem an offer in a window; None where not limited."""

    window: str
    times: int | None
    points: Points | None


@dataclass(frozen=True, slots=True)
class Quota:
    """So many units in a window, for all customers together."""

    units: int
    window: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What points can be redeemed for, by the rules in force; `words` says what it is and costs in "zh" and "en",
    `conditions` who may have it and when. `multiple_of` is of an offset, `unit` and `quota` of a service."""

    offer: str
    kind: str
    title: dict[str, str]
    words: dict[str, str]
    conditions: dict[str, str]
    prices: list[Price]
    steps: list[Step]
    tiers: list[str]
    multiple_of: Points | None
    limits: list[OfferLimit]
    unit: dict[str, str] | None
    quota: Quota | None
    supplier: str
    delivery: dict[str, str] | None
    hold_days: int
    valid_days: int
    effective_from: str | None
    effective_to: str | None
    open: bool


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is of a gift's variant; `free` is what is not held."""

    offer: str
    variant: str
    on_hand: int
    held: int
    free: int


@dataclass(frozen=True, slots=True)
class RedemptionPart:
    """A committed part, and what was taken back of it."""

    part: int
    position: int
    booked_on: str
    points: Points
    quantity: int
    money: Decimal
    reference: str
    valid_until: str | None
    returned: Points
    quantity_returned: int
    money_returned: Decimal


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption as it stands: held, committed, freed or reversed."""

    redemption: str
    customer: str
    position: int
    offer: str
    kind: str
    variant: str
    quantity: int
    points: Points
    money: Decimal
    rule_set: str
    booked_on: str
    held_until: str
    reference: str
    project: str
    state: str
    held: Points
    freed: Points
    spent: Points
    returned: Points
    parts: list[RedemptionPart]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that stands in the way, as a refusal would say it. `missing`: how much, "" where nothing is counted;
    `sentence` says it in "zh" and "en"."""

    code: str
    reason: str
    field: str
    missing: str
    sentence: dict[str, str]


@dataclass(frozen=True, slots=True)
class Quote:
    """What something would cost a customer now, and everything that stands in the way."""

    customer: str
    offer: str
    kind: str
    variant: str
    quantity: int
    points: Points
    money: Decimal
    rule_set: str
    held_until: str
    available: Points
    points_missing: Points
    possible: bool
    obstacles: list[Obstacle]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a customer is entitled to (or not) at a stage of the business, and why; `lacking` says which conditions
    don't hold, in "zh" and "en".

    It may use it `times` in a `window` (None: as often as it likes); it `used` it so often in this one (without a limit
    ever), and so many are `left`.
    """

    entitlement: str
    stage: str
    title: dict[str, str]
    reason: dict[str, str]
    entitled: bool
    lacking: list[dict[str, str]]
    window: str | None
    times: int | None
    used: int
    left: int | None


@dataclass(frozen=True, slots=True)
class EntitlementUse:
    """A use of an entitlement."""

    position: int
    customer: str
    entitlement: str
    stage: str
    booked_on: str
    rule_set: str
    reference: str
    actor: str
    recorded_at: str
