"""Injected faults over HTTP, as the SDK sees them."""

import asyncio
import json
import time
from typing import Any

import jsonschema
import pytest
from openai import APIConnectionError, APIStatusError, AsyncAzureOpenAI, BadRequestError

from tests.integration.local_model.conftest import v1_client
from tests.support.model import ControlError, ModelServer

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}


async def call(client: AsyncAzureOpenAI, text: str = "hello", model: str = "gpt-4o") -> Any:
    return await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], response_format=FORMAT
    )


@pytest.mark.parametrize(
    ("status", "charged"), [(400, 0), (401, 0), (403, 0), (404, 0), (429, 0), (408, 1), (500, 1), (503, 1)]
)
async def test_statuses(instant_server: ModelServer, azure: AsyncAzureOpenAI, status: int, charged: int) -> None:
    instant_server.inject({"kind": "status", "status": status, "headers": {"Retry-After": "7", "x-ms-region": None}})

    with pytest.raises(APIStatusError) as caught:
        await call(azure)

    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "7"
    assert "x-ms-region" not in caught.value.response.headers
    assert (instant_server.stats()["tokens_charged"] > 0) == charged
    await call(azure)


@pytest.mark.parametrize("at", ["before_reading", "before_answering", "mid_body"])
async def test_dropped_connections(instant_server: ModelServer, azure: AsyncAzureOpenAI, at: str) -> None:
    instant_server.inject({"kind": "drop", "at": at})

    with pytest.raises(APIConnectionError):
        await call(azure)

    stats = instant_server.stats()
    assert stats["by_status"] == {"dropped": 1}
    assert (stats["tokens_charged"] > 0) == (at != "before_reading")
    await call(azure)


async def test_delay(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "delay", "delay_ms": 300})
    started = time.monotonic()

    await call(azure)

    assert time.monotonic() - started >= 0.3


async def test_a_body_that_is_not_json(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "invalid_json"})

    with pytest.raises(json.JSONDecodeError):
        await call(azure)


async def test_content_that_is_not_json(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "invalid_content"})

    answer = await call(azure)

    assert answer.choices[0].finish_reason == "stop"
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.choices[0].message.content)


async def test_content_that_breaks_the_schema(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "schema_violation"})

    value = json.loads((await call(azure)).choices[0].message.content)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, SCHEMA)


async def test_a_planted_answer(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "answer", "text": "wrong", "match": {"contains": "needle"}})

    texts = [(await call(azure, text)).choices[0].message.content for text in ("hay", "a needle", "a needle")]

    assert texts == [texts[0], "wrong", texts[0]]
    assert texts[0] != "wrong"


async def test_a_filtered_prompt(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "content_filter", "on": "prompt"})

    with pytest.raises(BadRequestError) as caught:
        await call(azure)

    assert caught.value.code == "content_filter"
    body: Any = caught.value.body
    assert body["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    assert body["innererror"]["content_filter_result"]["violence"] == {"filtered": True, "severity": "high"}


async def test_a_filtered_answer(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "content_filter", "on": "completion"})

    choice = (await call(azure)).choices[0]

    assert (choice.finish_reason, choice.message.content) == ("content_filter", None)
    assert choice.content_filter_results["violence"]["filtered"] is True


async def test_a_cut_answer(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    whole = (await call(azure)).choices[0].message.content
    instant_server.inject({"kind": "truncate"})

    choice = (await call(azure)).choices[0]

    assert choice.finish_reason == "length"
    assert whole.startswith(choice.message.content)
    assert len(choice.message.content) < len(whole)


async def test_faults_pick_their_calls(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject(
        {"kind": "status", "status": 500, "count": None, "match": {"contains": "job-7"}},
        {"kind": "status", "status": 503, "count": None, "match": {"deployment": "broken"}},
    )

    await call(azure, "job-8")
    for text, model in (("job-7", "gpt-4o"), ("job-8", "broken")):
        with pytest.raises(APIStatusError):
            await call(azure, text, model)


async def test_chance_picks_about_as_many_calls_as_asked(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    instant_server.inject({"kind": "status", "status": 503, "count": None, "probability": 0.5})

    outcomes = await asyncio.gather(*(call(azure) for _ in range(60)), return_exceptions=True)

    # 60 draws of a half: outside 10..50 once in 10^7 runs.
    assert 10 <= sum(isinstance(outcome, APIStatusError) for outcome in outcomes) <= 50


async def test_faults_of_other_operations(instant_server: ModelServer) -> None:
    instant_server.inject(
        {"kind": "truncate", "count": None},
        {"kind": "status", "status": 503, "match": {"operation": "embeddings"}},
    )
    async with v1_client(instant_server) as client:
        with pytest.raises(APIStatusError):
            await client.embeddings.create(model="ada", input="hello")
        await client.embeddings.create(model="ada", input="hello")


async def test_faults_are_listed_and_cleared(instant_server: ModelServer, azure: AsyncAzureOpenAI) -> None:
    ids = instant_server.control("POST", "faults", {"kind": "truncate", "count": 3})["ids"]
    await call(azure)

    (listed,) = instant_server.control("GET", "faults")["faults"]

    assert (listed["kind"], listed["fired"], listed["left"]) == ("truncate", 1, 2)
    assert instant_server.control("DELETE", f"faults/{ids[0]}")["faults"] == []
    with pytest.raises(ControlError):
        instant_server.control("DELETE", f"faults/{ids[0]}")
    instant_server.inject({"kind": "truncate"})
    instant_server.control("DELETE", "faults")
    assert (await call(azure)).choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"kind": "status", "status": 200}, "status"),
        ({"kind": "status"}, "status"),
        ({"kind": "delay", "delay_ms": -1}, "delay_ms"),
        ({"kind": "truncate", "match": {"operation": "sing"}}, "match.operation"),
        ({"kind": "unknown"}, "kind"),
        ({"status": 500}, "kind"),
    ],
)
def test_wrong_faults_name_the_field(instant_server: ModelServer, fault: Any, field: str) -> None:
    with pytest.raises(ControlError) as caught:
        instant_server.control("POST", "faults", fault)

    error = caught.value.body["error"]
    assert (caught.value.status, error["field"]) == (400, field)
    assert error["message"]
