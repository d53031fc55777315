"""Log levels by category, as host.json's logging.logLevel sets them."""

import logging
from collections.abc import Mapping

TRACE = 5
NONE = logging.CRITICAL + 10
LEVELS: Mapping[str, int] = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": NONE,
}


class LogFilter:
    """Says which records are shown: the rule with the longest prefix of a category decides.

    Args:
        rules: level by category prefix; "default" is the level of all others. Information where nothing is said.
    """

    def __init__(self, rules: Mapping[str, int] | None = None) -> None:
        given = {category.lower(): level for category, level in (rules or {}).items()}
        self._default = given.pop("default", logging.INFO)
        self._rules = sorted(given.items(), key=lambda rule: len(rule[0]), reverse=True)
        self._known: dict[str, int] = {}

    def minimum(self, category: str) -> int:
        """The lowest level shown in a category."""
        level = self._known.get(category)
        if level is None:
            lower = category.lower()
            level = next((level for prefix, level in self._rules if lower.startswith(prefix)), self._default)
            self._known[category] = level
        return level

    def shows(self, category: str, level: int) -> bool:
        return level >= self.minimum(category)
