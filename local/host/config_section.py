"""Configuration as .NET sees it: names without case, values overridden by `a__b__c` variables."""

from collections.abc import Iterator, Mapping
from typing import Any


class Section(Mapping[str, Any]):
    """A JSON object whose keys are found whatever their case. Nested objects are sections, too."""

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        self._items: dict[str, tuple[str, Any]] = {}
        for key, value in (content or {}).items():
            self._items[key.lower()] = (key, Section(value) if isinstance(value, Mapping) else value)

    def __getitem__(self, key: str) -> Any:
        return self._items[key.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._items

    def __repr__(self) -> str:
        return f"Section({dict(self)!r})"

    def find(self, path: str) -> Any:
        """The value at a dotted path, or None."""
        value: Any = self
        for key in path.split("."):
            if not isinstance(value, Section) or key not in value:
                return None
            value = value[key]
        return value

    def with_value(self, path: list[str], value: Any) -> "Section":
        """A copy in which the value at this path is replaced. What stands in the way of the path is replaced, too."""
        key, rest = path[0], path[1:]
        copy = Section()
        copy._items = dict(self._items)
        written = self._items.get(key.lower(), (key, None))
        inner = written[1] if isinstance(written[1], Section) else Section(_indexed(written[1]))
        copy._items[key.lower()] = (written[0], inner.with_value(rest, value) if rest else value)
        return copy


def _indexed(value: Any) -> dict[str, Any]:
    """A list as .NET configuration holds it: an object with the keys "0", "1", ..."""
    return {str(index): item for index, item in enumerate(value)} if isinstance(value, list) else {}


def items_of(value: Any) -> list[Any]:
    """The items of a list, or of a section with numbers for keys, in the order of .NET configuration."""
    if isinstance(value, Section):
        return [
            value[key] for key in sorted(value, key=lambda key: (int(key), "") if key.isdecimal() else (2**31, key))
        ]
    return value if isinstance(value, list) else [value]
