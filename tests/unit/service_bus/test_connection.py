"""Connections without sockets: whatever a client sends, it gets a proper end and the broker goes on."""

import pytest

from local.service_bus.amqp_types import Described
from local.service_bus.connection import MAX_FRAME_BYTES
from local.service_bus.encode import uint
from local.service_bus.errors import (
    DECODE_ERROR,
    FRAMING_ERROR,
    HANDLE_IN_USE,
    INVALID_FIELD,
    NOT_ALLOWED,
    UNATTACHED_HANDLE,
)
from local.service_bus.performatives import (
    ACCEPTED,
    AMQP_HEADER,
    ATTACH,
    BEGIN,
    CLOSE,
    DISPOSITION,
    END,
    FLOW,
    OPEN,
    SASL_FRAME,
    SASL_HEADER,
    SASL_INIT,
    SASL_MECHANISMS,
    TRANSFER,
    frame,
)
from tests.support.amqp import (
    BEGIN_FRAME,
    GREETING,
    OPEN_FRAME,
    Frame,
    attach_receiver,
    attach_sender,
    error_of,
    flow,
    split_frames,
    transfer,
)
from tests.unit.service_bus.helpers import Bench, encoded_message
from tests.unit.service_bus.peer import Peer, codes

pytestmark = pytest.mark.usefixtures("still_loop")


def test_a_greeting_is_answered(bench: Bench) -> None:
    peer = Peer(bench, b"")

    frames = peer.send(GREETING)

    assert peer.transport.data.startswith(AMQP_HEADER)
    assert codes(frames) == [OPEN, BEGIN]
    assert frames[0][1][2] == MAX_FRAME_BYTES


def test_sasl_comes_first_where_the_client_wants_it(bench: Bench) -> None:
    peer = Peer(bench, b"")
    ((code, (mechanisms,), _),) = peer.send(SASL_HEADER)
    assert code == SASL_MECHANISMS
    assert {"ANONYMOUS", "MSSBCBS"} <= set(mechanisms)

    frames = peer.send(frame(0, SASL_INIT, [mechanisms[0]], SASL_FRAME), GREETING)

    assert frames[0][1] == [0]
    assert codes(frames)[1:] == [OPEN, BEGIN]


def test_bytes_may_come_one_by_one(bench: Bench) -> None:
    peer = Peer(bench, b"")
    seen: list[Frame] = []
    for byte in GREETING + attach_sender("q") + transfer(encoded_message(b"x"), 0):
        seen += peer.send(bytes((byte,)))

    assert codes(seen) == [OPEN, BEGIN, ATTACH, FLOW, DISPOSITION]
    assert len(bench.queue().messages) == 1


BAD_FRAME = b"\x00\x00\x00\x10\x02\x00\x00\x01\x00\x53\x14\x45\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"\x00\x00\x00\x07\x02\x00\x00\x00", FRAMING_ERROR),
        (b"\x00\x00\x00\x10\x01\x00\x00\x00", FRAMING_ERROR),
        (b"\x00\x00\x00\x10\x05\x00\x00\x00", FRAMING_ERROR),
        ((MAX_FRAME_BYTES + 1).to_bytes(4) + b"\x02\x00\x00\x00", FRAMING_ERROR),
        (b"\x00\x00\x00\x0c\x02\x00\x00\x00GET ", DECODE_ERROR),
        (BAD_FRAME, DECODE_ERROR),
        (b"\x00\x00\x00\x0c\x02\x07\x00\x00\x00\x53\x10\x45", DECODE_ERROR),
        (frame(1, 0x77, []), DECODE_ERROR),
        (frame(1, TRANSFER, ["handle"]), DECODE_ERROR),
        (frame(1, TRANSFER, [-1]), DECODE_ERROR),
        (frame(1, FLOW, [None, None, None, None]), DECODE_ERROR),
        (frame(1, ATTACH, ["name", 0, True, None, None, "source"]), DECODE_ERROR),
        (frame(1, ATTACH, ["name", 0, True, None, None, Described(0x28, "q")]), DECODE_ERROR),
        (frame(1, ATTACH, ["name", 0, True, None, None, Described(0x28, [5])]), DECODE_ERROR),
        (frame(1, ATTACH, ["name", 0, True, None, None, Described(0x28, ["q", *[None] * 6, 5])]), DECODE_ERROR),
        (frame(1, ATTACH, ["name", 0, True, None, None, Described(0x28, ["amqp://[x/q"])]), INVALID_FIELD),
        (frame(1, ATTACH, ["name", uint(300), True, None, None, Described(0x28, ["q"])]), FRAMING_ERROR),
        (frame(1, DISPOSITION, [True, 0, uint(2**32 - 1), True, Described(ACCEPTED, [])]), INVALID_FIELD),
        (frame(2, FLOW, [0, 0, 0, 0]), NOT_ALLOWED),
        (frame(300, BEGIN, [None, 0, 0, 0]), FRAMING_ERROR),
        (BEGIN_FRAME, NOT_ALLOWED),
        (OPEN_FRAME, NOT_ALLOWED),
        (frame(0, SASL_INIT, [], SASL_FRAME), DECODE_ERROR),
    ],
)
def test_a_broken_protocol_closes_the_connection_with_an_error(bench: Bench, data: bytes, condition: str) -> None:
    peer = Peer(bench)

    frames = peer.send(data)

    assert codes(frames) == [CLOSE]
    assert error_of(frames[0][1])[0] == condition
    assert peer.transport.closed


