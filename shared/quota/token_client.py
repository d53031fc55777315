"""Client of the token counter over HTTP, for callers outside the app that hosts it."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from shared.errors import AccessDeniedError, ConfigurationError, MessagingError, SluiceError

if TYPE_CHECKING:
    import aiohttp
    from azure.core.credentials_async import AsyncTokenCredential

_TIMEOUT_S = 10.0


class TokenCounterError(MessagingError):
    """The token counter can't be reached, or gave no proper answer."""

    code = "token_counter"


class TokenClient:
    """Locks, reports and releases tokens.

    Args:
        app_id: on whose behalf.
        base_url: of the counter, such as "https://NAME.azurewebsites.net".
        resource_uri: audience of the Entra token, such as "api://sluice". Required with `use_auth`.
        use_auth: whether to send an Entra token of `credential`.
        deployment: the model deployment whose quota is counted.
        credential: None means DefaultAzureCredential.

    Raises:
        ConfigurationError: `use_auth` without a resource URI, or a base URL that is none.
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
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigurationError("The token counter's URL must begin with http:// or https://.", field="base_url")
        if use_auth and not resource_uri:
            raise ConfigurationError(
                "Authentication to the token counter needs its resource URI.", field="resource_uri"
            )
        self._app_id = app_id
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
        try:
            answer = await self._call("POST", "lock", {"app_id": self._app_id, "token_count": token_count})
        except SluiceError as error:
            return False, None, str(error)
        request_id = answer.get("request_id")
        if answer.get("allowed") is True and isinstance(request_id, str):
            return True, request_id, None
        return False, None, str(answer.get("error") or "The quota is used up.")

    async def report_usage(self, request_id: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Say what a call used in the end.

        Raises:
            TokenCounterError, AccessDeniedError
        """
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
        await self._call("POST", "report", {"app_id": self._app_id, "request_id": request_id, **usage})

    async def release_tokens(self, request_id: str) -> None:
        """Give back tokens that were not used.

        Raises:
            TokenCounterError, AccessDeniedError
        """
        await self._call("POST", "release", {"app_id": self._app_id, "request_id": request_id})

    async def get_status(self) -> dict[str, Any]:
        """What the counter says of its limits, what is used, and when the window resets.

        Raises:
            TokenCounterError, AccessDeniedError
        """
        return await self._call("GET", "status", None)

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
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        headers = await self._headers()
        try:
            async with self._session.request(
                method, f"{self._root}/{operation}", json=body, headers=headers
            ) as response:
                if response.status in (401, 403):
                    raise AccessDeniedError(f"The token counter refuses this identity ({response.status}).")
                if response.status >= 400:
                    raise TokenCounterError(f"The token counter answered {response.status} to {operation}.")
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TokenCounterError(
                f"The token counter gave no answer to {operation} ({type(error).__name__})."
            ) from error
        if not isinstance(answer, dict):
            raise TokenCounterError(f"The token counter's answer to {operation} is not a JSON object.")
        return answer

    async def _headers(self) -> dict[str, str]:
        if self._scope is None:
            return {}
        from azure.core.exceptions import AzureError

        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            self._credential = DefaultAzureCredential()
        try:
            token = await self._credential.get_token(self._scope)
        except AzureError as error:
            raise AccessDeniedError("No Entra token for the token counter: sign in, or check the identity.") from error
        return {"Authorization": f"Bearer {token.token}"}
