"""Checks of the app's dependencies. None of them writes anything, and none costs a model call."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from shared.config import Connection
from shared.health.results import Finding, HealthStatus
from shared.messaging.sender import open_client
from shared.storage.azure import storage_errors

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient

_WELL = Finding(HealthStatus.PASS)
_TIMEOUT_S = 5.0
_DISK_WARN = 0.10
_DISK_FAIL = 0.02


class TableHealthCheck:
    """Reads a row of table storage, whether or not it is there."""

    name = "storage:tables"
    component_type = "datastore"
    timeout_s = _TIMEOUT_S
    critical = True

    def __init__(self, service: "TableServiceClient", table: str) -> None:
        self._table = service.get_table_client(table)

    async def check(self) -> Finding:
        """See HealthCheck."""
        async with storage_errors("Reading a table"):
            with suppress(ResourceNotFoundError):
                await self._table.get_entity("health", "check")
        return _WELL


class BlobHealthCheck:
    """Asks for a container of blob storage, whether or not it is there."""

    name = "storage:blobs"
    component_type = "datastore"
    timeout_s = _TIMEOUT_S
    critical = True

    def __init__(self, service: "BlobServiceClient", container: str) -> None:
        self._container = service.get_container_client(container)

    async def check(self) -> Finding:
        """See HealthCheck."""
        async with storage_errors("Reading a blob container"):
            await self._container.exists()
        return _WELL


class ServiceBusHealthCheck:
    """Opens a link to a queue, as for sending; nothing is sent."""

    name = "servicebus:queue"
    component_type = "datastore"
    timeout_s = _TIMEOUT_S
    critical = True

    def __init__(self, connection: Connection, queue: str) -> None:
        self._connection = connection
        self._queue = queue

    async def check(self) -> Finding:
        """See HealthCheck."""
        async with open_client(self._connection) as client, client.get_queue_sender(self._queue) as sender:
            await sender.create_message_batch()
        return _WELL


class EntityHealthCheck:
    """Reads the state of a durable entity.

    Args:
        read: does so; raises where the task hub can't be reached.
    """

    component_type = "component"
    timeout_s = _TIMEOUT_S
    critical = True

    def __init__(self, name: str, read: Callable[[], Awaitable[object]]) -> None:
        self.name = f"entity:{name}"
        self._read = read

    async def check(self) -> Finding:
        """See HealthCheck."""
        await self._read()
        return _WELL


class ModelHealthCheck:
    """Reaches the endpoint of a model: any answer will do, as it needs no call that is charged, and no credential.

    Jobs wait while it is away, so that it isn't critical for taking them.
    """

    component_type = "component"
    timeout_s = _TIMEOUT_S
    critical = False

    def __init__(self, deployment: str, endpoint: str | None) -> None:
        self.name = f"model:{deployment}"
        self._endpoint = endpoint

    async def check(self) -> Finding:
        """See HealthCheck."""
        import aiohttp

        if not self._endpoint:
            return Finding(HealthStatus.FAIL, output="No endpoint is set (AZURE_OPENAI_ENDPOINT).")
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._endpoint, allow_redirects=False) as response,
        ):
            status = response.status
        return _WELL if status < 500 else Finding(HealthStatus.FAIL, output=f"The endpoint answered {status}.")


class DiskHealthCheck:
    """Looks at the free space for temporary files: recordings are cut there, and logs wait there."""

    name = "disk:free"
    component_type = "system"
    timeout_s = _TIMEOUT_S
    critical = False

    def __init__(self, path: str | None = None) -> None:
        self._path = path or tempfile.gettempdir()

    async def check(self) -> Finding:
        """See HealthCheck."""
        usage = await asyncio.to_thread(shutil.disk_usage, self._path)
        free = usage.free / usage.total
        status = (
            HealthStatus.FAIL if free < _DISK_FAIL else HealthStatus.WARN if free < _DISK_WARN else HealthStatus.PASS
        )
        output = None if status is HealthStatus.PASS else f"{free:.0%} of the disk for temporary files are free."
        return Finding(status, round(100 * free, 1), "percent", output)


class ConfigurationHealthCheck:
    """Says what is wrong with the settings.

    Args:
        find: returns the texts of warnings; raises ConfigurationError where jobs can't run. Reads files.
    """

    name = "configuration"
    component_type = "component"
    timeout_s = _TIMEOUT_S
    critical = True

    def __init__(self, find: Callable[[], list[str]]) -> None:
        self._find = find

    async def check(self) -> Finding:
        """See HealthCheck."""
        found = await asyncio.to_thread(self._find)
        return Finding(HealthStatus.WARN, len(found), "warnings", " ".join(found)) if found else _WELL
