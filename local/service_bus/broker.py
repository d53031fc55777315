"""The broker: all entities by name, and the clockwork that they share."""

from collections.abc import Callable

from local.service_bus.config import Config, EntitySettings
from local.service_bus.destination import Destination
from local.service_bus.persistence import Store
from local.service_bus.queue import DEAD_LETTER_SUFFIX, Queue
from local.service_bus.session_queue import SessionQueue
from local.service_bus.timers import Timers
from local.service_bus.topic import Subscription, Topic
from local.service_bus.turn import Turn
from shared.errors import ConfigurationError


class Broker:
    """Builds the entities of a configuration and takes up what the store has of them.

    Args:
        clock_ms: milliseconds since the Unix epoch.

    Raises:
        ConfigurationError: the store holds messages that the configuration rules out.
    """

    def __init__(self, config: Config, store: Store, clock_ms: Callable[[], int]) -> None:
        self.store = store
        self.timers = Timers(clock_ms)
        self.turn = Turn(store)
        self._queues: dict[str, Queue] = {}
        self._topics: dict[str, Topic] = {}
        self._open_to_senders = {self._add_queue(queue.name, queue.settings) for queue in config.queues}
        for topic in config.topics:
            subscriptions = [
                Subscription(self._add_queue(f"{topic.name}/Subscriptions/{item.name}", item.settings), item.rules)
                for item in topic.subscriptions
            ]
            self._topics[topic.name.lower()] = Topic(self, topic.name, topic.settings, subscriptions)
        self.orphans = self._restore()
        """Entities that the configuration doesn't name (any more), and how many messages the store keeps of each."""
        self.store.commit()

    def _add_queue(self, name: str, settings: EntitySettings) -> Queue:
        make = SessionQueue if settings.requires_session else Queue
        queue = self._queues[name.lower()] = make(self, name, settings)
        if queue.dead_letters:
            self._queues[(name + DEAD_LETTER_SUFFIX).lower()] = queue.dead_letters
        return queue

    def queue(self, path: str) -> Queue | None:
        """The queue, subscription or dead-letter queue at a path such as "topic/Subscriptions/name"."""
        return self._queues.get(path.lower())

    def topic(self, path: str) -> Topic | None:
        return self._topics.get(path.lower())

    def takes_messages(self, queue: Queue) -> bool:
        """Whether senders may send here: not to a dead-letter queue, nor past the topic to a subscription."""
        return queue in self._open_to_senders

    def destination(self, name: str) -> Destination:
        """The queue or topic that the configuration forwards to; it has checked that there is one."""
        return self._topics.get(name.lower()) or self._queues[name.lower()]

    def _restore(self) -> dict[str, int]:
        entities: dict[int, Destination] = {
            entity.stored.id: entity for entity in (*self._queues.values(), *self._topics.values())
        }
        names = self.store.entity_names()
        orphans: dict[str, int] = {}
        for entity_id, message in list(self.store.load_messages()):
            entity = entities.get(entity_id)
            if entity is None:
                orphans[names[entity_id]] = orphans.get(names[entity_id], 0) + 1
                continue
            if isinstance(entity, SessionQueue) and message.session_id is None:
                raise ConfigurationError(
                    f'"{entity.name}" holds messages without a session id, but the configuration now has it require'
                    " sessions, which Service Bus fixes when an entity is created. Undo that, or empty it first.",
                    field="RequiresSession",
                )
            entity.restore(message)
        for row, entity_id, message_id, until_ms in self.store.load_history():
            if entity_id in entities:
                entities[entity_id].restore_duplicate(row, message_id, until_ms)
        for entity_id, session_id, state, updated_ms in self.store.load_sessions():
            entity = entities.get(entity_id)
            if isinstance(entity, SessionQueue):
                entity.restore_session(session_id, state, updated_ms)
        return orphans
