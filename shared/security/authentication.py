"""Finds out who calls, in the ways that the settings allow."""

import hashlib
import hmac
from collections.abc import Mapping

from shared.config_http import ApiKeySettings, HttpAuth, HttpSettings, Role
from shared.security.caller import Caller, caller_of
from shared.security.entra import EntraTokens, algorithm_of, keys_url
from shared.security.errors import AuthenticationError, InvalidTokenError
from shared.security.jwks import SigningKeys, fetch_from
from shared.security.platform_auth import HEADER, principal_claims
from shared.security.tokens import TokenManager

_KEY_HEADER = "x-functions-key"
_KEY_QUERY = "code"


class Authenticator:
    """Checks credentials.

    Where the host checks access keys (SLUICE_HTTP_AUTH=function), whoever comes through may do everything: a key of one
    function opens that function alone, a host key all of them. `func start` and the local host check none.

    Args:
        entra: checks tokens of Entra ID; None where the settings name no tenant.
    """

    def __init__(self, settings: HttpSettings, entra: EntraTokens | None) -> None:
        self._settings = settings
        self._entra = entra
        self._own = TokenManager(settings.dev_secret) if settings.dev_secret else None

    async def authenticate(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Caller:
        """Who calls.

        Args:
            headers: with names in lower case.

        Raises:
            AuthenticationError: no credentials, or none that are valid.
            KeysUnavailableError: a token can't be checked at present.
        """
        settings = self._settings
        if settings.auth is HttpAuth.FUNCTION:
            return _past_the_host(headers, query)
        if (authorization := headers.get("authorization")) is not None:
            return await self._by_token(authorization)
        if settings.platform_auth and (header := headers.get(HEADER)):
            return caller_of(principal_claims(header), settings.app_claim)
        if settings.auth is HttpAuth.BOTH and (key := _given_key(headers, query)):
            return _by_key(key, settings.keys)
        raise AuthenticationError

    async def _by_token(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise InvalidTokenError("scheme")
        token = token.strip()
        # The algorithm only chooses who checks; each of them takes one algorithm and one kind of key.
        if self._own is not None and algorithm_of(token) == "HS256":
            claims = self._own.verify_token(token)
        elif self._entra is not None:
            claims = await self._entra.verify(token)
        else:
            raise InvalidTokenError("no_issuer")
        return caller_of(claims, self._settings.app_claim)


def authenticator(settings: HttpSettings) -> Authenticator:
    """For these settings."""
    entra = settings.entra
    return Authenticator(settings, EntraTokens(entra, SigningKeys(fetch_from(keys_url(entra)))) if entra else None)


def _past_the_host(headers: Mapping[str, str], query: Mapping[str, str]) -> Caller:
    key = _given_key(headers, query)
    # The host doesn't tell the name of the key that it has checked; the digest tells keys apart.
    return Caller(f"key:{_digest(key)[:12]}" if key else "local", frozenset({Role.ADMIN}))


def _by_key(given: str, keys: tuple[ApiKeySettings, ...]) -> Caller:
    digest = _digest(given)
    # Looks at all of them, so that the time doesn't tell which.
    found = [key for key in keys if hmac.compare_digest(key.sha256, digest)]
    if not found:
        raise AuthenticationError("unknown_key")
    return Caller(f"key:{found[0].name}", frozenset(found[0].roles))


def _given_key(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    # As the host: the header counts, even if it is empty and the query has a key.
    return headers.get(_KEY_HEADER, query.get(_KEY_QUERY, ""))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
