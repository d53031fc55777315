"""Other engines behind the same paths: another server, a GGUF file; and how the process starts and ends."""

import os
import signal
from typing import Any

import jsonschema
import pytest
from openai import APIStatusError

from local.process import StartError, free_port
from tests.integration.local_model.conftest import azure_client
from tests.integration.local_model.test_sdk import FEEDBACK_SCHEMA, fenced, structured
from tests.support.model import ModelServer, model_server

HELLO: list[Any] = [{"role": "user", "content": "hello"}]


async def test_another_server_answers(instant_server: ModelServer) -> None:
    env = {
        "SLUICE_MODEL_URL": f"{instant_server.url}/openai/v1/",
        "SLUICE_MODEL_NAME": "theirs",
        "SLUICE_MODEL_KEY": "secret-key",
    }
    with model_server(env=env) as server:
        async with azure_client(server) as client:
            answer = await client.chat.completions.create(model="ours", messages=HELLO)
            instant_server.inject({"kind": "status", "status": 429, "headers": {"retry-after": "9"}})
            with pytest.raises(APIStatusError) as refused:
                await client.chat.completions.create(model="ours", messages=HELLO)
            instant_server.inject({"kind": "invalid_json"})
            with pytest.raises(APIStatusError) as broken:
                await client.chat.completions.create(model="ours", messages=HELLO)
            embedding = await client.embeddings.create(model="ours", input="x")

        assert answer.model.startswith("sluice-instant-engine")
        assert (refused.value.status_code, refused.value.response.headers["retry-after"]) == (429, "9")
        assert broken.value.status_code == 503
        assert len(embedding.data[0].embedding) == 384
        assert list(instant_server.stats()["by_deployment"]) == ["theirs"]
        assert list(server.stats()["by_deployment"]) == ["ours"]
        assert server.process.info["engine"] == f"remote: {instant_server.url}/openai/v1/"
        assert not any("secret-key" in line for line in server.lines)


async def test_another_server_that_is_not_there() -> None:
    with model_server(env={"SLUICE_MODEL_URL": f"http://127.0.0.1:{free_port()}/v1"}) as server:
        async with azure_client(server) as client:
            with pytest.raises(APIStatusError, match="can't be used") as caught:
                await client.chat.completions.create(model="ours", messages=HELLO)
            assert caught.value.status_code == 503


@pytest.mark.parametrize(
    ("path", "complaint"), [("/no/such/model.gguf", "is not a file"), (__file__, "can't be loaded as a GGUF model")]
)
def test_a_gguf_file_that_is_none(path: str, complaint: str) -> None:
    server = ModelServer(env={"SLUICE_MODEL_GGUF": path})

    with pytest.raises(StartError, match=complaint):
        server.start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_process_cleanly(number: signal.Signals) -> None:
    with model_server("--engine", "instant") as server:
        os.kill(server.process.pid, number)

        assert server.process.stop() == 0


@pytest.mark.accept
@pytest.mark.timeout(900)
async def test_a_gguf_file_answers_within_the_schema() -> None:
    texts = [f"The {thing} {what}." for thing in ("lamp", "app", "hotel", "taxi") for what in VERDICTS]
    # A tiny model may never end a text by itself; the grammar made from the schema ends it.
    short = {"type": "string", "maxLength": 60}
    schema = {**FEEDBACK_SCHEMA, "properties": {**FEEDBACK_SCHEMA["properties"], "summary": short, "language": short}}
    with model_server("--no-limits", env={"SLUICE_MODEL_GGUF": os.environ["SLUICE_TEST_GGUF"]}) as server:
        async with azure_client(server) as client:
            for text in texts:
                jsonschema.validate(await structured(client, text, schema, strict=False), schema)
            plain = await client.chat.completions.create(model="any", messages=fenced(texts[0]), max_tokens=5, n=2)
            with pytest.raises(APIStatusError, match="context"):
                await client.chat.completions.create(model="any", messages=fenced("word " * 9000))

    assert len(texts) == 20
    assert plain.model == os.path.basename(os.environ["SLUICE_TEST_GGUF"])  # noqa: PTH119 - a name, no file
    assert len(plain.choices) == 2
    assert plain.choices[0].finish_reason == "length"
    assert plain.usage is not None
    assert plain.usage.completion_tokens == 10


VERDICTS = ("is wonderful", "broke after a day", "is too expensive", "came late, but works", "has a blue button")
