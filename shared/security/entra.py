"""Checks the tokens of Entra ID.

Sources: Microsoft, "Access tokens in the Microsoft identity platform" (validating tokens; versions 1.0 and 2.0 name the
issuer differently), RFC 8725 (JSON Web Token best practices).
"""

from typing import Any

import jwt

from shared.config_http import EntraSettings
from shared.security.errors import InvalidTokenError
from shared.security.jwks import SigningKeys

_ALGORITHM = "RS256"  # the only one that Entra signs access tokens with; the token's own word is not asked
_LEEWAY_S = 60
MAX_TOKEN_CHARS = 16_384


class EntraTokens:
    """Checks signature, issuer, audience, tenant and times.

    Args:
        keys: of the tenant. A token can't bring keys of its own, nor say where to fetch them.
    """

    def __init__(self, settings: EntraSettings, keys: SigningKeys) -> None:
        self._settings = settings
        self._keys = keys
        self._issuers = [
            f"{settings.authority}/{settings.tenant}/v2.0",
            f"https://sts.windows.net/{settings.tenant}/",
        ]

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token.

        Raises:
            InvalidTokenError: it isn't valid here.
            KeysUnavailableError: it can't be told.
        """
        key_id = key_id_of(token)
        key = await self._keys.get(key_id) if key_id else None
        if key is None:
            raise InvalidTokenError("unknown_key")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._settings.audiences,
                issuer=self._issuers,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "tid"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidTokenError(type(error).__name__) from None
        if claims["tid"] != self._settings.tenant:
            raise InvalidTokenError("other_tenant")
        return claims


def keys_url(settings: EntraSettings) -> str:
    """Where the tenant's keys are."""
    return f"{settings.authority}/{settings.tenant}/discovery/v2.0/keys"


def algorithm_of(token: str) -> str:
    """What a token says that it is signed with, to choose who checks it; nobody believes it.

    Raises:
        InvalidTokenError: it is no token at all.
    """
    return str(_header(token).get("alg"))


def key_id_of(token: str) -> str | None:
    """Which of the issuer's keys a token says that it is signed with.

    Raises:
        InvalidTokenError: it is no token at all.
    """
    key_id = _header(token).get("kid")
    return key_id if isinstance(key_id, str) else None


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_CHARS:
        raise InvalidTokenError("too_long")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidTokenError(type(error).__name__) from None
