"""Where webhooks may lead: not into our own networks, by no way of writing an address and by no change of mind of a name."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger.domain.errors import Refused
from tests.receiver import receiving
from webhooks.addresses import AddressRefused, Resolve, networks_of, target_find, url_checked, url_shown
from webhooks.calling import Caller, Message, Sent, excerpt_of
from webhooks.signing import secret_create
from webhooks.subscriptions import WebhookAsked, asked_checked

SECRET = secret_create(bytes(32))
LOOPBACK = networks_of("127.0.0.0/8")
MESSAGE = Message("main/1", "application/json", b"{}")
INSIDE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
)  # fmt: skip


def resolving(*answers: Sequence[str]) -> tuple[Resolve, list[str]]:
    """A name's addresses, other ones each time it is asked; and what was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        found = answers[min(len(asked), len(answers)) - 1]
        if not found:
            raise OSError("unknown name")
        return found

    return resolve, asked


def call(url: str, resolve: Resolve, networks: str = "", **more: object) -> Sent:
    async def run() -> Sent:
        caller = Caller(networks=networks_of(networks), resolve=resolve, **more)  # pyright: ignore[reportArgumentType]
        try:
            return await caller.call(url, MESSAGE, [SECRET], 0)
        finally:
            await caller.close()

    return asyncio.run(run())


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_of_our_own_networks_is_refused_written_out_and_behind_a_name(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Refused, match="isn't of the public internet") as refused:
        url_checked(f"https://{host}/hook", ())
    assert refused.value.code == "WEBHOOK_URL_INVALID" and address not in refused.value.reason
    resolve, _ = resolving([address])
    with pytest.raises(AddressRefused, match="isn't of the public internet"):
        asyncio.run(target_find("https://hook.example/x", (), resolve))


def test_one_address_of_our_own_networks_among_public_ones_is_enough_to_refuse() -> None:
    resolve, _ = resolving(["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        asyncio.run(target_find("https://hook.example/x", (), resolve))


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LocalHost", "localhost.", "app.localhost", "127.1", "2130706433", "0x7f000001", "0X7F000001.",
        "0x7f.1", "127.0.0.1.", "1.1", "0x5db8d822", "hook.123", "99999999999",
    ],
)  # fmt: skip
def test_the_machine_itself_and_numbers_in_other_spellings_are_refused_when_a_url_is_given(host: str) -> None:
    with pytest.raises(Refused) as refused:
        url_checked(f"https://{host}/hook", networks_of("10.0.0.0/8"))
    assert refused.value.code == "WEBHOOK_URL_INVALID" and host not in refused.value.reason


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "2130706433", "0x7f000001", "127.0.0.1"])
def test_networks_that_are_named_allow_them_and_names_that_only_look_like_it_are_names(host: str) -> None:
    assert url_checked(f"https://{host}/hook", LOOPBACK)
    for name in ("localhost.example", "mylocalhost", "0x7f.example", "12.example", "a1"):
        assert url_checked(f"https://{name}/hook", ())


def test_refusals_that_networks_would_lift_name_the_option_and_the_variable() -> None:
    for url in ("https://10.1.2.3/", "http://hook.example/", "https://localhost/", "https://2130706433/"):
        with pytest.raises(Refused, match="--webhook-networks or PLUMBLINE_WEBHOOK_NETWORKS"):
            url_checked(url, ())
    resolve, _ = resolving(["10.1.2.3"])
    for url in ("https://hook.example/", "http://hook.example/"):
        sent = call(url, resolve)
        assert "--webhook-networks or PLUMBLINE_WEBHOOK_NETWORKS" in sent.reason == sent.reason_own
    assert Sent(500, 1, "answered 500: of theirs").reason_own == "answered 500" and Sent(204, 1, "").reason_own == ""


def test_a_url_that_stays_is_not_judged_by_the_networks_of_who_changes_something_else() -> None:
    asked = WebhookAsked("event", "http://127.0.0.1/x", attempts_max=5)
    assert asked_checked(asked, (), asked.url) == asked
    for before in (None, "http://127.0.0.1/y"):
        with pytest.raises(Refused, match="must begin with https://"):
            asked_checked(asked, (), before)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
def test_other_ways_of_writing_loopback_lead_nowhere_with_the_resolver_of_this_machine(host: str) -> None:
    sent = asyncio.run(Caller().call(f"https://{host}/x", MESSAGE, [SECRET], 0))
    assert sent.status == 0 and any(
        words in sent.reason for words in ("isn't of the public internet", "has no address", "can't be read")
    )


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_asked_once() -> None:
    resolve, asked = resolving(["2606:2800:21f:cb07::1"], ["127.0.0.1"])
    target = asyncio.run(target_find("https://hook.example:8443/a?b=c", (), resolve))
    assert target.url == "https://[2606:2800:21f:cb07::1]:8443/a?b=c"
    assert (target.host, target.authority, asked) == ("hook.example", "hook.example:8443", ["hook.example:8443"])


