"""The unmodified openai package against the demonstration engine."""

import asyncio
import json
from typing import Any

import aiohttp
import jsonschema
from hypothesis import HealthCheck, given, settings
from openai import AsyncAzureOpenAI

from local.model.demo.texts import FENCE_END, FENCE_START
from shared.model.encodings import load_encoding
from shared.model.tokens import estimate_request_tokens
from tests.integration.local_model.conftest import azure_client, v1_client
from tests.support.host_listeners import eventually
from tests.support.json_schemas import loose_schemas, strict_schemas
from tests.support.model import ModelServer

FEEDBACK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sentiment": {
            "type": "object",
            "properties": {
                "label": {"type": "string", "enum": ["positive", "neutral", "negative", "mixed"]},
                "score": {"type": "number", "description": "from -1 (very negative) to 1 (very positive)"},
            },
            "required": ["label", "score"],
            "additionalProperties": False,
        },
        "summary": {"type": "string"},
        "language": {"type": "string", "description": "ISO 639-1 code"},
    },
    "required": ["sentiment", "summary", "language"],
    "additionalProperties": False,
}


def fenced(text: str) -> list[Any]:
    data = f"{FENCE_START}\n{text}\n{FENCE_END}"
    return [{"role": "system", "content": "Analyse."}, {"role": "user", "content": f"The feedback:\n{data}"}]


async def structured(client: AsyncAzureOpenAI, text: str, schema: dict[str, Any], *, strict: bool) -> Any:
    response_format: Any = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }
    answer = await client.chat.completions.create(
        model="gpt-4o-mini", messages=fenced(text), response_format=response_format
    )
    return json.loads(answer.choices[0].message.content or "")


async def test_plain_chat_answers_with_a_sentence_of_the_text(embedded_server: ModelServer) -> None:
    text = "The kettle is red. It came too late. What colour is the kettle?"
    messages: list[Any] = [{"role": "user", "content": text}]
    async with azure_client(embedded_server) as client:
        answer = await client.chat.completions.create(model="gpt-4o-mini", messages=messages, n=2)

    assert [choice.message.content for choice in answer.choices] == ["The kettle is red."] * 2
    assert "not a language model" in answer.model
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == estimate_request_tokens(messages, 0)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_feedback_is_analysed(embedded_server: ModelServer) -> None:
    async with azure_client(embedded_server) as client:
        answer = await structured(client, "Das Paket kam zu spät und war kaputt.", FEEDBACK_SCHEMA, strict=True)

    assert answer["sentiment"]["label"] == "negative"
    assert answer["sentiment"]["score"] < -0.2
    assert answer["summary"] == "Das Paket kam zu spät und war kaputt."
    assert answer["language"] == "de"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=strict_schemas(max_leaves=5))
async def test_any_strict_schema_is_kept(embedded_server: ModelServer, schema: dict[str, Any]) -> None:
    async with azure_client(embedded_server) as client:
        jsonschema.validate(await structured(client, "It broke. I am angry.", schema, strict=True), schema)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=loose_schemas(max_leaves=5))
async def test_any_other_schema_is_kept(embedded_server: ModelServer, schema: dict[str, Any]) -> None:
    async with azure_client(embedded_server) as client:
        jsonschema.validate(await structured(client, "It broke. I am angry.", schema, strict=False), schema)


async def test_json_mode(embedded_server: ModelServer) -> None:
    messages: list[Any] = [{"role": "user", "content": "Answer in JSON. Paris is the capital of France."}]
    async with v1_client(embedded_server) as client:
        answer = await client.chat.completions.create(
            model="gpt-4o", messages=messages, response_format={"type": "json_object"}
        )

    assert json.loads(answer.choices[0].message.content or "")["answer"] in messages[0]["content"]


async def test_stop_and_max_tokens_cut_the_answer(embedded_server: ModelServer) -> None:
    messages: list[Any] = [{"role": "user", "content": "One two three four five six seven eight nine ten."}]
    async with azure_client(embedded_server) as client:
        stopped = await client.chat.completions.create(model="gpt-4o", messages=messages, stop=["four"])
        cut = await client.chat.completions.create(model="gpt-4o", messages=messages, max_tokens=3)

    assert stopped.choices[0].message.content == "One two three "
    assert stopped.choices[0].finish_reason == "stop"
    assert cut.choices[0].message.content == "One two three"
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 3


async def test_embeddings_of_similar_texts_are_near(embedded_server: ModelServer) -> None:
    encoding = load_encoding("cl100k_base")
    texts = ["The parcel is late.", "Das Paket ist verspätet.", "I like jazz."]
    async with azure_client(embedded_server) as azure, v1_client(embedded_server) as v1:
        one = await azure.embeddings.create(model="text-embedding-3-small", input=texts)
        two = await v1.embeddings.create(model="text-embedding-3-small", input=texts, encoding_format="float")
        few = await v1.embeddings.create(model="text-embedding-3-small", input=texts[0], dimensions=8)
        tokens = await v1.embeddings.create(model="text-embedding-3-small", input=[encoding.encode_ordinary(texts[0])])

    vectors = [item.embedding for item in one.data]
    assert len(vectors[0]) == 384
    assert dot(vectors[0], vectors[1]) > dot(vectors[0], vectors[2])
    assert [round(n, 5) for n in vectors[0]] == [round(n, 5) for n in two.data[0].embedding]
    assert round(dot(few.data[0].embedding, few.data[0].embedding), 5) == 1
    assert dot(tokens.data[0].embedding, vectors[0]) > 0.99
    assert one.usage.prompt_tokens == two.usage.prompt_tokens > 10


def dot(one: list[float], two: list[float]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True))


async def test_models_are_the_deployments_in_use(embedded_server: ModelServer) -> None:
    async with v1_client(embedded_server) as client:
        await client.embeddings.create(model="seen-before", input="x")
        models = [model.id async for model in client.models.list()]

    assert "seen-before" in models


async def test_health_answers_while_the_engine_computes(embedded_server: ModelServer) -> None:
    async with azure_client(embedded_server) as client, aiohttp.ClientSession() as session:
        texts = [" ".join(f"Kettle {i} of shop {n} whistles far too loudly." for i in range(60)) for n in range(6)]
        work = [asyncio.create_task(structured(client, text, FEEDBACK_SCHEMA, strict=True)) for text in texts]
        await eventually(lambda: embedded_server.stats()["in_flight"] == len(work), "all calls in flight")

        async with session.get(f"{embedded_server.url}/health") as response:
            health = await response.json()

        assert health == {"status": "ok", "engine": "embedded"}
        assert not all(task.done() for task in work)
        await asyncio.gather(*work)
