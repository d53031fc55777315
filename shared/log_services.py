"""The composition root of log shipping: settings become its objects here."""

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shared.config import Connection, log_settings, storage_connections
from shared.errors import SluiceError
from shared.log_settings import LogSettings
from shared.logs.index import LONGEST_FILE, LogIndex
from shared.logs.log_monitor import LogMonitorService
from shared.logs.search import LogSearch
from shared.logs.shipping import LogShipping
from shared.logs.sweep import LOST_AFTER, SHARE_LEFT_AFTER_S, LogSweep
from shared.logs.verify import LogFacts, inspect
from shared.storage.azure import BlobContainer, blob_service, storage_errors, table_service
from shared.storage.blob_uploader import AsyncBlobStorageUploader
from shared.telemetry.events import log_event
from shared.telemetry.logger import log_to_files
from shared.telemetry.rotation import RotatingLogHandler

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient

_FOLDER_S = 60.0
"""Longest time for the leftovers of one machine."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogServices:
    """What the log functions and `sluice logs` need.

    Attributes:
        index: of what is shipped.
        search: in it.
        sweep: of this app.
    """

    settings: LogSettings
    index: LogIndex
    search: LogSearch
    sweep: LogSweep
    blobs: "BlobServiceClient"
    tables: "TableServiceClient"

    async def index_blob(self, name: str) -> LogFacts | None:
        """Read a blob, look into it, index it. None where it isn't one of ours, or is gone.

        Raises:
            StorageError
        """
        from azure.core.exceptions import ResourceNotFoundError

        client = self.blobs.get_blob_client(self.settings.container, name)
        async with storage_errors(f"Reading the log {name}"):
            try:
                stream = await client.download_blob()
                data = await stream.readall()
            except ResourceNotFoundError:
                return None
        return await self.index_content(
            name, data, stream.properties.metadata or {}, stream.properties.last_modified or datetime.now(UTC)
        )

    async def index_content(
        self, name: str, data: bytes, metadata: dict[str, str], stored_at: datetime
    ) -> LogFacts | None:
        """Look into a blob and index it. None where it isn't one of ours.

        Raises:
            StorageError
        """
        facts = await asyncio.to_thread(inspect, name, data, metadata, stored_at)
        if facts is not None:
            await self.index.add(facts)
        return facts

    async def close(self) -> None:
        """Close the connections."""
        await self.blobs.close()
        await self.tables.close()


def connect_logs(settings: LogSettings, blobs: Connection, tables: Connection) -> LogServices:
    """Connect to shipped logs. Clients belong to the running event loop."""
    blob_client, table_client = blob_service(blobs), table_service(tables)
    container = BlobContainer(blob_client, settings.container)
    index = LogIndex(table_client)
    longest = timedelta(seconds=settings.rotation_s) if settings.rotation_s else LONGEST_FILE

    async def ship_folder(folder: Path) -> tuple[int, int]:
        monitor = LogMonitorService(
            folder,
            app_name=settings.app,
            uploader=AsyncBlobStorageUploader.to(blobs, settings.container),
            left_after_s=SHARE_LEFT_AFTER_S,
        )
        left = await monitor.ship_all(_FOLDER_S)
        return monitor.shipped, len(left)

    async def index_blob(name: str) -> LogFacts | None:
        return await services.index_blob(name)

    sweep = LogSweep(
        settings.app,
        settings.folder,
        settings.own_folder,
        index,
        container,
        ship_folder,
        index_blob,
        settings.retention_days,
        lost_after=LOST_AFTER + longest,
    )
    services = LogServices(settings, index, LogSearch(index, container), sweep, blob_client, table_client)
    return services


_connected: LogServices | None = None


def log_services() -> LogServices:
    """The log services of this worker process, made when they are first needed.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    global _connected
    if _connected is None:
        _connected = connect_logs(log_settings(), *storage_connections())
    return _connected


_starting = threading.Lock()
_shipping: LogShipping | None = None
_tried = False


def start_log_shipping() -> None:
    """From now on this process's lines go into files that are shipped. Further calls do nothing.

    Logs must not keep the app from working: what is wrong with their settings is logged.
    """
    global _shipping, _tried
    with _starting:
        if _tried:
            return
        _tried = True
        try:
            settings = log_settings()
            if not settings.on:
                return
            blobs, tables = storage_connections()
        except SluiceError as error:
            log_event(logger, "logs_not_shipped", level=logging.ERROR, reason=str(error))
            return
        handler = log_to_files(settings)
        _shipping = LogShipping(lambda: monitor_of(settings, handler, blobs, tables))
        _shipping.start()


class IndexAnnouncer:
    """Implements Announcer by the index. Connects with the first announcement."""

    def __init__(self, app: str, tables: Connection) -> None:
        self._app = app
        self._connection = tables
        self._tables: TableServiceClient | None = None

    async def begun(self, instance: str, number: int) -> None:
        """See Announcer."""
        self._tables = self._tables or table_service(self._connection)
        await LogIndex(self._tables).announce(self._app, instance, number, datetime.now(UTC))

    async def close(self) -> None:
        """See Announcer."""
        if self._tables is not None:
            await self._tables.close()


def monitor_of(
    settings: LogSettings, handler: RotatingLogHandler, blobs: Connection, tables: Connection
) -> LogMonitorService:
    """The monitor of one process."""
    return LogMonitorService(
        settings.own_folder,
        app_name=settings.app,
        retention_days=settings.keep_local_days,
        scan_interval=settings.scan_s,
        max_disk_bytes=settings.max_disk_bytes,
        uploader=AsyncBlobStorageUploader.to(blobs, settings.container),
        writer=handler,
        announcer=IndexAnnouncer(settings.app, tables),
    )
