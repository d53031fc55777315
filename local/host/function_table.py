"""The table of functions that the host prints when it has started."""

from collections.abc import Mapping, Sequence

from local.host.bindings import AppFunction
from local.host.triggers import describe

_HEADINGS = ("FUNCTION", "TRIGGER", "LISTENS TO")


def format_table(functions: Sequence[AppFunction], addresses: Mapping[str, str]) -> str:
    """One line per function: name, trigger, and where it listens, or that it does not run.

    Args:
        addresses: methods and URL by name of HTTP function.
    """
    rows = [_HEADINGS]
    for function in functions:
        trigger = function.function.trigger
        detail = addresses.get(function.name) or describe(trigger)
        if function.state == "disabled":
            detail = "(disabled)"
        elif function.state == "failed":
            detail = "(not started, see below)"
        rows.append((function.name, str(trigger.get("type", "-")), detail))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {name:{widths[0]}}  {trigger:{widths[1]}}  {detail}" for name, trigger, detail in rows)
