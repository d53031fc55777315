"""Runs rows in parallel processes."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.quota.measures import Measures
from benchmarks.quota.plan import RowPlan
from benchmarks.quota.registry import ALGORITHMS

ROOT = Path(__file__).parents[2]
# What `make bench` installs.
OWN_ENVIRONMENT = ROOT / ".tools" / "bench" / "bin" / "python"
_LONGEST_S = 1800.0


class RowError(RuntimeError):
    """A row could not be run."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was run: what was measured, or why nothing was."""

    plan: RowPlan
    measures: Measures | None
    error: str | None = None


def is_installed(algorithm: str) -> bool:
    """Whether the environment that the algorithm needs is there."""
    return not ALGORITHMS[algorithm].own_environment or OWN_ENVIRONMENT.exists()


def run_rows(plans: Sequence[RowPlan], done: Callable[[Row], object], processes: int | None = None) -> list[Row]:
    """Run rows, and call `done` as each ends. When interrupted, their processes end too.

    Args:
        processes: how many at a time; None means one a core.

    Returns:
        The rows in the order of their plans. One that failed holds its error.
    """
    return asyncio.run(_run_rows(plans, done, processes or os.cpu_count() or 1))


async def _run_rows(plans: Sequence[RowPlan], done: Callable[[Row], object], processes: int) -> list[Row]:
    places = asyncio.Semaphore(processes)

    async def run(plan: RowPlan) -> Row:
        async with places:
            try:
                row = Row(plan, await run_row(plan))
            except RowError as error:
                row = Row(plan, None, str(error))
        done(row)
        return row

    # Rows in the other environment take longest: begun first, they don't leave a core idle at the end.
    order = sorted(plans, key=lambda plan: not ALGORITHMS[plan.algorithm].own_environment)
    async with asyncio.TaskGroup() as group:
        tasks = {plan: group.create_task(run(plan)) for plan in order}
    return [tasks[plan].result() for plan in plans]


async def run_row(plan: RowPlan) -> Measures:
    """Run one row in a process of its own.

    Raises:
        RowError: its environment isn't installed, it failed, or it took more than half an hour.
    """
    if not is_installed(plan.algorithm):
        raise RowError(f"{plan.algorithm} isn't installed: run `make bench`.")
    python = OWN_ENVIRONMENT if ALGORITHMS[plan.algorithm].own_environment else sys.executable
    given = json.dumps({"algorithm": plan.algorithm, "scenario": asdict(plan.scenario)})
    process = await asyncio.create_subprocess_exec(
        python, "-m", "benchmarks.quota.row", cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(given.encode()), _LONGEST_S)
    except TimeoutError as error:
        raise RowError(f"It took more than {_LONGEST_S:.0f} s.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        raise RowError(last[0] if last else f"Its process ended with {process.returncode}.")
    return Measures(**json.loads(output))
