"""Looking into shipped files."""

import gzip
import hashlib
import json
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.logs import verify
from shared.logs.verify import ContentError, LogState, inspect, unpack

BLOB = "shop/20261122/shop-vm.1.1a-20261122-000003.jsonl.gz"
STORED = datetime(2026, 11, 22, 12, tzinfo=UTC)


def line(second: int, level: str = "INFO", **more: object) -> bytes:
    return json.dumps({"time": f"2026-11-22T10:00:{second:02d}.5Z", "level": level, **more}).encode() + b"\n"


def said(content: bytes, **more: str) -> dict[str, str]:
    torn = bool(content) and not content.endswith(b"\n")
    lines = content.count(b"\n") + torn
    return {"sha256": hashlib.sha256(content).hexdigest(), "lines": str(lines), **more}


def look(content: bytes, blob: str = BLOB, **more: str) -> verify.LogFacts:
    facts = inspect(blob, gzip.compress(content), said(content, **more), STORED)
    assert facts is not None
    return facts


def test_what_is_in_a_file() -> None:
    content = line(30, job_id="j1") + line(10, "ERROR", fields={"job_id": "j2"}) + line(20, "WARNING")
    facts = look(content)
    assert (facts.app, facts.instance, facts.number, facts.date) == ("shop", "vm.1.1a", 3, "20261122")
    assert (facts.lines, facts.errors, facts.warnings, facts.bad) == (3, 1, 1, 0)
    assert (facts.first.second, facts.last.second) == (10, 30), "the clock was set back in between"
    assert facts.jobs.exact == {"j1", "j2"}
    assert facts.state is LogState.OK
    assert facts.size == len(content)


def test_a_torn_last_line_is_kept_and_marked() -> None:
    facts = look(line(1) + b'{"time":"2026-11-22T10:0', torn="1")
    assert (facts.state, facts.lines, facts.bad, facts.problem) == (LogState.TORN, 2, 0, "")


@pytest.mark.parametrize(
    ("content", "changes", "problem"),
    [
        (line(1), {"sha256": "0" * 64}, "its hash isn't that of what was sent"),
        (line(1), {"lines": "2"}, "it has 1 lines; 2 were sent"),
        (line(1) + b"no json\n" + line(2), {}, "1 lines can't be read"),
        (line(1) + b"[1]\n", {}, "1 lines can't be read"),
    ],
)
def test_damaged_files(content: bytes, changes: dict[str, str], problem: str) -> None:
    facts = look(content, **changes)
    assert (facts.state, facts.problem) == (LogState.DAMAGED, problem)


def test_what_cannot_be_unpacked() -> None:
    packed = gzip.compress(line(1))
    spoilt = packed[:12] + b"xxxx" + packed[16:]
    for data, reason in [(packed[:-9], "it ends too early"), (spoilt, "it can't be unpacked")]:
        facts = inspect(BLOB, data, said(line(1)), STORED)
        assert facts is not None
        assert (facts.state, facts.problem, facts.first) == (LogState.DAMAGED, reason, STORED)
        assert facts.jobs.may_hold("any"), "nobody knows what was in it"


def test_a_small_blob_that_unpacks_to_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_BYTES", 10_000)
    with pytest.raises(ContentError, match="more than 10000"):
        unpack(gzip.compress(b"\0" * 1_000_000))
    assert len(unpack(gzip.compress(b"\0" * 10_000))) == 10_000


def test_files_of_other_handlers() -> None:
    facts = look(b"plain text\nmore\n", "shop/20261122/app.log.2026-11-22.gz")
    assert (facts.state, facts.lines, facts.number, facts.problem) == (LogState.PLAIN, 2, 0, "")
    assert facts.first == facts.last == STORED


@pytest.mark.parametrize(
    "blob",
    [
        "x.jsonl.gz",
        "shop/x.jsonl.gz",
        "shop/today/x.jsonl.gz",
        "a/b/20261122/x.gz",
        "a:b/20261122/x.gz",
        "a/20261122/x#?.gz",
    ],
)
def test_blobs_of_others_are_left_alone(blob: str) -> None:
    assert inspect(blob, b"", said(b""), STORED) is None


def test_blobs_that_no_uploader_wrote_are_left_alone() -> None:
    assert inspect(BLOB, gzip.compress(b""), {}, STORED) is None


@given(st.binary(), st.dictionaries(st.sampled_from(["sha256", "lines", "size"]), st.text()))
def test_any_content_is_taken(data: bytes, metadata: dict[str, str]) -> None:
    for content in (data, zlib.compress(data), gzip.compress(data), gzip.compress(data)[:-1]):
        facts = inspect(BLOB, content, metadata, STORED)
        assert (facts is None) == ("sha256" not in metadata)


plain_values = st.none() | st.booleans() | st.floats() | st.text(max_size=5)
keys = st.sampled_from(["time", "level", "job_id", "fields", "x"])
nested = st.recursive(plain_values, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=6)


@given(st.lists(nested, max_size=4))
def test_any_json_is_taken(values: list[object]) -> None:
    content = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    facts = look(content)
    assert facts.bad == sum(not isinstance(value, dict) for value in values)
