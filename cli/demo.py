"""`sluice demo`: sample feedback through the whole system, start to end."""

import asyncio
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from cli.console import EXIT_INTERRUPTED, EXIT_UNREACHABLE, err
from cli.send import follow, new_run_name, send_file
from cli.session import backend, running_stack
from local.log_output import LogOutput
from local.process import StartError
from local.stack import Stack, end_on_signals

SAMPLES = Path(__file__).with_name("samples") / "feedback.jsonl"
_TIMEOUT_S = 120.0


def demo(data: Path, file: Path | None) -> int:
    """Start the stack unless one runs, send comments, show the results, stop what was started.

    Returns:
        The exit code: 0 if every comment got a result.
    """
    began = time.monotonic()
    end_on_signals()
    running = running_stack(data)
    stack: AbstractContextManager[object] = nullcontext()
    if running is not None:
        err.print(f"Using the stack that runs here (process {running['pid']}).")
    else:
        err.print("Starting storage, Service Bus, model and functions on this machine ...")
        stack = Stack(data, output=LogOutput(None))
    try:
        code = _run(stack, running, data, file or SAMPLES, began)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except StartError as error:
        err.print(f"[red]error:[/] {error}", highlight=False)
        return EXIT_UNREACHABLE
    err.print(
        f"Done in {time.monotonic() - began:.0f} s. Send your own: `make up` here, then in another terminal "
        "`.venv/bin/sluice send feedback FILE --wait`."
    )
    return code


def _run(
    stack: AbstractContextManager[object], running: dict[str, Any] | None, data: Path, file: Path, began: float
) -> int:
    with stack as started:
        settings = started.settings if isinstance(started, Stack) else (running or {})["settings"]
        err.print(f"Ready after {time.monotonic() - began:.1f} s.")
        code = asyncio.run(_through(settings, str(file)))
        err.print(f"Logs: {data / 'logs'}. The results are also in the queue feedback-out and in the job store.")
    return code


async def _through(settings: dict[str, str], file: str) -> int:
    async with backend(settings) as system:
        sent, bad = await send_file(
            system, "feedback", file, run=f"demo-{new_run_name()}", app_id="demo", priority="normal", print_ids=False
        )
        return max(int(bad > 0), await follow(system, "feedback", sent, timeout_s=_TIMEOUT_S, as_json=False))
