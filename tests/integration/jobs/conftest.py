"""Real tables, and a deployment's name that no other test uses."""

import secrets
from collections.abc import AsyncIterator

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.config import Connection
from shared.jobs.pending import PendingTable
from shared.storage.azure import table_service
from tests.support.azurite import Azurite


@pytest.fixture
async def tables(shared_azurite: Azurite) -> AsyncIterator[TableServiceClient]:
    async with table_service(Connection(shared_azurite.connection_string)) as service:
        await PendingTable(service).prepare()
        yield service


@pytest.fixture
def deployment() -> str:
    """Names a partition of the test's own; with characters that keys don't allow."""
    return f"gpt/4o #{secrets.token_hex(4)}"
