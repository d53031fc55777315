"""Asks the running app."""

from typing import Any

import aiohttp

from shared.config import AppAccess
from shared.errors import MessagingError

_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=3)


class AppUnreachableError(MessagingError):
    """The app gave no proper answer."""

    code = "app_unreachable"


async def ask_app(access: AppAccess, path: str) -> Any:
    """What the app answers to a GET, as JSON.

    Raises:
        AppUnreachableError: it can't be asked, or refuses.
    """
    if access.url is None:
        raise AppUnreachableError(
            "SLUICE_URL isn't set: the address of the app, such as https://NAME.azurewebsites.net."
        )
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(f"{access.url}/api/{path}", headers=await _headers(access)) as response,
        ):
            if response.status in (401, 403):
                raise AppUnreachableError(f"The app refuses this identity or key ({response.status}).")
            if response.status != 200:
                raise AppUnreachableError(f"The app answered {response.status} to /api/{path}.")
            return await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise AppUnreachableError(f"The app gave no answer ({type(error).__name__}).") from error


async def _headers(access: AppAccess) -> dict[str, str]:
    headers = {"x-functions-key": access.function_key} if access.function_key else {}
    if access.resource_uri is not None:
        from azure.identity.aio import DefaultAzureCredential

        async with DefaultAzureCredential() as credential:
            token = await credential.get_token(f"{access.resource_uri}/.default")
        headers["Authorization"] = f"Bearer {token.token}"
    return headers
