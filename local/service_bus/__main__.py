"""`python -m local.service_bus`: run the Service Bus emulator."""

import argparse
import asyncio
import logging
import sqlite3
import sys
from pathlib import Path

from local.process import announce_ready
from local.service_bus.broker import Broker
from local.service_bus.config import load_config
from local.service_bus.persistence import Store, StoreError
from local.service_bus.server import Server, wall_clock_ms
from local.service_bus.sockets import ListenError, listen
from shared.errors import ConfigurationError

DATABASE = "service_bus.db"
_BAD_USAGE = 2

logger = logging.getLogger("local.service_bus")


def connection_string(port: int) -> str:
    """What clients use: the connection string of Microsoft's emulator, with the port."""
    return (
        f"Endpoint=sb://localhost:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
    )


def _parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.service_bus",
        description="Azure Service Bus on this machine, for unmodified Azure SDKs. Prints one line READY {json} with"
        " the port and the connection string when it serves; SIGTERM or Ctrl-C stops it.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(__file__).with_name("config.json"),
        help="queues, topics and subscriptions, in the JSON format of Microsoft's emulator (default: %(default)s)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(".sluice/service_bus"),
        help=f"folder of the database {DATABASE}, which holds all messages; created if absent (default: %(default)s)",
    )
    parser.add_argument("--port", type=int, default=5672, help="TCP port; 0 picks a free one (default: %(default)s)")
    parser.add_argument(
        "--host",
        default="127.0.0.1,::1",
        help="addresses to listen on, separated by commas; nobody is authenticated, so keep it local"
        " (default: %(default)s)",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the emulator. Returns the exit code: 0 after a signal, 1 after a failure, 2 for a wrong configuration."""
    arguments = _parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        config = load_config(arguments.config)
        arguments.data.mkdir(parents=True, exist_ok=True)
        store = Store(arguments.data / DATABASE)
        broker = Broker(config, store, wall_clock_ms)
        sockets = listen(arguments.host.split(","), arguments.port)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - an answer to whoever typed the command
        return _BAD_USAGE
    except (StoreError, ListenError, OSError) as error:
        print(f"The Service Bus emulator can't start: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    for name, count in broker.orphans.items():
        logger.warning("%s is not in the configuration; its %d messages stay in %s", name, count, arguments.data)
    port = sockets[0].getsockname()[1]

    def ready() -> None:
        announce_ready(port=port, connection_string=connection_string(port))

    try:
        asyncio.run(Server(broker, sockets).run(ready))
    except sqlite3.Error:
        return 1
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
