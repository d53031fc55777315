"""kill -9: nothing that was acknowledged is lost, and what the broker knew it knows again."""

import datetime as dt
import itertools
import threading
import time

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import ServiceBusError

from tests.integration.service_bus.conftest import opened, take
from tests.support.service_bus import ServiceBusEmulator, configuration, service_bus

# The SDK repeats a send whose reply was lost: without duplicate detection that would be a second message.
TRAFFIC_QUEUE = {"LockDuration": "PT5M", "RequiresDuplicateDetection": True}
KILLS = 3
MESSAGES_BETWEEN_KILLS = 150
DEADLINE_S = 60


class Traffic:
    """One thread that sends and one that completes, until told to stop; they note what the broker acknowledged.

    A call that fails says nothing about its message: it may have been carried out before the reply was lost.
    """

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._send, self._receive)]
        self.sent: set[str] = set()
        self.completed: set[str] = set()
        self.unsure: set[str] = set()
        self.came_back: list[str] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self) -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(
            self._connection_string, retry_total=5, retry_backoff_factor=0.1, retry_backoff_max=0.5
        )

    def _send(self) -> None:
        with self._client() as client, client.get_queue_sender("q") as sender:
            for number in itertools.count():
                if self._stop.is_set():
                    return
                body = f"m{number}"
                try:
                    sender.send_messages(ServiceBusMessage(body, message_id=body))
                    self.sent.add(body)
                except (ServiceBusError, OSError):
                    self.unsure.add(body)

    def _receive(self) -> None:
        with self._client() as client, client.get_queue_receiver("q") as receiver:
            while not self._stop.is_set():
                try:
                    messages = receiver.receive_messages(5, max_wait_time=0.5)
                except (ServiceBusError, OSError):
                    continue
                for message in messages:
                    body = str(message)
                    if body in self.completed:
                        self.came_back.append(body)
                    try:
                        receiver.complete_message(message)
                        self.completed.add(body)
                    except (ServiceBusError, OSError):
                        self.unsure.add(body)


def wait_for(traffic: Traffic, sent: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while len(traffic.sent) < sent:
        assert time.monotonic() < deadline, f"only {len(traffic.sent)} of {sent} messages were sent"
        time.sleep(0.02)


def test_nothing_acknowledged_is_lost_when_it_is_killed_amid_traffic() -> None:
    with service_bus(configuration({"q": TRAFFIC_QUEUE})) as bus:
        traffic = Traffic(bus.connection_string)
        traffic.start()
        try:
            for _ in range(KILLS):
                wait_for(traffic, len(traffic.sent) + MESSAGES_BETWEEN_KILLS)
                bus.kill()
                bus.restart()
            wait_for(traffic, len(traffic.sent) + MESSAGES_BETWEEN_KILLS)
        finally:
            traffic.stop()

        left = peek_all(bus)
        assert traffic.came_back == []
        assert not traffic.completed & left
        assert traffic.sent - traffic.completed - traffic.unsure <= left
        assert len(traffic.completed) > KILLS


def peek_all(bus: ServiceBusEmulator) -> set[str]:
    left: set[str] = set()
    with (
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_queue_receiver("q") as receiver,
    ):
        start = 1
        while messages := receiver.peek_messages(250, sequence_number=start):
            left |= {str(message) for message in messages}
            start = (messages[-1].sequence_number or 0) + 1
    return left


def test_what_the_broker_knew_survives_a_kill() -> None:
    queues = {
        "q": {"RequiresDuplicateDetection": True, "LockDuration": "PT1M"},
        "s": {"RequiresSession": True},
        "removed": {},
    }
    with service_bus(configuration(queues)) as bus:
        with (
            ServiceBusClient.from_connection_string(bus.connection_string) as client,
            opened(
                client.get_queue_sender("q"),
                client.get_queue_receiver("q"),
                client.get_queue_sender("s"),
                client.get_queue_receiver("s", session_id="A"),
                client.get_queue_sender("removed"),
            ) as (sender, receiver, session_sender, session, removed),
        ):
            removed.send_messages(ServiceBusMessage("orphan"))
            session_sender.send_messages(ServiceBusMessage("in session", session_id="A"))
            session.session.set_state(b"state")
            sender.send_messages([ServiceBusMessage(body, message_id=body) for body in ("locked", "deferred", "ready")])
            locked, deferred = take(receiver, 2)
            receiver.defer_message(deferred)
            at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
            (scheduled,) = sender.schedule_messages(ServiceBusMessage("scheduled", message_id="scheduled"), at)
            bus.kill()

        without = {name: properties for name, properties in queues.items() if name != "removed"}
        bus.restart(configuration({**without, "added": {}}))

        assert any("removed" in line and "1 messages" in line for line in bus.lines)
        with (
            ServiceBusClient.from_connection_string(bus.connection_string) as client,
            opened(
                client.get_queue_sender("q"),
                client.get_queue_receiver("q"),
                client.get_queue_receiver("s", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=5),
                client.get_queue_sender("added"),
            ) as (sender, receiver, session, added),
        ):
            (ready,) = take(receiver, 1)
            assert str(ready) == "ready"
            assert receiver.receive_messages(1, max_wait_time=0.5) == [], "the lock outlives the process"
            receiver.renew_message_lock(locked)
            receiver.complete_message(locked)
            (again,) = receiver.receive_deferred_messages(deferred.sequence_number or 0)
            assert str(again) == "deferred"
            (waiting,) = receiver.peek_messages(1, sequence_number=scheduled)
            assert waiting.state == ServiceBusMessageState.SCHEDULED
            for body in ("ready", "scheduled"):
                sender.send_messages(ServiceBusMessage("copy", message_id=body))
            held = [str(message) for message in receiver.peek_messages(10, sequence_number=1)]
            assert held == ["deferred", "ready", "scheduled"]
            sender.cancel_scheduled_messages(scheduled)
            assert (session.session.session_id, session.session.get_state()) == ("A", b"state")
            assert str(take(session, 1)[0]) == "in session"
            added.send_messages(ServiceBusMessage("x"))
