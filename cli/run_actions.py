"""`sluice run pause`, `resume`, `cancel`, `retry-failed`."""

from cli.console import EXIT_OK, err
from shared.bootstrap import Backend

_SAID = {
    "pause": "pauses: `sluice run resume` goes on",
    "resume": "goes on",
    "cancel": "is cancelled; what runs ends normally",
    "retry_failed": "tries its failed jobs again",
}


async def act_on(system: Backend, run: str, action: str) -> int:
    """Wish something of a run; its next turn, some moments later, carries it out.

    Raises:
        UnknownRunError
        RunEndedError: there is nothing left to do it to.
    """
    await getattr(system.runs.control, action)(run)
    err.print(f"Run {run} {_SAID[action]}.", highlight=False)
    return EXIT_OK
