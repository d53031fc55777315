"""Log lines as OpenTelemetry's log records: the same events, redacted as in files, with the trace they belong to."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry._logs import LogRecord, SeverityNumber

from shared.telemetry.context import current_ids, invocation_id
from shared.telemetry.formats import MAX_EXCEPTION_CHARS, MAX_MESSAGE_CHARS
from shared.telemetry.redaction import Redactor

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider

# OpenTelemetry, "Logs data model", Mapping of SeverityNumber.
_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL),
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
    (logging.NOTSET, SeverityNumber.DEBUG),
)
_OWN = ("opentelemetry", "azure.monitor", "azure.core", "azure.identity")
"""Whoever exports logs must not export what it logs of that."""


class LogExportHandler(logging.Handler):
    """Hands records to a provider.

    The body is the line as the Functions host would show it, `job_published job_id=... status=failed`: alerts look
    for that. The fields are attributes besides.
    """

    def __init__(self, provider: "LoggerProvider", redactor: Redactor, level: str | int = logging.INFO) -> None:
        super().__init__(level)
        self._provider = provider
        self._redactor = redactor

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one record."""
        if record.name.startswith(_OWN):
            return
        try:
            self._provider.get_logger(record.name).emit(self._translated(record))
        except Exception:
            self.handleError(record)

    def _translated(self, record: logging.LogRecord) -> LogRecord:
        event = getattr(record, "event", None)
        fields: Mapping[str, object] = getattr(record, "fields", {})
        redact = self._redactor.field
        attributes: dict[str, str | int | float | bool] = {
            name: redact(f"{name}_id", value) for name, value in current_ids().items()
        }
        for name, value in fields.items():
            attributes[name] = value if isinstance(value, int | float | bool) else redact(name, str(value))
        if (call := invocation_id()) is not None:
            attributes["faas.invocation_id"] = call
        if record.exc_info and record.exc_info[0] is not None:
            # Not by the names of exceptions: Application Insights would keep the line in another table, where alerts
            # don't look.
            attributes["error.type"] = record.exc_info[0].__name__
            stack = logging.Formatter().formatException(record.exc_info)
            attributes["code.stacktrace"] = self._redactor.text(stack[:MAX_EXCEPTION_CHARS])
        return LogRecord(
            timestamp=int(record.created * 1e9),
            context=otel_context.get_current(),
            severity_number=next(number for level, number in _SEVERITIES if record.levelno >= level),
            severity_text=record.levelname,
            body=self._redactor.text(record.getMessage()[:MAX_MESSAGE_CHARS]),
            attributes=attributes,
            event_name=None if event is None else str(event),
        )
