"""Runs rows in parallel processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    """Run rows, and call `done` as each ends.

    Args:
        processes: how many at a time; None means one a core.

    Returns:
        The rows in the order of their plans. One that failed holds its error.
    """
    rows: dict[RowPlan, Row] = {}
    # Rows in the other environment take longest: begun first, they don't leave a core idle at the end.
    order = sorted(plans, key=lambda plan: not ALGORITHMS[plan.algorithm].own_environment)
    with ThreadPoolExecutor(processes or os.cpu_count()) as pool:
        try:
            for future in as_completed([pool.submit(_run, plan) for plan in order]):
                row = future.result()
                rows[row.plan] = row
                done(row)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [rows[plan] for plan in plans]


def _run(plan: RowPlan) -> Row:
    try:
        return Row(plan, run_row(plan))
    except RowError as error:
        return Row(plan, None, str(error))


def run_row(plan: RowPlan) -> Measures:
    """Run one row in a process of its own.

    Raises:
        RowError: its environment isn't installed, it failed, or it took more than half an hour.
    """
    if not is_installed(plan.algorithm):
        raise RowError(f"{plan.algorithm} isn't installed: run `make bench`.")
    python = OWN_ENVIRONMENT if ALGORITHMS[plan.algorithm].own_environment else sys.executable
    command = [python, "-m", "benchmarks.quota.row"]
    given = json.dumps({"algorithm": plan.algorithm, "scenario": asdict(plan.scenario)})
    try:
        ended = subprocess.run(
            command, input=given, capture_output=True, text=True, cwd=ROOT, timeout=_LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RowError(f"It took more than {_LONGEST_S:.0f} s.") from error
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
        raise RowError(last[0])
    return Measures(**json.loads(ended.stdout))
