"""What Azure refuses, this server refuses: identity, paths, deployments, bodies."""

import json
from typing import Any

import aiohttp
import pytest
from openai import BadRequestError, NotFoundError

from tests.integration.local_model.conftest import azure_client, v1_client
from tests.support.model import ModelServer, model_server

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
CHAT = "/openai/deployments/gpt-4o/chat/completions"
VERSION = "?api-version=2024-10-21"


async def post(server: ModelServer, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    given = {"api-key": "any"} if not headers else {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else json.dumps(body or {"messages": HELLO}).encode()
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url + path, data=data, headers=given) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"api_key": "any"}, 200),
        ({"Authorization": "Bearer any"}, 200),
        ({"Authorization": "bearer any"}, 200),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Basic any"}, 401),
        ({"api_key": ""}, 401),
    ],
)
async def test_a_key_or_a_token_is_needed(instant_server: ModelServer, headers: dict[str, str], status: int) -> None:
    assert (await post(instant_server, CHAT + VERSION, **headers))[0] == status


@pytest.mark.parametrize(
    "path", [CHAT, "/openai/deployments/gpt-4o/unknown" + VERSION, "/chat/completions", "/openai/v2/embeddings"]
)
async def test_unknown_paths_and_a_missing_version_are_not_found(instant_server: ModelServer, path: str) -> None:
    assert await post(instant_server, path) == (404, {"error": {"code": "404", "message": "Resource not found"}})


async def test_v1_needs_no_version(instant_server: ModelServer) -> None:
    body = {"model": "gpt-4o", "messages": HELLO}

    assert (await post(instant_server, "/openai/v1/chat/completions", body))[0] == 200


async def test_listed_deployments_are_the_only_ones() -> None:
    with model_server("--engine", "instant", "--deployments", "mini:gpt-4o-mini", "ear:whisper-1") as server:
        async with azure_client(server) as azure, v1_client(server) as v1:
            await azure.chat.completions.create(model="mini", messages=HELLO)
            for client in (azure, v1):
                with pytest.raises(NotFoundError) as missing:
                    await client.chat.completions.create(model="gpt-4o", messages=HELLO)
                assert missing.value.code == "DeploymentNotFound"
            with pytest.raises(BadRequestError) as wrong:
                await azure.chat.completions.create(model="ear", messages=HELLO)
            assert wrong.value.code == "OperationNotSupported"
            assert {model.id async for model in v1.models.list()} == {"mini", "ear"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "could not parse the JSON body"),
        ({"messages": HELLO, "colour": 1}, "Unrecognized request argument supplied: colour"),
        ({"messages": [{"role": "user", "content": "hello " * 130_000}]}, "maximum context length is 128000 tokens"),
        (
            {
                "messages": HELLO,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": {"type": "object", "properties": {}}},
                },
            },
            "'additionalProperties' is required",
        ),
        (
            {
                "messages": HELLO,
                "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "#/no"}}},
            },
            "leads nowhere",
        ),
    ],
)
async def test_wrong_bodies(instant_server: ModelServer, body: Any, message: str) -> None:
    status, answer = await post(instant_server, CHAT + VERSION, body)

    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert message in answer["error"]["message"]


async def test_parameters_depend_on_the_model(instant_server: ModelServer) -> None:
    path = "/openai/deployments/o3-mini/chat/completions" + VERSION
    status, answer = await post(instant_server, path, {"messages": HELLO, "max_completion_tokens": 20_000})
    assert status == 200
    assert answer["choices"]

    for given in ({"max_tokens": 5}, {"temperature": 0}):
        status, answer = await post(instant_server, path, {"messages": HELLO, **given})
        assert (status, answer["error"]["code"]) == (400, "unsupported_parameter")


async def test_oversized_bodies(instant_server: ModelServer) -> None:
    status, answer = await post(instant_server, CHAT + VERSION, b" " * (27 * 1024 * 1024))

    assert status == 413
    assert "26214400" in answer["error"]["message"]


async def test_bodies_are_never_printed(instant_server: ModelServer) -> None:
    await post(instant_server, CHAT + VERSION, {"messages": [{"role": "user", "content": "top secret"}]})
    await post(instant_server, CHAT + VERSION, {"messages": "top secret"})

    assert not any("secret" in line for line in instant_server.lines)
