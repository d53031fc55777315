"""One host of the durable test app for all tests of a module."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.azurite import Azurite, azurite
from tests.support.durable import Client, client_of, durable_host
from tests.support.host import RunningHost


@pytest.fixture(scope="session")
def storage() -> Iterator[Azurite]:
    with azurite() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the task hub."""
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def host(storage: Azurite, folder: Path) -> Iterator[RunningHost]:
    with durable_host(folder, storage.connection_string) as running:
        yield running


@pytest.fixture
async def client(host: RunningHost) -> AsyncIterator[Client]:
    async with client_of(host) as using:
        yield using
