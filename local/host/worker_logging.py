"""What the app logs goes to the host, tagged with the invocation that logged it."""

import logging
import os
from collections.abc import Mapping

import azure_functions_runtime
from azure_functions_runtime.bindings import context as runtime_context

from local.host.protocol import Kind
from local.host.worker_channel import WorkerChannel

# The library and the SDK log several records an invocation, and errors that the host reports anyway. In the
# cloud they are the platform's own telemetry, which the app's owner never sees.
_SYSTEM_LOGGER = "azure.functions"


class ChannelHandler(logging.Handler):
    """Sends each record to the host at once.

    Args:
        running: function name by id of the invocations that run now.
    """

    def __init__(self, channel: WorkerChannel, running: Mapping[str, str]) -> None:
        super().__init__()
        self._channel = channel
        self._running = running

    def emit(self, record: logging.LogRecord) -> None:
        try:
            invocation_id = current_invocation_id()
            function = self._running.get(invocation_id) if invocation_id else None
            self._channel.send((Kind.LOG, record.levelno, record.name, self.format(record), invocation_id, function))
        except Exception:
            self.handleError(record)


def install(channel: WorkerChannel, running: Mapping[str, str]) -> None:
    """Make the root logger send to the host, from INFO on, or DEBUG with PYTHON_ENABLE_DEBUG_LOGGING, as the worker in
    the cloud does."""
    debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").strip().lower() in ("1", "true", "t", "yes", "y")
    root = logging.getLogger()
    root.addHandler(ChannelHandler(channel, running))
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.getLogger(_SYSTEM_LOGGER).setLevel(logging.CRITICAL)


def current_invocation_id() -> str | None:
    """The invocation on whose behalf this code runs.

    Threads that a function starts itself are known only if they copy `context.thread_local_storage.invocation_id`, as
    in the cloud.
    """
    known: str | None = azure_functions_runtime.invocation_id_cv.get()
    return known or getattr(runtime_context._invocation_id_local, "invocation_id", None)
