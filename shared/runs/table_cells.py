"""Cells of tables that people open in spreadsheets."""

import re
from typing import Any

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def neutral(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it.

    OWASP, "CSV Injection". A plain number stays what it is.
    """
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
