"""Inputs in real blobs."""

import secrets
from collections.abc import AsyncIterator

import pytest
from azure.storage.blob.aio import BlobServiceClient

from shared.config import Connection
from shared.errors import InvalidMessageError
from shared.storage.azure import blob_service
from shared.storage.input_blobs import BlobInputReader
from tests.support.azurite import Azurite


@pytest.fixture
async def blobs(shared_azurite: Azurite) -> AsyncIterator[BlobServiceClient]:
    async with blob_service(Connection(shared_azurite.connection_string)) as service:
        yield service


async def test_texts_are_read_by_name_and_by_address(blobs: BlobServiceClient) -> None:
    container = f"in-{secrets.token_hex(4)}"
    client = await blobs.create_container(container)
    texts = {"a b/\u00e4.txt": "Gr\u00fc\u00dfe\n", "bom.txt": "\ufeffWith a mark."}
    for name, text in texts.items():
        await client.upload_blob(name, text.encode())
    reader = BlobInputReader(blobs, [container], 100)

    assert await reader.read(f"{container}/a b/\u00e4.txt") == "Gr\u00fc\u00dfe\n"
    assert await reader.read(client.get_blob_client("a b/\u00e4.txt").url) == "Gr\u00fc\u00dfe\n"
    assert await reader.read(f"{container}/bom.txt") == "With a mark."


async def test_what_can_not_be_read_says_why(blobs: BlobServiceClient) -> None:
    container = f"in-{secrets.token_hex(4)}"
    client = await blobs.create_container(container)
    await client.upload_blob("latin.txt", "caf\u00e9".encode("latin-1"))
    await client.upload_blob("long.txt", b"x" * 101)
    reader = BlobInputReader(blobs, [container, "never-made"], 100)

    for name, words in [
        (f"{container}/latin.txt", "isn't UTF-8 text .byte 3"),
        (f"{container}/long.txt", "101 bytes; 100 are allowed"),
        (f"{container}/none.txt", "There is no blob none.txt"),
        ("never-made/a", "There is no blob"),
    ]:
        with pytest.raises(InvalidMessageError, match=words):
            await reader.read(name)
