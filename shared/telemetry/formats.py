"""How a record looks: a JSON line for files and the cloud, a coloured line for a terminal."""

import logging
import math
import time
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted

from shared.telemetry.context import current_ids, invocation_id
from shared.telemetry.redaction import Redactor

MAX_MESSAGE_CHARS = 8_000
MAX_EXCEPTION_CHARS = 16_000
_COLOURS = {logging.DEBUG: 90, logging.INFO: 32, logging.WARNING: 33, logging.ERROR: 31, logging.CRITICAL: 35}
"""SGR codes of ECMA-48."""


class StructuredFormatter(logging.Formatter):
    """One JSON object a line, in ASCII:

    time (UTC), level, app, instance, logger, then what there is of: invocation_id, the ids of the context
    (correlation_id, job_id, trace_id, ...), event and fields of log_event or else message, exception.

    Args:
        app, instance: whose lines these are; see instance_id.
        redactor: takes out what nobody may see.
    """

    def __init__(self, app: str = "", instance: str = "", redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redactor = redactor or Redactor()
        self._names = ""
        self.sign(app, instance)
        self._second = -1
        self._stamp = ""
        self._ids: tuple[Mapping[str, str], str] = ({}, "")

    def sign(self, app: str, instance: str) -> None:
        """Whose lines these are."""
        self._names = f'"app":{quoted(app)},"instance":{quoted(instance)},'

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line break."""
        event = getattr(record, "event", None)
        ids = current_ids()
        parts = [f'{{"time":"{self._time(record.created)}","level":"{record.levelname}",', self._names]
        if (call := invocation_id()) is not None:
            parts.append(f'"invocation_id":{quoted(call)},')
        parts.append(self._ids_json(ids))
        if event is None:
            text = self._redactor.text(_cut(record.getMessage(), MAX_MESSAGE_CHARS))
            parts.append(f'"logger":{quoted(record.name)},"message":{quoted(text)}')
        else:
            fields: Mapping[str, object] = getattr(record, "fields", {})
            job_id = fields.get("job_id")
            if job_id is not None and "job_id" not in ids:
                parts.append(f'"job_id":{self._value("job_id", job_id)},')
            inner = ",".join([f"{quoted(name)}:{self._value(name, value)}" for name, value in fields.items()])
            parts.append(f'"logger":{quoted(record.name)},"event":{quoted(str(event))},"fields":{{{inner}}}')
        if record.exc_info or record.exc_text or record.stack_info:
            parts.append(f',"exception":{quoted(self._exception(record))}')
        parts.append("}")
        return "".join(parts)

    def _time(self, created: float) -> str:
        second = int(created)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._stamp}.{int((created - second) * 1_000_000):06d}Z"

    def _ids_json(self, ids: Mapping[str, str]) -> str:
        """As a part of the object, each with a comma after it. Lines of one piece of work follow each other."""
        known, text = self._ids
        if known is not ids:
            redact = self._redactor.field
            text = "".join([f"{quoted(name)}:{quoted(redact(f'{name}_id', value))}," for name, value in ids.items()])
            self._ids = ids, text
        return text

    def _value(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return repr(value)
        return quoted(self._redactor.field(name, _cut(str(value), MAX_MESSAGE_CHARS)))

    def _exception(self, record: logging.LogRecord) -> str:
        texts = [record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")]
        if record.stack_info:
            texts.append(record.stack_info)
        return self._redactor.text(_cut("\n".join(filter(None, texts)), MAX_EXCEPTION_CHARS))


class TerminalFormatter(logging.Formatter):
    """A line for people: time of day (UTC), level, text, logger.

    Args:
        colour: with SGR codes.
    """

    def __init__(self, *, colour: bool, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redactor = redactor or Redactor()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """The line. A traceback follows it."""
        moment = time.strftime("%H:%M:%S", time.gmtime(record.created))
        text = self._redactor.text(_cut(record.getMessage(), MAX_MESSAGE_CHARS))
        ids = "".join(f" {name}={value}" for name, value in current_ids().items() if f"{name}={value}" not in text)
        line = terminal_line(
            f"{moment}.{int(record.msecs):03d}", record.levelno, text + ids, record.name, colour=self._colour
        )
        if record.exc_info:
            line += "\n" + self._redactor.text(_cut(self.formatException(record.exc_info), MAX_EXCEPTION_CHARS))
        return line


def terminal_line(moment: str, level: int, text: str, logger: str, *, colour: bool) -> str:
    """One line for people, as everything here prints it."""
    name = logging.getLevelName(level)
    shown = printable(text)
    if not colour:
        return f"{moment} {name:8}{shown}  [{logger}]"
    code = _COLOURS.get(level, 0)
    return f"\x1b[90m{moment}\x1b[0m \x1b[{code}m{name:8}\x1b[0m{shown}  \x1b[90m[{logger}]\x1b[0m"


def printable(text: str) -> str:
    """A text for a terminal: a line break or an escape code in it would let its author forge lines."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} [{len(text) - limit} more characters]"
