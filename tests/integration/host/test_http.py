"""HTTP functions on a running host."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.host import RunningHost, functions_host, write_app

APP = """
@app.route(route="echo/{id:int}/{tail?}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method, "url": req.url, "route": dict(req.route_params), "query": dict(req.params),
        "headers": dict(req.headers), "body": req.get_body().decode(), "trace": context.trace_context.trace_parent,
        "function": context.function_name,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=201, headers={"x-a": "b"})

@app.route(route="text")
def text(req: func.HttpRequest) -> str:
    return req.params.get("value", "")

@app.route(route="cookies")
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("ok")
    response.headers.add("Set-Cookie", 'a="b c"; Path=/x; HttpOnly; SameSite=Lax')
    response.headers.add("Set-Cookie", "d=e; Max-Age=60; Expires=Thu, 01 Jan 2026 00:00:00 GMT; Secure; Domain=x.org")
    return response

@app.route(route="fail")
async def fail(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("the reason")

@app.route(route="nothing")
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None

@app.route(route="size")
def size(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"x" * len(req.get_body()), headers={"content-length": "1"})

@app.route(route="files/{*path}")
def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params.get("path", "(none)"))

@app.route(route="get_only", methods=["GET"])
def get_only(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("body")

@app.route(route="guarded", auth_level=func.AuthLevel.FUNCTION)
def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")

@app.route(route="secret", auth_level=func.AuthLevel.ADMIN)
def admin_only(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")

@app.route(route="off")
def off(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("on?")

@app.route(route="a/{x}")
def hides(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hides")

@app.route(route="a/literal")
def literal(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("literal")

@app.route(route="%NO_SUCH_ROUTE%")
def unresolved(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("never")
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    app = write_app(
        tmp_path_factory.mktemp("http"),
        APP,
        settings={"AzureWebJobs.off.Disabled": "true"},
        local_settings={"Host": {"CORS": "https://a.example,https://b.example"}},
    )
    with functions_host(app) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def get(client: aiohttp.ClientSession, url: str, **options: Any) -> tuple[int, str]:
    async with client.get(url, **options) as response:
        return response.status, await response.text()


async def test_what_a_function_sees_of_a_request(host: RunningHost, client: aiohttp.ClientSession) -> None:
    url = f"{host.url}/api/echo/5/a%20b?q=1&Q=2&empty=&x=%C3%A9"
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = [("X-Two", "1"), ("X-Two", "2"), ("traceparent", trace)]
    async with client.post(url, data="hällo".encode(), headers=headers) as response:
        assert (response.status, response.headers["x-a"]) == (201, "b")
        assert response.headers["content-type"] == "application/json"
        seen = await response.json()
    assert (seen["method"], seen["function"], seen["body"]) == ("POST", "echo", "hällo")
    assert seen["url"] == url
    assert seen["route"] == {"id": "5", "tail": "a b"}
    assert seen["query"] == {"q": "1,2", "x": "é"}
    assert seen["headers"]["x-two"] == "1,2"
    # In the caller's trace, as a span of its own.
    assert seen["trace"].split("-")[1] == trace.split("-")[1]
    assert seen["trace"].split("-")[2] != trace.split("-")[2]


async def test_a_line_feed_in_a_path(host: RunningHost, client: aiohttp.ClientSession) -> None:
    assert json.loads((await get(client, f"{host.url}/api/echo/5/a%0Ab"))[1])["route"]["tail"] == "a\nb"


async def test_an_absent_optional_parameter_and_an_empty_body(host: RunningHost, client: aiohttp.ClientSession) -> None:
    seen = json.loads((await get(client, f"{host.url}/api/echo/5"))[1])
    assert (seen["route"], seen["body"], seen["query"]) == ({"id": "5"}, "", {})
    assert len(seen["trace"].split("-")[1]) == 32


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/echo/x", 404),  # the constraint
        ("DELETE", "/api/echo/5", 404),  # the method: not found, as in the cloud, not 405
        ("GET", "/api/unknown", 404),
        ("GET", "/text", 404),  # without the prefix
        ("GET", "/API/TEXT", 200),
        ("GET", "/api/off", 404),  # disabled
        ("GET", "/api/unresolved", 404),  # not started
        ("HEAD", "/api/get_only", 404),
        ("OPTIONS", "/api/text", 200),
        ("PATCH", "/api/text", 200),
        ("HEAD", "/api/text", 200),
        ("GET", "/api/guarded", 200),  # no keys are checked without --auth
        ("GET", "/", 200),
    ],
)
async def test_which_requests_find_a_function(
    host: RunningHost, client: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with client.request(method, host.url + path) as response:
        assert response.status == status


async def test_functions_are_tried_in_the_order_of_their_names(
    host: RunningHost, client: aiohttp.ClientSession
) -> None:
    assert await get(client, f"{host.url}/api/a/literal") == (200, "hides")
    assert "'literal' never gets requests for a/literal: 'hides' (a/{x}) comes before it" in host.text


async def test_catch_all(host: RunningHost, client: aiohttp.ClientSession) -> None:
    assert await get(client, f"{host.url}/api/files/a/b/c.txt") == (200, "a/b/c.txt")
    assert await get(client, f"{host.url}/api/files") == (200, "(none)")


@pytest.mark.parametrize(
    ("value", "status", "text"),
    [
        ("plain", 200, "plain"),
        ('{"a":[1,2]}', 200, '{\n  "a": [\n    1,\n    2\n  ]\n}'),
        ("true", 200, "True"),
        ('{"statusCode": 202, "body": "inside", "headers": {"x-b": "c"}}', 202, "inside"),
    ],
)
async def test_returned_strings(
    host: RunningHost, client: aiohttp.ClientSession, value: str, status: int, text: str
) -> None:
    async with client.get(f"{host.url}/api/text", params={"value": value}) as response:
        assert (response.status, await response.text()) == (status, text)
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers.get("x-b") == ("c" if status == 202 else None)


async def test_cookies(host: RunningHost, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{host.url}/api/cookies") as response:
        assert response.headers.getall("set-cookie") == [
            "a=b%20c; path=/x; samesite=lax; httponly",
            "d=e; expires=Thu, 01 Jan 2026 00:00:00 GMT; max-age=60; domain=x.org; secure",
        ]


async def test_an_exception_is_an_empty_500_and_its_stack_is_logged(
    host: RunningHost, client: aiohttp.ClientSession
) -> None:
    assert await get(client, f"{host.url}/api/fail") == (500, "")
    host.wait_for_line("Exception: ValueError: the reason")
    host.wait_for_line('raise ValueError("the reason")')
    line = host.wait_for_line("Executed 'Functions.fail' (Failed")
    assert "[Function.fail] [ERROR]" in line


async def test_returning_nothing_fails(host: RunningHost, client: aiohttp.ClientSession) -> None:
    assert await get(client, f"{host.url}/api/nothing") == (500, "")


async def test_large_bodies_up_to_the_limit(host: RunningHost, client: aiohttp.ClientSession) -> None:
    content = b"y" * 20_000_000
    async with client.post(f"{host.url}/api/size", data=content) as response:
        assert len(await response.read()) == len(content)
    too_long = {"content-length": str(104_857_601)}
    async with client.post(f"{host.url}/api/size", data=_many_bytes(104_857_601), headers=too_long) as response:
        assert response.status == 413


async def _many_bytes(count: int) -> AsyncIterator[bytes]:
    for start in range(0, count, 1 << 20):
        yield b"z" * min(1 << 20, count - start)


async def test_a_chunked_body_does_not_reach_the_function(host: RunningHost, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{host.url}/api/size", data=_many_bytes(10)) as response:
        assert await response.read() == b""
    host.wait_for_line("[Function.size] [WARNING] A request body without Content-Length")


async def test_cross_origin_requests(host: RunningHost, client: aiohttp.ClientSession) -> None:
    url = f"{host.url}/api/text"
    ask = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-key"}
    async with client.options(url, headers={"Origin": "https://a.example", **ask}) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert response.headers["Access-Control-Allow-Methods"] == "PUT"
        assert response.headers["Access-Control-Allow-Headers"] == "x-key"
    async with client.get(url, headers={"Origin": "https://b.example"}) as response:
        assert (response.headers["Access-Control-Allow-Origin"], response.headers["Vary"]) == (
            "https://b.example",
            "Origin",
        )
    for method in ("GET", "OPTIONS"):
        async with client.request(method, url, headers={"Origin": "https://c.example", **ask}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_admin_endpoints(host: RunningHost, client: aiohttp.ClientSession) -> None:
    status = json.loads((await get(client, f"{host.url}/admin/host/status"))[1])
    assert status["state"] == "Running"
    assert status["errors"] == [
        "unresolved: '%NO_SUCH_ROUTE%' does not resolve to a value: no app setting is named 'NO_SUCH_ROUTE'"
    ]
    functions = {f["name"]: f for f in json.loads((await get(client, f"{host.url}/admin/functions"))[1])}
    assert functions["off"]["isDisabled"]
    assert functions["echo"]["invoke_url_template"] == f"http://localhost:{host.port}/api/echo/{{id:int}}/{{tail?}}"
    one = json.loads((await get(client, f"{host.url}/admin/functions/ECHO"))[1])
    assert one["config"]["bindings"] == functions["echo"]["config"]["bindings"]
    processes = json.loads((await get(client, f"{host.url}/admin/host/processes"))[1])["processes"]
    assert [process["processId"] for process in processes] == host.worker_pids()
    assert (await get(client, f"{host.url}/admin/functions/none"))[0] == 404
    async with client.post(f"{host.url}/admin/functions/text", json={"input": ""}) as response:
        assert (response.status, await response.text()) == (
            400,
            "A function with a httpTrigger can't be run by hand here.",
        )


def test_the_table_shows_every_function(host: RunningHost) -> None:
    table = {line.split()[0]: line for line in host.lines if line.startswith("  ")}
    assert table["echo"].split()[1:] == [
        "httpTrigger",
        "GET,POST",
        f"http://localhost:{host.port}/api/echo/{{id:int}}/{{tail?}}",
    ]
    assert "(disabled)" in table["off"]
    assert "(not started, see below)" in table["unresolved"]
    assert "unresolved" not in host.functions
    assert "off" not in host.functions


async def test_keys_are_checked_with_auth(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    keys = ["_master=m-key", "default=h-key", "guarded/own=f-key", "blobs_extension=s-key"]
    arguments = ["--auth", *(part for key in keys for part in ("--key", key))]

    async def status(path: str, key: str = "", header: str | None = None) -> int:
        params = {"code": key} if key else {}
        headers = {} if header is None else {"x-functions-key": header}
        return (await get(client, host.url + path, params=params, headers=headers))[0]

    with functions_host(write_app(tmp_path, APP), args=arguments) as host:
        assert [await status(f"/api/{name}") for name in ("text", "guarded", "secret")] == [200, 401, 401]
        guarded = [await status("/api/guarded", key) for key in ("f-key", "h-key", "m-key", "s-key", "x")]
        assert guarded == [200, 200, 200, 401, 401]
        assert [await status("/api/secret", key) for key in ("f-key", "h-key", "m-key")] == [401, 401, 200]
        assert await status("/api/guarded", header="h-key") == 200
        assert await status("/api/guarded", "h-key", header="wrong") == 401
        assert [await status("/admin/host/status", key) for key in ("", "h-key", "m-key")] == [401, 401, 200]
        assert not [line for line in host.lines if "-key" in line]
