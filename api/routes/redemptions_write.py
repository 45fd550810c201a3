"""A route for every command about redemptions: the body has the command's fields, the path what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, get_type_hints

from pydantic import create_model
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.input import Body, body_read
from api.routing import Router
from api.schemas import WRITE_RESPONSES
from api.writing import command_send
from ledger.domain.commands import (
    CommitRedemption,
    MoveStock,
    RedemptionCommand,
    ReserveRedemption,
    ReverseRedemption,
    UseEntitlement,
    VoidRedemption,
)

router = Router(tags=["redemptions"])

PREFIX: Final = "/v1/ledgers/{ledger}"
_ANY: Final = (
    "COMMAND_FAILED", "TEXT_INVALID", "NUMBER_INVALID", "DATE_INVALID", "MONTHS_OPEN", "RULESET_NONE_IN_FORCE",
)  # fmt: skip
_PART: Final = ("REDEMPTION_UNKNOWN", "POINTS_INVALID", "PART_TOO_LARGE")


@dataclass(frozen=True, slots=True)
class Write:
    """A route that sends one command. A field named in the path isn't in the body."""

    command: type[RedemptionCommand]
    name: str
    path: str
    summary: str
    example: Mapping[str, Any]
    errors: tuple[str, ...]
    description: str

    @property
    def in_path(self) -> frozenset[str]:
        """The fields that the path names."""
        return frozenset(f.name for f in fields(self.command) if "{" + f.name + "}" in self.path)


WRITES: Final = (
    Write(
        ReserveRedemption, "redemption_reserve", "/redemptions", "Hold what an offer costs",
        {"customer": "C-000001", "offer": "cash", "points": "1000", "reference": "INV-2026-004"},
        (
            "CUSTOMER_UNKNOWN", "OFFER_UNKNOWN", "OFFER_OVER", "OFFER_NOT_ADMITTED", "VARIANT_UNKNOWN",
            "POINTS_INVALID", "POINTS_INSUFFICIENT", "STOCK_INSUFFICIENT", "QUOTA_REACHED", "LIMIT_REACHED",
        ),
        "Points and stock are held together, or neither. For an offset say the points, for everything else the"
        " quantity. A refusal says how many are missing.",
    ),
    Write(
        CommitRedemption, "redemption_commit", "/redemptions/{redemption}/commit", "Spend what is held",
        {"quantity": 1, "reference": "slip 17"}, ("HOLD_OVER", *_PART),
        "All that is held, or so much of the quantity; of an offset so many of the points.",
    ),
    Write(
        VoidRedemption, "redemption_void", "/redemptions/{redemption}/void", "Free what is still held",
        {"reason": "客户取消"}, ("HOLD_OVER", "REASON_MISSING", "REDEMPTION_UNKNOWN"),
        "Points and stock can be had again.",
    ),
    Write(
        ReverseRedemption, "redemption_reverse", "/redemptions/{redemption}/reverse", "Take a committed part back",
        {"reason": "发票作废", "part": 1}, ("PART_UNKNOWN", "PART_REVERSED", "REASON_MISSING", *_PART),
        "Points return to the lots they came from, with their expiry; those of a month that is closed expire at the"
        " next close. Stock returns.",
    ),
    Write(
        MoveStock, "stock_move", "/stock", "Let stock come in, or put it right",
        {"offer": "workwear", "variant": "xl", "quantity": 50, "reason": "到货", "reference": "PO-81"},
        ("OFFER_UNKNOWN", "OFFER_UNCOUNTED", "VARIANT_UNKNOWN", "STOCK_INSUFFICIENT", "REASON_MISSING"),
        "A quantity below zero counts fewer; what is held by reservations can't be counted away.",
    ),
    Write(
        UseEntitlement, "entitlement_use", "/customers/{customer}/entitlements", "Use an entitlement",
        {"entitlement": "priority_quotation", "stage": "bidding", "reference": "T-2026-09"},
        ("CUSTOMER_UNKNOWN", "STAGE_UNKNOWN", "ENTITLEMENT_UNKNOWN", "ENTITLEMENT_NOT_HELD", "LIMIT_REACHED"),
        "Only while the customer is entitled to it by the rules in force, and no more often than they say.",
    ),
)  # fmt: skip


def _body_of(write: Write) -> type[Body]:
    hints = get_type_hints(write.command)
    members: dict[str, Any] = {
        f.name: (hints[f.name], ... if f.default is MISSING else f.default)
        for f in fields(write.command)
        if f.name not in write.in_path
    }
    return create_model(f"{write.command.__name__}Body", __base__=Body, __doc__=write.command.__doc__, **members)


def _endpoint(write: Write, body: type[Body]) -> Callable[[Request], Any]:
    async def send(request: Request) -> Response:
        given = await body_read(request, body)
        named = {name: request.path_params[name] for name in write.in_path}
        return await command_send(request, write.command(**given.model_dump(), **named))

    send.__name__ = write.name
    return send


for _each in WRITES:
    _body = _body_of(_each)
    router.post(
        PREFIX + _each.path,
        permission=Permission.REDEMPTIONS_WRITE,
        errors=(*_each.errors, *_ANY),
        body=_body,
        body_example=dict(_each.example),
        writes=True,
        summary=_each.summary,
        description=_each.description,
        status_code=201,
        responses=WRITE_RESPONSES,
    )(_endpoint(_each, _body))
