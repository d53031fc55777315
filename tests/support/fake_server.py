"""A stand-in for a part of the stack, run with `python -m`: listens on its port and follows the ready protocol."""

import argparse
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from local.process import announce_ready


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fail", help="end at once with this message")
    parser.add_argument("--diary", type=Path, help="append `name start|stop` lines here")
    parser.add_argument("--name", default="fake")
    parser.add_argument("--print-env", help="print this variable's value")
    arguments = parser.parse_args()
    if arguments.fail:
        sys.exit(arguments.fail)

    def note(what: str) -> None:
        if arguments.diary:
            with arguments.diary.open("a") as diary:
                diary.write(f"{arguments.name} {what}\n")

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with socket.create_server(("127.0.0.1", arguments.port)) as server:
        note("start")
        if arguments.print_env:
            print(f"{arguments.print_env}={os.environ.get(arguments.print_env)}", flush=True)  # noqa: T201
        announce_ready(port=server.getsockname()[1], connection_string=f"fake {arguments.name}")
        ended.wait()
    note("stop")


if __name__ == "__main__":
    main()
