"""Where a webhook may lead: to the public internet over TLS, and nowhere else unless a setting names the networks.

A name is resolved here, every address it has is checked, and the connection goes to the very address that was checked:
a name that answers otherwise a moment later leads nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpx

from ledger.domain.errors import PlumblineError, Refused

URL_LENGTH_MAX: Final = 2_000
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, as text; raises OSError where there are none."""

NETWORKS_HINT: Final = (
    "what may be called besides is named to `plumbline serve`, and to the command, by --webhook-networks or"
    " PLUMBLINE_WEBHOOK_NETWORKS"
)
"""Ends every refusal that other networks would lift."""
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LOOPBACK: Final = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(PlumblineError):
    """A webhook would lead where it may not; the text says why and names no address."""

    code = "WEBHOOK_ADDRESS_REFUSED"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: the URL with the checked address in place of the name, and what stood there."""

    url: str
    host: str
    authority: str


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks of a list separated by commas, such as `10.0.0.0/8,::1`. Raises Refused (NETWORKS_INVALID)."""
    found: list[Network] = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError:
            raise Refused(
                "NETWORKS_INVALID", "name networks such as 10.1.0.0/16 or fd00::/8, separated by commas", "networks"
            ) from None
    return tuple(found)


def url_checked(url: str, networks: Sequence[Network]) -> str:
    """A URL that a webhook may have; its name is looked up when it is called. Raises Refused (WEBHOOK_URL_INVALID)."""
    parsed = _parsed(url)
    if parsed is None or len(url) > URL_LENGTH_MAX:
        raise _invalid(f"is no URL of at most {URL_LENGTH_MAX} characters such as https://example.com/hook")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and networks):
        raise _invalid(f"must begin with https://; {NETWORKS_HINT}")
    if parsed.userinfo:
        raise _invalid("may hold no user and password; messages are signed instead")
    if "#" in url:
        raise _invalid("may have no fragment (#)")
    try:
        _host_check(parsed.host, parsed.scheme, networks)
    except AddressRefused as error:
        raise _invalid(str(error)) from None
    return url


def url_shown(url: str) -> str:
    """A URL without its query, which may hold a secret."""
    before, mark, _ = url.partition("?")
    return f"{before}?…" if mark else before


async def target_find(url: str, networks: Sequence[Network], resolve: Resolve) -> Target:
    """Where a call to a URL goes now. Raises AddressRefused."""
    parsed = _parsed(url)
    if parsed is None:
        raise AddressRefused("the URL can't be read; change it")
    host = parsed.raw_host.decode("ascii")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        addresses: Sequence[Address] = [ipaddress.ip_address(host.strip("[]"))]
    except ValueError:
        try:
            addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in await resolve(host, port)]
        except (OSError, ValueError, UnicodeError):
            addresses = ()
    if not addresses:
        raise AddressRefused("the name in the URL has no address")
    for address in addresses:
        _check(address, parsed.scheme, networks)
    return Target(str(parsed.copy_with(host=str(addresses[0]))), host, parsed.netloc.decode("ascii"))


async def resolve_system(host: str, port: int) -> Sequence[str]:
    """The addresses of a name as this machine knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _host_check(host: str, scheme: str, networks: Sequence[Network]) -> None:
    """Refuse a host that needs no look-up to be known as one that may not be called. Raises AddressRefused."""
    with contextlib.suppress(ValueError):
        _check(ipaddress.ip_address(host), scheme, networks)
        return
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        if not any(_named(address, networks) for address in _LOOPBACK):
            raise AddressRefused(f"leads to this very machine; {NETWORKS_HINT}")
    elif _NUMBER.fullmatch(name.rpartition(".")[2]):
        # Resolvers read 0x7f000001, 2130706433 and 127.1 as addresses, too, and no name ends in a number.
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(name))
        except OSError:
            raise AddressRefused("holds a number that is no address; write a name, or one as 192.0.2.1") from None
        if not _named(address, networks):
            raise AddressRefused(f"holds an address in an unusual spelling; write it as 192.0.2.1; {NETWORKS_HINT}")


def _named(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the setting names a network that holds an address."""
    return any(address in network for network in networks if address.version == network.version)


def _check(address: Address, scheme: str, networks: Sequence[Network]) -> None:
    inner = _inner(address)
    if _named(address, networks) or _named(inner, networks):
        return
    if scheme != "https":
        raise AddressRefused(
            f"only addresses of the networks that are set may be called without TLS; use https://; {NETWORKS_HINT}"
        )
    if not inner.is_global or inner.is_multicast:
        raise AddressRefused(f"leads to an address that isn't of the public internet; {NETWORKS_HINT}")


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _parsed(url: str) -> httpx.URL | None:
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        return None
    try:
        parsed = httpx.URL(url)
        port = parsed.port
    except (httpx.InvalidURL, ValueError, UnicodeError):
        return None
    return parsed if parsed.host and (port is None or 0 < port < 65_536) else None


def _invalid(reason: str) -> Refused:
    return Refused("WEBHOOK_URL_INVALID", f"url {reason}", "url")
