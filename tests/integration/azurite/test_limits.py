"""Azurite answers as the cloud does, where our code depends on it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, TableTransactionError

from tests.support.azurite import Azurite

CHARACTERS_PER_STRING = 32 * 1024


@pytest.fixture
def table(shared_azurite: Azurite) -> Iterator[TableClient]:
    name = f"t{uuid4().hex}"
    with TableClient.from_connection_string(shared_azurite.connection_string, name, retry_total=0) as client:
        client.create_table()
        yield client


def entity(row: str = "row", **properties: object) -> dict[str, Any]:
    return {"PartitionKey": "p", "RowKey": row, **properties}


def strings(count: int, characters: int) -> dict[str, str]:
    return {f"s{i}": "x" * characters for i in range(count)}


FITS = {
    "longest string": {"s": "x" * CHARACTERS_PER_STRING},
    "longest string, not ASCII": {"s": "\N{EURO SIGN}" * CHARACTERS_PER_STRING},
    "longest binary": {"b": b"x" * 64 * 1024},
    "most properties": {f"n{i}": i for i in range(252)},
    "nearly 1 MiB": strings(16, 32_700),
}
TOO_MUCH = {
    "string": {"s": "x" * (CHARACTERS_PER_STRING + 1)},
    "string outside the basic plane": {"s": "\N{GRINNING FACE}" * (CHARACTERS_PER_STRING // 2 + 1)},
    "binary": {"b": b"x" * (64 * 1024 + 1)},
    "properties": {f"n{i}": i for i in range(253)},
    "1 MiB at two bytes a character": strings(17, 32_000),
}


def insert(table: TableClient, **properties: object) -> None:
    table.create_entity(entity(**properties))


def replace(table: TableClient, **properties: object) -> None:
    table.create_entity(entity(old=1))
    table.update_entity(entity(**properties), mode="replace")  # type: ignore[arg-type]


def merge_in_two_halves(table: TableClient, **properties: object) -> None:
    names = sorted(properties)
    for half in (names[::2], names[1::2]):
        table.upsert_entity(entity(**{name: properties[name] for name in half}))


@pytest.mark.parametrize("write", [insert, replace, merge_in_two_halves])
@pytest.mark.parametrize("case", FITS)
def test_an_entity_within_the_limits_is_stored(table: TableClient, write: Callable[..., None], case: str) -> None:
    write(table, **FITS[case])
    assert dict(table.get_entity("p", "row")) == entity(**FITS[case])


@pytest.mark.parametrize("write", [insert, replace, merge_in_two_halves])
@pytest.mark.parametrize("case", TOO_MUCH)
def test_an_entity_over_a_limit_is_refused(table: TableClient, write: Callable[..., None], case: str) -> None:
    with pytest.raises(HttpResponseError) as raised:
        write(table, **TOO_MUCH[case])
    assert raised.value.status_code == 400


def test_inserting_what_exists_is_a_conflict(table: TableClient) -> None:
    table.create_entity(entity())
    with pytest.raises(ResourceExistsError):
        table.create_entity(entity())


def test_a_stale_etag_changes_nothing(table: TableClient) -> None:
    stale = table.create_entity(entity(n=1))["etag"]
    table.update_entity(entity(n=2))
    with pytest.raises(ResourceModifiedError):
        table.update_entity(entity(n=3), etag=stale, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError):
        table.delete_entity("p", "row", etag=stale, match_condition=MatchConditions.IfNotModified)
    assert table.get_entity("p", "row")["n"] == 2


def test_a_failed_transaction_changes_nothing(table: TableClient) -> None:
    table.create_entity(entity("known", n=1))
    table.create_entity(entity("other"))
    before = table.get_entity("p", "known")
    with pytest.raises(TableTransactionError) as raised:
        table.submit_transaction(
            [("create", entity("new")), ("upsert", entity("known", n=2)), ("create", entity("other"))]
        )
    assert raised.value.status_code == 409
    after = table.get_entity("p", "known")
    assert (dict(after), after.metadata["etag"]) == (dict(before), before.metadata["etag"])
    with pytest.raises(ResourceNotFoundError):
        table.get_entity("p", "new")


def test_a_row_can_be_in_a_transaction_only_once(table: TableClient) -> None:
    with pytest.raises(TableTransactionError) as raised:
        table.submit_transaction([("create", entity()), ("upsert", entity(n=2))])
    assert raised.value.error_code == "InvalidDuplicateRow"
    assert list(table.list_entities()) == []
