"""Workers that write to storage and keep account of what was acknowledged, to compare with what is found after a kill.

Each worker owns its keys and does one operation at a time, so after a kill at most one operation's fate is unknown: its
keys must then all be as before it or all as after it. Everything else must be exactly as acknowledged.
"""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.data.tables import TableClient, UpdateMode
from azure.storage.blob import BlobBlock, ContainerClient

from tests.integration.azurite.queue_rest import Message, Queue
from tests.support.azurite import Azurite

ETAG_UNKNOWN = "unknown"
Value = tuple[str, str] | None
"""Content and etag of what a key holds; None: nothing."""


class Worker(ABC):
    """Does random operations until the storage is gone.

    Attributes:
        acknowledged: what each key holds after the last acknowledged operation.
        in_flight: what its keys hold after the operation that has not been acknowledged, if it is done.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.acknowledged: dict[str, Value] = {}
        self.in_flight: dict[str, Value] = {}
        self.operations = 0
        self._error: BaseException | None = None
        self._progress = threading.Condition()

    @abstractmethod
    def step(self) -> None:
        """One operation: say in `in_flight` what it would change, do it, and call acknowledge()."""

    @abstractmethod
    def read(self) -> dict[str, Value]:
        """What the storage holds now."""

    def acknowledge(self, changes: Mapping[str, Value]) -> None:
        self.acknowledged.update(changes)
        self.in_flight = {}
        with self._progress:
            self.operations += 1
            self._progress.notify_all()

    def run(self) -> None:
        try:
            while True:
                self.step()
        except (ServiceRequestError, ServiceResponseError, OSError):
            pass  # killed
        except BaseException as error:  # raise_error() reports it
            self._error = error

    def wait_for(self, operations: int) -> None:
        with self._progress:
            assert self._progress.wait_for(lambda: self.operations >= operations or self._error, timeout=30)
        self.raise_error()

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def settle(self) -> None:
        """Compare with the storage after a restart, and take what it holds as acknowledged.

        Raises:
            AssertionError: something acknowledged is lost or changed, or the last operation is half done.
        """
        found = self.read()
        for key, expected in self.acknowledged.items():
            if key not in self.in_flight:
                assert found.get(key) == expected, key
        assert found.keys() <= self.acknowledged.keys() | self.in_flight.keys()
        before = {key: self.acknowledged.get(key) for key in self.in_flight}
        now = {key: found.get(key) for key in self.in_flight}
        after = {key: value and (value[0], now[key][1] if now[key] else "") for key, value in self.in_flight.items()}
        assert now in (before, after), f"half done: {before} -> {self.in_flight}, found {now}"
        self.acknowledged.update(now)
        self.in_flight = {}

    def some_key(self) -> str:
        return f"k{self.random.randrange(20)}"

    def new_value(self) -> Value:
        return self.random.randbytes(self.random.randrange(1, 400)).hex(), ETAG_UNKNOWN


class TableWorker(Worker):
    def __init__(self, server: Azurite, seed: int) -> None:
        super().__init__(seed)
        self._table = TableClient.from_connection_string(server.connection_string, f"ledger{seed}", retry_total=0)
        self._table.create_table()

    def step(self) -> None:
        if self.random.random() < 0.2:
            self._transaction()
            return
        key = self.some_key()
        current = self.acknowledged.get(key)
        entity = {"PartitionKey": "p", "RowKey": key}
        if current is None:
            value = self.new_value()
            self.in_flight = {key: value}
            done = self._table.create_entity({**entity, "content": value[0]})
        elif self.random.random() < 0.3:
            self.in_flight = {key: None}
            self._table.delete_entity(entity, etag=current[1], match_condition=MatchConditions.IfNotModified)
            self.acknowledge({key: None})
            return
        else:
            value = self.new_value()
            self.in_flight = {key: value}
            done = self._table.update_entity(
                {**entity, "content": value[0]},
                mode=self.random.choice([UpdateMode.REPLACE, UpdateMode.MERGE]),
                etag=current[1],  # got before the kill, as a rule
                match_condition=MatchConditions.IfNotModified,
            )
        self.acknowledge({key: (value[0], done["etag"])})

    def _transaction(self) -> None:
        keys = {self.some_key() for _ in range(self.random.randrange(2, 12))}
        self.in_flight = {key: self.new_value() for key in keys}
        entities = [{"PartitionKey": "p", "RowKey": key, "content": self.in_flight[key][0]} for key in keys]
        done = self._table.submit_transaction([("upsert", entity) for entity in entities])
        self.acknowledge(
            {key: (self.in_flight[key][0], result["etag"]) for key, result in zip(keys, done, strict=True)}
        )

    def read(self) -> dict[str, Value]:
        return {found["RowKey"]: (found["content"], found.metadata["etag"]) for found in self._table.list_entities()}


class BlobWorker(Worker):
    def __init__(self, server: Azurite, seed: int) -> None:
        super().__init__(seed)
        self._container = ContainerClient.from_connection_string(
            server.connection_string, f"ledger{seed}", retry_total=0
        )
        self._container.create_container()

    def step(self) -> None:
        key = self.some_key()
        blob = self._container.get_blob_client(key)
        current = self.acknowledged.get(key)
        if current is not None and self.random.random() < 0.3:
            self.in_flight = {key: None}
            blob.delete_blob(etag=current[1], match_condition=MatchConditions.IfNotModified)
            self.acknowledge({key: None})
            return
        value = self.new_value()
        self.in_flight = {key: value}
        if self.random.random() < 0.3:
            half = len(value[0]) // 2
            blob.stage_block("1", value[0][:half])
            blob.stage_block("2", value[0][half:])
            done = blob.commit_block_list([BlobBlock("1"), BlobBlock("2")])
        else:
            done = blob.upload_blob(value[0], overwrite=True)
        self.acknowledge({key: (value[0], done["etag"])})

    def read(self) -> dict[str, Value]:
        found = {}
        for name in self._container.list_blob_names():
            download = self._container.download_blob(name)
            found[name] = (download.readall().decode(), download.properties.etag)
        return found


class QueueWorker(Worker):
    """Puts and deletes messages; never more than can be peeked at."""

    def __init__(self, server: Azurite, seed: int) -> None:
        super().__init__(seed)
        self._queue = Queue(server, f"ledger{seed}")
        self._queue.create()
        self._messages: dict[str, Message] = {}

    def step(self) -> None:
        present = [key for key, value in self.acknowledged.items() if value and key in self._messages]
        if len(present) > 25 or (present and self.random.random() < 0.4):
            key = self.random.choice(present)
            self.in_flight = {key: None}
            self._queue.delete(self._messages[key])
            self.acknowledge({key: None})
        else:
            key = uuid4().hex
            self.in_flight = {key: (key, ETAG_UNKNOWN)}
            self._messages[key] = self._queue.put(key)
            self.acknowledge({key: (key, self._messages[key]["MessageId"])})

    def read(self) -> dict[str, Value]:
        return {found["MessageText"]: (found["MessageText"], found["MessageId"]) for found in self._queue.peek()}
