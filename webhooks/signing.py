"""Signatures on webhooks, as the Standard Webhooks specification has them.

Signed is `<webhook-id>.<webhook-timestamp>.<body>`, with HMAC-SHA256 under a secret that both sides know. A header may
carry several signatures, so that a secret can be changed without a gap: one that fits is enough.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from ledger.domain.errors import PlumblineError

HEADER_ID: Final = "webhook-id"
HEADER_TIMESTAMP: Final = "webhook-timestamp"
HEADER_SIGNATURE: Final = "webhook-signature"
SECRET_PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
"""How many bytes a secret of ours has; others may use between the two bounds below, as the specification says."""
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
TOLERANCE_SECONDS: Final = 300
"""How far the sender's clock, and the way to us, may be off."""
MESSAGE_ID_LENGTH_MAX: Final = 256
SIGNATURES_MAX: Final = 20
"""More than this in one header is no rotation of secrets but an attempt to keep us busy."""

_SCHEME: Final = "v1"
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_MESSAGE_ID: Final = re.compile(r"[\x21-\x7e]+")


class SignatureRefused(PlumblineError):
    """A message that can't be shown to come from whom it says. `reason` is for the log, never for the answer: it tells
    what was wrong and echoes nothing of the message.
    """

    code = "SIGNATURE_REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SecretInvalid(PlumblineError):
    """A secret that doesn't have the form `whsec_<base64>`; the text doesn't repeat it."""

    code = "WEBHOOK_SECRET_INVALID"


def secret_create(random: bytes) -> str:
    """The secret that holds these random bytes, of which there must be 24 to 64 (SECRET_BYTES is a good number)."""
    if not SECRET_BYTES_MIN <= len(random) <= SECRET_BYTES_MAX:
        raise SecretInvalid(f"a secret needs {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes")
    return SECRET_PREFIX + base64.b64encode(random).decode("ascii")


def secret_key(secret: str) -> bytes:
    """The bytes that a secret stands for. SecretInvalid where it has another form."""
    if not secret.startswith(SECRET_PREFIX):
        raise SecretInvalid(f"a secret begins with {SECRET_PREFIX}")
    try:
        key = base64.b64decode(secret[len(SECRET_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise SecretInvalid(f"a secret is {SECRET_PREFIX} and base64 after it") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise SecretInvalid(f"a secret holds {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,<base64>`; `timestamp` in Unix seconds. Several are joined by spaces."""
    digest = _digest(secret_key(secret), message_id, str(timestamp), body)
    return f"{_SCHEME},{base64.b64encode(digest).decode('ascii')}"


def sign_all(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message, signed under each of the secrets, the newest first."""
    return {
        HEADER_ID: message_id,
        HEADER_TIMESTAMP: str(timestamp),
        HEADER_SIGNATURE: " ".join(sign(secret, message_id, timestamp, body) for secret in secrets),
    }


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    tolerance_seconds: int = TOLERANCE_SECONDS,
) -> str:
    """The id of a message that one of `secrets` signed, within `tolerance_seconds` of `now` (Unix seconds).

    The names of headers are taken whatever their case. SignatureRefused says why not; SecretInvalid if a secret of ours
    is none. That the same message may come twice is for the caller, who knows the ids it has seen.
    """
    keys = [secret_key(secret) for secret in secrets]
    if not keys:
        raise SignatureRefused("there is no secret to compare with")
    lower = _headers_lower(headers)
    message_id = lower[HEADER_ID]
    if len(message_id) > MESSAGE_ID_LENGTH_MAX or _MESSAGE_ID.fullmatch(message_id) is None:
        raise SignatureRefused(f"{HEADER_ID} isn't 1 to {MESSAGE_ID_LENGTH_MAX} visible ASCII characters")
    timestamp = lower[HEADER_TIMESTAMP]
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise SignatureRefused(f"{HEADER_TIMESTAMP} isn't a number of seconds")
    given = _signatures(lower[HEADER_SIGNATURE])
    # Compared before the clock is, every signature under every key and without stopping early: how long it takes says
    # nothing about which of them was near.
    fits = 0
    for key in keys:
        digest = _digest(key, message_id, timestamp, body)
        for signature in given:
            fits |= hmac.compare_digest(signature, digest)
    if not fits:
        raise SignatureRefused("no signature fits")
    if int(timestamp) < now - tolerance_seconds:
        raise SignatureRefused(f"it is older than {tolerance_seconds} seconds")
    if int(timestamp) > now + tolerance_seconds:
        raise SignatureRefused(f"it is more than {tolerance_seconds} seconds in the future")
    return message_id


def _headers_lower(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower not in (HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE):
            continue
        if lower in found:
            raise SignatureRefused(f"{lower} stands there twice")
        found[lower] = value
    for name in (HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE):
        if not found.get(name):
            raise SignatureRefused(f"{name} is missing")
    return found


def _signatures(header: str) -> list[bytes]:
    """The digests of the scheme that we know; those of others are left aside, as the specification asks."""
    parts = header.split(" ")
    if len(parts) > SIGNATURES_MAX:
        raise SignatureRefused(f"{HEADER_SIGNATURE} has more than {SIGNATURES_MAX} signatures")
    found: list[bytes] = []
    for part in parts:
        scheme, comma, value = part.partition(",")
        if not comma:
            raise SignatureRefused(f"{HEADER_SIGNATURE} isn't a list of version,signature")
        if scheme != _SCHEME:
            continue
        try:
            found.append(base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError):
            raise SignatureRefused(f"{HEADER_SIGNATURE} holds one that isn't base64") from None
    if not found:
        raise SignatureRefused(f"{HEADER_SIGNATURE} has none of the scheme {_SCHEME}")
    return found


def _digest(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
