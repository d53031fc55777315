"""`call_http` of an orchestration: the activity that the durable extension brings with it (TaskHttpActivityShim.cs)."""

import json

import aiohttp

_TIMEOUT_S = 100.0  # of .NET's HttpClient


class HttpCallError(Exception):
    """No response, or the request is one that can't be made."""


async def call(request: str, limit_s: float | None) -> str:
    """Make the request and return the response, both as JSON text in the extension's form.

    A 202 is returned as it is: the extension polls its Location, but the Python SDK has taken the 202 for the answer
    by then.

    Raises:
        HttpCallError: there is no response, or the request needs a managed identity.
    """
    fields = json.loads(request)
    headers = fields.get("headers") or {}
    if fields.get("tokenSource"):
        raise HttpCallError("call_http with a token source needs a managed identity, which the local host has not")
    if "multipart" in next((v for k, v in headers.items() if k.lower() == "content-type"), ""):
        raise HttpCallError("Multipart content is not supported with CallHttpAsync.")
    timeout = aiohttp.ClientTimeout(min(_TIMEOUT_S, limit_s or _TIMEOUT_S))
    content = fields.get("content")
    if content is not None and "content-type" not in {name.lower() for name in headers}:
        headers = {**headers, "Content-Type": "text/plain"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(fields["method"], fields["uri"], data=content, headers=headers) as response,
        ):
            text = await response.text()
            values = {name: response.headers.getall(name) for name in response.headers}
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise HttpCallError(f"{type(error).__name__}: {error}") from error
    return json.dumps(
        {
            "statusCode": response.status,
            "headers": {name: value[0] if len(value) == 1 else value for name, value in values.items()},
            "content": text,
        }
    )
