"""A web site with a certificate of its own, on a free port, that a name of any kind leads to."""

import ipaddress
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET, AddressFamily
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class HttpsSite:
    """Attributes: requests: that came so far; port: where it listens on 127.0.0.1."""

    port: int
    certificate: Path
    requests: list[web.Request]

    def connector(self) -> aiohttp.TCPConnector:
        """Leads every name here, and trusts this site's certificate only."""
        trust = ssl.create_default_context(cafile=self.certificate)
        return aiohttp.TCPConnector(resolver=self.resolver(), ssl=trust)

    def resolver(self) -> AbstractResolver:
        """Leads every name here."""
        return _ToHere(self.port)


class _ToHere(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def https_site(
    host: str, handle: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> AsyncIterator[HttpsSite]:
    """Run a site.

    Args:
        host: that its certificate is for.
        handle: answers every request.
    """
    requests: list[web.Request] = []

    async def keep(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        return await handle(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    with tempfile.TemporaryDirectory(prefix="https-site-") as folder:
        certificate, key = _make_certificate(host, Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        try:
            yield HttpsSite(runner.addresses[0][1], certificate, requests)
        finally:
            await runner.cleanup()


def _make_certificate(host: str, folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    names: list[Any] = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_path, key_path
