"""A topic: every subscription with a matching rule gets a copy of each message."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.service_bus.config import EntitySettings
from local.service_bus.destination import Destination, Surroundings
from local.service_bus.message import Message
from local.service_bus.queue import Queue
from local.service_bus.rules import MessageView, Rule


@dataclass(frozen=True, slots=True)
class Subscription:
    """The queue behind a subscription, and what it lets in."""

    queue: Queue
    rules: Sequence[Rule]

    def wants(self, message: MessageView) -> bool:
        return any(rule.matches(message) for rule in self.rules)


class Topic(Destination):
    """Detects duplicates and holds scheduled messages once for all subscriptions, and keeps no others."""

    def __init__(
        self, broker: Surroundings, name: str, settings: EntitySettings, subscriptions: Sequence[Subscription]
    ) -> None:
        super().__init__(broker, name, settings)
        self.subscriptions = subscriptions

    def admit(self, message: Message, now_ms: int, hops: int) -> None:
        self._limit_ttl(message)
        view = MessageView(message)
        for subscription in self.subscriptions:
            if subscription.wants(view):
                subscription.queue.enter(message.copy(), now_ms, hops)
