"""Addresses that callers name for us to call: which are allowed, and that they never lead into a private network."""

import ipaddress
from collections.abc import Callable, Sequence
from socket import AF_UNSPEC, AddressFamily
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from shared.errors import InvalidMessageError

MAX_URL_CHARS = 2_048
_AZURE = "168.63.129.16"
"""Of the platform itself, the same on every machine of Azure, though it looks public (Azure, "What is IP address
168.63.129.16?")."""


class TargetError(InvalidMessageError):
    """The address isn't one that we may call."""

    code = "invalid_webhook"


class AllowedTargets:
    """Addresses under hosts of a list, over TLS.

    Args:
        hosts: such as `hooks.example.com`, `*.example.com` (all below it) or `hooks.example.com:8443`.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = tuple(hosts)

    def check(self, url: str) -> str:
        """An address that may be called, as it is.

        Raises:
            TargetError: says what is wrong with it.
        """
        if not self._hosts:
            raise TargetError("Webhooks are not set up here (SLUICE_WEBHOOK_HOSTS).", field="webhook")
        if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise TargetError("The address of a webhook has up to 2048 printable ASCII characters.", field="webhook")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port or 443
        except ValueError:
            raise TargetError("The address of the webhook is none.", field="webhook") from None
        if parts.scheme != "https" or parts.username is not None or parts.password is not None or parts.fragment:
            raise TargetError(
                "The address of a webhook begins with https://, and has no name or password.", field="webhook"
            )
        if is_ip(host) or not any(_matches(allowed, host, port) for allowed in self._hosts):
            raise TargetError("The host of the webhook is not on the list (SLUICE_WEBHOOK_HOSTS).", field="webhook")
        return url


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet at large."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Addresses that only wrap one of version 4, which may be private.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None or ip in ipaddress.ip_network("64:ff9b::/96"):
            return inner is not None and is_public(str(inner))
    return str(ip) != _AZURE and ip.is_global and not ip.is_multicast and not ip.is_reserved


class GuardedResolver(AbstractResolver):
    """Resolves names, and refuses those that lead anywhere private.

    The connection is made to what was checked, so that a name can't lead elsewhere in between.

    Args:
        resolver: that does the work.
        allows: an address.
    """

    def __init__(self, resolver: AbstractResolver, allows: Callable[[str], bool] = is_public) -> None:
        self._resolver = resolver
        self._allows = allows

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_UNSPEC) -> list[ResolveResult]:
        """See AbstractResolver.

        Raises:
            OSError: the name has no address, or one that isn't public.
        """
        found = await self._resolver.resolve(host, port, family)
        if not found or not all(self._allows(one["host"]) for one in found):
            raise OSError(f"The host {host} has no public address.")
        return found

    async def close(self) -> None:
        """See AbstractResolver."""
        await self._resolver.close()


def is_ip(host: str) -> bool:
    """Whether a host is written as an address, in any way that a resolver might read as one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # 127.1, 2130706433, 0x7f.1: a name has a last label that isn't a number (RFC 3696, section 2).
        return not host.rpartition(".")[2].strip("0123456789abcdefx") and host.rpartition(".")[2][:1].isdigit()
    return True


def _matches(allowed: str, host: str, port: int) -> bool:
    name, _, its_port = allowed.partition(":")
    if port != int(its_port or 443):
        return False
    return host.endswith(name[1:]) and host != name[2:] if name.startswith("*.") else host == name
