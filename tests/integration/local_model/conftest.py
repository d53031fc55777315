"""Running model servers, and the official SDK's clients for them."""

from collections.abc import AsyncIterator, Iterator

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from tests.support.model import ModelServer, model_server


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[ModelServer]:
    """With the demonstration engine and without limits."""
    with model_server("--no-limits") as server:
        yield server


@pytest.fixture(scope="session")
def _instant_server() -> Iterator[ModelServer]:
    with model_server("--engine", "instant", "--tpm", "100000", "--rpm", "6000", "--seed", "1") as server:
        yield server


@pytest.fixture
def instant_server(_instant_server: ModelServer) -> ModelServer:
    """With fixed answers; each test finds it as if just started."""
    _instant_server.reset()
    return _instant_server


@pytest.fixture
async def azure(instant_server: ModelServer) -> AsyncIterator[AsyncAzureOpenAI]:
    """A client of the instant server that never repeats a call."""
    async with azure_client(instant_server) as client:
        yield client


def azure_client(server: ModelServer) -> AsyncAzureOpenAI:
    return AsyncAzureOpenAI(azure_endpoint=server.url, api_key="any", api_version="2024-10-21", max_retries=0)


def v1_client(server: ModelServer) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{server.url}/openai/v1", api_key="any", max_retries=0)
