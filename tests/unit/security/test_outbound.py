"""Addresses that callers name: only of hosts on the list, and never into a private network."""

from socket import AF_INET, AddressFamily

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from shared.security.outbound import AllowedTargets, GuardedResolver, TargetError, is_ip, is_public

TARGETS = AllowedTargets(["hooks.example.com", "*.apps.example.com", "other.example.com:8443"])


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?b=c",
        "https://HOOKS.example.com:443/",
        "https://one.apps.example.com/",
        "https://a.b.apps.example.com",
        "https://other.example.com:8443/x",
    ],
)
def test_allowed(url: str) -> None:
    assert TARGETS.check(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://hooks.example.com.evil.example/",
        "https://evil.example/hooks.example.com",
        "https://hooks.example.com@evil.example/",
        "https://user@hooks.example.com/",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com:8443/",
        "https://other.example.com/",
        "https://apps.example.com/",
        "https://xapps.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com\\@evil.example/",
        "https://hooks.example.com/ä",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nHost: x",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:x/",
        "https://[::1]/",
        "https://[hooks.example.com/",
        "https://127.0.0.1/",
        "https:///path",
        "//hooks.example.com/",
        "hooks.example.com",
        "",
        "https://hooks.example.com/" + "a" * 3000,
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(TargetError) as caught:
        TARGETS.check(url)
    assert caught.value.field == "webhook"


@given(st.text() | st.from_regex(r"https?://[a-z0-9.@:/\\#?\[\]-]*", fullmatch=True))
def test_any_text_is_checked(url: str) -> None:
    try:
        TARGETS.check(url)
    except TargetError:
        return
    assert url.startswith("https://")


def test_without_a_list_there_are_none() -> None:
    with pytest.raises(TargetError, match="SLUICE_WEBHOOK_HOSTS"):
        AllowedTargets([]).check("https://hooks.example.com/")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "168.63.129.16"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    ],
)
def test_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "2130706433", "0x7f.1", "127.1", "0x7f000001"])
def test_hosts_that_are_addresses(host: str) -> None:
    assert is_ip(host)


@pytest.mark.parametrize("host", ["example.com", "face", "1e100.net", "a1.b2", ""])
def test_hosts_that_are_names(host: str) -> None:
    assert not is_ip(host)


class Resolver(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=AF_INET, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


async def test_names_that_lead_into_a_private_network() -> None:
    found = await GuardedResolver(Resolver("93.184.216.34")).resolve("hooks.example.com", 443)
    assert [one["host"] for one in found] == ["93.184.216.34"]
    for addresses in ([], ["10.0.0.1"], ["93.184.216.34", "169.254.169.254"]):
        with pytest.raises(OSError, match="no public address"):
            await GuardedResolver(Resolver(*addresses)).resolve("hooks.example.com", 443)
