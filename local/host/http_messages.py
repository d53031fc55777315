"""HTTP requests on their way to a function, and what functions return on its way out.

Conversions as GrpcMessageConversionExtensions.cs, HttpBinding.cs and RawScriptResult.cs of azure-functions-host.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web

from local.host import newtonsoft
from local.host.contracts import Datum

MAX_BODY_BYTES = 104_857_600  # DefaultMaxRequestBodySize in ScriptConstants.cs
_BY_SERVER = frozenset({hdrs.CONTENT_LENGTH.lower(), hdrs.TRANSFER_ENCODING.lower(), hdrs.CONNECTION.lower()})
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_LINE_BREAK = re.compile(r"[\r\n\0]")
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,9}\s*")
_TEXT = "text/plain; charset=utf-8"


async def request_datum(request: web.BaseRequest, route_values: Mapping[str, str]) -> Datum:
    """A request as the trigger's value.

    Several headers or query values of one name are joined by commas; empty query values are left out. A body without
    Content-Length (chunked) doesn't reach the function: the real host passes bodies on only if it knows their length.

    Raises:
        HTTPRequestEntityTooLarge: the body is over MAX_BODY_BYTES.
    """
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    length = request.content_length
    return Datum(
        "http",
        {
            "method": request.method,
            "url": f"{request.scheme}://{request.host}{request.rel_url.raw_path_qs}",
            "headers": headers,
            "query": _joined_query(request),
            "params": dict(route_values),
            "body": await request.read() if length else b"",
        },
    )


def response_from(value: Datum | None) -> web.Response:
    """The response to what a function returned.

    A returned string that happens to be JSON is treated as the real host treats it: an object with a `body` is taken
    for a description of the response (statusCode, headers, body), other objects and lists are indented, a number or
    flag is written as .NET writes it.

    Raises:
        ValueError: the status isn't one, or a header has characters that headers can't have.
    """
    if value is None or value.kind == "none":
        return web.Response(status=200)
    if value.kind == "http":
        return _from_http(value.value)
    if value.kind == "bytes":
        return web.Response(body=value.value)
    return _from_text(str(value.value))


def _joined_query(request: web.BaseRequest) -> dict[str, str]:
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in request.rel_url.query.items():
        # Names are compared without case; the first spelling stays.
        values.setdefault(names.setdefault(name.lower(), name), []).append(value)
    joined = {name: ",".join(parts) for name, parts in values.items()}
    return {name: value for name, value in joined.items() if value}


def _from_http(fields: Mapping[str, Any]) -> web.Response:
    kind, content = fields["body"] or ("none", None)
    body = content if kind == "bytes" else str(content or "").encode()
    response = web.Response(status=_status(fields["status_code"]), body=body)
    response.headers.popall(hdrs.CONTENT_TYPE, None)
    _set_headers(response, fields["headers"])
    for cookie in fields["cookies"]:
        response.headers.add(hdrs.SET_COOKIE, _set_cookie(cookie))
    return response


def _from_text(text: str) -> web.Response:
    try:
        content = newtonsoft.parse(text)
    except ValueError:
        content = text
    if not isinstance(content, dict) or (described := {k.lower(): v for k, v in content.items()}).get("body") is None:
        return web.Response(body=newtonsoft.to_string(content).encode(), headers={hdrs.CONTENT_TYPE: _TEXT})
    status = str(described.get("statuscode", described.get("status")))
    body = newtonsoft.to_string(described["body"]).encode()
    response = web.Response(status=_status(status if _WHOLE.fullmatch(status) else "200"), body=body)
    response.headers[hdrs.CONTENT_TYPE] = _TEXT
    headers = described.get("headers")
    if isinstance(headers, dict):
        _set_headers(response, {name: newtonsoft.to_string(value) for name, value in headers.items()})
    return response


def _set_headers(response: web.Response, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name.lower() not in _BY_SERVER:
            if not _HEADER_NAME.fullmatch(name) or _LINE_BREAK.search(value):
                raise ValueError(
                    f"the response header {name!r} can't be sent: its name or value has forbidden characters"
                )
            response.headers[name] = value


def _status(text: str) -> int:
    status = int(text)
    if not 200 <= status <= 999:
        raise ValueError(f"{status} is not the status of a response")
    return status


def _set_cookie(cookie: Mapping[str, Any]) -> str:
    """One Set-Cookie header, as ASP.NET Core's ResponseCookies writes it: the value percent-encoded."""
    parts = [f"{cookie['name']}={quote(cookie['value'], safe='-_.~')}"]
    if cookie["expires"] is not None:
        parts.append(f"expires={datetime.fromtimestamp(cookie['expires'], UTC):%a, %d %b %Y %H:%M:%S GMT}")
    if cookie["max_age"] is not None:
        parts.append(f"max-age={int(cookie['max_age'])}")
    parts += [f"{name}={cookie[name]}" for name in ("domain", "path") if cookie[name]]
    parts += ["secure"] if cookie["secure"] else []
    parts += [f"samesite={cookie['same_site']}"] if cookie["same_site"] else []
    parts += ["httponly"] if cookie["http_only"] else []
    return "; ".join(parts)
