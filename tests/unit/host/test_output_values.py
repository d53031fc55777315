"""What output bindings make of a function's values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.blob_output import content
from local.host.contracts import Datum
from local.host.service_bus_output import message_texts


@pytest.mark.parametrize(
    ("kind", "value", "texts"),
    [
        ("string", "plain", ["plain"]),
        ("string", "", [""]),
        ("string", " spaces stay ", [" spaces stay "]),
        ("string", "[not the end", ["[not the end"]),
        ("string", '"a JSON string"', ['"a JSON string"']),
        ("string", "5", ["5"]),
        ("string", '{"b":1,"a":"ü"}', ['{\n  "b": 1,\n  "a": "ü"\n}']),
        ("string", '{"at":"2026-01-02T03:04:05.500Z"}', ['{\n  "at": "2026-01-02T03:04:05.5Z"\n}']),
        ("string", '["x", 1, 1.5, true, null, {"a": 1}]', ["x", "1", "1.5", "True", "", '{\n  "a": 1\n}']),
        ("string", "[]", []),
        ("string", "[[1], []]", ["[\n  1\n]", "[]"]),
        ("json", '{"at":"2026-01-02T03:04:05.500Z"}', ['{\n  "at": "2026-01-02T03:04:05.500Z"\n}']),
        ("json", "[1, 2]", ["1", "2"]),
        ("json", "5", ["5"]),
        ("json", '"[1, 2]"', ["1", "2"]),
        ("json", "null", []),
        ("bytes", b"abc", ["System.Byte[]"]),
    ],
)
def test_service_bus(kind: str, value: object, texts: list[str]) -> None:
    assert message_texts(Datum(kind, value)) == texts  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["{not JSON}", "[1, 2,]", "{'a': 1}"])
def test_what_looks_like_json_must_be_json(text: str) -> None:
    with pytest.raises(ValueError, match="so the host reads it as JSON"):
        message_texts(Datum("string", text))


@given(st.text())
def test_any_text_is_sent_or_refused(text: str) -> None:
    try:
        texts = message_texts(Datum("string", text))
    except ValueError:
        return
    assert all(isinstance(item, str) for item in texts)


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [("string", "ü", b"\xc3\xbc"), ("bytes", b"\xff", b"\xff"), ("json", '{ "a": 1.0 }', b'{"a":1.0}')],
)
def test_blobs(kind: str, value: object, written: bytes) -> None:
    assert content(Datum(kind, value)) == written  # type: ignore[arg-type]


def test_a_value_that_is_no_content() -> None:
    with pytest.raises(ValueError, match="of kind 'http'"):
        content(Datum("http", {}))
