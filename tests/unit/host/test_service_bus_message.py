"""What a function gets of a Service Bus message."""

import json
import uuid
from typing import Any

import pytest
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageHeader, AmqpMessageProperties
from hypothesis import given
from hypothesis import strategies as st

from local.host.contracts import Function, Invocation
from local.host.service_bus_message import batch_invocation, single_invocation

TOKEN = uuid.UUID("11111111-2222-3333-4444-555555555555")
ENQUEUED_MS = 1767323045120  # 2026-01-02T03:04:05.12Z


class Received:
    """A received message as far as the host looks at it: the client makes them from frames only."""

    lock_token = TOKEN
    delivery_count = 0

    def __init__(self, body: bytes = b"body", **parts: Any) -> None:
        properties = {"message_id": b"m", **parts.pop("properties", {})}
        header = {"delivery_count": 0, **parts.pop("header", {})}
        annotations = {b"x-opt-enqueued-time": ENQUEUED_MS, b"x-opt-sequence-number": 9, **parts.pop("annotations", {})}
        content = {"data_body": body} if "value_body" not in parts else {}
        self.raw_amqp_message = AmqpAnnotatedMessage(
            **content,
            header=AmqpMessageHeader(**header),
            properties=AmqpMessageProperties(**properties),
            annotations=annotations,
            **parts,
        )


def single(message: Received, **trigger: Any) -> Invocation:
    return single_invocation(_function(trigger), _cast(message))


def batch(*messages: Received, **trigger: Any) -> Invocation:
    return batch_invocation(_function(trigger), [_cast(message) for message in messages])


def _function(trigger: dict[str, Any]) -> Function:
    return Function("work", "id", {"name": "msg", "type": "serviceBusTrigger", **trigger}, (), ())


def _cast(message: Any) -> ServiceBusReceivedMessage:
    return message  # type: ignore[no-any-return]


def test_all_metadata_of_a_message() -> None:
    message = Received(
        properties={
            "content_type": b"text/plain",
            "reply_to": b"back",
            "to": b"there",
            "subject": b"about",
            "correlation_id": b"c",
            "group_id": b"session",
            "reply_to_group_id": b"back session",
        },
        annotations={b"x-opt-partition-key": b"p", b"x-opt-deadletter-source": b"q"},
        header={"delivery_count": 2, "time_to_live": 60_000},
        application_properties={b"text": b"t", b"number": 1, b"flag": True, b"bytes": b"\xff", b"id": TOKEN},
    )
    call = single(message)
    properties = {"text": "t", "number": 1, "flag": True, "bytes": "/w==", "id": str(TOKEN)}
    texts = {name: datum.value for name, datum in call.metadata.items() if datum.kind == "string"}
    others = {name: json.loads(datum.value) for name, datum in call.metadata.items() if datum.kind == "json"}
    assert texts == {
        "MessageId": "m",
        "ContentType": "text/plain",
        "ReplyTo": "back",
        "To": "there",
        "Subject": "about",
        "Label": "about",
        "CorrelationId": "c",
        "SessionId": "session",
        "ReplyToSessionId": "back session",
        "PartitionKey": "p",
        "DeadLetterSource": "q",
        "LockToken": str(TOKEN),
    }
    assert others == {
        "DeliveryCount": 3,
        "SequenceNumber": 9,
        "EnqueuedTimeUtc": "2026-01-02T03:04:05.12",
        "EnqueuedTime": "2026-01-02T03:04:05.12+00:00",
        "ExpiresAtUtc": "2026-01-02T03:05:05.12",
        "ExpiresAt": "2026-01-02T03:05:05.12+00:00",
        "ApplicationProperties": properties,
        "UserProperties": properties,
    }


