"""Access to the HTTP API through a host: by its keys, by tokens."""

import json
from collections.abc import Iterator, Mapping

import aiohttp
import pytest

from cli.progress import running_jobs
from shared.config import AppAccess
from shared.errors import AccessDeniedError
from shared.quota.token_client import TokenClient
from tests.support.entra import Directory, directory
from tests.support.http_routes import RegisteredRoute, routes
from tests.support.stack import stack

GUARDED = [route for route in routes() if route.endpoint and route.endpoint.permission is not None]
KEY = "host-key-for-tests"
ARGS = ["--engine", "instant", "--no-limits"]


@pytest.fixture(scope="module")
def keyed() -> Iterator[str]:
    """The address of an app whose host checks keys."""
    args = ["--auth", "--key", "_master=m", "--key", f"default={KEY}", "--key", "tokens_status/own=only-status"]
    with stack(model_args=ARGS, host_args=args) as running:
        yield running.settings["SLUICE_URL"]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Directory]:
    with directory() as found:
        yield found


@pytest.fixture(scope="module")
def tokened(issuer: Directory) -> Iterator[str]:
    """The address of an app that asks for tokens; its host checks keys, too."""
    with stack(model_args=ARGS, host_args=["--auth", "--key", "_master=m"], host_env=issuer.env()) as running:
        yield running.settings["SLUICE_URL"]


async def ask(url: str, route: RegisteredRoute, headers: Mapping[str, str]) -> tuple[int, str, Mapping[str, str]]:
    address = f"{url}/api/{route.route.replace('{deployment}', 'gpt-4o-mini').replace('{kind}', 'feedback')}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(route.methods[0], address.replace("{id}", "none"), headers=headers) as response,
    ):
        return response.status, await response.text(), response.headers


async def test_without_a_key_the_host_lets_nobody_through(keyed: str) -> None:
    for route in GUARDED:
        for headers in ({}, {"x-functions-key": "wrong"}, {"authorization": "Bearer x"}):
            status, text, _ = await ask(keyed, route, headers)
            assert (status, text) == (401, ""), route.name


async def test_with_a_key(keyed: str) -> None:
    async with TokenClient("shop", keyed, deployment="gpt-4o-mini", function_key=KEY) as client:
        assert (await client.lock_tokens(10))[0]
        assert (await client.get_status())["limits"]["tpm"] > 0
    async with TokenClient("shop", keyed, deployment="gpt-4o-mini", function_key="only-status") as client:
        await client.get_status()
        assert not (await client.lock_tokens(10))[0], "a key of one function opens that function"
    assert await running_jobs(AppAccess(keyed, KEY), "reasoning") == []


async def test_strangers_with_tokens(tokened: str, issuer: Directory) -> None:
    bad = issuer.bad_tokens(["Sluice.Admin"])
    bad.pop("long")  # the server takes no headers as long as that
    for route in GUARDED:
        for headers, expected in (
            ({}, 401),
            ({"x-functions-key": "m"}, 401),
            *(({"authorization": f"Bearer {token}"}, 401) for token in bad.values()),
            ({"authorization": f"Bearer {issuer.token()}"}, 403),
        ):
            status, text, _ = await ask(tokened, route, headers)
            assert status == expected, (route.name, text)
            assert json.loads(text)["detail"] in ("This needs a valid key or token.", "Your roles don't permit this.")


class Credential:
    """As azure-identity's."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_token(self, *scopes: str) -> "Credential":
        return self

    @property
    def token(self) -> str:
        return self._token

    async def close(self) -> None:
        pass


async def test_the_token_client_with_tokens(tokened: str, issuer: Directory) -> None:
    def client(*roles: str) -> TokenClient:
        credential = Credential(issuer.token(roles))
        return TokenClient(
            "shop",
            tokened,
            "api://sluice",
            use_auth=True,
            deployment="gpt-4o-mini",
            credential=credential,  # type: ignore[arg-type]
        )

    async with client("Sluice.Submit", "Sluice.Read") as both:
        assert (await both.lock_tokens(10))[0]
        assert (await both.get_status())["open_locks"] == 1
        with pytest.raises(AccessDeniedError):
            await both.set_limits({"tpm": 5})
    async with client("Sluice.Admin") as admin:
        assert (await admin.set_limits({"tpm": 1_000_000}))["limits"]["tpm"] == 1_000_000


async def test_headers_of_an_answer(tokened: str, issuer: Directory) -> None:
    (route,) = [route for route in GUARDED if route.name == "tokens_status"]
    headers = {"authorization": f"Bearer {issuer.token(['Sluice.Read'])}", "x-correlation-id": "mine"}
    status, _, answer = await ask(tokened, route, headers)
    assert (status, answer["X-Correlation-Id"], answer["Content-Type"]) == (200, "mine", "application/json")
    assert answer["RateLimit-Policy"] == '"caller";q=6000;w=60'
    assert answer["X-Content-Type-Options"] == "nosniff"
