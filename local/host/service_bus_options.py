"""Options of a Service Bus trigger: from host.json's extensions.serviceBus and from the trigger itself.

Names and defaults are those of ServiceBusOptions.cs (extension 5.x). All limits are per function, not per app.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from local.host.bindings import BindingError
from local.host.config_section import Section
from local.host.timespan import parse_timespan

CALLS_PER_CORE = 16


@dataclass(frozen=True, slots=True)
class ServiceBusOptions:
    """How one function takes messages.

    Attributes:
        queue: path of the queue or topic; may end in "/$DeadLetterQueue".
        subscription: None for a queue.
        sessions: whether the entity has sessions.
        batch: whether a call gets many messages. Batches are taken one after the other, and their locks aren't renewed.
        auto_complete: whether a message is completed when its call succeeded. Failed calls always abandon.
        max_calls: messages under way at a time, where neither batches nor sessions are used.
        max_sessions: sessions under way at a time, each with one message. Batches take one session at a time.
        prefetch_count: messages the client holds beyond those under way; their locks aren't renewed.
        max_renewal_s: how long a lock is renewed after the message was received; 0 means never.
        max_batch, min_batch, max_batch_wait_s: a batch goes out when it has min_batch messages, or max_batch_wait_s
            after its first.
        session_idle_s: a session without messages for this long is given up.
    """

    queue: str
    subscription: str | None
    sessions: bool
    batch: bool
    auto_complete: bool
    max_calls: int
    max_sessions: int
    prefetch_count: int
    max_renewal_s: float
    max_batch: int
    min_batch: int
    max_batch_wait_s: float
    session_idle_s: float

    @property
    def entity(self) -> str:
        """The entity's name for people."""
        return self.queue if self.subscription is None else f"{self.queue}/{self.subscription}"

    def receiver(self, client: ServiceBusClient, **arguments: Any) -> ServiceBusReceiver:
        """A receiver of this entity that isn't connected yet; arguments go to the SDK."""
        arguments["prefetch_count"] = self.prefetch_count
        if self.subscription is None:
            return client.get_queue_receiver(self.queue, **arguments)
        return client.get_subscription_receiver(self.queue, self.subscription, **arguments)


def read_options(trigger: Mapping[str, Any], host_json: Mapping[str, Any]) -> ServiceBusOptions:
    """Combine a trigger with host.json.

    Raises:
        BindingError: the trigger names no entity, or a value is of no use.
    """
    queue, subscription = trigger.get("queueName"), None
    if not queue:
        queue, subscription = trigger.get("topicName"), trigger.get("subscriptionName")
        if not queue or not subscription:
            raise BindingError("a Service Bus trigger needs queueName, or topicName and subscriptionName")
    section = Section(host_json).find("extensions.serviceBus") or Section()

    def value(name: str, default: Any) -> Any:
        found = section.find(name)
        return default if found is None else found

    def seconds(name: str, default: float) -> float:
        text = section.find(name)
        try:
            return default if text is None else parse_timespan(str(text))
        except ValueError as error:
            raise BindingError(f"extensions.serviceBus.{name} of host.json: {error}") from error

    max_batch, min_batch = int(value("maxMessageBatchSize", 1000)), int(value("minMessageBatchSize", 1))
    if min_batch > max_batch:
        raise BindingError(
            f"extensions.serviceBus of host.json: minMessageBatchSize ({min_batch}) is over maxMessageBatchSize "
            f"({max_batch})"
        )
    auto_complete = trigger.get("autoCompleteMessages")
    return ServiceBusOptions(
        queue=queue,
        subscription=subscription,
        sessions=bool(trigger.get("isSessionsEnabled")),
        batch=str(trigger.get("cardinality") or "").upper() == "MANY",
        auto_complete=bool(value("autoCompleteMessages", True) if auto_complete is None else auto_complete),
        max_calls=int(value("maxConcurrentCalls", CALLS_PER_CORE * (os.cpu_count() or 1))),
        max_sessions=int(value("maxConcurrentSessions", 8)),
        prefetch_count=int(value("prefetchCount", 0)),
        max_renewal_s=seconds("maxAutoLockRenewalDuration", 300.0),
        max_batch=max_batch,
        min_batch=min_batch,
        max_batch_wait_s=seconds("maxBatchWaitTime", 30.0),
        session_idle_s=seconds("sessionIdleTimeout", 60.0),
    )
