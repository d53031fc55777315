"""A directory that issues tokens as Entra ID does, with a key set to fetch over HTTP."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

TENANT = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "api://sluice"
CLIENT = "99999999-8888-7777-6666-000000000000"
RSA_BITS = 2048


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A private key; the same for the same name, as making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def jwk(name: str) -> dict[str, Any]:
    """The public part of a key, as an issuer publishes it."""
    found: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(rsa_key(name).public_key()))
    return {**found, "kid": name, "use": "sig"}


class Directory:
    """Issues tokens.

    Args:
        authority: where it is.
    """

    def __init__(self, authority: str = "https://login.example") -> None:
        self.authority = authority
        self.keys = ["first"]
        self.fetched = 0
        self.fails = False

    @property
    def issuer(self) -> str:
        return f"{self.authority}/{TENANT}/v2.0"

    def env(self) -> dict[str, str]:
        """Settings of an app that trusts it."""
        return {
            "SLUICE_HTTP_AUTH": "entra",
            "SLUICE_ENTRA_TENANT_ID": TENANT,
            "SLUICE_ENTRA_AUDIENCE": AUDIENCE,
            "SLUICE_ENTRA_AUTHORITY": self.authority,
        }

    def claims(self, roles: Sequence[str] = (), **more: Any) -> dict[str, Any]:
        """Of a good token; None takes a claim away."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "tid": TENANT,
            "azp": CLIENT,
            "iat": now - 5,
            "nbf": now - 5,
            "exp": now + 3600,
            "roles": list(roles),
            **more,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        roles: Sequence[str] = (),
        *,
        key: str | None = None,
        kid: str | None = None,
        headers: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token.

        Args:
            key: that signs it; the newest unless told otherwise.
            kid: that it names; that of the key unless told otherwise.
        """
        name = key or self.keys[-1]
        header = {"kid": kid or name, **(headers or {})}
        return jwt.encode(self.claims(roles, **claims), rsa_key(name), algorithm="RS256", headers=header)

    def bad_tokens(self, roles: Sequence[str]) -> dict[str, str]:
        """Tokens that must open nothing, by what is wrong with them."""
        good = self.token(roles)
        head, body, signature = good.split(".")
        none = _part({"alg": "none", "typ": "JWT"})
        public = rsa_key(self.keys[-1]).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        changed = _part({**self.claims(roles), "roles": [*roles, "Sluice.Admin"]})
        return {
            "expired": self.token(roles, exp=int(time.time()) - 3600),
            "not yet": self.token(roles, nbf=int(time.time()) + 3600),
            "other audience": self.token(roles, aud="api://other"),
            "other issuer": self.token(roles, iss=f"{self.authority}/other/v2.0"),
            "other tenant": self.token(roles, tid="other"),
            "no tenant": self.token(roles, tid=None),
            "no expiry": self.token(roles, exp=None),
            "foreign key": self.token(roles, key="foreign", kid=self.keys[-1]),
            "unknown key": self.token(roles, key="foreign"),
            "own key set": self.token(
                roles, key="foreign", headers={"jku": "http://127.0.0.1:1/", "jwk": jwk("foreign")}
            ),
            "none": f"{none}.{body}.",
            "none with signature": f"{none}.{body}.{signature}",
            "public key as secret": _signed(self.claims(roles), public, self.keys[-1]),
            "changed claims": f"{head}.{changed}.{signature}",
            "cut signature": f"{head}.{body}.{signature[:-8]}",
            "no signature": f"{head}.{body}",
            "no token": "nothing",
            "empty": "",
            "long": good + "A" * 20_000,
        }

    def key_set(self) -> dict[str, Any]:
        """As it is published."""
        self.fetched += 1
        if self.fails:
            raise OSError("The directory is away.")
        return {"keys": [jwk(name) for name in self.keys]}

    async def fetch(self) -> dict[str, Any]:
        """As FetchKeys."""
        return self.key_set()


@contextmanager
def directory() -> Iterator[Directory]:
    """One that serves its keys on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = self.path == f"/{TENANT}/discovery/v2.0/keys"
            try:
                body = json.dumps(found.key_set()).encode() if right else b"{}"
            except OSError:
                right, body = False, b"{}"
            self.send_response(200 if right else 500)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Directory(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def principal(claims: Mapping[str, Any], role_type: str = "roles") -> str:
    """The header that App Service authentication sets for a caller."""
    pairs = [
        {"typ": role_type if name == "roles" else name, "val": one}
        for name, value in claims.items()
        for one in (value if isinstance(value, list) else [str(value)])
    ]
    content = {"auth_typ": "aad", "claims": pairs, "name_typ": "name", "role_typ": role_type}
    return base64.b64encode(json.dumps(content).encode()).decode()


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _signed(claims: Mapping[str, Any], secret: bytes, kid: str) -> str:
    """With HS256: the library refuses to take a public key for a secret."""
    text = f"{_part({'alg': 'HS256', 'kid': kid})}.{_part(claims)}"
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
