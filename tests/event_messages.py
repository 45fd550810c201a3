"""Events of real logs as messages: each is as its published schema says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache

import orjson
from jsonschema import Draft202012Validator, FormatChecker

from ledger.domain.events import REGISTRY
from ledger.log.recorder import EventRow, LogRecorder
from streams.event_schemas import published
from streams.messages import message_of
from streams.subjects import event_subject, token_decode

FORMATS = FormatChecker(formats=())
"""Formats are held to the letter: a day is no moment."""
FORMATS.checks("date", raises=ValueError)(lambda text: bool(date.fromisoformat(text)))
FORMATS.checks("date-time", raises=ValueError)(lambda text: len(text) > 10 and datetime.fromisoformat(text).tzinfo is not None)


@cache
def _validator(topic: str) -> Draft202012Validator:
    return Draft202012Validator(orjson.loads(published()[topic][REGISTRY[topic].class_version]), format_checker=FORMATS)


def messages_check(rows: Iterable[EventRow]) -> Counter[str]:
    """How many events there are of each type; the message of each is as its schema says."""
    counts: Counter[str] = Counter()
    for row in rows:
        position, stream, _, topic, _ = row
        message = message_of("main", row)
        problems = [error.message for error in _validator(topic).iter_errors(orjson.loads(message.body))]
        assert problems == [], (topic, position, problems)
        customer = message.headers.get("ce-subject")
        assert customer in (None, stream)
        assert message.subject == event_subject("main", topic, customer)
        assert customer is None or token_decode(message.subject.rpartition(".")[2]) == customer
        moment = datetime.fromisoformat(message.headers["ce-time"])
        assert moment.tzinfo is not None
        counts[topic] += 1
    return counts


def last_of_each(recorder: LogRecorder) -> list[EventRow]:
    """The last event of each type in a log."""
    with recorder.datastore.get_connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT ON (topic) notification_id, originator_id, originator_version, topic, state FROM event"
            " ORDER BY topic, notification_id DESC"
        ).fetchall()
    return [(r["notification_id"], r["originator_id"], r["originator_version"], r["topic"], bytes(r["state"])) for r in found]
