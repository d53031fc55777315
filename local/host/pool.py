"""The worker processes: started, replaced when they end, recycled when a function takes too long."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.host.console import Console
from local.host.contracts import InvocationResult, WorkerLostError
from local.host.errors import HostError
from local.host.protocol import Message
from local.host.worker_process import WorkerProcess

_FIRST_BACKOFF_S = 0.5
_MAX_BACKOFF_S = 30.0
_STABLE_AFTER_S = 60.0

type StartWorker = Callable[[Callable[[WorkerProcess], None]], WorkerProcess]


class WorkerPool:
    """Runs invocations on the worker with the fewest under way.

    A worker that ends by itself is replaced: at once the first time, then after 0.5 s, 1 s, 2 s and so on up to 30 s,
    until one has lived for a minute. While no worker is ready, invocations wait.

    Args:
        create: makes a worker that isn't started yet; its argument is the worker's on_end.
        size: how many workers (FUNCTIONS_WORKER_PROCESS_COUNT).
        timeout_s: functionTimeout; None means unlimited. When one invocation takes longer its whole worker is killed
            and replaced, as the real host does: Python code can't be cancelled. All its other invocations are lost.
    """

    def __init__(self, create: StartWorker, size: int, timeout_s: float | None, console: Console) -> None:
        self._create = create
        self._size = size
        self._timeout_s = timeout_s
        self._console = console
        self._ready: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()
        self._started_at: dict[WorkerProcess, float] = {}
        self._watchdogs: dict[WorkerProcess, asyncio.TimerHandle] = {}
        self._functions: Sequence[Mapping[str, Any]] = ()
        self._crashes = 0
        self._stopping = False
        self._recycled: set[WorkerProcess] = set()
        self._worker_ready = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are ready."""
        return [worker.pid for worker in self._ready]

    async def start(self) -> Sequence[Mapping[str, Any]]:
        """Start all workers.

        Returns:
            What they indexed, see worker_app.index.

        Raises:
            HostError: the app can't be indexed, or not every time with the same result.
        """
        workers = [self._new_worker() for _ in range(self._size)]
        try:
            async with asyncio.TaskGroup() as group:
                for worker in workers:
                    group.create_task(worker.start())
        except* HostError as errors:
            self._stopping = True
            raise errors.exceptions[0] from None
        self._functions = workers[0].functions
        try:
            for worker in workers:
                self._admit(worker)
        except HostError:
            await self.stop()
            raise
        return self._functions

    async def run(self, message: Message) -> InvocationResult:
        """Run the invocation that an INVOKE message describes.

        Raises:
            FunctionRaisedError: the function raised.
            WorkerLostError: its worker ended or was recycled, or the pool stops.
        """
        while not self._ready:
            if self._stopping:
                raise WorkerLostError("the host stops")
            await self._worker_ready.wait()
        worker = self._ready[0] if len(self._ready) == 1 else min(self._ready, key=_load)
        if self._timeout_s is not None and worker not in self._watchdogs:
            self._arm(worker, self._timeout_s)
        return await worker.send(message)

    async def stop(self) -> None:
        """Kill all workers. As in the cloud, they don't get to run exit handlers; what still runs is lost."""
        self._stopping = True
        self._worker_ready.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(worker.kill("was stopped with the host") for worker in list(self._all)))

    def _new_worker(self) -> WorkerProcess:
        worker = self._create(self._ended)
        self._all.add(worker)
        return worker

    def _admit(self, worker: WorkerProcess) -> None:
        self._check_same(worker)
        if not worker.alive:
            raise HostError(f"a worker process {worker.end_reason} as soon as it was ready")
        self._started_at[worker] = time.monotonic()
        self._ready.append(worker)
        self._worker_ready.set()

    def _check_same(self, worker: WorkerProcess) -> None:
        if _signature(worker.functions) != _signature(self._functions):
            raise HostError(
                "a worker process indexed other functions than the host runs. If the app was changed, restart the "
                "host; if not, function_app.py does not declare the same functions each time it is imported."
            )

    def _arm(self, worker: WorkerProcess, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._watchdogs[worker] = loop.call_later(delay_s, self._check_deadline, worker)

    def _check_deadline(self, worker: WorkerProcess) -> None:
        """Recycle a worker whose oldest invocation is over its time; else look again when that would be."""
        del self._watchdogs[worker]
        oldest = next(iter(worker.pending), None)
        if self._timeout_s is None or oldest is None or worker not in self._ready:
            return
        left_s = worker.pending[oldest].since + self._timeout_s - time.monotonic()
        if left_s > 0:
            self._arm(worker, left_s)
            return
        self._console.host(
            logging.ERROR,
            f"Timeout value of {self._timeout_s:g} s (functionTimeout) exceeded by invocation {oldest}. Restarting "
            f"worker process {worker.pid}; its {len(worker.pending) - 1} other invocations are lost.",
        )
        self._withdraw(worker)
        self._recycled.add(worker)
        self._spawn(worker.kill(f"was restarted: an invocation exceeded functionTimeout ({self._timeout_s:g} s)"))

    def _withdraw(self, worker: WorkerProcess) -> None:
        self._ready.remove(worker)
        if not self._ready and not self._stopping:
            self._worker_ready.clear()  # at once: who waits for a set event doesn't let others run

    def _ended(self, worker: WorkerProcess) -> None:
        self._all.discard(worker)
        if handle := self._watchdogs.pop(worker, None):
            handle.cancel()
        started_at = self._started_at.pop(worker, None)
        if worker in self._ready:
            self._withdraw(worker)
        if self._stopping or started_at is None:
            return  # one that never was ready is reported to whoever started it
        recycled = worker in self._recycled
        self._recycled.discard(worker)
        if not recycled:
            stable = time.monotonic() - started_at >= _STABLE_AFTER_S
            self._crashes = 1 if stable else self._crashes + 1
            self._console.host(logging.ERROR, f"Worker process {worker.pid} {worker.end_reason}. Replacing it.")
        self._spawn(self._replace(0.0 if recycled else _backoff_s(self._crashes)))

    async def _replace(self, delay_s: float) -> None:
        while not self._stopping:
            await asyncio.sleep(delay_s)
            worker = self._new_worker()
            try:
                await worker.start()
                self._admit(worker)
            except (HostError, OSError) as error:
                await worker.kill("can't be used")
                self._crashes += 1
                delay_s = _backoff_s(self._crashes)
                self._console.host(
                    logging.ERROR, f"A worker process could not be started: {error}\nTrying again in {delay_s:g} s."
                )
                continue
            self._console.host(logging.INFO, f"Worker process {worker.pid} is ready.")
            return

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _load(worker: WorkerProcess) -> int:
    return len(worker.pending)


def _backoff_s(crashes: int) -> float:
    """How long to wait before the next worker, after so many that ended in a row."""
    return 0.0 if crashes <= 1 else min(_MAX_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(crashes - 2, 30))


def _signature(functions: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((f["name"], f["function_id"], *sorted(f["raw_bindings"])) for f in functions)
