"""Whether a key's ledgers, its customer or its member of staff are there: ids are given in order, so a key for one that
isn't there yet would some day open somebody else's data.

Looked up in the log itself, because views may be behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ledger.domain.errors import Refused
from ledger.domain.events import STREAM_STAFF
from ledger.domain.relations.ids import staff_number
from ledger.domain.values import customer_id, customer_number
from ledger.log.codec import state_of
from ledger.log.recorder import LogRecorder

READ_TOGETHER: Final = 500
_VERSION_MAX: Final = 2**63 - 1
_ENROLLED: Final = "StaffEnrolled"


def ledgers_check(chosen: Sequence[str] | None, there: Collection[str], field: str) -> None:
    """Whether all ledgers of a key are there; None means all that ever will be. Raises Refused (LEDGER_UNKNOWN)."""
    if not set(chosen or ()) <= set(there):
        raise Refused("LEDGER_UNKNOWN", "one of these ledgers isn't there; make it first, then the key", field)


def holder_check(recorder: LogRecorder, customer: str | None, staff: str | None) -> None:
    """Whether whom a key is for is in its ledger. Raises Refused (CUSTOMER_UNKNOWN, STAFF_UNKNOWN)."""
    if customer is not None and not _customer_there(recorder, customer):
        raise Refused("CUSTOMER_UNKNOWN", "this ledger has no such customer; register the customer first", "customer")
    if staff is not None and not _staff_there(recorder, staff):
        raise Refused("STAFF_UNKNOWN", "this ledger has no such member of staff; enrol them first", "staff")


def _customer_there(recorder: LogRecorder, customer: str) -> bool:
    stream = customer_id(customer_number(customer))
    return bool(recorder.select_stream_back(stream, _VERSION_MAX, 1))


def _staff_there(recorder: LogRecorder, staff: str) -> bool:
    """Numbers are given in order and never taken back: the last one given tells."""
    before = _VERSION_MAX
    while events := recorder.select_stream_back(STREAM_STAFF, before, READ_TOGETHER):
        for version, topic, state in events:
            before = version
            if topic == _ENROLLED:
                return staff_number(staff) <= staff_number(state_of(topic, state)["staff"])
    return False
