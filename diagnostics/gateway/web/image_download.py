"""Images by their URL, from public addresses only.

Whoever may send may name any URL, so this must not become a way into the gateway's own network. A host is
resolved once, every address it has is checked, and the connection goes to the very address that was checked: a second
answer of the DNS (rebinding) reaches nothing. A redirect is a request like the first.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

import httpx2

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Not public by IANA's registries, which older patch releases of Python do not know yet.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/23")))
# Prefixes of IPv6 addresses that end in an IPv4 address: NAT64, IPv4-compatible, translated (SIIT). Mapped, 6to4 and
# Teredo addresses are known to `ipaddress`.
_ENDING_IN_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
_ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an address whose last quarter is an IPv4 address
_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}
_LOWEST_OTHER_PORT = 1024  # below are mail, SSH and other services that would read a request as commands


class AddressRefused(ValueError):
    """The URL is none of http(s) to a public address. Not said which part: that would map the gateway's network."""


class NotFetched(Exception):
    """Nothing usable came; the message is half a sentence that says why."""


def is_public(address: IPAddress) -> bool:
    """Whether an address can be reached from anywhere; one that wraps IPv4 addresses, whether each of them can."""
    if isinstance(address, ipaddress.IPv6Address):
        last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if int(address) >> 32 & 0xFFFFFFFF in _ISATAP and not is_public(last):
            return False
        wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        wrapped += [last] if any(address in network for network in _ENDING_IN_IPV4) else []
        if any(wrapped):
            return all(is_public(each) for each in wrapped if each is not None)
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The host's addresses as the system resolves them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotFetched("its host is not known") from None
    return [str(entry[4][0]) for entry in found]


class PublicAddressesOnly(httpx2.AsyncBaseTransport):
    """Sends a request to the checked address of its host; TLS still verifies the host's name."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, resolve: Resolve) -> None:
        self._inner = inner
        self._resolve = resolve

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        usual = _PORTS.get(url.scheme)
        port = url.port or usual
        if usual is None or port is None or not url.host or url.userinfo:
            raise AddressRefused
        if port != usual and not _LOWEST_OTHER_PORT <= port <= 65535:
            raise AddressRefused
        addresses = [ipaddress.ip_address(each) for each in await self._resolve(url.host, port)]
        if not addresses or not all(map(is_public, addresses)):
            raise AddressRefused
        request.url = url.copy_with(host=str(addresses[0]))
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        try:
            return await self._inner.handle_async_request(request)
        finally:
            request.url = url  # what a redirect is relative to

    async def aclose(self) -> None:
        await self._inner.aclose()


async def download(
    url: str,
    *,
    limit: int,
    deadline: float,
    resolve: Resolve = resolve,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> bytes:
    """What a GET of the URL answers, after at most three redirects.

    Args:
        limit: bytes; more are not read.
        deadline: seconds for everything.
        transport: how a request goes to an address that has been checked.

    Raises:
        AddressRefused, NotFetched.
    """
    public = PublicAddressesOnly(transport or httpx2.AsyncHTTPTransport(trust_env=False), resolve)
    try:
        async with (
            asyncio.timeout(deadline),
            httpx2.AsyncClient(
                transport=public, trust_env=False, follow_redirects=True, max_redirects=_REDIRECTS
            ) as client,
            client.stream("GET", url, headers={"Accept": "image/*", "Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status_code != 200:
                raise NotFetched(f"it answered {answer.status_code}")
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > limit:
                    raise NotFetched(f"it is larger than {limit} bytes")
            return bytes(body)
    except TimeoutError:
        raise NotFetched(f"it took longer than {deadline:g} s") from None
    except httpx2.TooManyRedirects:
        raise NotFetched("it redirects too often") from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError):
        raise AddressRefused from None
    except httpx2.HTTPError:
        raise NotFetched("the connection failed") from None
