"""`sluice forget`: delete everything of one job."""

import json
from dataclasses import asdict

import typer

from cli.console import EXIT_JOBS_FAILED, EXIT_NOTHING, EXIT_OK, err, out
from shared.bootstrap import Backend
from shared.jobs.forget import JobRunningError


async def forget(backend: Backend, kind: str, job_id: str, *, force: bool, yes: bool, as_json: bool) -> int:
    """Delete a job and say what was deleted.

    Returns:
        EXIT_OK; EXIT_NOTHING where nothing was known of it; EXIT_JOBS_FAILED where a run is under way.
    """
    if not yes:
        typer.confirm(f"Delete the {kind} job {job_id}, its body and its outcome for good?", abort=True, err=True)
    try:
        gone = await backend.forgetting.forget(kind, job_id, force=force)
    except JobRunningError as error:
        err.print(f"[red]not deleted:[/] {error} --force deletes it now.", highlight=False)
        return EXIT_JOBS_FAILED
    if as_json:
        out.print(
            json.dumps({"job_id": job_id, "kind": kind, **asdict(gone)}), soft_wrap=True, markup=False, highlight=False
        )
    if not gone.anything:
        err.print(f"There is nothing of a {kind} job {job_id}.", markup=False, highlight=False)
        return EXIT_NOTHING
    counted = ", ".join(f"{name} {number}" for name, number in asdict(gone).items() if number)
    err.print(f"Deleted: {counted}. Messages of the job in queues stay until they are read or expire.", highlight=False)
    return EXIT_OK
