"""`sluice up`: the whole system on this machine until Ctrl-C."""

import threading
from pathlib import Path

from cli.console import EXIT_OK, EXIT_UNREACHABLE, err
from local.process import StartError
from local.stack import Stack, end_on_signals
from local.stack_state import StackRunningError


def up(data: Path, port: int) -> int:
    """Run the stack until it is told to end. Returns the exit code."""
    stack = Stack(data, port=port)
    end_on_signals(stack)
    try:
        with stack:
            stack.say("everything runs; send jobs with `sluice send feedback FILE`; Ctrl-C ends it")
            threading.Event().wait()
    except KeyboardInterrupt:
        return EXIT_OK
    except (StartError, StackRunningError) as error:
        err.print(f"[red]error:[/] {error}", highlight=False)
        return EXIT_UNREACHABLE
    return EXIT_OK
