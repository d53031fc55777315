"""AMQP 1.0 bytes to Python values. Everything here reads what a stranger sent: it raises CodecError, nothing else.

Timestamps become ints, symbols Symbol, decimals and chars stay encoded (Encoded). Nesting and the number of items are
bounded below what the official Python SDK accepts (64 levels, 65,536 items), so that what passes here can be received.
"""

import struct
from collections.abc import Callable
from typing import Any
from uuid import UUID

from local.service_bus.amqp_types import CodecError, Described, Encoded, Symbol

MAX_DEPTH = 32
MAX_ITEMS = 32_768

type _Decoder = Callable[[bytes, int, int], tuple[Any, int]]

_UINT = struct.Struct(">I")
# What the readers below raise on bytes that end early or don't fit their type.
_MALFORMED = (IndexError, struct.error, ValueError, TypeError, OverflowError)


def decode(data: bytes, position: int = 0) -> tuple[Any, int]:
    """The value at a position, and the position after it.

    Raises:
        CodecError: the bytes are no AMQP value, or end inside one.
    """
    try:
        value, end = _DECODERS[data[position]](data, position + 1, 0)
    except CodecError:
        raise
    except _MALFORMED as error:
        raise CodecError(f"malformed AMQP value: {error}") from error
    if end > len(data):
        raise CodecError("an AMQP value is cut off")
    return value, end


def raw_items(data: bytes, position: int) -> list[bytes]:
    """The items of the list or map at a position, each still encoded, so that their exact types survive.

    Raises:
        CodecError: no list or map is there, or it is cut off.
    """
    try:
        constructor = data[position]
        if constructor in (0x40, 0x45):
            return []
        if constructor in (0xC0, 0xC1):
            count, start = data[position + 2], position + 3
        elif constructor in (0xD0, 0xD1):
            count, start = _UINT.unpack_from(data, position + 5)[0], position + 9
        else:
            raise CodecError("a list or map is expected")
        items = []
        for _ in range(count):
            end = _skip(data, start, 0)
            items.append(data[start:end])
            start = end
    except (IndexError, struct.error) as error:
        raise CodecError(f"malformed AMQP value: {error}") from error
    if start > len(data):
        raise CodecError("an AMQP value is cut off")
    return items


def binary_end(data: bytes, position: int) -> int:
    """The position after the binary value at a position, without copying its content.

    Raises:
        CodecError: no binary value is there, or it is cut off.
    """
    try:
        constructor = data[position]
        if constructor == 0xB0:
            end = position + 5 + _UINT.unpack_from(data, position + 1)[0]
        elif constructor == 0xA0:
            end = position + 2 + data[position + 1]
        else:
            raise CodecError("a binary value is expected")
    except (IndexError, struct.error) as error:
        raise CodecError(f"malformed AMQP value: {error}") from error
    if end > len(data):
        raise CodecError("an AMQP value is cut off")
    return int(end)


_FIXED_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}


