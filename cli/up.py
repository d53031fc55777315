"""`sluice up`: the whole system on this machine until Ctrl-C."""

from pathlib import Path

from local.stack import Stack, run_until_told_to_end


def up(data: Path, port: int) -> int:
    """Run the stack until it is told to end. Returns the exit code."""
    return run_until_told_to_end(Stack(data, port=port), "everything runs; send jobs with `sluice send feedback FILE`")
