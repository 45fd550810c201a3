"""Requests and answers as bytes, for the way between processes: exactly what was sent is what arrives.

Attribute values may be decimals and dates, which JSON doesn't have: they travel as {"decimal": …} and {"date": …}.
No attribute of a fact can be an object, so nothing else looks like them. Tuples of commands about relations travel as
lists, and are tuples again by the types of their fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson

from ledger.domain.commands import (
    DESK_COMMANDS,
    REDEMPTION_COMMANDS,
    ActivateRuleSet,
    Answer,
    ApproveRuleSet,
    ChangeCustomer,
    CloseDays,
    CloseLedger,
    Command,
    CustomerReference,
    DeclareFactType,
    GiveConsent,
    ProposeRuleSet,
    RecordFact,
    RegisterCustomer,
    Rehearsal,
    Request,
    WithdrawConsent,
)
from ledger.writer.forms import fields_load

_COMMANDS: Final[dict[str, type[Command]]] = {
    c.__name__: c
    for c in (
        RegisterCustomer, ChangeCustomer, GiveConsent, WithdrawConsent, RecordFact, DeclareFactType, ProposeRuleSet,
        ApproveRuleSet, ActivateRuleSet, CloseDays, CloseLedger, *DESK_COMMANDS,
        *REDEMPTION_COMMANDS,
    )
}  # fmt: skip
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME


def requests_dump(requests: Sequence[Request]) -> list[bytes]:
    """Each request as bytes. They must have passed `request_refusal`, which refuses what has no form here."""
    return [
        orjson.dumps(
            [type(r.command).__name__, {f.name: _plain(getattr(r.command, f.name)) for f in fields(r.command)},
             r.actor, r.client, r.key, r.may_adjust],
            default=_tagged, option=_OPTIONS,
        )
        for r in requests
    ]  # fmt: skip


def request_load(data: Any) -> Request:
    """The request of parsed JSON. Raises KeyError, TypeError or ValueError for anything else."""
    name, values, actor, client, key, may_adjust = data
    command = _COMMANDS[name]
    if command is RecordFact:
        if isinstance(values["customer"], list):
            values["customer"] = CustomerReference(*values["customer"])
        if values["registration"] is not None:
            values["registration"] = RegisterCustomer(**values["registration"])
        values["attributes"] = {n: _untagged(v) for n, v in values["attributes"].items()}
    if command in DESK_COMMANDS:
        values = fields_load(command, values)
    return Request(command(**values), actor, client, key, may_adjust)


def answers_dump(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Answers as plain data."""
    return [asdict(answer) for answer in answers]


def answers_load(data: Sequence[dict[str, Any]]) -> list[Answer]:
    """The answers that `answers_dump` gave."""
    return [Answer(**answer) for answer in data]


def rehearsals_dump(rehearsals: Sequence[Rehearsal]) -> list[dict[str, Any]]:
    """Rehearsals as plain data."""
    return [{"answer": asdict(r.answer), "events": r.events, "counts": r.counts} for r in rehearsals]


def rehearsals_load(data: Sequence[dict[str, Any]]) -> list[Rehearsal]:
    """The rehearsals that `rehearsals_dump` gave."""
    return [Rehearsal(Answer(**r["answer"]), r["events"], r["counts"]) for r in data]


def _plain(value: Any) -> Any:
    if isinstance(value, CustomerReference):
        return [value.source, value.reference]
    if isinstance(value, RegisterCustomer):
        return asdict(value)
    return value


def _tagged(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, date):
        return {"date": value.isoformat()[:10]}
    raise TypeError(f"{type(value).__name__} has no form on the wire")


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        [(tag, text)] = value.items()  # pyright: ignore[reportUnknownVariableType]
        return Decimal(text) if tag == "decimal" else date.fromisoformat(text)  # pyright: ignore[reportUnknownArgumentType]
    return value
