"""Containers of their own in the shared Azurite, and a proxy that fails."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from azure.storage.blob.aio import ContainerClient

from shared.config import Connection
from tests.support.azurite import Azurite
from tests.support.faulty_storage import FaultyStorage


@dataclass
class Store:
    """A container that doesn't exist yet, and how to reach it past the faults."""

    name: str
    client: ContainerClient
    faulty: FaultyStorage

    @property
    def connection(self) -> Connection:
        """Through the proxy."""
        return Connection(connection_string=self.faulty.connection_string)

    async def names(self) -> list[str]:
        return [blob.name async for blob in self.client.list_blobs()]

    async def content(self, name: str) -> bytes:
        return await (await self.client.download_blob(name)).readall()


@pytest.fixture
async def store(shared_azurite: Azurite) -> AsyncIterator[Store]:
    name = f"logs-{secrets.token_hex(4)}"
    async with (
        FaultyStorage(shared_azurite.connection_string).running() as faulty,
        ContainerClient.from_connection_string(shared_azurite.connection_string, name) as client,
    ):
        yield Store(name, client, faulty)
