"""Patterns with placeholders: taken apart and filled in."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.binding_expressions import Pattern, parse, values_of
from local.host.bindings import BindingError
from local.host.blob_path import BlobPath
from local.host.contracts import Datum

PLAIN = st.text(st.characters(exclude_characters="{}\n", exclude_categories=["Cs"]), max_size=20)
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("inbox/{name}.{ext}", "inbox/a/b.c.txt", {"name": "a/b.c", "ext": "txt"}),
        ("inbox/{name}", "inbox/", {"name": ""}),
        ("inbox/{name}.txt", "inbox/a.TXT", None),
        ("inbox/{name}.txt", "outbox/a.txt", None),
        ("a+b/{x}", "a+b/c", {"x": "c"}),
        ("a/{{{x}}}", "a/{c}", {"x": "c"}),
        ("a/b", "a/b", {}),
    ],
)
def test_matching(pattern: str, text: str, found: dict[str, str] | None) -> None:
    match = Pattern(pattern).matcher().fullmatch(text)
    assert (match.groupdict() if match else None) == found


@pytest.mark.parametrize("pattern", ["{", "}", "{}", "{a b}", "{1}", "{a..b}", "{a-b}", "{.a}", "x{y", "x}y{"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape(pattern)):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", ["{a.b}", "{a}{a}", "{rand-guid}"])
def test_what_cannot_be_matched(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape(pattern)):
        Pattern(pattern).matcher()


def test_filling_in() -> None:
    values = {"Name": "n", "count": 5, "body": {"Id": {"x": "deep"}}, "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}
    assert Pattern("o/{name}-{COUNT}/{body.id.X}{{}}").resolve(values) == "o/n-5/deep{}"
    assert Pattern("{when}").resolve(values) == "2026-01-02T03-04-05Z"
    assert Pattern("{when:yy/MM/dd HH.mm.ss.fff 'at'}").resolve(values) == "26/01/02 03.04.05.000 at"
    assert Pattern("{sys.methodname}").resolve({}, "work") == "work"


def test_what_is_built_in() -> None:
    first, second = (Pattern("{rand-guid}").resolve({}) for _ in range(2))
    assert uuid.UUID(first) != uuid.UUID(second)
    assert re.fullmatch(r"[0-9a-f]{32}", Pattern("{rand-guid:N}").resolve({}))
    assert uuid.UUID(Pattern("{sys.randguid}").resolve({}))
    now = datetime.strptime(Pattern("{DateTime}").resolve({}), "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=UTC)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    assert Pattern("{datetime:yyyy}").resolve({}) == f"{datetime.now(UTC):%Y}"
    assert Pattern("{datetime}").resolve({"DateTime": "the event's own"}) == "the event's own"


@pytest.mark.parametrize("value", [None, True, 1.5, {"a": 1}, [1]])
def test_what_cannot_be_filled_in(value: object) -> None:
    with pytest.raises(ValueError, match=re.escape("no value for '{x}'")):
        Pattern("{x}").resolve({"x": value} if value is not None else {})


def test_values_of_metadata() -> None:
    metadata = {
        "text": Datum("string", '{"not": "read"}'),
        "number": Datum("json", "7"),
        "moment": Datum("json", '"2026-01-02T03:04:05.5"'),
        "uri": Datum("json", '"http://x/y"'),
        "object": Datum("json", json.dumps({"a": "b"})),
    }
    resolved = parse("{text}|{number}|{moment}|{uri}|{object.a}").resolve(values_of(metadata))
    assert resolved == '{"not": "read"}|7|2026-01-02T03-04-05Z|http://x/y|b'


@given(PLAIN, NAMES, PLAIN, PLAIN)
def test_matching_undoes_filling_in(before: str, name: str, value: str, after: str) -> None:
    pattern = Pattern(f"{before}{{{name}}}{after}")
    filled = pattern.resolve({name: value})
    match = pattern.matcher().fullmatch(filled)
    assert match is not None
    assert match[name] == value


@given(st.text(max_size=40))
def test_no_pattern_breaks_the_parser(text: str) -> None:
    try:
        pattern = Pattern(text)
        pattern.matcher()
        pattern.resolve(dict.fromkeys(pattern.names, "x"))
    except ValueError:
        return


@pytest.mark.parametrize(
    ("path", "container", "name", "found"),
    [
        ("inbox/{name}", "inbox", "a/b", {"name": "a/b"}),
        ("inbox/{name}", "other", "a", None),
        ("inbox", "inbox", "anything", {}),
        ("$logs/{x}.log", "$logs", "blob/1.log", {"x": "blob/1"}),
        ("inbox/fixed.txt", "inbox", "fixed.txt", {}),
        ("inbox/fixed.txt", "inbox", "fixedxtxt", None),
    ],
)
def test_paths_of_blob_triggers(path: str, container: str, name: str, found: dict[str, str] | None) -> None:
    assert BlobPath(path).match(container, name) == found


@pytest.mark.parametrize("path", ["", "/x", "inbox/", "{c}/x", "In-Box/x", "a/x", "in--box/x", "inbox/{", "-ab/x"])
def test_what_is_no_path_of_a_blob_trigger(path: str) -> None:
    with pytest.raises(BindingError, match="blob trigger path"):
        BlobPath(path)


@given(st.text(max_size=30), st.text(max_size=10), st.text(max_size=10))
def test_no_path_breaks_the_parser(path: str, container: str, name: str) -> None:
    try:
        BlobPath(path).match(container, name)
    except BindingError:
        return
