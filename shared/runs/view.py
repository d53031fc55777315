"""A run as people and programs see it."""

from typing import Any

from shared.runs.progress import progress_of
from shared.runs.store import Run


def run_facts(run: Run, now_s: float, cost: float | None, currency: str) -> dict[str, Any]:
    """All that is told of a run, as JSON values.

    Args:
        now_s: seconds since 1970.
        cost: of the tokens so far; None where no price is known.
    """
    spool, head, progress = run.spool, run.head, progress_of(run, now_s)
    return {
        "run": run.name,
        "kind": spool.kind,
        "state": str(progress.state),
        "wish": str(run.wish.state),
        "source": spool.source,
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
        "cost": cost,
        "currency": currency,
    }
