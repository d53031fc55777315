"""Logging for a program: one format everywhere, for a terminal, a container or the Functions host.

Modules of ours log through `logging.getLogger(__name__)` and log_event; what becomes of their lines is decided here, by
handlers on the root logger. Whoever runs a program calls get_logger (or setup_logging) once, early.
"""

import logging
import os
import sys
import threading
from typing import TextIO

from shared.config import log_settings
from shared.log_settings import LogSettings
from shared.telemetry.context import LoggingContext, set_correlation_id
from shared.telemetry.events import FieldValue, log_event, quiet_libraries
from shared.telemetry.formats import StructuredFormatter, TerminalFormatter
from shared.telemetry.log_names import instance_id
from shared.telemetry.redaction import Redactor
from shared.telemetry.rotation import RotatingLogHandler

__all__ = [
    "LoggingContext",
    "get_app_name",
    "get_logger",
    "log_operation_metrics",
    "log_to_files",
    "set_correlation_id",
    "setup_logging",
]

_setting_up = threading.Lock()
_console: logging.Handler | None = None


def get_app_name() -> str:
    """The application's name: SLUICE_LOGS_APP, else APP_NAME, else the name of the function app, else "sluice"."""
    return log_settings().app


def get_logger(name: str, log_level: str | int | None = None) -> logging.Logger:
    """A logger whose lines have the one format. Sets logging up with the first call.

    Args:
        log_level: of this logger, such as "DEBUG"; None leaves it to the root logger.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    setup_logging()
    logger = logging.getLogger(name)
    if log_level is not None:
        logger.setLevel(log_level.upper() if isinstance(log_level, str) else log_level)
    return logger


def setup_logging(
    level: str | int | None = None, json_format: bool | None = None, *, stream: TextIO | None = None
) -> None:
    """Send what is logged to where this program's surroundings expect it. Further calls change nothing.

    In a worker of the Functions host nothing is added: the host takes the lines. On a terminal lines are coloured;
    elsewhere (a container, a pipe) each is a JSON object.

    Args:
        level: lowest level; None is the setting SLUICE_LOGS_LEVEL.
        json_format: overrides what the surroundings suggest.
        stream: standard error by default: the output belongs to the program's results.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    global _console
    with _setting_up:
        if _console is not None:
            return
        settings = log_settings()
        if settings.in_functions:
            return
        out = stream or sys.stderr
        as_json = not out.isatty() if json_format is None else json_format
        redactor = Redactor(settings.secrets)
        _console = logging.StreamHandler(out)
        _console.setFormatter(
            StructuredFormatter(settings.app, instance_id(settings.machine, os.getpid()), redactor)
            if as_json
            else TerminalFormatter(colour=out.isatty() and settings.colour, redactor=redactor)
        )
        root = logging.getLogger()
        root.addHandler(_console)
        root.setLevel(settings.level if level is None else level)
        quiet_libraries()


def log_to_files(settings: LogSettings) -> RotatingLogHandler:
    """Write what this process logs into files in the machine's folder, besides wherever else it goes.

    Returns:
        The handler: close it to end that.
    """
    handler = RotatingLogHandler(
        settings.own_folder,
        StructuredFormatter(redactor=Redactor(settings.secrets)),
        app=settings.app,
        machine=settings.machine,
        rotation_s=settings.rotation_s,
        max_bytes=settings.rotation_bytes,
        daily=settings.daily,
        quiet_s=settings.quiet_s,
    )
    handler.setLevel(settings.level)
    root = logging.getLogger()
    root.addHandler(handler)
    if root.getEffectiveLevel() > handler.level:
        root.setLevel(handler.level)
    quiet_libraries()
    return handler


def log_operation_metrics(
    logger: logging.Logger, operation: str, duration_s: float, *, success: bool = True, **counts: FieldValue
) -> None:
    """Write how an operation went, as the event `operation_ran`.

    Args:
        operation: its name.
        counts: such as items and errors.
    """
    level = logging.INFO if success else logging.WARNING
    log_event(
        logger,
        "operation_ran",
        level=level,
        operation=operation,
        duration_s=round(duration_s, 3),
        success=success,
        **counts,
    )
