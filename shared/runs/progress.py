"""How fast a run goes, and when it will end: from what its conductor noted."""

from dataclasses import dataclass

from shared.runs.rows import RunState
from shared.runs.store import Run

_SHORTEST_S = 4.0


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What follows from a run as it is stored.

    Attributes:
        waiting: rows that aren't jobs yet.
        rate: jobs that ended in a second, of the last minutes; None where that isn't known.
        left_s: until all have ended at this rate.
    """

    state: RunState
    waiting: int
    rate: float | None
    left_s: float | None


def progress_of(run: Run, now_s: float) -> RunProgress:
    """See RunProgress.

    Args:
        now_s: seconds since 1970.
    """
    head, tally = run.head, run.head.tally
    waiting = max(0, run.spool.jobs - tally.jobs)
    if head.state is RunState.ENDED and run.spool.error is not None:
        return RunProgress(RunState.FAILED, waiting, None, None)
    if head.state is not RunState.RUNNING or len(head.history) < 2:
        return RunProgress(head.state, waiting, None, None)
    (first_s, before), (last_s, ended) = head.history[0], head.history[-1]
    if last_s - first_s < _SHORTEST_S:
        return RunProgress(head.state, waiting, None, None)
    rate = (ended - before) / (last_s - first_s)
    left = run.spool.jobs - ended
    left_s = max(0.0, left / rate - (now_s - last_s)) if rate > 0 and run.spool.sealed else None
    return RunProgress(head.state, waiting, round(rate, 2), left_s and round(left_s, 1))
