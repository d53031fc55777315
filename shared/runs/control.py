"""What people and programs do with runs: begin, look, pause, resume, cancel, try failures again."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.errors import ConflictError, PermanentError
from shared.messages import OutgoingMessage
from shared.messaging.sender import MessageSender
from shared.runs.rows import RunState, Spool, Turn
from shared.runs.store import Run, RunStore, UnknownRunError

_TRIES = 5
_IDLE = timedelta(seconds=60)
_NAME_CHARS = 60


class RunNameError(PermanentError):
    """A name that a run can't have."""

    code = "run_name"


class OtherFileError(PermanentError):
    """The run belongs to another file, or reads it in another way."""

    code = "other_file"


class RunEndedError(PermanentError):
    """The run has ended, or was cancelled."""

    code = "run_ended"


@dataclass(frozen=True, slots=True)
class RunControl:
    """Acts on runs. All methods raise StorageError or MessagingError when these fail; they may be called again."""

    runs: RunStore
    sender: MessageSender
    queue: str
    clock: Callable[[], datetime]

    async def begin(self, name: str, spool: Spool) -> Spool:
        """Begin a run, or go on with one that was begun with the same file.

        Returns:
            The spool as it is stored.

        Raises:
            RunNameError, OtherFileError
            RunEndedError: it was cancelled.
        """
        if not re.fullmatch(f"[a-z0-9-]{{1,{_NAME_CHARS}}}", name):
            raise RunNameError(
                f"A run can't be called {name!r}: up to {_NAME_CHARS} small letters, digits and hyphens are allowed."
            )
        try:
            known = await self.runs.get(name)
        except UnknownRunError:
            await self.runs.list(name, active=True)
            return await self.runs.save(name, spool)
        if known.spool.digest != spool.digest:
            raise OtherFileError(
                f"The run {name} was started with another file ({known.spool.source}), other columns or another kind "
                "of job. Give this one another --name."
            )
        if known.wish.state is RunState.CANCELLED:
            raise RunEndedError(f"The run {name} was cancelled. To start the file again, give it another --name.")
        return known.spool

    async def pause(self, name: str) -> Run:
        """Let no job of a run begin."""
        return await self._wish(name, RunState.PAUSED)

    async def resume(self, name: str) -> Run:
        """Go on with a run that is paused."""
        return await self._wish(name, RunState.RUNNING)

    async def cancel(self, name: str) -> Run:
        """End a run; what runs now ends normally."""
        return await self._wish(name, RunState.CANCELLED)

    async def retry_failed(self, name: str) -> Run:
        """Run all failed jobs of a run again."""
        return await self._wish(name, None)

    async def _wish(self, name: str, state: RunState | None) -> Run:
        for _ in range(_TRIES):
            run = await self.runs.get(name)
            cancelled = RunState.CANCELLED in (run.wish.state, run.head.state)
            over = cancelled or (run.head.state is RunState.ENDED and run.wish.retries <= run.head.retried)
            if (cancelled if state is None else over) and state is not run.wish.state:
                raise RunEndedError(f"The run {name} {'was cancelled' if cancelled else 'has ended'}.")
            if state is None:
                wish = replace(run.wish, state=RunState.RUNNING, retries=run.wish.retries + 1)
            else:
                wish = replace(run.wish, state=state)
            try:
                wish = await self.runs.save(name, wish)
            except ConflictError:
                continue
            await self.wake(name)
            return replace(run, wish=wish)
        raise ConflictError(f"The run {name} keeps changing.")

    async def wake(self, name: str) -> None:
        """Give a run a turn now."""
        await self.runs.list(name, active=True)
        run = await self.runs.get(name)
        await self._send(Turn(name, run.head.turn), uuid.uuid4().hex[:12])

    async def next_turn(self, name: str, turn: int, pause_s: float) -> None:
        """Give a run a turn later. Doing so twice is harmless."""
        await self._send(Turn(name, turn), "", self.clock() + timedelta(seconds=pause_s))

    async def sweep(self) -> None:
        """Give turns to runs that should have had one long ago: the message was lost, or a job was tried again."""
        now = self.clock()
        async for name in self.runs.names(active=True):
            try:
                run = await self.runs.get(name)
            except UnknownRunError:
                continue
            if run.head.updated_at is None or now - run.head.updated_at > _IDLE:
                await self._send(Turn(name, run.head.turn), f"{int(now.timestamp()) // 60}")

    async def _send(self, turn: Turn, suffix: str, not_before: datetime | None = None) -> None:
        message_id = f"{turn.run}:{turn.turn}:{suffix}"
        message = OutgoingMessage(message_id, turn.encode(), properties={"run_id": turn.run}, not_before=not_before)
        await self.sender.send(self.queue, [message])


def run_name(source: str, digest: str) -> str:
    """A name that the same file, read the same way, always gets."""
    stem = re.sub(r"[^a-z0-9]+", "-", source.rpartition("/")[2].partition(".")[0].lower()).strip("-")
    return f"{stem[:40].strip('-') or 'run'}-{digest[:8]}"
