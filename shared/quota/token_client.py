"""Client of the token counter over HTTP, for callers outside the app that hosts it."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from shared.errors import AccessDeniedError, ConfigurationError, MessagingError, PermanentError, SluiceError
from shared.resilience.retry import RetryPolicy, retry

if TYPE_CHECKING:
    import aiohttp
    from azure.core.credentials_async import AsyncTokenCredential

# Longer than the app waits for its counter (10 s), so that its own answer arrives.
_TIMEOUT_S = 15.0
_CONNECT_TIMEOUT_S = 5.0
_POLICY = RetryPolicy(max_attempts=3, base_s=0.2, cap_s=1.0)


class TokenCounterError(MessagingError):
    """The token counter can't be reached, or gave no proper answer."""

    code = "token_counter"


class TokenCounterRefusedError(PermanentError):
    """The token counter rejects the request as such."""

    code = "token_counter_refused"


class TokenClient:
    """Locks, reports and releases tokens.

    An operation whose answer is lost, or is a 5xx, is sent up to three times. The counter does it once all the same: a
    lock carries an id of its own, a report and a release that of their lock.

    Args:
        app_id: on whose behalf.
        base_url: of the counter, such as "https://NAME.azurewebsites.net".
        resource_uri: audience of the Entra token, such as "api://sluice". Required with `use_auth`.
        use_auth: whether to send an Entra token of `credential`.
        deployment: the model deployment whose quota is counted.
        credential: None means DefaultAzureCredential.
        function_key: a key of the app that hosts the counter, where its endpoints ask for one.
        sleep: how to wait between tries.

    Raises:
        ConfigurationError: `use_auth` without a resource URI, a base URL that is none, or a key that can't be one.
    """

    def __init__(
        self,
        app_id: str,
        base_url: str,
        resource_uri: str | None = None,
        use_auth: bool = False,
        *,
        deployment: str = "default",
        credential: "AsyncTokenCredential | None" = None,
        function_key: str | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigurationError("The token counter's URL must begin with http:// or https://.", field="base_url")
        if use_auth and not resource_uri:
            raise ConfigurationError(
                "Authentication to the token counter needs its resource URI.", field="resource_uri"
            )
        if function_key is not None and not (function_key.isascii() and function_key.isprintable()):
            raise ConfigurationError("The function key holds characters that no key has.", field="function_key")
        self._app_id = app_id
        self._function_key = function_key
        self._sleep = sleep
        self._root = f"{base_url.rstrip('/')}/api/tokens/{quote(deployment, safe='')}"
        self._scope = f"{resource_uri}/.default" if use_auth else None
        self._credential = credential
        self._owns_credential = credential is None
        self._session: aiohttp.ClientSession | None = None

    async def lock_tokens(self, token_count: int) -> tuple[bool, str | None, str | None]:
        """Ask for tokens.

        Returns:
            Whether they are granted; the compound id `token_id:rate_id` of the lock where they are; the reason where
            they aren't, an unreachable counter included: without a grant nothing may be called.
        """
        asked = {"app_id": self._app_id, "token_count": token_count, "id": uuid.uuid4().hex}
        try:
            answer = await self._call("POST", "lock", asked)
            request_id = answer.get("request_id")
            if answer.get("allowed") is not True or not isinstance(request_id, str):
                return False, None, str(answer.get("error") or "The quota is used up.")
            if _is_late(answer):
                await self.release_tokens(request_id)
                return False, None, "The grant came too late to be used, and was given back."
        except SluiceError as error:
            return False, None, str(error)
        return True, request_id, None

    async def report_usage(self, request_id: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Say what a call used in the end.

        Raises:
            TokenCounterError, TokenCounterRefusedError, AccessDeniedError
        """
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
        await self._call("POST", "report", {"app_id": self._app_id, "request_id": request_id, **usage})

    async def release_tokens(self, request_id: str) -> None:
        """Give back tokens that were not used.

        Raises:
            TokenCounterError, TokenCounterRefusedError, AccessDeniedError
        """
        await self._call("POST", "release", {"app_id": self._app_id, "request_id": request_id})

    async def get_status(self) -> dict[str, Any]:
        """What the counter says. Times end in `_s`: those of points in time are seconds since 1970 by its own clock.

        Returns:
            now_s: the counter's time.
            limits: {tpm, rpm, request_window_s, guard_s, pace}, as they hold now.
            used_tokens: sent, or booked to be sent, within the last 60 s.
            booked_ahead_tokens: of bookings that start later.
            pending: calls that wait for a booking, by app.
            open_locks: how many were neither reported nor released yet.
            next_free_s: when a call of one token could start.
            reset_s: seconds until the whole quota is free, if nothing more is booked.
            frozen_until_s: nothing starts before, because of a 429; 0 or a time that is over where nothing is frozen.
            epoch: how often a 429 voided bookings.
            throttles: 429s so far.
            bias: how much more the endpoint counts than was estimated.
            guard_s: by how much the windows are longer than the endpoint's at present.
            usage: {calls, prompt_tokens, completion_tokens} reported so far.

        Raises:
            TokenCounterError, TokenCounterRefusedError, AccessDeniedError
        """
        return await self._call("GET", "status", None)

    async def set_limits(self, limits: Mapping[str, float]) -> dict[str, Any]:
        """Change limits while the app runs; they hold until its settings change.

        Args:
            limits: some of tpm, rpm, request_window_s, guard_s, pace (shared/quota/limits.py); others stay.

        Returns:
            limits: all that hold now.

        Raises:
            TokenCounterError, TokenCounterRefusedError, AccessDeniedError
        """
        return await self._call("PUT", "limits", dict(limits))

    async def aclose(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._owns_credential and self._credential is not None:
            await self._credential.close()
            self._credential = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _call(self, method: str, operation: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = await self._headers()
        status, text = await retry(lambda: self._send(method, operation, body, headers), _POLICY, sleep=self._sleep)
        if status in (401, 403):
            raise AccessDeniedError(f"The token counter refuses this identity or key ({status}).")
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if status >= 400:
            detail = answer.get("detail") if isinstance(answer, dict) else None
            raise TokenCounterRefusedError(
                f"The token counter answered {status} to {operation}: {detail or 'no reason'}"
            )
        if not isinstance(answer, dict):
            raise TokenCounterError(f"The token counter's answer to {operation} is not a JSON object.")
        return answer

    async def _send(
        self, method: str, operation: str, body: dict[str, Any] | None, headers: Mapping[str, str]
    ) -> tuple[int, str]:
        """One exchange: status and text of the answer. What may be repeated raises TokenCounterError."""
        import aiohttp

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S, sock_connect=_CONNECT_TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        url = f"{self._root}/{operation}"
        try:
            async with self._session.request(method, url, json=body, headers=headers) as response:
                if response.status >= 500:
                    raise TokenCounterError(f"The token counter answered {response.status} to {operation}.")
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TokenCounterError(
                f"The token counter gave no answer to {operation} ({type(error).__name__})."
            ) from error

    async def _headers(self) -> dict[str, str]:
        headers = {} if self._function_key is None else {"x-functions-key": self._function_key}
        if self._scope is None:
            return headers
        from azure.core.exceptions import AzureError

        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            self._credential = DefaultAzureCredential()
        try:
            token = await self._credential.get_token(self._scope)
        except AzureError as error:
            raise AccessDeniedError("No Entra token for the token counter: sign in, or check the identity.") from error
        return {**headers, "Authorization": f"Bearer {token.token}"}


def _is_late(grant: dict[str, Any]) -> bool:
    """Whether a grant had run out before the counter answered: it was for a try whose answer was lost."""
    until_s, now_s = grant.get("until_s"), grant.get("now_s")
    return isinstance(until_s, int | float) and isinstance(now_s, int | float) and now_s > until_s
