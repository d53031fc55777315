"""What storage says about a blob: one request, another one for tags."""

from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

from shared.errors import StorageError
from shared.storage.blob_facts import AzureBlobLookup, BlobFacts


def answered(kind: type[HttpResponseError], status: int) -> HttpResponseError:
    error = kind("refused")
    error.status_code = status
    return error


class Service:
    """Stands in for the SDK's clients: the transport. What it has may be an error."""

    def __init__(self, properties: Any, tags: Any = None) -> None:
        self._properties = properties
        self._tags = tags
        self.requests: list[str] = []

    def get_blob_client(self, container: str, name: str) -> "Service":
        return self

    async def get_blob_properties(self) -> Any:
        return self._answer("properties", self._properties)

    async def get_blob_tags(self) -> Any:
        return self._answer("tags", self._tags)

    def _answer(self, request: str, answer: Any) -> Any:
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def facts(self) -> BlobFacts | None:
        return await AzureBlobLookup(self).facts("c", "n")  # type: ignore[arg-type]


def properties(tag_count: int | None = None, **metadata: str) -> Any:
    return SimpleNamespace(etag='"0x1"', size=7, metadata=metadata, tag_count=tag_count)


async def test_a_blob_without_tags_takes_one_request() -> None:
    service = Service(properties(Language="de"))
    assert await service.facts() == BlobFacts("c", "n", "0x1", 7, {"language": "de"})
    assert service.requests == ["properties"]


async def test_metadata_wins_over_tags() -> None:
    found = await Service(properties(2, Language="de"), {"language": "en", "App_Id": "shop"}).facts()
    assert found is not None
    assert found.labels == {"language": "de", "app_id": "shop"}


async def test_tags_that_may_not_be_read_are_left_out() -> None:
    found = await Service(properties(1, a="b"), answered(ClientAuthenticationError, 403)).facts()
    assert found is not None
    assert found.labels == {"a": "b"}


@pytest.mark.parametrize("tags", [False, True])
async def test_a_blob_that_is_gone(tags: bool) -> None:
    gone = answered(ResourceNotFoundError, 404)
    assert await (Service(properties(1), gone) if tags else Service(gone)).facts() is None


@pytest.mark.parametrize(
    "service",
    [
        Service(answered(HttpResponseError, 503)),
        Service(answered(ClientAuthenticationError, 403)),
        Service(properties(1), answered(HttpResponseError, 503)),
    ],
)
async def test_failures_of_storage(service: Service) -> None:
    with pytest.raises(StorageError):
        await service.facts()
