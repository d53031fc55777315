"""Log lines as stable events with fields: `job_succeeded job_id=a1 attempt=1`.

Fields are ids, numbers and codes. A message body, prompt, completion, key or connection string is never a field.
"""

import logging

# These libraries log whole requests (and openai and the AMQP codec whole bodies) at DEBUG or INFO.
_TALKATIVE = ("azure", "openai", "httpx2", "httpcore2", "msal", "asyncio")

type FieldValue = str | int | float | bool | None


def log_event(logger: logging.Logger, event: str, *, level: int = logging.INFO, **fields: FieldValue) -> None:
    """Write one event. Fields that are None are left out; they are also attributes of the record (`extra`)."""
    given = {name: value for name, value in fields.items() if value is not None}
    text = " ".join([event, *(f"{name}={_quoted(value)}" for name, value in given.items())])
    logger.log(level, "%s", text, extra={"event": event, "fields": given})


def quiet_libraries() -> None:
    """Keep libraries from logging requests, and with them bodies, whatever the app's own level is."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _quoted(value: FieldValue) -> str:
    text = str(value)
    # A line break in an id would let a producer forge log lines.
    plain = text.isascii() and text.isprintable() and not any(c in text for c in " \"'=")
    return text if plain else ascii(text)
