"""Customers: registered, changed, and what they agree to."""

from __future__ import annotations

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.input import Body, body_read
from api.routing import Router
from api.schemas import WRITE_RESPONSES
from api.writing import command_send
from ledger.domain.commands import ChangeCustomer, GiveConsent, RegisterCustomer, WithdrawConsent

router = Router(tags=["customers"])

_TRAITS = ("TRAIT_INVALID", "TRAIT_UNKNOWN", "COMMAND_FAILED")


class CustomerRegisterBody(Body):
    """A customer under a source's reference."""

    model_config = ConfigDict(json_schema_extra={
        "examples": [{"source": "crm", "reference": "K-77", "name": "华东建设集团", "traits": {"region": "east"}}]
    })  # fmt: skip
    source: str
    reference: str
    name: str
    traits: dict[str, str] = Field(default={}, description="industry, region, customer_type, scale: what rules weigh.")


class CustomerChangeBody(Body):
    """What changes; an empty trait clears it."""

    name: str | None = None
    traits: dict[str, str] = Field(default={})


class ConsentBody(Body):
    """What the customer agrees to, or no longer does."""

    purpose: str = Field(examples=["publication"])
    given: bool


@router.post(
    "/v1/ledgers/{ledger}/customers",
    permission=Permission.CUSTOMERS_WRITE,
    errors=_TRAITS,
    body=CustomerRegisterBody,
    writes=True,
    summary="Register a customer",
    description="One already registered under this reference is left as it is.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def customer_register(request: Request) -> Response:
    """Register a customer."""
    body = await body_read(request, CustomerRegisterBody)
    return await command_send(request, RegisterCustomer(body.source, body.reference, body.name, body.traits))


@router.post(
    "/v1/ledgers/{ledger}/customers/{customer}/change",
    permission=Permission.CUSTOMERS_WRITE,
    errors=("CUSTOMER_UNKNOWN", *_TRAITS),
    body=CustomerChangeBody,
    body_example={"traits": {"region": "south"}},
    writes=True,
    summary="Change a customer's name or traits",
    description="Rules weigh the new ones from then on; nothing is decided again.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def customer_change(request: Request, customer: str) -> Response:
    """Change a customer."""
    body = await body_read(request, CustomerChangeBody)
    return await command_send(request, ChangeCustomer(customer, body.name, body.traits))


@router.post(
    "/v1/ledgers/{ledger}/customers/{customer}/consents",
    permission=Permission.CUSTOMERS_WRITE,
    errors=("CUSTOMER_UNKNOWN", "COMMAND_FAILED"),
    body=ConsentBody,
    body_example={"purpose": "publication", "given": True},
    writes=True,
    summary="Record a consent or its withdrawal",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def consent_record(request: Request, customer: str) -> Response:
    """Record a consent or its withdrawal."""
    body = await body_read(request, ConsentBody)
    command = GiveConsent(customer, body.purpose) if body.given else WithdrawConsent(customer, body.purpose)
    return await command_send(request, command)
