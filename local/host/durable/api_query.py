"""What requests to the management API ask for in their queries and headers."""

import base64
import binascii
from collections.abc import Mapping

from aiohttp import web

from local.host.durable.client import ArgumentError
from local.host.durable.history import parse_time
from local.host.durable.instance_table import Filter
from local.host.durable.records import Instance, Status

TOKEN = "x-ms-continuation-token"  # noqa: S105 - the name of a header
_PAGE_SIZE = 100  # OrchestrationStatusQueryCondition.cs


def read_filter(request: web.BaseRequest) -> Filter:
    """Which instances a request is about, one more than its page holds."""
    query = request.rel_url.query
    return Filter(
        read_time(query.get("createdTimeFrom")),
        read_time(query.get("createdTimeTo")),
        read_statuses(query),
        query.get("instanceIdPrefix", ""),
        read_token(request),
        read_page_size(request) + 1,
    )


def read_statuses(query: Mapping[str, str]) -> frozenset[str] | None:
    """Names that aren't a status are ignored, as Enum.TryParse failing is."""
    known = {status.value for status in Status}
    return frozenset(known & set(query.get("runtimeStatus", "").split(","))) or None


def read_page_size(request: web.BaseRequest) -> int:
    """How many entries an answer may have."""
    size = request.rel_url.query.get("top") or request.rel_url.query.get("pageSize") or ""
    return int(size) if size.isdecimal() and int(size) > 0 else _PAGE_SIZE


def read_token(request: web.BaseRequest) -> str:
    """The id after which a page begins.

    Raises:
        ArgumentError: the continuation token isn't one of ours.
    """
    try:
        return base64.b64decode(request.headers.get(TOKEN, ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ArgumentError("The continuation token is not valid.") from error


def make_token(found: list[Instance], size: int) -> str:
    """The token for the page after this one; empty if there is none."""
    return base64.b64encode(found[size - 1].id.encode()).decode() if len(found) > size else ""


def read_time(text: str | None) -> float | None:
    """What isn't a time counts as not given, as DateTime.TryParse failing does."""
    try:
        return parse_time(text) if text else None
    except ValueError:
        return None


def read_number(text: str | None) -> float | None:
    """A number; what isn't one counts as not given."""
    try:
        return float(text) if text else None
    except ValueError:
        return None


def read_flag(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """A flag; what isn't one counts as not given."""
    return {"true": True, "false": False}.get(query.get(name, "").strip().lower(), default)
