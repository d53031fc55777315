"""Uploads files to a blob container in the background, again and again until they are there."""

import asyncio
import logging
import random
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from shared.config import Connection
from shared.errors import PermanentError, SluiceError, StorageError
from shared.resilience.retry import Random, RetryPolicy
from shared.storage.blob_attempt import UploadedBlob, size_of, upload_once
from shared.telemetry.events import log_event

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

FIRST_DELAY_S = 1.0
_WORTH_TELLING = 3  # attempts: single failures are normal
_SLOWEST_BYTES_PER_S = 1_000_000
_LAST_DELAY_S = 0.2
"""Between attempts during shutdown, whose time is limited."""

logger = logging.getLogger(__name__)


class AsyncBlobStorageUploader:
    """One worker takes files from a bounded queue, in order. Each attempt has a connection of its own.

    After a failed attempt it waits 1 s, then up to `retry_delay` s, doubling, with full jitter and a cap. What can't
    succeed (a file that is gone) is not tried again. A failure of one file never ends the worker.

    Args:
        account_url: such as "https://myaccount.blob.core.windows.net".
        max_retries: attempts for a file, in all.
        retry_delay: longest wait after the second failure, in s.
        credential: of the account; None means DefaultAzureCredential.
        max_delay_s: longest wait between attempts, besides what storage asks for.
        attempt_timeout_s: an attempt that takes longer has failed; 1 s more for each MB of the file.
        queue_size: files that may wait.
    """

    def __init__(
        self,
        account_url: str,
        container_name: str,
        max_retries: int = 16,
        retry_delay: float = 2.0,
        *,
        credential: Any = None,
        max_delay_s: float = 60.0,
        attempt_timeout_s: float = 120.0,
        queue_size: int = 100,
        first_delay_s: float = FIRST_DELAY_S,
        random: Random = random.random,
    ) -> None:
        self._account_url = account_url
        self._container = container_name
        self._credential = credential
        self._own_credential = credential is None
        self._first_delay_s = first_delay_s
        self._policy = RetryPolicy(max_retries, retry_delay, max_delay_s)
        self._attempt_timeout_s = attempt_timeout_s
        self._random = random
        self._queue: asyncio.Queue[_Upload] = asyncio.Queue(queue_size)
        self._unfinished: list[_Upload] = []
        self._hurried = asyncio.Event()
        self._closed = False
        self._worker: asyncio.Task[None] | None = None

    @classmethod
    def to(cls, connection: Connection, container_name: str, **options: Any) -> Self:
        """An uploader to the account that the app's settings name."""
        if connection.connection_string is None:
            from azure.identity.aio import DefaultAzureCredential

            credential: Any = DefaultAzureCredential(managed_identity_client_id=connection.client_id)
            uploader = cls(connection.address or "", container_name, credential=credential, **options)
            uploader._own_credential = True
            return uploader
        from azure.storage.blob import BlobServiceClient

        parsed = BlobServiceClient.from_connection_string(connection.connection_string)
        return cls(parsed.url, container_name, credential=parsed.credential, **options)

    @property
    def full(self) -> bool:
        """Whether the next upload_file() would have to wait."""
        return self._queue.full()

    async def initialize(self) -> None:
        """Start the worker. The container is made when it is needed."""
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="blob-uploader")

    async def upload_file(
        self, file_path: str | Path, blob_name: str | None = None, app_name: str | None = None
    ) -> "asyncio.Future[UploadedBlob]":
        """Put a file in line. Waits only while the queue is full.

        Args:
            blob_name: the file's name by default. A name that ends in `.gz` is compressed.
            app_name: a folder for it.

        Returns:
            What will be told when it is there, or failed for good: UnreadableFileError, or StorageError.

        Raises:
            StorageError: the uploader isn't running.
        """
        if self._worker is None or self._closed:
            raise StorageError("The uploader isn't running: call initialize() first.")
        path = Path(file_path)
        name = blob_name or path.name
        upload = _Upload(path, f"{app_name}/{name}" if app_name else name)
        self._unfinished.append(upload)
        await self._queue.put(upload)
        return upload.done

    def hurry(self) -> None:
        """Wait only a moment between attempts from now on: the process is about to end."""
        self._hurried.set()

    async def shutdown(self, timeout_s: float = 30.0) -> list[Path]:
        """Wait for what is in line, up to this time, then stop.

        Returns:
            The files that are not known to be stored.
        """
        self._closed = True
        self.hurry()
        if self._worker is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._queue.join()
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
            self._worker = None
        left = [upload.path for upload in self._unfinished]
        for upload in self._unfinished:
            upload.fail(StorageError(f"{upload.path.name} was not uploaded before the shutdown."))
        self._unfinished.clear()
        if left:
            names = {"first": left[0].name, "last": left[-1].name}
            log_event(logger, "uploads_not_done", level=logging.WARNING, count=len(left), **names)
        if self._own_credential and self._credential is not None:
            await self._credential.close()
        return left

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    async def _work(self) -> None:
        while True:
            upload = await self._queue.get()
            try:
                upload.succeed(await self._upload(upload))
            except Exception as error:
                reason = error.code if isinstance(error, SluiceError) else type(error).__name__
                log_event(logger, "upload_failed", level=logging.ERROR, file=upload.path.name, reason=reason)
                upload.fail(error)
            self._unfinished.remove(upload)
            self._queue.task_done()

    async def _upload(self, upload: "_Upload") -> UploadedBlob:
        attempt = 1
        while True:
            try:
                return await self._attempt(upload)
            except PermanentError:
                raise
            except Exception as error:
                # Whatever it was, the next attempt has a connection of its own.
                if attempt >= self._policy.max_attempts:
                    raise
                delay_s = self._delay_s(attempt, getattr(error, "retry_after_s", None))
                if attempt == _WORTH_TELLING:
                    log_event(
                        logger,
                        "upload_failing",
                        level=logging.WARNING,
                        file=upload.path.name,
                        attempt=attempt,
                        reason=str(error) if isinstance(error, SluiceError) else type(error).__name__,
                    )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), delay_s)
                await asyncio.sleep(_LAST_DELAY_S)
            attempt += 1

    async def _attempt(self, upload: "_Upload") -> UploadedBlob:
        timeout_s = self._attempt_timeout_s + size_of(upload.path) / _SLOWEST_BYTES_PER_S
        try:
            async with asyncio.timeout(timeout_s), self._connect() as service:
                return await upload_once(service.get_container_client(self._container), upload.path, upload.name)
        except TimeoutError:
            raise StorageError(f"Uploading {upload.name}: no end after {timeout_s:.0f} s.") from None

    def _connect(self) -> "BlobServiceClient":
        from azure.storage.blob.aio import BlobServiceClient, LinearRetry

        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            self._credential = DefaultAzureCredential()
        options: dict[str, Any] = {"retry_policy": LinearRetry(retry_total=0), "connection_timeout": 10}
        return BlobServiceClient(self._account_url, credential=self._credential, **options)

    def _delay_s(self, attempt: int, retry_after_s: float | None) -> float:
        if attempt == 1:
            return max(self._first_delay_s, retry_after_s or 0.0)
        return self._policy.delay_s(attempt - 1, retry_after_s, self._random)


class _Upload:
    """A file in line."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.done: asyncio.Future[UploadedBlob] = asyncio.get_running_loop().create_future()
        # Who doesn't wait for it needs no complaint from asyncio: the failure is logged.
        self.done.add_done_callback(_look_at)

    def succeed(self, blob: UploadedBlob) -> None:
        if not self.done.done():
            self.done.set_result(blob)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


def _look_at(done: "asyncio.Future[UploadedBlob]") -> None:
    if not done.cancelled():
        done.exception()
