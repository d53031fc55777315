"""A run as people and programs see it."""

import math
from datetime import UTC, datetime
from typing import Any

from shared.jobs.record import JobState
from shared.runs.progress import progress_of
from shared.runs.results import RowResult
from shared.runs.store import Run


def run_facts(run: Run, now_s: float, cost: float | None, currency: str) -> dict[str, Any]:
    """All that is told of a run, as JSON values.

    Args:
        now_s: seconds since 1970.
        cost: so far; None where no price is known.
    """
    spool, head, progress = run.spool, run.head, progress_of(run, now_s)
    return {
        "run": run.name,
        "kind": spool.kind,
        "state": str(progress.state),
        "wish": str(run.wish.state),
        "source": spool.source,
        "mapping": dict(spool.mapping),
        "error": spool.error,
        "app_id": spool.app_id,
        "priority": spool.priority,
        "created_at": spool.created_at.isoformat(),
        "updated_at": head.updated_at.isoformat() if head.updated_at else None,
        "ended_at": head.ended_at.isoformat() if head.ended_at else None,
        "read_to_end": spool.sealed,
        "rows": spool.read,
        "rejected": spool.rejected,
        "jobs": spool.jobs,
        "ended": head.tally.ended,
        "waiting": progress.waiting,
        "states": dict(head.tally.states),
        "reasons": dict(head.tally.reasons),
        "jobs_a_second": progress.rate,
        "ends_in_s": progress.left_s,
        "input_tokens": head.tally.input_tokens,
        "output_tokens": head.tally.output_tokens,
        "audio_s": head.tally.audio_s,
        "cost": cost,
        "currency": currency,
    }


def run_summary(run: Run, now_s: float, cost: float | None, currency: str) -> dict[str, Any]:
    """What a list of runs tells of one, as JSON values. The share that is done is None until the file has been read.

    Args:
        now_s, cost: see run_facts.
    """
    spool, tally, progress = run.spool, run.head.tally, progress_of(run, now_s)
    left_s = progress.left_s
    return {
        "run": run.name,
        "kind": spool.kind,
        "state": str(progress.state),
        "wish": str(run.wish.state),
        "app_id": spool.app_id,
        "rows": spool.read,
        "rejected": spool.rejected,
        "jobs": spool.jobs,
        "done": tally.ended,
        "failed": tally.states.get(JobState.FAILED, 0),
        "percent": _percent(tally.ended, spool.jobs) if spool.sealed or spool.error else None,
        "ends_at": None if left_s is None else datetime.fromtimestamp(now_s + left_s, UTC).isoformat(),
        "cost": cost,
        "currency": currency,
    }


def whole_row(found: RowResult) -> dict[str, Any]:
    """A row as it came, and the outcome as it is stored."""
    code, reason = found.error
    facts = {
        "row": found.row.number,
        "line": found.row.line,
        "input": dict(found.row.values),
        "status": found.status,
        "job_id": found.job_id,
        "result": dict(found.result) or None,
        "error": {"code": code, "message": reason} if code else None,
        "usage": found.outcome.get("usage"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _percent(done: int, of: int) -> float:
    """Rounded down: what isn't whole is never 100."""
    return math.floor(1000 * done / of) / 10 if of else 100.0
