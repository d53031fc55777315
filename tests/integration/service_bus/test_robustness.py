"""Garbage from many connections while a good client keeps working."""

import contextlib
import random
import socket
import threading
import time

import psutil
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.service_bus.performatives import AMQP_HEADER, SASL_HEADER
from tests.integration.service_bus.conftest import opened, take
from tests.support.amqp import BEGIN_FRAME, GREETING, OPEN_FRAME, attach_receiver, attach_sender, flow, transfer
from tests.support.service_bus import ServiceBusEmulator

CONNECTIONS = 300
GROWTH_LIMIT_BYTES = 40 * 1024 * 1024
LINGER_S = 15
"""More than the emulator gives a closing connection to read its last bytes."""
STEPS = [
    AMQP_HEADER,
    SASL_HEADER,
    OPEN_FRAME,
    BEGIN_FRAME,
    GREETING,
    attach_sender("fuzz"),
    attach_receiver("fuzz"),
    attach_sender("fuzz/$management", 3),
    transfer(b"\x00\x53\x75\xa0\x01x", 0),
    transfer(b"\x00\x53\x77" + b"\xc0" * 2000, 1),
    transfer(bytes(60_000), 2, more=True),
    flow(1, 0x7FFFFFFF),
    b"\x7f\xff\xff\xff\x02\x00\x00\x00",
    b"\x00\x00\x00\x10\x02\x00\x00\x01\x00\x53\x12\xd0\xff\xff\xff\xff",
    b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40",
    b"GET / HTTP/1.1\r\n\r\n",
]


def garbage(random_source: random.Random) -> bytes:
    """Something between a sound beginning and plain noise, often cut off."""
    data = bytearray(random_source.choice([b"", GREETING, GREETING]))
    for _ in range(random_source.randrange(8)):
        data += random_source.choice([*STEPS, random_source.randbytes(random_source.randrange(200))])
    for _ in range(random_source.randrange(3)):
        if data:
            data[random_source.randrange(len(data))] = random_source.randrange(256)
    return bytes(data[: random_source.randrange(len(data) + 1)] if random_source.random() < 0.3 else data)


def attack(port: int, seed: int, stop: threading.Event) -> None:
    random_source = random.Random(seed)
    sockets: list[socket.socket] = []
    for _ in range(CONNECTIONS):
        if stop.is_set():
            break
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        with contextlib.suppress(OSError):  # The broker may have closed it already.
            connection.sendall(garbage(random_source))
        sockets.append(connection)
        # Some stay open for a while, some leave at once without reading.
        if len(sockets) > 20:
            sockets.pop(0).close()
    for connection in sockets:
        connection.close()


def test_garbage_disturbs_nobody_and_leaves_nothing(bus: ServiceBusEmulator, client: ServiceBusClient) -> None:
    process = psutil.Process(bus.process.pid)
    stop = threading.Event()
    queue = "load"
    with opened(client.get_queue_sender(queue), client.get_queue_receiver(queue)) as (sender, receiver):
        files_before = process.num_fds()
        attack(bus.port, 0, stop)  # The first round fills caches and pools.
        before = process.memory_info().rss
        attackers = [threading.Thread(target=attack, args=(bus.port, seed, stop)) for seed in (1, 2, 3)]
        for attacker in attackers:
            attacker.start()
        rounds = 0
        try:
            while any(attacker.is_alive() for attacker in attackers) or rounds < 20:
                sender.send_messages(ServiceBusMessage(str(rounds)))
                (message,) = take(receiver, 1)
                assert (str(message), message.delivery_count) == (str(rounds), 0)
                receiver.complete_message(message)
                rounds += 1
        finally:
            stop.set()
            for attacker in attackers:
                attacker.join()

        assert process.memory_info().rss - before < GROWTH_LIMIT_BYTES
        deadline = time.monotonic() + LINGER_S
        while process.num_fds() > files_before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.num_fds() <= files_before
    assert not [line for line in bus.lines if "internal error" in line or "Traceback" in line]