def test_what_a_message_has_not_is_absent() -> None:
    call = single(Received())
    assert set(call.metadata) == {
        "MessageId", "LockToken", "DeliveryCount", "SequenceNumber", "EnqueuedTimeUtc", "EnqueuedTime", "ExpiresAtUtc",
        "ExpiresAt", "ApplicationProperties", "UserProperties",
    }  # fmt: skip
    assert call.metadata["ExpiresAtUtc"].value == '"9999-12-31T23:59:59.9999999"'
    assert call.trace_parent == ""


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({b"Diagnostic-Id": b"d"}, "d"),
        ({b"Diagnostic-Id": b"d", b"traceparent": b"t"}, "t"),
        ({b"traceparent": b""}, ""),
    ],
)
def test_the_trace_of_the_sender(properties: dict[bytes, Any], expected: str) -> None:
    assert single(Received(application_properties=properties)).trace_parent == expected


@pytest.mark.parametrize(
    ("data_type", "kind", "value"),
    [(None, "string", "a�b"), ("STRING", "string", "a�b"), ("BINARY", "bytes", b"a\xffb")],
)
def test_data_types(data_type: str | None, kind: str, value: Any) -> None:
    datum = single(Received(b"a\xffb"), dataType=data_type).inputs["msg"]
    assert (datum.kind, datum.value) == (kind, value)


def test_a_body_that_is_no_data_cannot_be_given() -> None:
    with pytest.raises(ValueError, match="of type value"):
        single(Received(value_body=None))


def test_properties_of_a_json_body_replace_metadata() -> None:
    body = {"messageId": "other", "extra": 5, "deep": {"a": [1]}, "list": [1], "none": None, "float": 1.0, "yes": True}
    metadata = single(Received(json.dumps(body).encode())).metadata
    assert metadata["MessageId"].value == "other"
    assert "messageId" not in metadata
    assert (metadata["extra"].kind, metadata["extra"].value) == ("string", "5")
    assert (metadata["deep"].kind, metadata["deep"].value) == ("json", '{"a":[1]}')
    assert (metadata["float"].value, metadata["yes"].value) == ("1", "True")
    assert not {"list", "none"} & set(metadata)
    assert "extra" not in single(Received(json.dumps(body).encode()), dataType="BINARY").metadata


def test_texts_of_a_batch_move_up_where_one_is_missing() -> None:
    call = batch(Received(b"1"), Received(b"", properties={"correlation_id": b"c"}), Received(b"3"), dataType="STRING")
    assert call.inputs["msg"].value == ["1", "3"]
    assert call.metadata["CorrelationIdArray"].value == ["c"]
    assert call.metadata["SubjectArray"].value == []
    assert call.metadata["MessageIdArray"].value == ["m"] * 3
    assert call.metadata["LockTokenArray"].value == [str(TOKEN)] * 3
    assert json.loads(call.metadata["DeliveryCountArray"].value) == [1, 1, 1]
    assert json.loads(call.metadata["UserPropertiesArray"].value) == [{}, {}, {}]


def test_bytes_of_a_batch_line_up() -> None:
    call = batch(Received(b"1"), Received(b""), dataType="BINARY")
    assert (call.inputs["msg"].kind, call.inputs["msg"].value) == ("collection_bytes", [b"1", b""])


def test_a_batch_without_data_type_is_read_as_json() -> None:
    call = batch(Received(b'{"a": "2026-01-02T03:04:05.000Z"}'), Received(b"5"))
    assert (call.inputs["msg"].kind, call.inputs["msg"].value) == ("json", '[{"a":"2026-01-02T03:04:05Z"},5]')
    with pytest.raises(ValueError, match=r"data_type=func\.DataType\.STRING"):
        batch(Received(b"{}"), Received(b"text"))


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=10) | st.uuids()
TEXTS = st.dictionaries(
    st.sampled_from(["content_type", "subject", "correlation_id", "group_id", "to"]), st.binary(max_size=8)
)


@given(st.binary(max_size=60), TEXTS, st.dictionaries(st.binary(max_size=8), VALUES, max_size=4))
def test_no_message_breaks_the_reader(body: bytes, properties: dict[str, bytes], user: dict[bytes, Any]) -> None:
    message = Received(body, properties=properties, application_properties=user)
    for call in (single(message), batch(message, message, dataType="BINARY"), batch(message, dataType="STRING")):
        for datum in call.metadata.values():
            if datum.kind == "json":
                json.loads(datum.value)
