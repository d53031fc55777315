"""What `sluice bench quota` does."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks.quota.plan import RowPlan
from benchmarks.quota.runner import Row, is_installed, run_rows
from benchmarks.quota.table import as_json, show


def run(plans: Sequence[RowPlan], *, json_only: bool, named: bool) -> bool:
    """Run the rows and print them: results to standard output, progress and notes to standard error.

    Args:
        named: whether the algorithms were asked for by name. If not, those that aren't installed are left out.

    Returns:
        Whether every row could be run.
    """
    notes = Console(stderr=True)
    missing = [] if named else sorted({plan.algorithm for plan in plans if not is_installed(plan.algorithm)})
    for algorithm in missing:
        notes.print(f"{algorithm} isn't installed and is left out: `make bench` installs it.", style="yellow")
    rows = _run_with_progress([plan for plan in plans if plan.algorithm not in missing], notes)
    for row in rows:
        if row.error:
            notes.print(f"[red]{row.plan.name}:[/] {row.error}", highlight=False)
    if json_only:
        print(as_json(rows))  # noqa: T201
    elif rows:
        scenario = plans[0].scenario
        title = (
            f"Quota admission: {scenario.minutes:g} minutes of {scenario.tpm:,} tokens a minute, seed {scenario.seed}"
        )
        show(Console(), rows, title)
    return all(row.error is None for row in rows)


def _run_with_progress(plans: Sequence[RowPlan], notes: Console) -> list[Row]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        task = progress.add_task("rows", total=len(plans))

        def done(row: Row) -> None:
            progress.update(task, advance=1, description=f"rows, last: {row.plan.name}")

        return run_rows(plans, done)
