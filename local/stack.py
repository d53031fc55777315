"""Runs Azurite, Service Bus, the model and the Functions host together, and keeps them running.

Parts that die are started again on their ports. Everything they hold is under one folder and survives kill -9.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Never, Self

import psutil

from local import stack_parts
from local.log_output import LogOutput
from local.process import StartError
from local.stack_part import Part, PartSpec
from local.stack_state import STATE_FILE, PartState, StackLock, StackRunningError, StackState, end_leftovers
from local.upload_containers import start_making

ALL_PARTS = (stack_parts.AZURITE, stack_parts.SERVICE_BUS, stack_parts.MODEL, stack_parts.HOST)
_MAX_LOG_BYTES = 20_000_000
"""A log file that has grown beyond this is set aside when the stack starts."""


class Stack:
    """The local stack. `with Stack() as stack:` starts it, and stops it at the end.

    Args:
        data: folder that keeps everything.
        app: folder of the Functions app that the host runs.
        port: of the host, if it is free.
        parts: which of ALL_PARTS to run.
        usual_ports: take the well-known ports where they are free; else any free ones, for tests side by side.
        output: where the lines of the parts go, besides their log files; LogOutput(None) is quiet.
        host_env: added to the host's environment, over the stack's settings.
        host_args: added to the host's command line.
        model_env: added to the model's environment.
        model_args: added to the model's command line.

    Attributes:
        parts: the running parts by name.
        settings: what a client needs in its environment to use the stack; complete once it has started.
    """

    def __init__(
        self,
        data: Path = Path(".sluice"),
        *,
        app: Path = stack_parts.PROJECT,
        port: int = 7071,
        parts: Iterable[str] = ALL_PARTS,
        usual_ports: bool = True,
        output: LogOutput | None = None,
        host_env: Mapping[str, str] | None = None,
        host_args: Sequence[str] = (),
        model_env: Mapping[str, str] | None = None,
        model_args: Sequence[str] = (),
    ) -> None:
        self.data = data.resolve()
        self.settings: dict[str, str] = {}
        self._usual_ports = usual_ports
        self._output = output or LogOutput()
        self._lock: StackLock | None = None
        self._writing = threading.Lock()
        known = (
            stack_parts.azurite(self.data),
            stack_parts.service_bus(self.data),
            stack_parts.model(model_args, model_env or {}),
            stack_parts.host(self.data, app.resolve(), port, host_args, host_env or {}),
        )
        chosen = set(parts)
        self.parts = {spec.name: self._part(spec) for spec in known if spec.name in chosen}

    def _part(self, spec: PartSpec) -> Part:
        return Part(
            spec,
            self.data / "logs" / f"{spec.name}.log",
            on_line=lambda line: self._output.line(spec.name, line),
            say=self.say,
            on_change=self._write_state,
        )

    def start(self) -> None:
        """Start the parts, those that need the others last, and wait until all are ready.

        Raises:
            StackRunningError: another stack runs in the folder.
            StartError: a part could not be started; nothing is left running.
        """
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        self._lock = StackLock(self.data)
        try:
            killed = end_leftovers(self.data)
            if killed:
                self.say(f"the last stack here (process {killed.pid}) was killed; going on with what it kept")
            self._start_batch(killed, needs_others=False)
            containers = start_making(self.settings)
            self._start_batch(killed, needs_others=True)
            containers.join()
            self._write_state()
        except BaseException:
            self.stop()
            raise

    def _start_batch(self, killed: StackState | None, *, needs_others: bool) -> None:
        batch = [part for part in self.parts.values() if part.spec.needs_others == needs_others]
        for part in batch:
            self._launch(part, killed)
        for part in batch:
            part.wait_ready()
            self.settings |= part.spec.settings(part.info)

    def _launch(self, part: Part, killed: StackState | None) -> None:
        if part.log_path.exists() and part.log_path.stat().st_size > _MAX_LOG_BYTES:
            part.log_path.replace(part.log_path.with_suffix(".old.log"))
        if killed is not None and part.spec.name in killed.parts:
            part.ask_for(killed.parts[part.spec.name].ports)  # its clients may still be there
        elif self._usual_ports:
            part.ask_for(part.spec.usual_ports)
        part.launch(self.settings if part.spec.needs_others else {})

    def stop(self) -> None:
        """Stop the parts, last one first, and leave nothing running."""
        if self._lock is None:
            return
        for part in reversed(self.parts.values()):
            part.stop()
        (self.data / STATE_FILE).unlink(missing_ok=True)
        self._lock.release()
        self._lock = None

    def say(self, text: str) -> None:
        """Tell the user something about the stack itself."""
        for line in text.splitlines():
            self._output.line("stack", line)
            with (self.data / "logs" / "stack.log").open("a", encoding="utf-8") as log:
                log.write(line + "\n")

    def _write_state(self) -> None:
        me = psutil.Process(os.getpid())
        states = {
            name: PartState(part.pid, part.started_at, part.ports, str(part.log_path))
            for name, part in self.parts.items()
            if part.starts > 0
        }
        with self._writing:
            StackState(me.pid, me.create_time(), states, self.settings).write(self.data)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def end_on_signals(stack: Stack) -> None:
    """Turn the first SIGINT or SIGTERM into KeyboardInterrupt; more of them hurry the host, which may be waiting."""

    def hurry(_number: int, _frame: FrameType | None) -> None:
        if stack_parts.HOST in stack.parts:
            stack.parts[stack_parts.HOST].hurry()

    def interrupt(_number: int, _frame: FrameType | None) -> Never:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, hurry)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.stack",
        description="Runs the whole system on this machine until Ctrl-C: Azure Storage (Azurite), Service Bus, the "
        "model and the Functions host. What a client needs to use it is in stack.json of the data folder.",
    )
    parser.add_argument("--data", type=Path, default=Path(".sluice"), help="keeps everything (default %(default)s)")
    parser.add_argument("--app", type=Path, default=stack_parts.PROJECT, help="Functions app to run (default: Sluice)")
    parser.add_argument("--port", type=int, default=7071, help="of the host, if it is free (default %(default)s)")
    parser.add_argument("--free-ports", action="store_true", help="take any free ports instead of the well-known ones")
    for part in ALL_PARTS:
        parser.add_argument(f"--no-{part.replace('_', '-')}", action="store_true", help=f"do not start the {part}")
    parser.add_argument(
        "--quiet", action="store_true", help="print no lines of the parts; see logs/ in the data folder"
    )
    return parser.parse_args()


def run_until_told_to_end(stack: Stack, hint: str) -> int:
    """Run a stack until Ctrl-C or SIGTERM. Says what is wrong if it can't start.

    Args:
        hint: what to tell the user once everything runs.

    Returns:
        The exit code.
    """
    end_on_signals(stack)
    try:
        with stack:
            stack.say(f"{hint}; Ctrl-C ends it, a second one does not wait for running functions")
            for name, part in stack.parts.items():
                stack.say(f"  {name}: {', '.join(str(port) for port in part.ports.values())}")
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    except (StartError, StackRunningError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def main() -> int:
    arguments = _arguments()
    stack = Stack(
        arguments.data,
        app=arguments.app,
        port=arguments.port,
        parts=[part for part in ALL_PARTS if not getattr(arguments, f"no_{part}")],
        usual_ports=not arguments.free_ports,
        output=LogOutput(None) if arguments.quiet else None,
    )
    return run_until_told_to_end(stack, "everything runs")


if __name__ == "__main__":
    sys.exit(main())
