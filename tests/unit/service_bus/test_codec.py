"""The AMQP codec: what it writes it reads, and on other people's bytes it fails in one way only."""

import contextlib
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.service_bus.amqp_types import CodecError, Described, Encoded, Symbol, Timestamp
from local.service_bus.decode import MAX_DEPTH, binary_end, decode, raw_items
from local.service_bus.encode import (
    encode,
    encoded_list,
    int32,
    long_array,
    string_array,
    symbol_array,
    timestamp_array,
    ubyte,
    uint,
    ulong,
    ushort,
)

INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = (
    st.none()
    | st.booleans()
    | INTEGERS
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(max_size=300)
    | st.uuids()
    | st.text(st.characters(codec="ascii"), max_size=300).map(Symbol)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])) | INTEGERS, inner, max_size=6)
        | st.builds(Described, st.integers(0, 2**64 - 1) | st.just(Symbol("com.microsoft:x")), inner)
    ),
    max_leaves=30,
)
# Bytes that begin like AMQP values get further into the decoder than arbitrary ones.
CONSTRUCTORS = [0, *range(0x40, 0x46), *range(0x50, 0x57), 0x60, 0x61, *range(0x70, 0x75), *range(0x80, 0x85)]
CONSTRUCTORS += [0x94, 0x98, 0xA0, 0xA1, 0xA3, 0xB0, 0xB1, 0xB3, 0xC0, 0xC1, 0xD0, 0xD1, 0xE0, 0xF0]
LIKELY_BYTES = st.lists(st.sampled_from(CONSTRUCTORS) | st.integers(0, 12), max_size=60).map(bytes)


@given(VALUES)
def test_what_is_encoded_decodes_to_the_same(value: object) -> None:
    data = encode(value)

    assert decode(data) == (value, len(data))


@given(VALUES, st.data())
def test_a_value_that_is_cut_off_is_an_error(value: object, data: st.DataObject) -> None:
    encoded = encode(value)
    cut = data.draw(st.integers(0, len(encoded) - 1))

    with pytest.raises(CodecError):
        decode(encoded[:cut])


@given(st.binary(max_size=200) | LIKELY_BYTES)
def test_arbitrary_bytes_decode_or_raise_the_codec_error(data: bytes) -> None:
    for read in (decode, raw_items, binary_end):
        try:
            result = read(data, 0)
        except CodecError:
            continue
        if read is decode:
            assert result[1] <= len(data)


@given(VALUES, st.data())
def test_a_damaged_value_decodes_or_raises_the_codec_error(value: object, data: st.DataObject) -> None:
    encoded = bytearray(encode(value))
    index = data.draw(st.integers(0, len(encoded) - 1))
    encoded[index] = data.draw(st.integers(0, 255))

    with contextlib.suppress(CodecError):
        decode(bytes(encoded))


@given(st.lists(VALUES, max_size=8))
def test_raw_items_are_the_encoded_items(values: list[object]) -> None:
    assert raw_items(encode(values), 0) == [encode(value) for value in values]


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (uint(0), 0),
        (uint(255), 255),
        (uint(256), 256),
        (uint(2**32 - 1), 2**32 - 1),
        (ubyte(7), 7),
        (ushort(65535), 65535),
        (ulong(2**64 - 1), 2**64 - 1),
        (int32(-5), -5),
        (encode(Timestamp(1_700_000_000_000)), 1_700_000_000_000),
        (long_array([1, -1]), [1, -1]),
        (timestamp_array([5]), [5]),
        (symbol_array(["a", "bc"]), ["a", "bc"]),
        (string_array(["ä"]), ["ä"]),
        (encoded_list([]), []),
        (b"\x72" + struct.pack(">f", 1.5), 1.5),
        (b"\x54\xff", -1),
        (b"\x56\x01", True),
        (b"\xe0\x04\x02\x50\x01\x02", [1, 2]),
    ],
)
def test_the_widths_that_the_protocol_asks_for(encoded: bytes, value: object) -> None:
    assert decode(bytes(encoded)) == (value, len(encoded))


def test_values_without_a_python_type_pass_through_as_they_came() -> None:
    for data in (b"\x73\x00\x00\x00\x41", b"\x74\x22\x50\x00\x01", b"\x94" + bytes(16)):
        value, _ = decode(data)

        assert isinstance(value, Encoded)
        assert encode(value) == data


@pytest.mark.parametrize(
    "value",
    [object(), 2**63, "\ud800", Symbol("ä"), {1: {2: object()}}],
    ids=["type", "long", "text", "symbol", "deep"],
)
def test_what_amqp_can_not_carry_is_an_error(value: object) -> None:
    with pytest.raises(CodecError):
        encode(value)


def test_nesting_is_bounded() -> None:
    deep: list[object] = [1]
    for _ in range(MAX_DEPTH):
        deep = [deep]

    with pytest.raises(CodecError, match="nested"):
        decode(encode(deep))
    with pytest.raises(CodecError):
        decode(bytes(60_000))


def test_a_few_bytes_can_not_ask_for_billions_of_items() -> None:
    four_billion_nulls = b"\xf0" + struct.pack(">II", 5, 0xFFFFFFFF) + b"\x40"
    with pytest.raises(CodecError):
        decode(four_billion_nulls)
    with pytest.raises(CodecError):
        decode(b"\xd0" + struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF))


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1\x04\x03\x43\x43\x43",
        b"\xc1\x04\x02\xc0\x01\x00\x43",
        b"\xc0\x03\x01\x43\x43",
        b"\x98" + bytes(15),
        b"\xa1\x01\xff",
        b"\xa3\x01\xff",
        b"\x3f",
    ],
    ids=["odd map", "list as key", "wrong size", "short uuid", "no utf-8", "no ascii", "no constructor"],
)
def test_malformed_values_are_errors(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode(data)


def test_a_described_value_keeps_its_descriptor() -> None:
    identifier = uuid.UUID(int=7)

    assert decode(encode(Described(0x24, [identifier]))) == (Described(0x24, [identifier]), 23)
