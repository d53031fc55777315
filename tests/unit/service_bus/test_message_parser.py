"""Messages: kept byte for byte, and never passed on where a receiver could not read them."""

import contextlib
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.service_bus.amqp_types import CodecError, Described, Symbol, Timestamp
from local.service_bus.decode import decode, raw_items
from local.service_bus.encode import encode, uint
from local.service_bus.message_parser import (
    ANNOTATIONS,
    APPLICATION_PROPERTIES,
    DATA,
    DELIVERY_ANNOTATIONS,
    FOOTER,
    HEADER,
    MAX_ID_LENGTH,
    PROPERTIES,
    SEQUENCE,
    VALUE,
    batch_items,
    parse_message,
    read_sections,
)
from tests.unit.service_bus.helpers import encoded_message


def encoded(*sections: tuple[int, Any]) -> bytes:
    return b"".join(encode(Described(code, value)) for code, value in sections)


KEYS = st.text(st.characters(codec="ascii"), max_size=4).map(Symbol) | st.sampled_from(["k", "text"])
SECTION_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.text(max_size=5) | st.binary(max_size=5) | st.uuids(),
    lambda inner: st.lists(inner, max_size=14) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(st.tuples(st.integers(HEADER - 1, FOOTER + 1), SECTION_VALUES), max_size=5), st.data())
def test_any_sections_make_a_readable_message_or_the_codec_error(
    sections: list[tuple[int, Any]], data: st.DataObject
) -> None:
    raw = bytearray(encoded(*sections))
    if raw and data.draw(st.booleans()):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = parse_message(bytes(raw))
    except CodecError:
        return

    delivered = read_sections(message.encode())
    assert delivered[HEADER][4] == 0
    assert str(delivered[PROPERTIES][0]) or message.message_id
    message.set_ttl(5)
    message.add_application_properties({"k": "v"})
    assert read_sections(message.encode())[APPLICATION_PROPERTIES]["k"] == "v"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_the_codec_error_at_most(data: bytes) -> None:
    for read in (parse_message, read_sections, lambda raw: list(batch_items(raw))):
        with contextlib.suppress(CodecError):
            read(data)


def test_content_survives_byte_for_byte() -> None:
    properties = encoded((PROPERTIES, ["id", None, "to", "subject"]))
    application = encoded((APPLICATION_PROPERTIES, {"n": 1, "id": uuid.UUID(int=3), "at": Timestamp(5)}))
    body = encoded((DATA, b"one"), (DATA, b"x" * 300))

    message = parse_message(properties + application + body)

    assert message.encode().endswith(properties + application + body)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [("m", "m"), (7, "7"), (uuid.UUID(int=7), str(uuid.UUID(int=7))), (b"\x01\xff", "01ff")],
)
def test_message_ids_of_every_type_are_told_apart_as_text(identifier: Any, expected: str) -> None:
    assert parse_message(encoded_message(message_id=identifier)).message_id == expected


def test_a_message_without_an_id_gets_one() -> None:
    first, second = parse_message(encoded_message(session_id="s")), parse_message(encoded((DATA, b"x")))

    delivered = read_sections(first.encode())[PROPERTIES]
    assert (delivered[0], delivered[10]) == (first.message_id, "s")
    assert read_sections(second.encode())[PROPERTIES] == [second.message_id]
    assert len(second.message_id) == 32


def test_what_only_the_broker_may_say_is_dropped() -> None:
    claimed = {Symbol("x-opt-sequence-number"): 99, Symbol("x-opt-lock-token"): uuid.UUID(int=1), Symbol("mine"): 1}

    message = parse_message(encoded((DELIVERY_ANNOTATIONS, {Symbol("hop"): 1}), (ANNOTATIONS, claimed), (DATA, b"x")))

    sections = read_sections(message.encode())
    assert sections[ANNOTATIONS]["mine"] == 1
    assert sections[ANNOTATIONS]["x-opt-sequence-number"] == 0
    assert "x-opt-lock-token" not in sections[ANNOTATIONS]
    assert DELIVERY_ANNOTATIONS not in sections


def test_the_header_keeps_its_fields_and_gets_the_delivery_count() -> None:
    message = parse_message(encoded((HEADER, [True, uint(7), uint(5000), False, uint(9)]), (DATA, b"x")))
    message.delivery_count = 3

    assert message.ttl_ms == 5000
    assert read_sections(message.encode())[HEADER] == [True, 7, 5000, False, 3]
    message.set_ttl(1 << 32)
    assert read_sections(message.encode())[HEADER] == [True, 7, None, False, 3]


def test_adding_properties_replaces_and_leaves_the_rest_alone() -> None:
    message = parse_message(encoded((APPLICATION_PROPERTIES, {"a": 1, "b": uint(2)}), (DATA, b"x")))

    message.add_application_properties({"a": "new", "c": True})

    items = raw_items(message.application_properties, 3)
    assert items == [encode("b"), uint(2), encode("a"), encode("new"), encode("c"), encode(True)]


def test_large_descriptors_are_made_small() -> None:
    data = b"\x00\x80" + (DATA).to_bytes(8) + encode(b"x")

    assert parse_message(data).body == b"\x00\x53\x75\xa0\x01x"


def test_a_batch_holds_whole_messages() -> None:
    messages = [encoded_message(b"a"), encoded_message(b"b" * 400)]
    batch = encoded((ANNOTATIONS, {}), *((DATA, item) for item in messages))

    assert list(batch_items(batch)) == messages


@pytest.mark.parametrize(
    "sections",
    [
        [(HEADER, "no list")],
        [(HEADER, [None] * 6)],
        [(HEADER, [None, None, "ttl"])],
        [(HEADER, [None, None, -1])],
        [(PROPERTIES, {})],
        [(PROPERTIES, [None] * 14)],
        [(PROPERTIES, [None, None, 5])],
        [(PROPERTIES, ["x" * (MAX_ID_LENGTH + 1)])],
        [(PROPERTIES, [None] * 10 + ["x" * (MAX_ID_LENGTH + 1)])],
        [(PROPERTIES, [None] * 10 + [5])],
        [(APPLICATION_PROPERTIES, [])],
        [(APPLICATION_PROPERTIES, {1: 1})],
        [(ANNOTATIONS, {Symbol("x-opt-scheduled-enqueue-time"): "soon"})],
        [(ANNOTATIONS, {b"key": 1})],
        [(DATA, "text")],
        [(FOOTER + 1, [])],
        [(HEADER - 1, [])],
    ],
)
def test_sections_that_would_break_a_receiver_are_refused(sections: list[tuple[int, Any]]) -> None:
    with pytest.raises(CodecError):
        parse_message(encoded(*sections))


def test_value_and_sequence_bodies_pass() -> None:
    for code in (VALUE, SEQUENCE):
        body = encoded((code, [1, "two"]))

        message = parse_message(body)

        assert message.body == body
        assert decode(message.body, 3)[0] == [1, "two"]
