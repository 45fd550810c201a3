"""Who sends facts by NATS. The broker tells no subscriber who published, but holds everybody to the subjects they may
publish to: so the subject names the sender.
"""

from __future__ import annotations

import re
from typing import Final

from streams.subjects import facts_subject

SENDER_DEFAULT: Final = "default"
"""Who sends to a ledger's plain subject of facts."""
_SENDER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def facts_subject_of(ledger: str, sender: str) -> str:
    """Where one sender, and nobody else, may send facts. Raises ValueError for what can name no sender."""
    if _SENDER.fullmatch(sender) is None:
        raise ValueError("a sender's name has 1 to 64 letters, digits, - and _")
    return f"{facts_subject(ledger)}.{sender}"


def facts_subjects(ledger: str) -> tuple[str, str]:
    """The subjects of all senders of a ledger, for who takes their facts."""
    return facts_subject(ledger), f"{facts_subject(ledger)}.*"


def sender_of(ledger: str, subject: str) -> str:
    """Who sent to a subject of `facts_subjects`. Raises ValueError for what can name no sender."""
    sender = subject.removeprefix(facts_subject(ledger)).removeprefix(".") or SENDER_DEFAULT
    facts_subject_of(ledger, sender)
    return sender
