"""A process that ships logs until it is killed: `python -m tests.support.log_shipper FOLDER CONTAINER CONNECTION`."""

import asyncio
import os
import sys

from local.process import announce_ready
from shared.config import Connection
from shared.logs.log_monitor import LogMonitorService
from shared.storage.blob_uploader import AsyncBlobStorageUploader


async def main() -> None:
    folder, container, connection = sys.argv[1:]
    uploader = AsyncBlobStorageUploader.to(
        Connection(connection_string=connection), container, retry_delay=0.05, first_delay_s=0.05, max_delay_s=2.0
    )
    await LogMonitorService(folder, app_name="shop", scan_interval=0.1, uploader=uploader).initialize()
    announce_ready(pid=os.getpid())
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
