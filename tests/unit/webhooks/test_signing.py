"""Signatures of webhooks: the published example, and every way of not being one."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given, strategies as st

from webhooks.signing import (
    SecretInvalid,
    SignatureRefused,
    secret_create,
    secret_key,
    sign,
    sign_all,
    verify,
)

# The example that the Standard Webhooks specification and its libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": MESSAGE_ID, "webhook-timestamp": str(TIMESTAMP), "webhook-signature": SIGNATURE}
OTHER = secret_create(bytes(range(32)))


def reason(headers: dict[str, str], *, body: bytes = BODY, now: float = TIMESTAMP, secrets: tuple[str, ...] = (SECRET,)) -> str:
    with pytest.raises(SignatureRefused) as refused:
        verify(secrets, headers, body, now, 300)
    assert not any(value and value in refused.value.reason for value in headers.values())
    return refused.value.reason


def test_the_published_example_is_signed_and_verified() -> None:
    assert sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE
    assert sign_all([SECRET], MESSAGE_ID, TIMESTAMP, BODY) == HEADERS
    assert verify([SECRET], HEADERS, BODY, TIMESTAMP, 300) == MESSAGE_ID


def test_a_signature_is_the_hmac_of_id_timestamp_and_body_as_anyone_can_compute_it() -> None:
    digest = hmac.new(secret_key(OTHER), b"m-1.17." + b"\xff\x00", hashlib.sha256).digest()
    assert sign(OTHER, "m-1", 17, b"\xff\x00") == "v1," + base64.b64encode(digest).decode()


def test_while_a_secret_is_changed_either_side_may_have_the_old_one() -> None:
    both = sign_all([OTHER, SECRET], MESSAGE_ID, TIMESTAMP, BODY)
    assert both["webhook-signature"].split(" ")[1] == SIGNATURE
    assert verify([SECRET], both, BODY, TIMESTAMP, 300) == MESSAGE_ID
    assert verify([OTHER], both, BODY, TIMESTAMP, 300) == MESSAGE_ID
    assert verify([OTHER, SECRET], HEADERS, BODY, TIMESTAMP, 300) == MESSAGE_ID


def test_the_names_of_headers_come_in_any_case_and_other_schemes_and_headers_are_left_aside() -> None:
    headers = {"Webhook-Id": MESSAGE_ID, "WEBHOOK-TIMESTAMP": str(TIMESTAMP), "x": "y"}
    assert verify([SECRET], headers | {"webhook-Signature": f"v1a,zz== {SIGNATURE}"}, BODY, TIMESTAMP, 300) == MESSAGE_ID


def test_a_forged_message_is_refused() -> None:
    assert reason(HEADERS, body=BODY + b" ") == "no signature fits"
    assert reason(HEADERS | {"webhook-id": "msg_other"}) == "no signature fits"
    assert reason(HEADERS | {"webhook-timestamp": str(TIMESTAMP + 1)}) == "no signature fits"
    assert reason(HEADERS, secrets=(OTHER,)) == "no signature fits"
    assert reason(HEADERS | {"webhook-signature": sign(OTHER, MESSAGE_ID, TIMESTAMP, BODY)}) == "no signature fits"
    assert reason(HEADERS | {"webhook-signature": "v1,"}) == "no signature fits"
    assert reason(HEADERS | {"webhook-signature": SIGNATURE[:-5] + "="}) == "no signature fits"


def test_a_late_message_is_refused_and_one_within_the_tolerance_is_not() -> None:
    assert verify([SECRET], HEADERS, BODY, TIMESTAMP + 300, 300) == MESSAGE_ID
    assert reason(HEADERS, now=TIMESTAMP + 300.5) == "it is older than 300 seconds"


def test_a_message_from_the_future_is_refused_and_one_of_a_clock_slightly_ahead_is_not() -> None:
    assert verify([SECRET], HEADERS, BODY, TIMESTAMP - 300, 300) == MESSAGE_ID
    assert reason(HEADERS, now=TIMESTAMP - 301) == "it is more than 300 seconds in the future"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_or_doubled_header_is_refused(name: str) -> None:
    assert reason({n: v for n, v in HEADERS.items() if n != name}) == f"{name} is missing"
    assert reason(HEADERS | {name: ""}) == f"{name} is missing"
    assert reason(HEADERS | {name.upper(): HEADERS[name]}) == f"{name} stands there twice"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("webhook-id", "with space", "webhook-id isn't 1 to 256 visible ASCII characters"),
        ("webhook-id", "客", "webhook-id isn't 1 to 256 visible ASCII characters"),
        ("webhook-id", "x" * 257, "webhook-id isn't 1 to 256 visible ASCII characters"),
        ("webhook-timestamp", "-1", "webhook-timestamp isn't a number of seconds"),
        ("webhook-timestamp", "1.5", "webhook-timestamp isn't a number of seconds"),
        ("webhook-timestamp", "٣", "webhook-timestamp isn't a number of seconds"),
        ("webhook-timestamp", "9" * 5000, "webhook-timestamp isn't a number of seconds"),
        ("webhook-signature", "v1", "webhook-signature isn't a list of version,signature"),
        ("webhook-signature", SIGNATURE + " ", "webhook-signature isn't a list of version,signature"),
        ("webhook-signature", "v1,ä", "webhook-signature holds one that isn't base64"),
        ("webhook-signature", "v1,abc", "webhook-signature holds one that isn't base64"),
        ("webhook-signature", "v2,abcd", "webhook-signature has none of the scheme v1"),
        ("webhook-signature", "v1,abcd " * 20 + SIGNATURE, "webhook-signature has more than 20 signatures"),
    ],
)  # fmt: skip
def test_a_malformed_header_is_refused_by_name(name: str, value: str, why: str) -> None:
    assert reason(HEADERS | {name: value}) == why


def test_without_a_secret_nothing_is_verified() -> None:
    assert reason(HEADERS, secrets=()) == "there is no secret to compare with"


@pytest.mark.parametrize(
    "secret", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_ä", "whsec_abc", "whsec_" + "A" * 88 + "A==="]
)
def test_a_secret_of_another_form_is_none_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(SecretInvalid) as error:
        secret_key(secret)
    assert len(secret) < 7 or secret not in str(error.value)
    with pytest.raises(SecretInvalid):
        verify([secret], HEADERS, BODY, TIMESTAMP, 300)


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_secret_is_not_made_of_too_few_or_too_many_bytes(length: int) -> None:
    with pytest.raises(SecretInvalid):
        secret_create(bytes(length))


@given(st.binary(min_size=24, max_size=64), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
       st.integers(0, 10**11), st.binary())  # fmt: skip
def test_what_is_signed_is_verified_whatever_it_is(random: bytes, message_id: str, timestamp: int, body: bytes) -> None:
    secret = secret_create(random)
    headers = sign_all([OTHER, secret], message_id, timestamp, body)
    assert verify([secret], headers, body, timestamp) == message_id
    with pytest.raises(SignatureRefused):
        verify([secret], headers, body + b"x", timestamp)
