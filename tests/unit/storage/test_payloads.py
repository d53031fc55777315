"""Payloads: inline or blob, always the same bytes back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidMessageError
from shared.storage.payloads import INLINE_LIMIT_CHARS, PayloadStore
from tests.support.memory import MemoryBlobs


def _store() -> tuple[PayloadStore, MemoryBlobs, MemoryBlobs]:
    blobs, claims = MemoryBlobs(), MemoryBlobs()
    return PayloadStore(blobs, claims, max_bytes=100), blobs, claims


@given(data=st.one_of(st.binary(max_size=100), st.text(max_size=100).map(str.encode)))
@settings(max_examples=200)
async def test_any_bytes_come_back(data: bytes) -> None:
    store, _, _ = _store()
    payload = await store.keep("p", data)
    assert (payload.inline is None) != (payload.blob is None)
    assert await store.load(payload) == data


@pytest.mark.parametrize(
    ("data", "inline"),
    [
        (b"a" * INLINE_LIMIT_CHARS, True),
        (b"a" * (INLINE_LIMIT_CHARS + 1), False),
        ("😀".encode() * (INLINE_LIMIT_CHARS // 2), True),
        ("😀".encode() * (INLINE_LIMIT_CHARS // 2 + 1), False),
        (b"\xff", False),
        (b"a\x00", False),
        (b"line\nline\t", True),
    ],
)
async def test_inline_is_what_a_table_column_holds(data: bytes, inline: bool) -> None:
    store, blobs, _ = _store()
    payload = await store.keep("p", data)
    assert (payload.inline is not None) is inline
    assert bool(blobs.blobs) is not inline


async def test_other_content_never_takes_the_place_of_a_blob() -> None:
    store, _, _ = _store()
    first, second = await store.keep("p", b"\xff1"), await store.keep("p", b"\xff2")
    assert first.blob != second.blob
    assert await store.load(first) == b"\xff1"


async def test_claims_are_checked() -> None:
    store, _, claims = _store()
    claims.blobs = {"a": b"abc", "big": b"x" * 101}
    assert await store.claim("a", None) == b"abc"
    for blob, digest in (("a", "00"), ("big", None), ("none", None)):
        with pytest.raises(InvalidMessageError):
            await store.claim(blob, digest)
