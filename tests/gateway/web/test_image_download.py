"""Images by URL: only from public addresses, and from the very address that was checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.gateway.web.image_download import AddressRefused, NotFetched, download, is_public

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.1.2.3", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "2002:7f00:1::", "2002:c0a8:101::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "::127.0.0.1", "::10.0.0.1", "::a9fe:a9fe", "::ffff:0:127.0.0.1", "::ffff:0:192.168.1.1",
        "64:ff9b::192.168.1.1", "2001:470::5efe:10.0.0.1", "2001:470::200:5efe:127.0.0.1", "fe80::5efe:8.8.8.8",
        "2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::80ff:fffe",
    ],
)  # fmt: skip
def test_private_loopback_link_local_and_wrapped_addresses_are_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_anybody_reaches_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_is_no_more_public_than_the_ipv4_address_in_it(inner):
    for wrapping in ("::{}", "::ffff:{}", "::ffff:0:{}", "64:ff9b::{}", "2001:470::5efe:{}"):
        if int(inner) > 1:  # "::" and "::1" are addresses of their own
            assert is_public(ipaddress.ip_address(wrapping.format(inner))) == is_public(inner), wrapping
    six_to_four = ipaddress.IPv6Address(0x2002 << 112 | int(inner) << 80 | 1)
    assert is_public(six_to_four) == is_public(inner)


def found(body: bytes) -> httpx2.Response:
    return httpx2.Response(200, stream=httpx2.ByteStream(body))


class Web:
    """A transport that answers by URL and notes where it was sent; names resolve as the table says."""

    def __init__(self, names: dict[str, Sequence[str]], answers: dict[str, httpx2.Response]) -> None:
        self.names = names
        self.answers = answers
        self.dialled: list[tuple[str, str]] = []
        self.transport = httpx2.MockTransport(self._answer)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        assert port
        return self.names.get(host, [host])

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        name = request.headers["host"]
        assert request.extensions["sni_hostname"] == name.partition(":")[0]
        self.dialled.append((request.url.host, name))
        return self.answers[f"{request.url.scheme}://{name}{request.url.path}"]

    async def fetch(self, url: str, limit: int = 1000) -> bytes:
        return await download(url, limit=limit, deadline=5, resolve=self.resolve, transport=self.transport)


async def test_the_connection_goes_to_the_address_that_was_checked_and_names_the_host():
    web = Web({"img.example": [PUBLIC]}, {"https://img.example/a.png": found(b"png")})
    assert await web.fetch("https://img.example/a.png") == b"png"
    assert web.dialled == [(PUBLIC, "img.example")]


async def test_a_name_that_resolves_to_something_else_later_reaches_nothing_else():
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    web = Web({}, {"http://img.example/a.png": found(b"png")})

    async def rebinding(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("img.example", 80)
        return next(answers)

    async def once() -> bytes:
        return await download(
            "http://img.example/a.png", limit=9, deadline=5, resolve=rebinding, transport=web.transport
        )

    assert await once() == b"png"
    with pytest.raises(AddressRefused):
        await once()
    assert web.dialled == [(PUBLIC, "img.example")]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png", "http://[::1]/a.png", "http://localhost/a.png", "http://mixed.example/a.png",
        "http://inside.example/", "http://none.example/", "ftp://img.example/a.png", "file:///etc/passwd", "a.png", "",
        "http://", "http:///a.png", "http://user:password@img.example/", "http://img.example:25/", "//img.example/",
        "gopher://img.example/", "http://img.example:99999/", "http://\x00/", "data:image/png;base64,AAAA",
    ],
)  # fmt: skip
async def test_urls_to_other_than_public_web_addresses_are_refused(url):
    names = {
        "localhost": ["127.0.0.1"],
        "inside.example": ["10.0.0.1"],
        "mixed.example": [PUBLIC, "10.0.0.1"],
        "none.example": [],
        "img.example": [PUBLIC],
    }
    web = Web(names, {})
    with pytest.raises(AddressRefused):
        await web.fetch(url)
    assert web.dialled == []


async def test_a_redirect_is_followed_to_a_public_address_and_refused_to_any_other():
    to = {"a": "/b", "b": "https://cdn.example/c", "c": None}
    web = Web(
        {"img.example": [PUBLIC], "cdn.example": ["8.8.8.8"], "evil.example": ["169.254.169.254"]},
        {
            "http://img.example/a": httpx2.Response(302, headers={"Location": str(to["a"])}),
            "http://img.example/b": httpx2.Response(302, headers={"Location": str(to["b"])}),
            "https://cdn.example/c": found(b"png"),
            "http://img.example/evil": httpx2.Response(302, headers={"Location": "http://evil.example/latest"}),
            "http://img.example/file": httpx2.Response(302, headers={"Location": "file:///etc/passwd"}),
            "http://img.example/loop": httpx2.Response(302, headers={"Location": "/loop"}),
        },
    )
    assert await web.fetch("http://img.example/a") == b"png"
    assert web.dialled == [(PUBLIC, "img.example"), (PUBLIC, "img.example"), ("8.8.8.8", "cdn.example")]
    for path in ("evil", "file"):
        with pytest.raises(AddressRefused):
            await web.fetch(f"http://img.example/{path}")
    with pytest.raises(NotFetched, match="redirects"):
        await web.fetch("http://img.example/loop")


async def test_too_large_and_missing_images_are_not_fetched():
    web = Web(
        {"img.example": [PUBLIC]},
        {
            "http://img.example/large": found(b"x" * 1001),
            "http://img.example/gone": httpx2.Response(404),
        },
    )
    with pytest.raises(NotFetched, match="larger than 1000"):
        await web.fetch("http://img.example/large")
    with pytest.raises(NotFetched, match="404"):
        await web.fetch("http://img.example/gone")


async def test_a_host_that_is_not_known_is_not_fetched():
    with pytest.raises(NotFetched, match="not known"):
        await download("http://no-such-host.invalid/", limit=1, deadline=5)