def _skip(data: bytes, position: int, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise CodecError("AMQP values are nested too deeply")
    constructor = data[position]
    if constructor == 0:
        return _skip(data, _skip(data, position + 1, depth + 1), depth + 1)
    kind = constructor >> 4
    if kind in _FIXED_WIDTHS:
        return position + 1 + _FIXED_WIDTHS[kind]
    if kind in (0xA, 0xC, 0xE):
        return position + 2 + data[position + 1]
    if kind in (0xB, 0xD, 0xF):
        return position + 5 + int(_UINT.unpack_from(data, position + 1)[0])
    raise CodecError(f"unknown AMQP constructor 0x{constructor:02x}")


def _unknown(data: bytes, position: int, _depth: int) -> tuple[Any, int]:
    raise CodecError(f"unknown AMQP constructor 0x{data[position - 1]:02x}")


def _constant(value: Any) -> _Decoder:
    return lambda _data, position, _depth: (value, position)


def _fixed(layout: str) -> _Decoder:
    reader = struct.Struct(layout)
    unpack, size = reader.unpack_from, reader.size

    def read(data: bytes, position: int, _depth: int) -> tuple[Any, int]:
        return unpack(data, position)[0], position + size

    return read


def _small_uint(data: bytes, position: int, _depth: int) -> tuple[int, int]:
    return data[position], position + 1


def _opaque(width: int) -> _Decoder:
    # The constructor byte is part of the value: it is passed on as it came.
    def read(data: bytes, position: int, _depth: int) -> tuple[Encoded, int]:
        return Encoded(data[position - 1 : position + width]), position + width

    return read


def _variable8(convert: Callable[[bytes], Any]) -> _Decoder:
    def read(data: bytes, position: int, _depth: int) -> tuple[Any, int]:
        end = position + 1 + data[position]
        return convert(data[position + 1 : end]), end

    return read


def _variable32(convert: Callable[[bytes], Any]) -> _Decoder:
    def read(data: bytes, position: int, _depth: int) -> tuple[Any, int]:
        end = position + 4 + _UINT.unpack_from(data, position)[0]
        return convert(data[position + 4 : end]), end

    return read


def _uuid(data: bytes, position: int, _depth: int) -> tuple[UUID, int]:
    return UUID(bytes=data[position : position + 16]), position + 16


def _empty_list(_data: bytes, position: int, _depth: int) -> tuple[list[Any], int]:
    return [], position


def _described(data: bytes, position: int, depth: int) -> tuple[Described, int]:
    if depth >= MAX_DEPTH:
        raise CodecError("AMQP values are nested too deeply")
    descriptor, position = _DECODERS[data[position]](data, position + 1, depth + 1)
    value, position = _DECODERS[data[position]](data, position + 1, depth + 1)
    return Described(descriptor, value), position


def _items(data: bytes, position: int, end: int, count: int, depth: int) -> list[Any]:
    if depth >= MAX_DEPTH:
        raise CodecError("AMQP values are nested too deeply")
    if count > MAX_ITEMS:
        raise CodecError(f"{count} items exceed the limit of {MAX_ITEMS}")
    depth += 1
    items = []
    for _ in range(count):
        value, position = _DECODERS[data[position]](data, position + 1, depth)
        items.append(value)
    if position != end:
        raise CodecError("a list, map or array doesn't have the size it states")
    return items


def _list8(data: bytes, position: int, depth: int) -> tuple[list[Any], int]:
    end = position + 1 + data[position]
    return _items(data, position + 2, end, data[position + 1], depth), end


def _list32(data: bytes, position: int, depth: int) -> tuple[list[Any], int]:
    end = position + 4 + _UINT.unpack_from(data, position)[0]
    return _items(data, position + 8, end, _UINT.unpack_from(data, position + 4)[0], depth), end


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise CodecError("a map has a key without a value")
    return dict(zip(items[::2], items[1::2], strict=True))


def _map8(data: bytes, position: int, depth: int) -> tuple[dict[Any, Any], int]:
    items, end = _list8(data, position, depth)
    return _pairs(items), end


def _map32(data: bytes, position: int, depth: int) -> tuple[dict[Any, Any], int]:
    items, end = _list32(data, position, depth)
    return _pairs(items), end


def _array(data: bytes, position: int, end: int, count: int, depth: int) -> list[Any]:
    if depth >= MAX_DEPTH:
        raise CodecError("AMQP values are nested too deeply")
    # Items of some constructors take no bytes: without this bound, nine bytes could ask for four billion of them.
    if count > min(MAX_ITEMS, end - position):
        raise CodecError(f"an array of {count} items doesn't fit its size")
    constructor, position = data[position], position + 1
    descriptor = None
    described = constructor == 0
    if described:
        descriptor, position = _DECODERS[data[position]](data, position + 1, depth + 1)
        constructor, position = data[position], position + 1
    read = _DECODERS[constructor]
    if constructor in _OPAQUE_WIDTHS:
        raise CodecError("arrays of chars or decimals are not supported")
    items: list[Any] = []
    for _ in range(count):
        value, position = read(data, position, depth + 1)
        items.append(Described(descriptor, value) if described else value)
    if position != end:
        raise CodecError("a list, map or array doesn't have the size it states")
    return items


def _array8(data: bytes, position: int, depth: int) -> tuple[list[Any], int]:
    end = position + 1 + data[position]
    return _array(data, position + 2, end, data[position + 1], depth), end


def _array32(data: bytes, position: int, depth: int) -> tuple[list[Any], int]:
    end = position + 4 + _UINT.unpack_from(data, position)[0]
    return _array(data, position + 8, end, _UINT.unpack_from(data, position + 4)[0], depth), end


def _text(data: bytes) -> str:
    return data.decode()


def _symbol(data: bytes) -> Symbol:
    return Symbol(data.decode("ascii"))


_OPAQUE_WIDTHS = {0x73: 4, 0x74: 4, 0x84: 8, 0x94: 16}
_DECODERS: list[_Decoder] = [_unknown] * 256
for _constructor, _decoder in (
    (0x00, _described),
    (0x40, _constant(None)),
    (0x41, _constant(True)),
    (0x42, _constant(False)),
    (0x43, _constant(0)),
    (0x44, _constant(0)),
    (0x45, _empty_list),
    (0x50, _small_uint),
    (0x51, _fixed(">b")),
    (0x52, _small_uint),
    (0x53, _small_uint),
    (0x54, _fixed(">b")),
    (0x55, _fixed(">b")),
    (0x56, _fixed(">?")),
    (0x60, _fixed(">H")),
    (0x61, _fixed(">h")),
    (0x70, _fixed(">I")),
    (0x71, _fixed(">i")),
    (0x72, _fixed(">f")),
    (0x80, _fixed(">Q")),
    (0x81, _fixed(">q")),
    (0x82, _fixed(">d")),
    (0x83, _fixed(">q")),
    (0x98, _uuid),
    (0xA0, _variable8(bytes)),
    (0xA1, _variable8(_text)),
    (0xA3, _variable8(_symbol)),
    (0xB0, _variable32(bytes)),
    (0xB1, _variable32(_text)),
    (0xB3, _variable32(_symbol)),
    (0xC0, _list8),
    (0xC1, _map8),
    (0xD0, _list32),
    (0xD1, _map32),
    (0xE0, _array8),
    (0xF0, _array32),
    *((_code, _opaque(_width)) for _code, _width in _OPAQUE_WIDTHS.items()),
):
    _DECODERS[_constructor] = _decoder
