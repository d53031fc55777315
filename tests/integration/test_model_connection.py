"""AzureOpenAIService over real sockets: connections that fail, at each moment."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from local.process import free_port
from shared.errors import ModelTimeoutError, ModelUnavailableError
from shared.model.azure_openai import AzureOpenAIService

BODY = json.dumps(
    {
        "model": "gpt-4o",
        "choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
).encode()
HEAD = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n".encode()


async def _drop_before_reading(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    pass


async def _drop_before_answering(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def _drop_mid_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + BODY[:20])


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + BODY)


async def _never_answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


type Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _service(behave: Behaviour, timeout_s: float = 10.0) -> AsyncIterator[AzureOpenAIService]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with AzureOpenAIService(
            "chat", endpoint=f"http://127.0.0.1:{port}", api_key="k", timeout_s=timeout_s
        ) as service:
            yield service


async def _call(service: AzureOpenAIService) -> str:
    return (await service.chat_completion([{"role": "user", "content": "hi"}])).text


async def test_an_answer() -> None:
    async with _service(_answer) as service:
        assert await _call(service) == "Hello."


@pytest.mark.parametrize("behave", [_drop_before_reading, _drop_before_answering, _drop_mid_body])
async def test_a_dropped_connection_may_have_been_charged(behave: Behaviour) -> None:
    async with _service(behave) as service:
        with pytest.raises(ModelUnavailableError, match=r"The connection to 127\.0\.0\.1 failed") as caught:
            await _call(service)
    assert caught.value.reached


async def test_no_answer_in_time() -> None:
    async with _service(_never_answer, timeout_s=0.2) as service:
        with pytest.raises(ModelTimeoutError):
            await _call(service)


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "ConnectionRefused"), ("no-such-host.invalid", "gaierror")])
async def test_an_endpoint_that_is_not_there(host: str, reason: str) -> None:
    async with AzureOpenAIService("chat", endpoint=f"http://{host}:{free_port()}", api_key="k") as service:
        with pytest.raises(ModelUnavailableError, match=reason) as caught:
            await _call(service)
    assert not caught.value.reached
