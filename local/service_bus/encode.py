"""Python values to AMQP 1.0 bytes.

Integers become 64-bit longs; where the protocol wants another width, use uint(), ushort(), ubyte() or int32().
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from local.service_bus.amqp_types import CodecError, Described, Encoded, Symbol, Timestamp

_UINT = struct.Struct(">I")
_LONG = struct.Struct(">q")
_ULONG = struct.Struct(">Q")
_USHORT = struct.Struct(">H")
_INT = struct.Struct(">i")
_DOUBLE = struct.Struct(">d")

NULL = Encoded(b"\x40")


def ubyte(n: int) -> Encoded:
    return Encoded(bytes((0x50, n)))


def ushort(n: int) -> Encoded:
    return Encoded(b"\x60" + _USHORT.pack(n))


def uint(n: int) -> Encoded:
    if n == 0:
        return Encoded(b"\x43")
    return Encoded(bytes((0x52, n))) if n < 256 else Encoded(b"\x70" + _UINT.pack(n))


def ulong(n: int) -> Encoded:
    return Encoded(b"\x80" + _ULONG.pack(n))


def int32(n: int) -> Encoded:
    return Encoded(b"\x71" + _INT.pack(n))


def long(n: int) -> Encoded:
    return Encoded(b"\x81" + _LONG.pack(n))


def timestamp(ms: int) -> Encoded:
    return Encoded(b"\x83" + _LONG.pack(ms))


def _sized(short: int, wide: int, data: bytes) -> bytes:
    size = len(data)
    return bytes((short, size)) + data if size < 256 else bytes((wide,)) + _UINT.pack(size) + data


def _compound(short: int, wide: int, parts: Sequence[bytes]) -> bytes:
    body = b"".join(parts)
    if len(body) < 255 and len(parts) < 256:
        return bytes((short, len(body) + 1, len(parts))) + body
    return bytes((wide,)) + _UINT.pack(len(body) + 4) + _UINT.pack(len(parts)) + body


def encoded_list(parts: Sequence[bytes]) -> Encoded:
    """A list of items that are already encoded."""
    return Encoded(_compound(0xC0, 0xD0, parts) if parts else b"\x45")


def encoded_map(parts: Sequence[bytes]) -> Encoded:
    """A map of already encoded keys and values in turn."""
    return Encoded(_compound(0xC1, 0xD1, parts))


def _array(constructor: int, items: Sequence[bytes]) -> Encoded:
    body = bytes((constructor,)) + b"".join(items)
    return Encoded(b"\xf0" + _UINT.pack(len(body) + 4) + _UINT.pack(len(items)) + body)


def timestamp_array(values_ms: Iterable[int]) -> Encoded:
    return _array(0x83, [_LONG.pack(v) for v in values_ms])


def long_array(values: Iterable[int]) -> Encoded:
    return _array(0x81, [_LONG.pack(v) for v in values])


def symbol_array(values: Iterable[str]) -> Encoded:
    return _array(0xB3, [_UINT.pack(len(v)) + v.encode("ascii") for v in values])


def string_array(values: Iterable[str]) -> Encoded:
    items = [v.encode() for v in values]
    return _array(0xB1, [_UINT.pack(len(v)) + v for v in items])


def _text(value: str) -> bytes:
    return _sized(0xA1, 0xB1, value.encode())


def _symbol(value: Symbol) -> bytes:
    return _sized(0xA3, 0xB3, value.encode("ascii"))


def _binary(value: bytes | bytearray | memoryview) -> bytes:
    return _sized(0xA0, 0xB0, bytes(value))


def _described(value: Described) -> bytes:
    code = value.descriptor
    small = type(code) is int and 0 <= code < 256
    descriptor = bytes((0x53, code)) if small else ulong(code) if type(code) is int else encode(code)
    return b"\x00" + descriptor + encode(value.value)


def _list(value: Sequence[Any]) -> bytes:
    return encoded_list([encode(item) for item in value])


def _map(value: Mapping[Any, Any]) -> bytes:
    return encoded_map([part for key, item in value.items() for part in (encode(key), encode(item))])


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    int: long,
    float: lambda value: b"\x82" + _DOUBLE.pack(value),
    str: _text,
    Symbol: _symbol,
    bytes: _binary,
    bytearray: _binary,
    memoryview: _binary,
    Encoded: lambda value: value,
    UUID: lambda value: b"\x98" + value.bytes,
    Timestamp: lambda value: timestamp(value.ms),
    Described: _described,
    list: _list,
    tuple: _list,
    dict: _map,
}


def encode(value: Any) -> bytes:
    """The AMQP encoding of a value.

    Raises:
        CodecError: its type has no AMQP form, an integer exceeds 64 bits, a symbol is not ASCII.
    """
    try:
        return _ENCODERS[type(value)](value)
    except KeyError:
        raise CodecError(f"{type(value).__name__} has no AMQP encoding") from None
    except (struct.error, UnicodeEncodeError, RecursionError) as error:
        raise CodecError(f"a {type(value).__name__} can't be encoded: {error}") from error
