"""Who may do what at a NATS server of one's own: an account file that its configuration includes.

A permission bounds the subjects that a user publishes to, never the *reply* subject it gives along: whoever may ask
JetStream anything in the stream's own account has the server write its answer into the event stream by naming an event
subject as the reply. So the streams' account has no users but the operations' and the relay's. The service, the
operator and each other system have an account of their own, in which nothing exists but what is imported by name, and
whose replies stay in it. Permissions on top of that bound each user to what it imports.

Other accounts reach JetStream's API under a prefix, as if under the domain `plumbline`: under the usual one the server
itself answers, too, that there is no JetStream in their account.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from ledger.domain.errors import Refused
from streams.subjects import SUBJECT_ROOT, facts_subject, stream_name

OPERATIONS: Final = "operations"
RELAY: Final = "relay"
SERVICE: Final = "service"
OPERATOR: Final = "operator"
OURS: Final = (OPERATIONS, RELAY, SERVICE, OPERATOR)

USER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
API_DOMAIN: Final = "plumbline"
"""What a client in another account than the streams' names as JetStream's domain."""
API: Final = "$JS.API."
API_ELSEWHERE: Final = f"$JS.{API_DOMAIN}.API."

_ACCOUNT_STREAMS: Final = "PLUMBLINE"
_EVENTS: Final = f"{SUBJECT_ROOT}.*.event.>"
_DEAD: Final = f"{SUBJECT_ROOT}.*.dead"
_READS: Final = ("STREAM.INFO.*", "STREAM.MSG.GET.*")
_READS_OPERATOR: Final = (
    *_READS, "DIRECT.GET.*", "INFO", "STREAM.NAMES", "STREAM.LIST", "CONSUMER.NAMES.*", "CONSUMER.LIST.*",
    "CONSUMER.INFO.*.*",
)  # fmt: skip
_NKEY_BYTES: Final = 35
_NKEY_USER_PREFIX: Final = 20 << 3
_HEADER: Final = b"""\
# Accounts, users and permissions of Plumbline for nats-server; made by `plumbline streams permissions`.
# Include it at the top level of the server's configuration (include ./FILE), which switches JetStream on, and reload.
# Passwords stand here as they are: only the server's account may read this file.
"""


def inbox_prefix(user: str) -> str:
    """What a user's reply subjects begin with; it may subscribe to no others."""
    return f"_INBOX_{user}"


@dataclass(frozen=True, slots=True)
class Party:
    """Another system: the ledgers whose events it follows, each by a durable consumer of its own name, and the ledgers
    it sends facts to."""

    name: str
    follows: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not USER_NAME.fullmatch(self.name) or self.name in OURS:
            raise Refused(
                "PARTY_INVALID",
                "name another system in 1 to 48 letters, digits, - and _, beginning with a letter or digit;"
                f" {', '.join(OURS)} are taken",
                "name",
            )


@dataclass(frozen=True, slots=True)
class Login:
    """How a user proves who it is: by a password, or by signing with the seed of a public nkey."""

    password: str = ""
    nkey: str = ""


@dataclass(slots=True)
class _Account:
    """An account with its only user: what it may publish and subscribe to, and what it imports from elsewhere."""

    user: str
    publish: list[str] = field(default_factory=list[str])
    subscribe: list[str] = field(default_factory=list[str])
    imports: list[_Import] = field(default_factory=list[Any])
    responds: bool = False

    def asks(self, account: str, subject: str, *, seen_as: str = "", many: bool = False) -> None:
        """May send requests that another account answers, once or with many messages."""
        self.publish.append(seen_as or subject)
        self.imports.append(_Import(account, subject, "service", seen_as, many))

    def listens(self, account: str, subject: str) -> None:
        """May hear what is said in another account."""
        self.subscribe.append(subject)
        self.imports.append(_Import(account, subject, "stream", "", False))


@dataclass(frozen=True, slots=True)
class _Import:
    account: str
    subject: str
    kind: str
    seen_as: str
    many: bool


def logins_made(names: Collection[str], kept: Mapping[str, Login], nkeys: Mapping[str, str]) -> dict[str, Login]:
    """A login for each user: by the nkey given for it, else as it was, else by a new password of 256 bits.

    Raises Refused (NKEY_INVALID) for what is no public nkey of a user, or names nobody.
    """
    for name, nkey in nkeys.items():
        if name not in names:
            raise Refused("NKEY_INVALID", "an nkey is given as NAME=KEY for a user of this file", "nkey")
        _nkey_check(nkey)
    return {
        name: Login(nkey=nkeys[name]) if name in nkeys else kept.get(name) or Login(secrets.token_urlsafe(32))
        for name in names
    }


def users_of(parties: Sequence[Party]) -> list[str]:
    """Every user that the account file has for these. Raises Refused (PARTY_INVALID) for one named twice."""
    names = [*OURS, *(party.name for party in parties)]
    if len(names) != len(set(names)):
        raise Refused("PARTY_INVALID", "each other system has one name, and is named once", "name")
    return names


def accounts_of(parties: Sequence[Party], logins: Mapping[str, Login]) -> dict[str, Any]:
    """The accounts as nats-server's configuration has them."""
    operations = _Account(OPERATIONS, [f"{API}>", _EVENTS])
    relay = _Account(RELAY, [_EVENTS, *(API + read for read in _READS)])
    others = {_account_name(a.user): a for a in (_service(), _operator(), *map(_party, parties))}
    accounts: dict[str, Any] = {
        _ACCOUNT_STREAMS: {"jetstream": "enabled", "users": [_user(operations, logins), _user(relay, logins)]}
    }
    for name, account in others.items():
        accounts[name] = {"users": [_user(account, logins)], "imports": [_import_entry(i) for i in account.imports]}
    for name, account in accounts.items():
        if exports := list(_exports(name, others)):
            account["exports"] = exports
    return accounts


