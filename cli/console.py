"""What every command shares: the two consoles and the exit codes."""

import os

from rich.console import Console

_PIPE_COLUMNS = 10_000
"""How wide a file or pipe is. Rich takes 80 where there is no terminal, and cuts ids and rows to that."""


def console(*, stderr: bool = False) -> Console:
    """A console that is as wide as its terminal. Without one nothing is cut or folded, unless COLUMNS is set."""
    made = Console(stderr=stderr)
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        made.width = _PIPE_COLUMNS
    return made


out = console()
"""Results: what scripts read."""

err = console(stderr=True)
"""Progress, notes and errors: what people read."""

EXIT_OK = 0
EXIT_JOBS_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_NOTHING = 4
EXIT_INTERRUPTED = 130

EXIT_HELP = (
    "Exit codes: 0 done; 1 some jobs, lines or settings are wrong, or the job runs; 2 wrong input or settings; "
    "3 a service can't be reached; 4 there was nothing to forget or to find; 130 interrupted."
)
