"""The public keys that an issuer signs tokens with: fetched, kept, and fetched again when they are rotated."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import jwt

from shared.security.errors import KeysUnavailableError
from shared.telemetry.events import log_event

KEEP_S = 6 * 3600.0
"""How long keys are used without asking again: one that the issuer withdraws is trusted no longer, while it answers."""
PAUSE_S = 60.0
"""Least time between two fetches: a token may name any key, and must not make us hammer the issuer."""

_TIMEOUT_S = 5.0

logger = logging.getLogger(__name__)

type FetchKeys = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns a JSON Web Key Set (RFC 7517). Raises OSError, TimeoutError or ValueError."""


class SigningKeys:
    """The keys of one issuer.

    Args:
        monotonic: seconds.
    """

    def __init__(self, fetch: FetchKeys, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_s = float("-inf")
        self._tried_s = float("-inf")
        self._turn = asyncio.Lock()

    async def get(self, key_id: str) -> jwt.PyJWK | None:
        """The key of this id; None where the issuer has none.

        Raises:
            KeysUnavailableError: no keys could be fetched yet.
        """
        if not self._holds(key_id):
            async with self._turn:
                if not self._holds(key_id) and self._monotonic() - self._tried_s >= PAUSE_S:
                    await self._refresh()
        if self._fetched_s == float("-inf"):
            raise KeysUnavailableError("The keys that tokens are signed with can't be fetched.", retry_after_s=PAUSE_S)
        return self._keys.get(key_id)

    def _holds(self, key_id: str) -> bool:
        return key_id in self._keys and self._monotonic() - self._fetched_s < KEEP_S

    async def _refresh(self) -> None:
        self._tried_s = self._monotonic()
        try:
            found = await self._fetch()
            keys = {key["kid"]: jwt.PyJWK(key) for key in found["keys"] if _signs(key)}
        except (OSError, TimeoutError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
            # Known keys stay in use: an issuer that is away for a while must not lock everybody out.
            log_event(logger, "signing_keys_not_fetched", level=logging.WARNING, reason=type(error).__name__)
            return
        self._keys, self._fetched_s = keys, self._monotonic()
        log_event(logger, "signing_keys_fetched", keys=len(keys))


def fetch_from(url: str) -> FetchKeys:
    """Fetches the key set at this address. Redirects aren't followed."""

    async def fetch() -> Mapping[str, Any]:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise OSError(f"The issuer answered {response.status}.")
                found: Mapping[str, Any] = json.loads(await response.read())
                return found
        except aiohttp.ClientError as error:
            raise OSError(type(error).__name__) from error

    return fetch


def _signs(key: Mapping[str, Any]) -> bool:
    return key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and isinstance(key.get("kid"), str)
