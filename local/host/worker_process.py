"""The host's side of one worker process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from local.host.console import WORKER_OUTPUT, Console
from local.host.contracts import Datum, FunctionFailedError, InvocationResult, WorkerLostError
from local.host.errors import HostError
from local.host.protocol import Decoder, Kind, Message, Value, encode

_PROJECT = Path(__file__).resolve().parents[2]
_LINE_LIMIT = 1 << 20
# What an ended worker has sent is read to its end, unless something it started holds the connection open.
_LAST_WORDS_S = 0.5


class FunctionRaisedError(FunctionFailedError):
    """The function itself raised.

    Attributes:
        stack_trace: of the worker.
    """

    def __init__(self, message: str, stack_trace: str) -> None:
        super().__init__(message)
        self.stack_trace = stack_trace


class Pending(NamedTuple):
    """An invocation under way. `since` is a reading of time.monotonic()."""

    answer: asyncio.Future[InvocationResult]
    since: float


class WorkerProcess:
    """One worker, from its start to its end. It isn't started again: the pool makes another.

    Args:
        environ: all of the worker's environment.
        start_timeout_s: how long it may take to index the app.
        on_end: called once, when it is gone, after its invocations have failed with WorkerLostError.

    Attributes:
        functions: what it indexed.
        pending: what is under way by invocation id, oldest first. An invocation whose caller has gone away stays:
            the function goes on.
        end_reason: why it ended; completes "the worker process ...".
    """

    def __init__(
        self,
        app_dir: Path,
        environ: Mapping[str, str],
        console: Console,
        *,
        start_timeout_s: float = 60.0,
        on_end: Callable[["WorkerProcess"], None] = lambda _: None,
    ) -> None:
        self.functions: Sequence[Mapping[str, Any]] = ()
        self.pending: dict[str, Pending] = {}
        self.alive = False
        self.end_reason = ""
        self._app_dir = app_dir
        self._environ = environ
        self._console = console
        self._start_timeout_s = start_timeout_s
        self._on_end = on_end
        self._process: asyncio.subprocess.Process | None = None
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[Sequence[Mapping[str, Any]]]
        self._outbox: list[Message] = []
        self._disconnected = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start it and wait until it has indexed the app.

        Raises:
            HostError: the app can't be indexed, or that took too long.
        """
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "local.host.worker", "--app-dir", str(self._app_dir)),
                *("--fd", str(theirs.fileno()), "--parent", str(os.getpid())),
                cwd=_PROJECT,
                env=dict(self._environ),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LINE_LIMIT,
                # Its own group: Ctrl-C in the terminal reaches the host only, which then drains.
                start_new_session=True,
            )
        self.alive = True
        self._spawn(self._watch())
        try:
            await loop.create_unix_connection(lambda: _HostEnd(self), sock=ours)
            async with asyncio.timeout(self._start_timeout_s):
                self.functions = await self._ready
        except TimeoutError:
            await self.kill("was not ready in time")
            raise HostError(f"the app was not indexed within {self._start_timeout_s:g} s") from None
        except BaseException:
            await self.kill("could not start")
            raise

    def send(self, message: Message) -> asyncio.Future[InvocationResult]:
        """Ask for one invocation. All that is asked for in one turn of the event loop travels together."""
        answer: asyncio.Future[InvocationResult] = asyncio.get_running_loop().create_future()
        self.pending[message[1]] = Pending(answer, time.monotonic())
        self._outbox.append(message)
        if len(self._outbox) == 1:
            asyncio.get_running_loop().call_soon(self._flush)
        return answer

    async def kill(self, reason: str) -> None:
        """End it and what its functions started, at once: the worker in the cloud isn't asked, either.

        Args:
            reason: see end_reason.
        """
        self.end_reason = self.end_reason or reason
        if self._process and self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._ended.wait()

    def connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def disconnected(self) -> None:
        self._disconnected.set()

    def received(self, message: Message) -> None:
        """Take one message of the worker."""
        match message:
            case (Kind.SUCCEEDED, invocation_id, returned, outputs):
                if (pending := self.pending.pop(invocation_id, None)) and not pending.answer.done():
                    pending.answer.set_result(_result(returned, outputs))
            case (Kind.RAISED, invocation_id, text, stack_trace):
                if (pending := self.pending.pop(invocation_id, None)) and not pending.answer.done():
                    pending.answer.set_exception(FunctionRaisedError(text, stack_trace))
            case (Kind.LOG, level, _, text, _, function):
                self._console.log(f"Function.{function}.User" if function else WORKER_OUTPUT, level, text)
            case (Kind.READY, functions):
                if not self._ready.done():
                    self._ready.set_result(functions)
            case (Kind.FAILED, reason):
                if not self._ready.done():
                    self._ready.set_exception(HostError(reason))

    def _flush(self) -> None:
        messages, self._outbox = self._outbox, []
        if self._transport and self.alive:
            self._transport.write(encode(messages))

    async def _watch(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101 - started above
        self._spawn(self._print_output(process))
        code = await process.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._disconnected.wait()
        self.end_reason = self.end_reason or f"ended by itself ({_describe_exit(code)})"
        self._end()

    def _end(self) -> None:
        self.alive = False
        self._ended.set()
        if self._transport:
            self._transport.abort()
        if not self._ready.done():
            self._ready.set_exception(HostError(f"the worker process {self.end_reason} while it started"))
        lost, self.pending = self.pending, {}
        for pending in lost.values():
            if not pending.answer.done():
                pending.answer.set_exception(WorkerLostError(f"the worker process {self.end_reason}"))
        self._on_end(self)

    async def _print_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                continue  # a line over the limit: asyncio has dropped it
            if not line:
                return
            self._console.log(WORKER_OUTPUT, 20, line.decode(errors="replace").rstrip("\r\n"))

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _HostEnd(asyncio.Protocol):
    """Cuts what a worker sends into messages."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._decoder = Decoder()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a socket's is
        self._worker.connected(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface of asyncio.Protocol
        self._worker.disconnected()

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._worker.received(message)


def _result(returned: Value | None, outputs: Mapping[str, Value]) -> InvocationResult:
    return InvocationResult(
        Datum(returned[0], returned[1]) if returned else None,  # type: ignore[arg-type]
        {name: Datum(kind, value) for name, (kind, value) in outputs.items()},  # type: ignore[arg-type]
    )


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