def test_an_error_before_open_still_opens_to_say_so(bench: Bench) -> None:
    peer = Peer(bench, AMQP_HEADER)

    frames = peer.send(BEGIN_FRAME)

    assert codes(frames) == [OPEN, CLOSE]
    assert error_of(frames[1][1])[0] == NOT_ALLOWED


def test_another_protocol_gets_our_header_and_the_end(bench: Bench) -> None:
    peer = Peer(bench, b"")

    peer.send(b"GET / HTTP/1.1\r\n\r\n")

    assert peer.transport.data == AMQP_HEADER
    assert peer.transport.closed


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (transfer(b"x", 0, handle=9), UNATTACHED_HANDLE),
        (attach_sender("q") + attach_sender("q"), HANDLE_IN_USE),
        (attach_receiver("q", handle=3) + transfer(b"x", 0, handle=3), NOT_ALLOWED),
        (attach_sender("q") + transfer(b"x", 0, first=False), INVALID_FIELD),
    ],
)
def test_a_broken_session_ends_alone(bench: Bench, data: bytes, condition: str) -> None:
    peer = Peer(bench)

    frames = peer.send(data, flow(0, 1), attach_sender("q", 5, "late"))

    assert codes(frames)[-1] == END
    assert error_of(frames[-1][1])[0] == condition
    assert not peer.transport.closed
    assert codes(peer.send(frame(1, END, []), BEGIN_FRAME, attach_sender("q"))) == [BEGIN, ATTACH, FLOW]


def test_a_malformed_message_is_rejected_and_the_link_goes_on(bench: Bench) -> None:
    peer = Peer(bench)
    frames = peer.send(attach_sender("q"), transfer(b"nonsense", 0), transfer(encoded_message(), 1))

    states = [fields[4] for code, fields, _ in frames if code == DISPOSITION]

    assert error_of(states[0].value)[0] == DECODE_ERROR
    assert states[1] == Described(ACCEPTED, [])


def test_a_client_that_does_not_read_is_not_written_to_endlessly(bench: Bench) -> None:
    bench.send(*[b"x" * 100_000] * 40)
    peer = Peer(bench)
    peer.connection.pause_writing()
    assert not peer.transport.reading

    assert TRANSFER not in codes(peer.send(attach_receiver("q"), flow(1, 1000)))
    other = Peer(bench)
    assert codes(other.send(attach_receiver("q"), flow(1, 1))) == [ATTACH, TRANSFER, TRANSFER]

    peer.transport.data = b""
    peer.connection.resume_writing()
    bench.settle()
    sent = codes(split_frames(peer.transport.data)[0]).count(TRANSFER) // 2
    assert peer.transport.reading
    assert 5 < sent < 20, "about a megabyte goes out in one turn"
    bench.settle()
    assert codes(split_frames(peer.transport.data)[0]).count(TRANSFER) // 2 > sent


def test_a_closed_session_window_holds_messages_back(bench: Bench) -> None:
    bench.send(*[b"x"] * 10)
    peer = Peer(bench)

    assert codes(peer.send(attach_receiver("q"), flow(1, 10, window=3))).count(TRANSFER) == 3
    assert len(bench.queue().messages) == 10

    frames = peer.send(frame(1, FLOW, [uint(3), uint(100), uint(0), uint(100)]))
    assert codes(frames).count(TRANSFER) == 7


def test_a_client_that_leaves_leaves_nothing_but_its_locks(bench: Bench) -> None:
    bench.send(b"a")
    peer = Peer(bench)
    peer.send(attach_receiver("q"), flow(1, 10))

    peer.lose()

    assert peer.connections == set()
    assert list(bench.queue()._consumers) == []
    assert [m.lock_tag is not None for m in bench.queue().messages.values()] == [True]
    bench.advance(5000)
    assert [m.delivery_count for m in bench.queue().messages.values()] == [1]


def test_a_refused_link_is_attached_without_ends_and_detached(bench: Bench) -> None:
    frames = Peer(bench).send(attach_receiver("nowhere"))

    assert codes(frames) == [ATTACH, 0x16]
    assert frames[0][1][5:7] == [None, None]
    assert error_of(frames[1][1]) == ("amqp:not-found", "The messaging entity 'nowhere' could not be found.")


def test_drain_uses_up_the_credit(bench: Bench) -> None:
    bench.send(b"a")
    frames = Peer(bench).send(attach_receiver("q"), flow(1, 5, drain=True))

    assert codes(frames) == [ATTACH, TRANSFER, FLOW]
    handle, delivery_count, credit = frames[-1][1][4:7]
    assert (handle, delivery_count, credit) == (1, 5, 0)
    bench.send(b"b")
    assert len(bench.queue().locks._by_tag) == 1


def test_what_gets_no_answer_is_committed_all_the_same(bench: Bench) -> None:
    bench.send(b"a", b"b")
    peer = Peer(bench)
    peer.send(attach_receiver("q"), flow(1, 2))
    woken: list[str] = []
    bench.broker.turn.wake = lambda: woken.append("disposition")

    peer.connection.data_received(frame(1, DISPOSITION, [True, 0, None, True, Described(ACCEPTED, [])]))
    assert woken == ["disposition"]
    bench.settle()
    assert len(list(bench.store.load_messages())) == 1

    bench.broker.turn.wake = lambda: woken.append("loss")
    peer.connection.connection_lost(None)
    assert woken == ["disposition", "loss"]