def account_file(accounts: Mapping[str, Any]) -> bytes:
    """The accounts as a file to include."""
    return _HEADER + orjson.dumps({"accounts": accounts}, option=orjson.OPT_INDENT_2) + b"\n"


def logins_read(file: bytes) -> dict[str, Login]:
    """The logins of a file that `account_file` made. Raises Refused (ACCOUNT_FILE_INVALID) for any other."""
    body = b"\n".join(line for line in file.splitlines() if not line.startswith(b"#"))
    try:
        accounts = cast(dict[str, Any], orjson.loads(body))["accounts"]
        users = [user for account in accounts.values() for user in account["users"]]
        return {_inbox_owner(user): Login(user.get("password", ""), user.get("nkey", "")) for user in users}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(
            "ACCOUNT_FILE_INVALID", "the file there was not made by this command; name another, or remove it", "out"
        ) from None


def _service() -> _Account:
    """The service's processes: commands to the lease's holder, facts that come in, what is refused of them."""
    ledger = f"{SUBJECT_ROOT}.*"
    both = [f"{ledger}.commands", f"{ledger}.holder"]
    account = _Account(SERVICE, [*both], [*both, f"{ledger}.facts", f"{ledger}.facts.*"], responds=True)
    account.asks(_ACCOUNT_STREAMS, _DEAD)
    return account


def _operator() -> _Account:
    """Who looks after it: hears events, reads what the streams keep, dead letters too; changes nothing."""
    account = _Account(OPERATOR)
    for read in _READS_OPERATOR:
        account.asks(_ACCOUNT_STREAMS, API + read, seen_as=API_ELSEWHERE + read, many=read.startswith("DIRECT"))
    account.listens(_ACCOUNT_STREAMS, _EVENTS)
    return account


def _party(party: Party) -> _Account:
    """Another system: fetches from its durable, reads how that stands, acknowledges; sends facts in its own name."""
    account = _Account(party.name)
    for ledger in party.follows:
        durable = f"{stream_name(ledger)}.{party.name}"
        fetch, info = f"CONSUMER.MSG.NEXT.{durable}", f"CONSUMER.INFO.{durable}"
        account.asks(_ACCOUNT_STREAMS, API + fetch, many=True)
        account.asks(_ACCOUNT_STREAMS, API + fetch, seen_as=API_ELSEWHERE + fetch, many=True)
        account.asks(_ACCOUNT_STREAMS, API + info, seen_as=API_ELSEWHERE + info)
        account.asks(_ACCOUNT_STREAMS, f"$JS.ACK.{durable}.>")
        # The form with domain and hash of the account, to which servers may be switched.
        account.asks(_ACCOUNT_STREAMS, f"$JS.ACK.*.*.{durable}.>")
    for ledger in party.sends:
        own = f"{facts_subject(ledger)}.{party.name}"
        account.asks(_account_name(SERVICE), own)
        # Sent without a name, it comes in under the sender's all the same.
        account.asks(_account_name(SERVICE), own, seen_as=facts_subject(ledger))
    return account


def _account_name(user: str) -> str:
    return f"{_ACCOUNT_STREAMS}-{user}"


def _user(account: _Account, logins: Mapping[str, Login]) -> dict[str, Any]:
    login = logins[account.user]
    permissions: dict[str, Any] = {
        "publish": {"allow": account.publish},
        "subscribe": {"allow": [f"{inbox_prefix(account.user)}.>", *account.subscribe]},
    }
    if account.responds:
        permissions["allow_responses"] = {"max": 1, "expires": "2m"}
    named = {"nkey": login.nkey} if login.nkey else {"user": account.user, "password": login.password}
    return {**named, "permissions": permissions}


def _inbox_owner(user: Mapping[str, Any]) -> str:
    """Whose entry it is; one with an nkey doesn't say so itself."""
    inbox: str = user["permissions"]["subscribe"]["allow"][0]
    return inbox.removeprefix(inbox_prefix("")).removesuffix(".>")


def _import_entry(imported: _Import) -> dict[str, Any]:
    entry: dict[str, Any] = {imported.kind: {"account": imported.account, "subject": imported.subject}}
    return {**entry, "to": imported.seen_as} if imported.seen_as else entry


def _exports(provider: str, others: Mapping[str, _Account]) -> Iterator[dict[str, Any]]:
    """What an account lets others import: each subject to those alone that do."""
    takers: dict[_Import, list[str]] = {}
    for name, account in others.items():
        for imported in account.imports:
            if imported.account == provider:
                names = takers.setdefault(_Import(provider, imported.subject, imported.kind, "", imported.many), [])
                if name not in names:
                    names.append(name)
    for imported, names in takers.items():
        more = {"response_type": "stream"} if imported.many else {}
        yield {imported.kind: imported.subject, "accounts": names, **more}


def _nkey_check(nkey: str) -> None:
    """Raises Refused for anything but a user's public key: base32 of a prefix, 32 bytes and their CRC-16."""
    try:
        data = base64.b32decode(nkey + "=" * (-len(nkey) % 8))
    except ValueError:
        data = b""
    sum_told = int.from_bytes(data[-2:], "little")
    if len(data) != _NKEY_BYTES or data[0] != _NKEY_USER_PREFIX or binascii.crc_hqx(data[:-2], 0) != sum_told:
        reason = "give a user's public nkey, which begins with U; never the seed, which begins with SU"
        raise Refused("NKEY_INVALID", reason, "nkey")
