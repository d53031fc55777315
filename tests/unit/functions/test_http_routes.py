"""Every HTTP function goes through the one decorator, and none answers a stranger."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.bootstrap import http as bootstrap
from shared.http_api import endpoints, run_endpoints
from shared.http_api.endpoint import Endpoint
from shared.security.permissions import PermissionChecker, permissions_of
from tests.support.entra import Directory, directory, principal
from tests.support.http_routes import RegisteredRoute, routes

ROUTES = routes()
GUARDED = [route for route in ROUTES if route.endpoint and route.endpoint.permission is not None]
ROOT = Path(__file__).parents[3]
OPEN = {"health_live", "cors_preflight"}
"""The only functions that ask nobody. Think twice before adding one."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Directory]:
    with directory() as found:
        yield found


@pytest.fixture
def entra(issuer: Directory, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """The app asks for tokens of this directory. Its other services are nowhere: nothing may get so far."""
    monkeypatch.setenv(
        "AzureWebJobsStorage",
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=Yg==;"
        "TableEndpoint=http://127.0.0.1:1/a;BlobEndpoint=http://127.0.0.1:1/a",
    )
    for name, value in issuer.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bootstrap, "_pipeline", None)
    return issuer


def test_every_route_is_added_by_the_decorator() -> None:
    assert ROUTES
    assert [route.name for route in ROUTES if route.endpoint is None] == []
    for route in ROUTES:
        assert route.endpoint is not None
        assert (route.name, route.route, route.methods) == (
            route.endpoint.name,
            route.endpoint.route,
            (route.endpoint.method,),
        )
        assert route.level == ("function" if route.endpoint.permission is not None else "anonymous")


def test_no_module_adds_routes_otherwise() -> None:
    for path in sorted((ROOT / "functions").glob("*.py")):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert path.name == "http_endpoint.py" or not names & {"route", "http_type", "AuthLevel"}, path.name


def test_every_endpoint_is_served_once() -> None:
    declared = [
        value for module in (endpoints, run_endpoints) for value in vars(module).values() if isinstance(value, Endpoint)
    ]
    served = [route.endpoint for route in ROUTES]
    assert sorted(e.name for e in declared) == sorted(e.name for e in served if e)
    assert len({(e.method, e.route) for e in declared}) == len(declared)


def test_who_is_asked_nothing() -> None:
    assert {route.name for route in ROUTES if route not in GUARDED} <= OPEN


def test_every_permission_is_somebodys() -> None:
    for route in GUARDED:
        assert route.endpoint is not None
        assert route.endpoint.change == (route.endpoint.method != "GET")
        assert PermissionChecker.has_permission(permissions_of(["Sluice.Admin"]), route.endpoint.permission or "")


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
async def test_strangers_learn_nothing(route: RegisteredRoute, entra: Directory) -> None:
    admin = ["Sluice.Admin"]
    spoofed = {"x-ms-client-principal": principal({"roles": admin}), "x-functions-key": "k"}
    strangers = {"nothing": ({}, 401), "headers of the platform": (spoofed, 401), "no role": ({}, 403)}
    strangers["no role"] = ({"authorization": f"Bearer {entra.token(['Sluice.Nothing'])}"}, 403)
    for fault, token in entra.bad_tokens(admin).items():
        strangers[fault] = ({"authorization": f"Bearer {token}"}, 401)
    for fault, (headers, status) in strangers.items():
        response = await route.call(headers, body=b'{"secret": 1}')
        problem = json.loads(response.get_body())
        assert (response.status_code, problem["status"]) == (status, status), (fault, problem)
        ours = {"type", "title", "status", "detail", "code", "trace_id", "correlation_id"}
        assert set(problem) - {"job_id"} == ours, fault
        assert problem.get("job_id") == route.params.get("id"), "what the caller has named themselves"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert problem["detail"] in ("This needs a valid key or token.", "Your roles don't permit this.")


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
async def test_wrong_roles(route: RegisteredRoute, entra: Directory) -> None:
    assert route.endpoint is not None
    for role in ("Sluice.Submit", "Sluice.Read"):
        if not PermissionChecker.has_permission(permissions_of([role]), route.endpoint.permission or ""):
            response = await route.call({"authorization": f"Bearer {entra.token([role])}"})
            assert response.status_code == 403, role


async def test_preflight_requests(entra: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HTTP_ORIGINS", "https://portal.example")
    (preflight,) = [route for route in ROUTES if route.name == "cors_preflight"]
    allowed = await preflight.call({"Origin": "https://portal.example", "Access-Control-Request-Method": "PUT"})
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (204, "https://portal.example")
    other = await preflight.call({"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"})
    assert (other.status_code, other.headers.get("Access-Control-Allow-Origin")) == (204, None)


async def test_wrong_settings_close_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HTTP_AUTH", "entra")
    monkeypatch.delenv("SLUICE_ENTRA_TENANT_ID", raising=False)
    monkeypatch.setattr(bootstrap, "_pipeline", None)
    for route in GUARDED:
        assert (await route.call({"x-functions-key": "k"})).status_code == 503
