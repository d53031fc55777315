"""Retention of runs: those that ended long ago go with the rows of their files. Their jobs go by themselves."""

from datetime import datetime

from shared.jobs.retention import Swept
from shared.runs.parts import PartStore
from shared.runs.rows import RunState
from shared.runs.store import RunStore, UnknownRunError

_PAGE = 20


class RunSweep:
    """Implements Sweep. The file's rows go first: whoever is cut off finds the run again."""

    name = "runs"
    what = "runs"

    def __init__(self, runs: RunStore, files: PartStore) -> None:
        self._runs = runs
        self._files = files

    async def page(self, cutoff: datetime, after: str | None) -> Swept:
        """See Sweep."""
        looked_at, deleted, last = 0, 0, None
        async for name in self._runs.names(after=after):
            looked_at, last = looked_at + 1, name
            if await self._is_due(name, cutoff):
                await self._files.remove(name)
                await self._runs.remove(name)
                deleted += 1
            if looked_at == _PAGE:
                return Swept(deleted, last)
        return Swept(deleted, None)

    async def _is_due(self, name: str, cutoff: datetime) -> bool:
        """A run that has ended before; one that was never finished counts from when it was last heard of."""
        try:
            run = await self._runs.get(name)
        except UnknownRunError:
            return False
        heard = max(run.spool.updated_at, run.head.updated_at or run.spool.updated_at)
        resting = run.head.state in (RunState.ENDED, RunState.CANCELLED) or not run.head.open
        return resting and heard < cutoff
