"""Requests that mean harm, or are merely broken: what a hostile network sends to an HTTP API."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

DEEP = 100_000
_PATIENCE_S = 1.0
_JSON = (("Content-Type", "application/json"),)
_BODIES: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"text": "a", "metadata": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    b'[{"body": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}]",
    b'{"text": "\xff\xfe"}',
    b'{"text": "\xc0\xaf"}',
    b'{"text": "\xed\xa0\x80"}',
    b'{"text": "\\ud800"}',
    b'{"text": "\\u0000"}',
    '{"text": "a"}'.encode("utf-16"),
    '\ufeff{"text": "a"}'.encode(),
    '{"text": "ä"}'.encode("latin-1"),
    b'{"text": NaN}',
    b'{"text": "a", "rating": 1e999999}',
    b'{"text": "a", "rating": ' + b"9" * 5_000 + b"}",
    b'{"text": "a", "text": {}, "__proto__": {"admin": true}}',
    b'{"kind": "feedback", "ids": [' + b'"x",' * 200 + b'"x"]}',
    b'{"token_count": -1}',
    b'{"token_count": 1e400}',
    b'{"tpm": "NaN"}',
    b"text=a&text=b",
    b"\x00" * 1_000,
)
_PATHS = (
    "/api/jobs/../health/ready",
    "/api/jobs/%2e%2e/%2e%2e/etc/passwd",
    "/api/jobs/..%2f..%2fhost.json",
    "/api/jobs/..%5c..%5chost.json",
    "//api//jobs",
    "/api/jobs/%00",
    "/api/jobs/a%0d%0aSet-Cookie:%20a=b?kind=feedback",
    "/api/jobs/" + "a" * 7_000,
    "/api/jobs/a;admin=true",
    "/api/jobs/%252e%252e%252f",
    "/api/jobs/%ff%fe",
    "/api/jobs/%F0%9F%92%A9/result",
    "/api/jobs/a/b/c/d",
    "/api/progress/..%2f..%2fadmin",
    "/api/tokens/..%2f..%2f/status",
    "/api/jobs?limit=1e9",
    "/api/jobs?limit=%EF%BC%91",
    "/api/jobs?cursor=" + "A" * 5_000,
    "/api/jobs?kind=feedback&kind=audio",
    "/api/jobs?since=9999-12-31T23:59:59-23:59",
    "/api/jobs?app=%0d%0aX-Injected:%20yes",
    "/api/errors?cursor=%00",
    "/api/dashboard?replayed=%3Cscript%3Ealert(1)%3C/script%3E",
    "/api/openapi.json%00.html",
)
_HEADERS = (
    ("X-Correlation-Id", "a\tb"),
    ("X-Correlation-Id", "x" * 6_000),
    ("X-Correlation-Id", "\xff\xfe"),
    ("traceparent", "00-" + "0" * 32 + "-" + "0" * 16 + "-00"),
    ("traceparent", "zz-" * 500),
    ("If-None-Match", '"' + "," * 5_000),
    ("Authorization", "Bearer " + "A." * 2_000),
    ("X-MS-CLIENT-PRINCIPAL", "!!!"),
    ("Idempotency-Key", "x" * 5_000),
    ("Content-Type", "application/json; charset=\x80"),
    ("Origin", "https://evil.example"),
    ("Sec-Fetch-Site", "cross-site"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-HTTP-Method-Override", "DELETE"),
)
_RAW = (
    b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nX-Correlation-Id: a\r\n Set-Cookie: a=b\r\nConnection: close\r\n\r\n",
    b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nX-Correlation-Id: a\rSet-Cookie: a=b\r\nConnection: close\r\n\r\n",
    b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nX-Correlation-Id: a\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n",
    b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nX\x00Y: a\r\nConnection: close\r\n\r\n",
    b"GET /api/jobs\r\nX-Injected: yes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000 + b"\r\nConnection: close\r\n\r\n",
    b"POST /api/jobs/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n0\r\n\r\n",
    b"POST /api/jobs/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\nConnection: close\r\n\r\n",
    b"POST /api/jobs/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n"
    b"Connection: close\r\n\r\nabcde",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


@dataclass(frozen=True)
class Request:
    """Bytes for a connection of its own. `whole`: the server has all that it may wait for."""

    raw: bytes = field(repr=False)
    name: str
    whole: bool = True


def requests(base: str, posts: list[tuple[str, str]], seed: int, mutated: int) -> Iterator[Request]:
    """All of the above, and as many of them again at random places with random bytes changed.

    Args:
        base: address of the app.
        posts: methods and paths that take a body.
    """
    host = urlsplit(base).netloc
    found = [
        *(_request(host, method, path, body) for method, path in posts for body in _BODIES),
        *(_request(host, "GET", path) for path in _PATHS),
        *(_request(host, "GET", "/api/jobs", headers=(header,)) for header in _HEADERS),
        *(_request(host, "POST", "/api/jobs/feedback", b'{"text": ""}', (*_JSON, header)) for header in _HEADERS),
        *(Request(raw, f"raw {raw[:40]!r}", whole=False) for raw in _RAW),
    ]
    yield from found
    chance = random.Random(seed)
    for number in range(mutated):
        original = chance.choice(found)
        changed = bytearray(original.raw)
        # Near the beginning, where the parsers are.
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(min(len(changed), 400))] = chance.randrange(256)
        yield Request(bytes(changed), f"{original.name}, changed ({seed}, {number})", whole=False)


def oversized(base: str, path: str, size: int) -> Request:
    """A body of this size."""
    return _request(urlsplit(base).netloc, "POST", path, b'{"text": "' + b"x" * size + b'"}')


async def send(base: str, request: Request, timeout_s: float) -> tuple[int | None, dict[str, str], bytes]:
    """Status, headers with names in lower case, and body. None: the connection was closed without an answer.

    Raises:
        TimeoutError: neither came in time.
    """
    parts = urlsplit(base)
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(request.raw)
            await writer.drain()
            answer = await _answer(reader, writer, request.whole)
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1."):
        return None, {}, body
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, whole: bool) -> bytes:
    if whole:
        return await reader.read()
    reading = asyncio.ensure_future(reader.read())
    done, _ = await asyncio.wait([reading], timeout=_PATIENCE_S)
    if not done:
        writer.write_eof()  # it waits for what was promised
    return await reading


def is_problem(status: int, headers: dict[str, str], body: bytes) -> bool:
    """Whether an error is one of the app's own."""
    if headers.get("content-type") != "application/problem+json":
        return False
    content = json.loads(body)
    return content["status"] == status and bool(content["trace_id"]) and bool(content["code"])


def _request(
    host: str, method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = _JSON
) -> Request:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    ]
    name = f"{method} {path[:60]} {quote(body[:30])} {[header for header in headers if header not in _JSON]}"[:200]
    return Request("\r\n".join(lines).encode("latin-1") + body, name)
