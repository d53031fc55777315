"""What a worker process does: index the app, run invocations."""

import asyncio
from pathlib import Path

from local.host import worker_app, worker_logging
from local.host.protocol import Kind, Message
from local.host.worker_channel import WorkerChannel


class Worker:
    """Indexes the app, then runs whatever the host asks for, all at once."""

    def __init__(self, channel: WorkerChannel, app_dir: Path) -> None:
        self._channel = channel
        self._app_dir = app_dir
        self._running: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the host closes the connection, which ends the process."""
        worker_logging.install(self._channel, self._running)
        try:
            functions = await worker_app.index(self._app_dir)
        except worker_app.IndexingError as error:
            self._channel.send((Kind.FAILED, str(error)))
            return
        self._names = {function["function_id"]: function["name"] for function in functions}
        self._channel.listen(self._start)
        self._channel.send((Kind.READY, functions))
        await asyncio.get_running_loop().create_future()

    def _start(self, message: Message) -> None:
        task = asyncio.get_running_loop().create_task(self._invoke(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _invoke(self, message: Message) -> None:
        invocation_id = message[1]
        self._running[invocation_id] = self._names.get(message[2], "")
        try:
            answer = await worker_app.invoke(message)
        except asyncio.CancelledError:
            answer = (Kind.RAISED, invocation_id, "CancelledError: the function was cancelled", "")
        finally:
            del self._running[invocation_id]
        self._channel.send_soon(answer)
