"""Connections under arbitrary sequences of frames, sound and damaged."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.service_bus.amqp_types import Described
from local.service_bus.encode import encode, uint
from local.service_bus.performatives import (
    ACCEPTED,
    AMQP_HEADER,
    ATTACH,
    CLOSE,
    DISPOSITION,
    END,
    FLOW,
    frame,
)
from tests.support.amqp import (
    BEGIN_FRAME,
    OPEN_FRAME,
    attach_receiver,
    attach_sender,
    error_of,
    flow,
    transfer,
)
from tests.unit.service_bus.helpers import Bench, encoded_message
from tests.unit.service_bus.peer import Peer, codes

pytestmark = pytest.mark.usefixtures("still_loop")


PIECES = st.sampled_from(
    [
        OPEN_FRAME,
        BEGIN_FRAME,
        AMQP_HEADER,
        attach_sender("q"),
        attach_sender("nowhere", 4),
        attach_receiver("q", 1),
        attach_receiver("s", 2),
        attach_receiver("q/$management", 3),
        attach_sender("q/$management", 5, "manage"),
        transfer(encoded_message(b"x"), 0),
        transfer(encoded_message(b"x"), 1, handle=5),
        transfer(b"\x00\x53\x75", 2, more=True),
        flow(1, 10),
        frame(1, DISPOSITION, [True, 0, 3, False, Described(ACCEPTED, [])]),
        frame(1, DISPOSITION, [True, 0, None, False, Described(0x25, [Described(0x1D, [1, 2, 3])])]),
        frame(1, 0x16, [uint(1), True]),
        frame(1, END, []),
    ]
) | st.binary(max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12), st.data())
def test_no_sequence_of_frames_disturbs_the_broker(bench: Bench, pieces: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(b"".join(pieces))
    if raw and data.draw(st.booleans()):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    peer = Peer(bench)
    frames = peer.send(bytes(raw))
    peer.lose()

    errors = [error_of(fields)[0] for code, fields, _ in frames if code == CLOSE and fields]
    assert "amqp:internal-error" not in errors
    assert list(bench.queue()._consumers) == []
    good = Peer(bench)
    assert codes(good.send(attach_sender("q"), transfer(encode(Described(0x75, b"x")), 0))) == [
        ATTACH,
        FLOW,
        DISPOSITION,
    ]
