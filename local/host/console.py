"""What the host prints: `[timestamp] [Function.name] [LEVEL] text`, filtered by host.json's log levels."""

import asyncio
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime

from local.host.log_levels import TRACE, LogFilter

_LEVEL_NAMES = {
    TRACE: "TRACE",
    logging.DEBUG: "DEBUG",
    logging.INFO: "INFO",
    logging.WARNING: "WARNING",
    logging.ERROR: "ERROR",
    logging.CRITICAL: "CRITICAL",
}
HOST = "Host"
WORKER_OUTPUT = "Host.Function.Console"


class Console:
    """Writes log records to standard output, all of one turn of the event loop at once.

    Categories are those of the real host, so the same host.json shows and hides the same records:
    `Function.{name}` for what the host says of an invocation, `Function.{name}.User` for what the function logs,
    `Host.Function.Console` for what a worker prints, `Host...` for the host.
    """

    def __init__(self, log_filter: LogFilter | None = None) -> None:
        self.filter = log_filter or LogFilter()
        self._lines: list[str] = []

    def shows(self, category: str, level: int) -> bool:
        return self.filter.shows(category, level)

    def log(self, category: str, level: int, text: str) -> None:
        """Print one record, if its category shows its level. A text of several lines stays one record."""
        if not self.filter.shows(category, level):
            return
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self._write(f"[{moment}Z] [{_label(category)}] [{_level_name(level)}] {text}\n")

    def host(self, level: int, text: str) -> None:
        """Print a record of the host itself."""
        self.log(HOST, level, text)

    def plain(self, text: str) -> None:
        """Print text without prefix, whatever the log levels."""
        self._write(text + "\n")

    def flush(self) -> None:
        """Write what is waiting now."""
        lines, self._lines = self._lines, []
        if lines:
            # Nobody may be left to read; the host goes on until it is told to stop.
            with suppress(BrokenPipeError):
                sys.stdout.write("".join(lines))
                sys.stdout.flush()

    def _write(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()


class ConsoleHandler(logging.Handler):
    """Prints what the host's own modules and libraries log, under the category `Host.{logger}`.

    A record made with `extra={"function": name}` appears under that function's name instead.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        function = getattr(record, "function", None)
        category = f"Function.{function}" if function else f"{HOST}.{record.name.removeprefix('local.host.')}"
        try:
            if self._console.shows(category, record.levelno):
                self._console.log(category, record.levelno, self.format(record))
        except Exception:
            self.handleError(record)


def install_logging(console: Console) -> None:
    """Send Python's logging in this process to the console. The Azure SDK logs every request at INFO: it starts at
    WARNING."""
    root = logging.getLogger()
    root.handlers[:] = [ConsoleHandler(console)]
    root.setLevel(logging.INFO)
    for chatty in ("azure", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _label(category: str) -> str:
    if category.startswith("Function."):
        return category.removesuffix(".User")
    return "Worker" if category == WORKER_OUTPUT else HOST


def _level_name(level: int) -> str:
    name = _LEVEL_NAMES.get(level)
    if name is None:
        # A level between two standard ones is shown as the lower, as the worker library maps it.
        name = _LEVEL_NAMES[max((known for known in _LEVEL_NAMES if known <= level), default=TRACE)]
    return name
