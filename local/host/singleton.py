"""A lease on a blob that lets one host at a time run a timer (SingletonManager.cs of azure-webjobs-sdk)."""

import asyncio
import logging

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.blob.aio import BlobLeaseClient, BlobServiceClient

from local.host.timer_status import HOSTS_CONTAINER, ensure_container

_log = logging.getLogger(__name__)
_CONFLICT = 409
_STORAGE_RETRY_S = 5.0


class ListenerLock:
    """The lease of one function's listener.

    Args:
        lock_s: length of the lease, 15 to 60 s. A host that is killed leaves it behind for that long.
        poll_s: how often a host that didn't get the lease asks again.
    """

    def __init__(
        self, storage: BlobServiceClient, host_id: str, function: str, lock_s: float = 60.0, poll_s: float = 60.0
    ) -> None:
        self._container = storage.get_container_client(HOSTS_CONTAINER)
        self._blob = self._container.get_blob_client(f"locks/{host_id}/Host.Functions.{function}.Listener")
        self._function = function
        self._lock_s = lock_s
        self._poll_s = poll_s
        self._lease: BlobLeaseClient | None = None

    async def acquire(self) -> None:
        """Wait until the lease is ours, however long that takes, also while storage can't be reached."""
        told = ""
        while True:
            try:
                self._lease = self._lease or await self._try()
            except AzureError as error:
                reason, level, pause_s = f"storage can't be used: {error.message}", logging.WARNING, _STORAGE_RETRY_S
            else:
                if self._lease is not None:
                    return
                reason, level, pause_s = "another host holds its lease", logging.INFO, self._poll_s
            if reason != told:
                _log.log(level, "Timer '%s' does not run here yet: %s", self._function, reason)
                told = reason
            await asyncio.sleep(pause_s)

    async def keep(self) -> None:
        """Renew the lease until it is lost."""
        while self._lease is not None:
            await asyncio.sleep(self._lock_s / 2)
            try:
                await self._lease.renew()
            except AzureError as error:
                if isinstance(error, HttpResponseError) and error.status_code == _CONFLICT:
                    _log.warning("Timer '%s' has lost its lease: %s", self._function, error.reason)
                    self._lease = None
                else:
                    _log.warning("The lease of timer '%s' could not be renewed: %s", self._function, error)

    async def release(self) -> None:
        """Give the lease back, if it is ours."""
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await lease.release()
            except AzureError as error:
                _log.warning("The lease of timer '%s' could not be released: %s", self._function, error)

    async def _try(self) -> BlobLeaseClient | None:
        try:
            return await self._blob.acquire_lease(int(self._lock_s), retry_total=0)
        except HttpResponseError as error:
            if error.status_code == _CONFLICT:
                return None
            if error.status_code != 404:
                raise
        await ensure_container(self._container)
        try:
            await self._blob.upload_blob(b"")
        except ResourceExistsError:
            return None
        return await self._blob.acquire_lease(int(self._lock_s), retry_total=0)