def test_a_name_that_leads_inside_the_second_time_is_refused_then() -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        resolve, asked = resolving(["127.0.0.1"], ["10.0.0.1"])

        async def run() -> list[Sent]:
            caller = Caller(networks=LOOPBACK, resolve=resolve)
            try:
                return [await caller.call(f"http://hook.example:{port}/x", MESSAGE, [SECRET], 0) for _ in range(2)]
            finally:
                await caller.close()

        first, second = asyncio.run(run())
        assert first.taken and second.status == 0 and "use https" in second.reason
        assert len(receiver.got) == 1 and receiver.got[0].headers["host"] == f"hook.example:{port}" and len(asked) == 2


def test_a_connection_that_was_opened_for_one_name_serves_no_other_at_the_same_address() -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        resolve, _ = resolving(["127.0.0.1"])

        async def run() -> None:
            caller = Caller(networks=LOOPBACK, resolve=resolve)
            for name in ("one.example", "one.example", "two.example"):
                await caller.call(f"http://{name}:{port}/x", MESSAGE, [SECRET], 0)
            await caller.close()

        asyncio.run(run())
        first, again, other = [got.port for got in receiver.got]
        assert first == again != other


def test_without_tls_only_the_networks_that_are_set_may_be_called() -> None:
    with pytest.raises(Refused, match="must begin with https://"):
        url_checked("http://example.com/", ())
    with pytest.raises(Refused, match="only addresses of the networks that are set"):
        url_checked("http://93.184.216.34/", LOOPBACK)
    assert url_checked("http://127.0.0.1:1/x", LOOPBACK) and url_checked("https://127.0.0.1/x", LOOPBACK)
    resolve, _ = resolving(["93.184.216.34"])
    assert "use https" in call("http://hook.example/", resolve, "127.0.0.0/8").reason


@pytest.mark.parametrize(
    "url",
    [
        "", "hook", "ftp://example.com/", "https://", "https:///x", "https://user:pw@example.com/", "https://example.com/#x",
        "https://exa mple.com/", "https://example.com:0/", "https://example.com:99999/", "https://例子.cn/", "https://[::1/",
        "https://example.com/\n", "javascript:alert(1)", "https://example.com/" + "x" * 2_000,
    ],
)  # fmt: skip
def test_what_is_no_plain_https_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Refused) as refused:
        url_checked(url, ())
    assert refused.value.code == "WEBHOOK_URL_INVALID" and (len(url) < 9 or url not in refused.value.reason)


def test_the_query_of_a_url_may_hold_a_secret_and_is_not_shown() -> None:
    assert url_shown("https://hook.example/send?key=abc") == "https://hook.example/send?…"
    assert url_shown("https://hook.example/send") == "https://hook.example/send"


def test_a_list_of_networks_is_read_or_refused() -> None:
    assert [str(n) for n in networks_of(" 10.0.0.0/8, ::1 ,")] == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(Refused, match="name networks such as"):
        networks_of("10.0.0.1/8")


def test_the_excerpt_of_an_answer_is_short_and_plain() -> None:
    assert excerpt_of(b"a\x1b[31m\r\n\tb\xff\x00c " + "错误".encode()) == "a [31m b c 错误"
    assert len(excerpt_of(b"x" * 5_000)) == 200


def test_a_name_without_an_address_fails_and_says_so() -> None:
    resolve, _ = resolving([])
    sent = call("https://hook.example/", resolve)
    assert (sent.status, sent.reason) == (0, "the name in the URL has no address")


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pem, secret


def test_the_certificate_is_held_against_the_name_though_the_address_is_called(tmp_path: Path) -> None:
    pem, key = _certificate(tmp_path, "hook.example")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem, key)
    trusting = ssl.create_default_context(cafile=str(pem))
    resolve, _ = resolving(["127.0.0.1"])
    with receiving(serving) as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        assert call(f"https://hook.example:{port}/x", resolve, "127.0.0.0/8", tls=trusting).taken
        other = call(f"https://other.example:{port}/x", resolve, "127.0.0.0/8", tls=trusting)
        unknown = call(f"https://hook.example:{port}/x", resolve, "127.0.0.0/8")
    assert (other.status, other.reason) == (unknown.status, unknown.reason) == (0, "the connection failed (ConnectError)")
    assert len(receiver.got) == 1 and receiver.got[0].verified_at(0, SECRET) == "main/1"
