"""The forms of answers that several routes give, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Row = TypeVar("Row")

DOCUMENT: Final = "x-document"
"""Marks a member that holds a document: the OpenAPI document gives it that document's schema."""
Money = Field(description="CNY as decimal text with two decimals.")
Points = Field(description="Points as decimal text with two decimals.", examples=["50.00"])


class Page(BaseModel, Generic[Row]):
    """A part of a list. `next` and `previous` are cursors, null where the list ends; each is sent alone."""

    data: list[Row]
    next: str | None
    previous: str | None
    has_more: bool


class ReportPage(Page[Row], Generic[Row]):
    """A part of a report. It contains the log up to `position` at least."""

    position: int


class FieldProblem(BaseModel):
    """One field that is wrong."""

    field: str
    reason: str


class Problem(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: str = Field(examples=["urn:plumbline:problem:CUSTOMER_UNKNOWN"])
    title: str = Field(
        description="What is wrong, whatever the occasion, in the language of `Content-Language`.",
        examples=["There is no such customer"],
    )
    status: int
    detail: str = Field(description="A sentence for people about this request, in English; says what to do.")
    code: str = Field(description="The code for programs.", examples=["CUSTOMER_UNKNOWN"])
    field: str = Field(description="The field concerned; empty where it is none.")
    request_id: str
    advice: str = Field(
        description="What to do next, in the language of `Content-Language`.",
        examples=["Check the id; register a new customer first."],
    )
    errors: list[FieldProblem] = Field(default=[], description="All faults, where there are several.")


class MovePartBody(BaseModel):
    """An event by which points moved: its position in the log, and whose rule it was."""

    position: int
    rule: str
    rule_set: str
    points: str = Points


class MoveBody(BaseModel):
    """What a command did to one customer's points. `awards` are what rules gave or, below zero, took; `reversals` what
    was taken back of earlier awards."""

    customer: str
    points: str = Points
    awards: list[MovePartBody]
    reversals: list[MovePartBody]


class AnswerBody(BaseModel):
    """What came of a command."""

    model_config = ConfigDict(json_schema_extra={
        "examples": [{"status": "accepted", "position": 42, "customer": "C-000001", "id": "", "points": "50.00"}]
    })  # fmt: skip
    status: Literal["accepted", "duplicate", "corrected"]
    position: int = Field(description="The log contains it from here on; give it to a read as `min_position`.")
    customer: str
    id: str = Field(description="What was recorded or made: a fact's external id, a customer, a rule set, a ledger.")
    points: str = Field(
        description="The points that it moved, as decimal text with two decimals: the sum over all customers. So a"
        " correction that gives a fact to another customer may come to 0.00, what one gets less what the other loses:"
        " `moves` has each.",
        examples=["50.00"],
    )
    moves: list[MoveBody] = Field(
        default=[],
        description="Customer by customer, where points of others than `customer` moved; else it isn't there.",
    )


class ReferenceBody(BaseModel):
    """How a source names a customer."""

    source: str
    reference: str


class RehearsedEvent(BaseModel):
    """An event that would be appended."""

    model_config = ConfigDict(extra="allow")
    event: str
    stream: str
    state: dict[str, Any]


class RehearsalBody(BaseModel):
    """What a dry run tells: the answer that would be given, and the events that would be appended."""

    dry_run: Literal[True]
    answer: AnswerBody
    events: list[RehearsedEvent] = Field(description="The first thousand of them.")
    counts: dict[str, int] = Field(
        description="How many there are of each name, in all.", examples=[{"FactRecorded": 1, "PointsGranted": 1}]
    )


class KeyBody(BaseModel):
    """A key of the API without its secret. `ledgers` null: all of them."""

    id: str
    actor: str
    role: Literal["admin", "operator", "auditor", "service", "customer", "staff"]
    ledgers: list[str] | None
    customer: str | None
    staff: str | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class KeyCreatedBody(KeyBody):
    """A new key with its secret, which is shown this once."""

    secret: str


class KeyAskedBody(BaseModel):
    """A key as it would be made."""

    actor: str
    role: Literal["admin", "operator", "auditor", "service", "customer", "staff"]
    ledgers: list[str] | None
    customer: str | None
    staff: str | None
    expires_at: str | None


class KeyRehearsalBody(BaseModel):
    """What a dry run tells: the key that would be made."""

    dry_run: Literal[True]
    key: KeyAskedBody


class HealthBody(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class ReadyBody(BaseModel):
    """Whether everything needed to serve is there, part by part: true, or what is wrong."""

    ready: bool
    parts: dict[str, bool | str]


WRITE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": AnswerBody | RehearsalBody, "description": "It was there already, was corrected, or is a dry run."},
    201: {"model": AnswerBody, "description": "It was recorded."},
}
"""The answers of every route that sends one command."""
