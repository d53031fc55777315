"""`sluice results export`: what became of each row, beside the row."""

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.console import EXIT_OK, err
from cli.run_tables import open_table
from shared.bootstrap import Backend
from shared.bootstrap.runs import result_columns
from shared.runs.results import ResultColumns
from shared.runs.view import whole_row


async def export(system: Backend, name: str, to: Path, *, only_final: bool) -> int:
    """Write the results of a run, in the order of its file.

    Args:
        only_final: leave out rows that haven't ended.

    Raises:
        UnknownRunError, ConfigurationError, OSError, StorageError
    """
    run = await system.runs.store.get(name)
    columns = ResultColumns(run.spool.columns, result_columns(system.settings, run.spool.kind))
    written = unfinished = 0
    with open_table(to, columns.names) as write, _bar() as bar:
        task = bar.add_task("exporting", total=run.spool.read)
        async for found in system.runs.results.rows(run):
            unfinished += not found.final
            if found.final or not only_final:
                write(columns.cells(found), whole_row(found))
                written += 1
            if found.row.number % 1000 == 0:
                bar.update(task, completed=found.row.number)
    note = f" {unfinished:,} rows haven't ended; export again later." if unfinished else ""
    err.print(f"{written:,} rows in {to}.{note}", highlight=False, markup=False)
    return EXIT_OK


def _bar() -> Progress:
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)
