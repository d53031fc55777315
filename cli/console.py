"""What every command shares: the two consoles and the exit codes."""

from rich.console import Console

out = Console()
"""Results: what scripts read."""

err = Console(stderr=True)
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
