"""What a process does before it ends: at its exit, and where it is asked to end with SIGTERM."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

_waiting: list[Callable[[], object]] = []


def at_end(last: Callable[[], object]) -> None:
    """Call this before the process ends, side by side with others. It should take seconds at most.

    An app that handles SIGTERM itself is left alone.
    """
    _waiting.append(last)
    _before_pools_end(last)
    if threading.current_thread() is threading.main_thread():
        _on_sigterm()


def _before_pools_end(last: Callable[[], object]) -> None:
    """At the end of the interpreter, while hosts' names can be looked up, which takes a thread pool: before atexit."""
    # The last to register is the first to be called, and the pools register when they are imported.
    import concurrent.futures.thread  # noqa: F401

    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        register(last)


def _on_sigterm() -> None:
    """Do it at SIGTERM, then end as before. A second one doesn't wait."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end() -> None:
        threads = [threading.Thread(target=last, daemon=True) for last in _waiting]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.kill(os.getpid(), signal.SIGTERM)

    def asked(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # Not here: whatever the signal has interrupted may hold a lock that these need.
        threading.Thread(target=end, name="at-end", daemon=True).start()

    signal.signal(signal.SIGTERM, asked)
