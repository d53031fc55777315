"""Starts the model server: `python -m local.model --help`."""

import asyncio
import logging
import os
import sys

from aiohttp import web

from local.end_signals import end_signals
from local.model.engines.protocol import EngineStartError
from local.model.engines.select import select_engine
from local.model.options import Options, parse_options
from local.model.server import create_app
from local.process import announce_ready
from shared.model.encodings import DEFAULT_ENCODING, load_encoding

_GRACE_S = 5.0


async def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    with end_signals(stopped.set):
        await _serve(options, stopped)


async def _serve(options: Options, stopped: asyncio.Event) -> None:
    engine = await asyncio.to_thread(select_engine, options.engine, os.environ)
    await asyncio.to_thread(load_encoding, DEFAULT_ENCODING)  # so that the first call doesn't wait for it
    # aiohttp's access log is off: paths are harmless, but nobody reads them.
    runner = web.AppRunner(create_app(options, engine), access_log=None, shutdown_timeout=_GRACE_S)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port)
    await site.start()
    port = runner.addresses[0][1]
    announce_ready(port=port, url=f"http://{options.host}:{port}", engine=engine.name)
    await stopped.wait()
    await runner.cleanup()


def main() -> int:
    options = parse_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(options))
    except (EngineStartError, OSError) as error:
        sys.stderr.write(f"The model server can't start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
