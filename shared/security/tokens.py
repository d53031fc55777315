"""Tokens of our own, for development and tests. In the cloud they come from Entra ID (entra.py)."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from shared.security.errors import InvalidTokenError

ISSUER = "sluice-dev"
_ALGORITHM = "HS256"
_LEEWAY_S = 10


class TokenManager:
    """Makes and checks tokens that are signed with a shared secret. Whoever has the secret can be anybody.

    Args:
        secret_key: any text. What signs is its SHA-256, as RFC 7518 (section 3.2) wants 256 bits.
        lifetime_s: of tokens, unless told otherwise.
    """

    def __init__(self, secret_key: str, lifetime_s: float = 3600.0) -> None:
        if not secret_key:
            raise ValueError("The secret is empty.")
        self._key = hashlib.sha256(secret_key.encode()).digest()
        self._lifetime_s = lifetime_s

    def create_access_token(self, data: Mapping[str, Any], expires_in_s: float | None = None) -> str:
        """A token that says this.

        Args:
            data: claims such as {"user_id": "123", "role": "Sluice.Read"}, or {"roles": [...]}.
            expires_in_s: negative for one that has expired.
        """
        now = datetime.now(UTC)
        lifetime = timedelta(seconds=self._lifetime_s if expires_in_s is None else expires_in_s)
        claims = {"iss": ISSUER, "iat": now, "exp": now + lifetime, **data}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify_token(self, token: str) -> dict[str, Any]:
        """What a token says.

        Raises:
            InvalidTokenError: it isn't one of these, was changed, or has expired.
        """
        try:
            return jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss"], "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidTokenError(type(error).__name__) from None
