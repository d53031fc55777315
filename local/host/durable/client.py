"""What clients can do with a task hub (DurableClient.cs of the extension)."""

import time
import unicodedata
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from local.host.durable.entity import EntityId, is_entity
from local.host.durable.functions import DurableFunctions
from local.host.durable.history import EventType, message
from local.host.durable.hub import Hub
from local.host.durable.instance_table import Filter
from local.host.durable.records import ENDED, Instance, Operation, Send, Status

_MAX_ID_LENGTH = 100
_FORBIDDEN = frozenset("/\\#?")


class ArgumentError(Exception):
    """What the client asks for makes no sense (System.ArgumentException): 400."""


class InvalidOperationError(Exception):
    """It can't be done with the instance as it is: 500."""


class AlreadyExistsError(Exception):
    """There is such an instance, and it runs: 409."""


class StorageDownError(Exception):
    """The storage account can't be used: 500."""


@dataclass(frozen=True, slots=True)
class HubClient:
    """One host's clients.

    Args:
        storage_works: whether storage can be used; every operation asks.
        replace_running: start replaces an instance also while it runs.
        default_version: of instances that are started without one.
    """

    hub: Hub
    functions: DurableFunctions
    storage_works: Callable[[], Awaitable[bool]]
    replace_running: bool = False
    default_version: str = ""

    async def start(self, name: str, instance_id: str, input_: str | None, version: str | None = None) -> str:
        """Start an orchestration.

        Args:
            instance_id: may be empty for a new one.
            input_: JSON text, or None.

        Returns:
            The instance id.

        Raises:
            UnknownFunctionError, ArgumentError: name or id can't be used.
            AlreadyExistsError: an instance of this id is running.
        """
        await self._ready()
        self.functions.check_orchestrator(name)
        key = instance_id or uuid.uuid4().hex
        _check_instance_id(key)
        now_s = time.time()
        version = self.default_version if version is None else version
        instance = Instance(key, name, uuid.uuid4().hex, input_, now_s, now_s, version=version)
        with self.hub.database.transaction():
            existing = self.hub.instances.get(key)
            if existing is not None and not existing.status.ended and not self.replace_running:
                raise AlreadyExistsError(f"An Orchestration instance with the status {existing.status} already exists.")
            self.hub.start(instance)
        return key

    async def get(self, instance_id: str) -> Instance | None:
        """One instance; an entity counts as one, as it does in the cloud."""
        await self._ready()
        if is_entity(instance_id):
            found = self.hub.entities(Filter(prefix=instance_id))
            return next((entity for entity in found if entity.id == instance_id), None)
        return self.hub.instances.get(instance_id)

    async def find(self, wanted: Filter) -> list[Instance]:
        """Instances and entities by filter, in the order of their ids."""
        await self._ready()
        return self._find(wanted)

    async def history(self, instance_id: str) -> list[str]:
        """See InstanceTable.history."""
        await self._ready()
        return self.hub.instances.history(instance_id)

    async def raise_event(self, instance_id: str, name: str, data: str) -> None:
        """Send an external event. `data` is JSON text."""
        await self._ready()
        self.hub.send((Send(instance_id, message(EventType.EVENT_RAISED, Name=name, Input=data)),))

    async def terminate(self, instance: Instance, reason: str | None) -> None:
        """End an instance, at its next episode."""
        await self._ready()
        self._control(instance, EventType.EXECUTION_TERMINATED, reason)

    async def suspend(self, instance: Instance, reason: str | None) -> None:
        """Raises:
        InvalidOperationError: it is suspended.
        """
        await self._ready()
        if instance.status is Status.SUSPENDED:
            raise _wrong_state("suspend", instance)
        self._control(instance, EventType.EXECUTION_SUSPENDED, reason)

    async def resume(self, instance: Instance, reason: str | None) -> None:
        """Raises:
        InvalidOperationError: it isn't suspended.
        """
        await self._ready()
        if instance.status is not Status.SUSPENDED:
            raise _wrong_state("resume", instance)
        self._control(instance, EventType.EXECUTION_RESUMED, reason)

    async def restart(self, instance: Instance, *, new_id: bool) -> str:
        """Start an instance again with its input.

        Returns:
            The id of the new instance.
        """
        return await self.start(instance.name, "" if new_id else instance.id, instance.input)

    async def purge(self, instance_id: str) -> int:
        """Delete an instance or entity, whatever its status.

        Returns:
            How many were deleted.
        """
        await self._ready()
        return self._purge([instance_id] if await self.get(instance_id) else [])

    async def purge_by(self, wanted: Filter) -> int:
        """Delete what a filter lets through.

        As in the cloud, statuses other than those of instances that have ended don't count, and a filter without any
        means everything: also what runs, also entities (PurgeInstanceHistoryAsync in AzureTableTrackingStore.cs).

        Returns:
            How many were deleted.
        """
        await self._ready()
        ended = frozenset(status.value for status in ENDED) & (wanted.statuses or frozenset())
        return self._purge([found.id for found in self._find(replace(wanted, statuses=ended or None))])

    async def signal(self, entity_id: EntityId, operation: str, input_: str | None) -> None:
        """Send an operation to an entity. `input_` is JSON text.

        Raises:
            UnknownFunctionError, ArgumentError: there is no such entity function, or the key can't be used.
        """
        await self._ready()
        if _has_forbidden(entity_id.key):
            raise ArgumentError(
                "entityKey (Parameter 'Entity keys must not contain /, \\, #, ?, or control characters.')"
            )
        self.functions.check_entity(entity_id.name)
        self.hub.send((Operation(str(entity_id), str(uuid.uuid4()), operation, input_),))

    async def entity_state(self, entity_id: EntityId) -> str | None:
        """JSON text, or None if the entity doesn't exist."""
        await self._ready()
        return self.hub.entity_state(str(entity_id))

    def _find(self, wanted: Filter) -> list[Instance]:
        found = sorted([*self.hub.entities(wanted), *self.hub.instances.find(wanted)], key=lambda instance: instance.id)
        return found[: wanted.limit]

    def _purge(self, instance_ids: list[str]) -> int:
        with self.hub.database.transaction():
            for instance_id in instance_ids:
                if is_entity(instance_id):
                    self.hub.delete_entity(instance_id)
                else:
                    self.hub.instances.delete(instance_id)
        return len(instance_ids)

    def _control(self, instance: Instance, kind: EventType, reason: str | None) -> None:
        self.hub.send((Send(instance.id, message(kind, Input=reason)),))

    async def _ready(self) -> None:
        if not await self.storage_works():
            raise StorageDownError("the storage account of the task hub can't be reached")


def _check_instance_id(instance_id: str) -> None:
    if instance_id.startswith("@"):
        raise ArgumentError("instanceId (Parameter 'Orchestration instance ids must not start with @.')")
    if _has_forbidden(instance_id):
        raise ArgumentError(
            "instanceId (Parameter 'Orchestration instance ids must not contain /, \\, #, ?, or control characters.')"
        )
    if len(instance_id) > _MAX_ID_LENGTH:
        raise ArgumentError(f"Instance ID lengths must not exceed {_MAX_ID_LENGTH} characters.")


def _has_forbidden(text: str) -> bool:
    return any(character in _FORBIDDEN or unicodedata.category(character) == "Cc" for character in text)


def _wrong_state(verb: str, instance: Instance) -> InvalidOperationError:
    return InvalidOperationError(
        f"Cannot {verb} the orchestration instance {instance.id} because instance is in the {instance.status} state."
    )
