"""Options of Service Bus triggers, and which listener they lead to."""

import os
from typing import Any

import pytest

from local.host.bindings import BindingError
from local.host.service_bus_batch import BatchListener
from local.host.service_bus_lanes import TwoLaneListener
from local.host.service_bus_options import ServiceBusOptions, read_options
from local.host.service_bus_sessions import SessionBatchListener, SessionListener
from local.host.service_bus_single import SingleListener
from local.host.service_bus_trigger import create_listener
from tests.support.host_listeners import RecordingInvoker, function

SETTINGS = {"Connection": "Endpoint=sb://localhost;SharedAccessKeyName=k;SharedAccessKey=s"}


def options(trigger: dict[str, Any] | None = None, **section: Any) -> ServiceBusOptions:
    return read_options(trigger or {"queueName": "q"}, {"Extensions": {"ServiceBus": section}})


def test_defaults() -> None:
    assert read_options({"queueName": "q"}, {}) == ServiceBusOptions(
        queue="q",
        subscription=None,
        sessions=False,
        batch=False,
        auto_complete=True,
        max_calls=16 * (os.cpu_count() or 1),
        max_sessions=8,
        prefetch_count=0,
        max_renewal_s=300,
        max_batch=1000,
        min_batch=1,
        max_batch_wait_s=30,
        session_idle_s=60,
    )


def test_host_json() -> None:
    read = options(
        maxConcurrentCalls=3,
        MaxConcurrentSessions=4,
        prefetchCount=5,
        autoCompleteMessages=False,
        maxAutoLockRenewalDuration="00:01:00",
        maxMessageBatchSize=6,
        minMessageBatchSize=2,
        maxBatchWaitTime="00:00:10",
        sessionIdleTimeout="00:00:20",
    )
    assert (read.max_calls, read.max_sessions, read.prefetch_count, read.auto_complete) == (3, 4, 5, False)
    assert (read.max_renewal_s, read.max_batch, read.min_batch) == (60, 6, 2)
    assert (read.max_batch_wait_s, read.session_idle_s) == (10, 20)


def test_the_trigger_wins_over_host_json() -> None:
    assert options({"queueName": "q", "autoCompleteMessages": True}, autoCompleteMessages=False).auto_complete
    assert not options({"queueName": "q", "autoCompleteMessages": False}).auto_complete


def test_entities() -> None:
    assert options({"queueName": "q/$DeadLetterQueue"}).entity == "q/$DeadLetterQueue"
    assert options({"topicName": "t", "subscriptionName": "s"}).entity == "t/s"


@pytest.mark.parametrize(
    ("trigger", "section", "reason"),
    [
        ({}, {}, "needs queueName, or topicName and subscriptionName"),
        ({"topicName": "t"}, {}, "needs queueName, or topicName and subscriptionName"),
        ({"queueName": "q"}, {"minMessageBatchSize": 5, "maxMessageBatchSize": 4}, "is over maxMessageBatchSize"),
        ({"queueName": "q"}, {"maxBatchWaitTime": "soon"}, "maxBatchWaitTime of host.json"),
    ],
)
def test_what_is_of_no_use(trigger: dict[str, Any], section: dict[str, Any], reason: str) -> None:
    with pytest.raises(BindingError, match=reason):
        read_options(trigger, {"extensions": {"serviceBus": section}})


@pytest.mark.parametrize(
    ("trigger", "calls", "listener"),
    [
        ({}, 8, TwoLaneListener),
        ({}, 7, SingleListener),
        ({"cardinality": "ONE"}, 7, SingleListener),
        ({"cardinality": "MANY"}, 8, BatchListener),
        ({"isSessionsEnabled": True}, 8, SessionListener),
        ({"isSessionsEnabled": True, "cardinality": "many"}, 8, SessionBatchListener),
    ],
)
async def test_which_listener(trigger: dict[str, Any], calls: int, listener: type) -> None:
    work = function("serviceBusTrigger", queueName="q", **trigger)
    host_json = {"extensions": {"serviceBus": {"maxConcurrentCalls": calls}}}
    assert type(create_listener(work, RecordingInvoker(), SETTINGS, host_json)) is listener


async def test_a_connection_without_settings_is_told_at_once() -> None:
    with pytest.raises(BindingError, match="connection 'Connection' has no settings"):
        create_listener(function("serviceBusTrigger", queueName="q"), RecordingInvoker(), {}, {})
