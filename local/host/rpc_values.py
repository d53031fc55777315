"""Values between the host's form (kind, value) and the worker library's TypedData.

The value of an "http" request is a dict with method, url, headers, query, params (dicts of strings) and body (bytes).
The value of a "model_binding_data" is a dict with version, source, content_type and content (bytes).
The value of an "http" response is a dict with status_code (a string), headers, body (a Value) and cookies (dicts with
name, value, domain, path, expires (seconds since 1970), max_age (seconds), secure, http_only, same_site).
"""

import json
from typing import Any

from local.host import protos
from local.host.protocol import Value


def to_typed_data(value: Value) -> protos.TypedData:
    """What the library decodes. "none" becomes an empty TypedData, which is null."""
    kind, content = value
    if kind == "none":
        return protos.TypedData()
    if kind == "http":
        body = content["body"]
        content = protos.RpcHttp(**{**content, "body": protos.TypedData(bytes=body) if body else protos.TypedData()})
    elif kind == "model_binding_data":
        content = protos.ModelBindingData(**content)
    elif kind in ("collection_bytes", "collection_string"):
        content = protos.Collection(content)
    return protos.TypedData(**{kind: content})


def from_typed_data(data: protos.TypedData | None) -> Value | None:
    """A value the library returned, or None where there is none.

    Numbers become JSON text. Subclasses of str become str, as protocol buffers would make them: an enumeration of the
    app doesn't exist in the host.

    Raises:
        TypeError: the app returned something in the place of text or bytes.
    """
    kind = data.WhichOneof("data") if data is not None else None
    content = getattr(data, kind) if kind else None
    if kind is None or content is None:
        return None
    if kind == "http":
        return "http", _response(content)
    if kind in ("int", "double"):
        return "json", json.dumps(content)
    return kind, bytes(content) if kind == "bytes" else _text(content)


def _response(http: protos.RpcHttp) -> dict[str, Any]:
    return {
        "status_code": _text(http.status_code),
        "headers": {_text(name): _text(value) for name, value in http.headers.items()},
        "cookies": [_cookie(cookie) for cookie in http.cookies or ()],
        "body": from_typed_data(http.body),
    }


def _cookie(cookie: protos.RpcHttpCookie) -> dict[str, Any]:
    nullable = ("domain", "path", "secure", "http_only", "max_age")
    fields = {name: getattr(cookie, name).value if getattr(cookie, name) else None for name in nullable}
    expires = cookie.expires.value.seconds if cookie.expires else None
    return {**fields, "name": cookie.name, "value": cookie.value, "expires": expires, "same_site": cookie.same_site}


def _text(value: Any) -> str:
    return value if type(value) is str else str.__str__(value)
