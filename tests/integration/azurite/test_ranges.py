"""Queries within a partition find what a look at all entities finds, in order, whatever has changed before."""

import random
import secrets
from collections.abc import Callable, Iterator

import pytest
from azure.data.tables import TableClient, TableServiceClient, UpdateMode

from tests.support.azurite import Azurite, azurite

KEYS = ["", " ", "a", "a;", "a:", "a:1", "A", "b", "é", "z", "~", "\U0001f600"]


@pytest.fixture
def table(shared_azurite: Azurite) -> Iterator[TableClient]:
    with TableServiceClient.from_connection_string(shared_azurite.connection_string) as service:
        found = service.create_table(f"ranges{secrets.token_hex(4)}")
        yield found
        found.delete_table()


def keys(table: TableClient, query: str, page: int = 1000) -> list[tuple[str, str]]:
    return [(row["PartitionKey"], row["RowKey"]) for row in table.query_entities(query, results_per_page=page)]


def utf16(key: tuple[str, str]) -> tuple[bytes, bytes]:
    return key[0].encode("utf-16-be"), key[1].encode("utf-16-be")


def test_ranges(table: TableClient) -> None:
    expected = {}
    for number in range(400):
        pk, rk = random.choice(["p", "q", ""]), random.choice(KEYS) + random.choice(KEYS)
        if number % 5 == 4 and expected:
            gone = random.choice(sorted(expected))
            table.delete_entity(*gone)
            del expected[gone]
        else:
            table.upsert_entity({"PartitionKey": pk, "RowKey": rk, "n": number}, mode=random.choice(list(UpdateMode)))
            expected[pk, rk] = number
        if number % 20 == 0:
            for query, holds in questions(random.choice(KEYS), random.choice(KEYS)):
                least = 100 if "gt 100" in query else -1
                wanted = [key for key, n in expected.items() if key[0] == "p" and holds(key[1]) and n > least]
                assert keys(table, query, random.choice([1, 3, 1000])) == sorted(wanted, key=utf16), query


def questions(low: str, high: str) -> list[tuple[str, Callable[[str], bool]]]:
    """Filters, and what they mean for a row key."""
    return [
        ("PartitionKey eq 'p'", lambda key: key >= ""),
        (f"PartitionKey eq 'p' and RowKey gt '{low}' and RowKey lt '{high}'", lambda key: low < key < high),
        (f"(RowKey ge '{low}' and PartitionKey eq 'p') and RowKey le '{high}'", lambda key: low <= key <= high),
        (f"PartitionKey eq 'p' and RowKey eq '{low}'", lambda key: key == low),
        (f"PartitionKey eq 'p' and (RowKey lt '{low}' or RowKey gt '{high}')", lambda key: key < low or key > high),
        (f"PartitionKey eq 'p' and not (RowKey gt '{low}')", lambda key: key <= low),
        (f"PartitionKey eq 'p' and RowKey ge '{low}' and n gt 100", lambda key: key >= low),
    ]


def test_a_failed_transaction_leaves_the_order_as_it_was(table: TableClient) -> None:
    for key in ("a", "c"):
        table.create_entity({"PartitionKey": "p", "RowKey": key})
    assert keys(table, "PartitionKey eq 'p'") == [("p", "a"), ("p", "c")]
    with pytest.raises(Exception, match="EntityAlreadyExists"):
        table.submit_transaction(
            [
                ("create", {"PartitionKey": "p", "RowKey": "b"}),
                ("delete", {"PartitionKey": "p", "RowKey": "a"}),
                ("create", {"PartitionKey": "p", "RowKey": "c"}),
            ]
        )
    assert keys(table, "PartitionKey eq 'p'") == [("p", "a"), ("p", "c")]


def test_after_a_restart() -> None:
    with azurite() as server:
        with TableServiceClient.from_connection_string(server.connection_string) as service:
            table = service.create_table("kept")
            table.create_entity({"PartitionKey": "p", "RowKey": "b"})
            assert keys(table, "PartitionKey eq 'p'") == [("p", "b")]
            server.kill()
            server.start()
        with TableServiceClient.from_connection_string(server.connection_string) as service:
            table = service.get_table_client("kept")
            table.create_entity({"PartitionKey": "p", "RowKey": "a"})
            assert keys(table, "PartitionKey eq 'p'") == [("p", "a"), ("p", "b")]
