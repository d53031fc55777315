"""A blob as a file: the same bytes, whatever the size of a piece, and no others than those of one version."""

import asyncio
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StorageError
from shared.storage.blob_file import BlobFiles, BlobVersion, ChangedBlobError, MissingBlobError
from shared.storage.blob_references import BlobReference

BLOB = BlobReference("runs-in", "Folder/a.csv")


class Storage:
    """A BlobServiceClient with one blob, and the client of that."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self.data = data
        self.error = error
        self.asked: list[tuple[int, int]] = []

    def get_blob_client(self, container: str, name: str) -> "Storage":
        assert BlobReference(container, name) == BLOB
        return self

    async def download_blob(self, offset: int, length: int, *, etag: str, match_condition: MatchConditions) -> Any:
        assert (etag, match_condition) == ("e", MatchConditions.IfNotModified)
        if self.error is not None:
            raise self.error
        self.asked.append((offset, length))
        data = self.data[offset : offset + length]

        class Stream:
            async def readall(self) -> bytes:
                return data

        return Stream()


def opened(storage: Any, piece_bytes: int) -> Any:
    return BlobFiles(storage, piece_bytes).open(BLOB, BlobVersion("e", len(storage.data)))


@given(data=st.binary(max_size=60), piece=st.integers(1, 70), at=st.integers(0, 70), size=st.integers(0, 70))
def test_it_reads_as_a_file_does(data: bytes, piece: int, at: int, size: int) -> None:
    async def read() -> None:
        storage = Storage(data)
        file = opened(storage, piece)
        assert await asyncio.to_thread(file.read) == data
        file.seek(at)
        assert await asyncio.to_thread(file.read, size) == data[at : at + size]
        assert all(length <= max(piece, 70) for _, length in storage.asked)

    asyncio.run(read())


async def test_a_piece_is_fetched_at_a_time() -> None:
    storage = Storage(b"x" * 1_000)
    file = opened(storage, 100)
    assert await asyncio.to_thread(file.read, 10)
    assert await asyncio.to_thread(file.read, 10)
    assert storage.asked == [(0, 100)]


def http_error(status: int) -> HttpResponseError:
    error = HttpResponseError("x")
    error.status_code = status
    return error


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (ResourceNotFoundError("x"), MissingBlobError, r"There isn't the blob runs-in/Folder/a\.csv\."),
        (ResourceExistsError("x"), MissingBlobError, r"can't be read as it is: the blob runs-in/Folder/a\.csv"),
        (http_error(400), MissingBlobError, r"No blob can be called Folder/a\.csv"),
        (
            http_error(412),
            ChangedBlobError,
            r"isn't what it was: somebody has written the blob runs-in/Folder/a\.csv anew",
        ),
        (ResourceModifiedError("x"), ChangedBlobError, "isn't what it was"),
        (http_error(503), StorageError, "answered 503"),
    ],
)
async def test_what_goes_wrong(error: Exception, expected: type[Exception], words: str) -> None:
    file = opened(Storage(b"x", error), 10)
    with pytest.raises(expected, match=words):
        await asyncio.to_thread(file.read)
