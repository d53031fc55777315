"""The way into the queue of calls that wait for quota."""

from collections.abc import Sequence

from shared.errors import ConfigurationError
from shared.jobs.pending import PendingCalls
from shared.jobs.pending_call import PendingCall
from shared.jobs.record import JobRecord
from shared.quota.limits import Limits
from shared.quota.operations import OversizedRequestError


class QuotaQueue:
    """Lines calls up for one model deployment; the pump lets them through (shared/jobs/pump.py). Implements Line.

    Args:
        deployment: None where no job may be lined up.
        limits: of the deployment.
        setting: that names the deployment, for the error where it is missing.
    """

    def __init__(
        self,
        pending: PendingCalls,
        deployment: str | None,
        limits: Limits,
        setting: str = "AZURE_OPENAI_DEPLOYMENT_NAME",
    ) -> None:
        self._deployment = deployment
        self._pending = pending
        self._limits = limits
        self._setting = setting

    def fits(self, tokens: int) -> bool:
        """Whether a call of this size can ever be made."""
        return tokens <= self._limits.tpm

    def check(self, tokens: int) -> None:
        """Refuse a call that can never be made.

        Raises:
            OversizedRequestError
        """
        if not self.fits(tokens):
            raise OversizedRequestError(tokens, self._limits.tpm)

    def check_known(self) -> None:
        """Refuse all calls where no deployment is set.

        Raises:
            ConfigurationError: names the setting.
        """
        if not self._deployment:
            raise ConfigurationError(f"The setting {self._setting} is missing.", field="deployment")

    async def enqueue(self, records: Sequence[JobRecord]) -> None:
        """Add the next calls of these pending jobs; those that wait already stay where they are.

        Raises:
            StorageError
            ConfigurationError: it isn't known for which deployment.
        """
        await self.put([PendingCall.of(record) for record in records])

    async def withdraw(self, record: JobRecord) -> None:
        """See Line."""
        await self._pending.remove(self._deployment or "", [PendingCall.of(record).key])

    async def put(self, calls: Sequence[PendingCall]) -> None:
        """As `enqueue`, for calls."""
        if calls:
            self.check_known()
            await self._pending.put(self._deployment or "", calls)
