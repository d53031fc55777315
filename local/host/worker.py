"""A worker process: runs the app's functions for the host that started it.

Started by the host as `python -m local.host.worker`; not meant to be run by hand. Host and worker are two processes,
as in the cloud: a function that crashes or hangs takes its worker with it, never the host.
"""

import argparse
import asyncio
import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

from local.host.worker_channel import WorkerChannel

_PR_SET_PDEATHSIG = 1


def _die_with(parent: int) -> None:
    """End at once when the host does, also when the event loop is blocked. Elsewhere than on Linux the closed
    connection has to do."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(0)  # it ended before the line above


def main() -> None:
    """Run one worker."""
    parser = argparse.ArgumentParser(prog="python -m local.host.worker", description=__doc__)
    parser.add_argument("--app-dir", type=Path, required=True, help="folder of the function app")
    parser.add_argument("--fd", type=int, required=True, help="inherited end of the socket pair to the host")
    parser.add_argument("--parent", type=int, required=True, help="process id of the host")
    options = parser.parse_args()
    _die_with(options.parent)
    os.chdir(options.app_dir)
    sys.path[0] = str(options.app_dir)
    # Only now: the worker library remembers sys.path as it is when it is imported, and shows it in errors.
    from local.host.worker_loop import Worker

    channel = WorkerChannel(socket.socket(fileno=options.fd))
    asyncio.run(Worker(channel, options.app_dir).run())


if __name__ == "__main__":
    main()
