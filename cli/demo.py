"""`sluice demo`: sample jobs of every kind through the whole system, start to end."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from cli.console import EXIT_INTERRUPTED, EXIT_UNREACHABLE, err
from cli.logs import wait_for_jobs
from cli.send import follow, new_run_name, send_file
from cli.session import backend, traced
from local.log_output import LogOutput
from local.process import StartError
from local.stack import Stack, end_on_signals
from local.stack_state import StackRunningError, StackState, running_stack
from shared.config import Settings

_SAMPLES = Path(__file__).with_name("samples")
SAMPLES = {
    "feedback": _SAMPLES / "feedback.jsonl",
    "reasoning": _SAMPLES / "reasoning.jsonl",
    "audio": _SAMPLES / "inaugural.flac",
}
_TIMEOUT_S = 120.0
_LOGS_TIMEOUT_S = 15.0


def demo(data: Path, file: Path | None) -> int:
    """Start the stack unless one runs, send jobs, show the results, stop what was started.

    Args:
        file: comments to send instead of all samples.

    Returns:
        The exit code: 0 if every job got a result.
    """
    began = time.monotonic()
    stack: AbstractContextManager[Stack | StackState]
    running = running_stack(data)
    if running is not None:
        err.print(f"Using the stack that runs here (process {running.pid}).")
        stack = nullcontext(running)
    else:
        err.print("Starting storage, Service Bus, model and functions on this machine ...")
        stack = Stack(data, output=LogOutput(None))
        end_on_signals(stack)
    try:
        with stack as started:
            err.print(f"Ready after {time.monotonic() - began:.1f} s.")
            code = asyncio.run(_through(started.settings, {"feedback": file} if file else SAMPLES))
            err.print(f"Logs: {data / 'logs'}. The results are also in the out queues and in the job store.")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (StartError, StackRunningError) as error:
        err.print(f"[red]error:[/] {error}", highlight=False)
        return EXIT_UNREACHABLE
    err.print(
        f"Done in {time.monotonic() - began:.0f} s. Send your own: `make up` here, then in another terminal "
        "`.venv/bin/sluice send feedback FILE --wait`."
    )
    return code


async def _through(settings: dict[str, str], files: Mapping[str, Path]) -> int:
    """Send everything first, so that all kinds are at work at once; then show one after the other."""
    code = 0
    since = datetime.now(UTC)
    sent: dict[str, list[str]] = {}
    async with backend(settings) as system:
        with traced(system):
            for kind, file in files.items():
                run = f"demo-{new_run_name()}"
                sent[kind], bad = await send_file(
                    system, kind, str(file), run=run, app_id="demo", priority="normal", print_ids=False
                )
                code = max(code, int(bad > 0))
        for kind, ids in sent.items():
            code = max(code, await follow(system, kind, ids, timeout_s=_TIMEOUT_S, as_json=False))
        if all_ids := [job_id for ids in sent.values() for job_id in ids]:
            await _tell_of_logs(system.settings, all_ids, since)
    return code


async def _tell_of_logs(settings: Settings, job_ids: list[str], since: datetime) -> None:
    missing = await wait_for_jobs(settings, job_ids, since, _LOGS_TIMEOUT_S)
    if missing:
        err.print(f"The logs of {len(missing)} jobs were not shipped within {_LOGS_TIMEOUT_S:.0f} s.")
        return
    err.print("The app's own logs are shipped. While the stack runs (`make up`), find the lines of a job with:")
    err.print(f"  .venv/bin/sluice logs search --job {job_ids[0]}", soft_wrap=True, highlight=False)
