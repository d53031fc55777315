"""What a function gets of a Service Bus message: its body in the binding's data type, and the metadata around it.

Names, types and gaps of the metadata are those of ServiceBusTriggerBindingStrategy.cs (extension 5.x):

- DeliveryCount begins at 1: the .NET client adds one to what travels in the message.
- EnqueuedTimeUtc and ExpiresAtUtc have no zone: a Python function sees naive datetimes. EnqueuedTime, ExpiresAt have.
- What is null is absent.
- The top-level properties of a JSON object in a text body are metadata, too (Utility.ApplyBindingData). They replace
  metadata of the same name in any case: a body {"messageId": "x"} changes msg.message_id.
- In batches, arrays of texts lose their empty and missing items, so that items no longer line up with messages: of two
  messages of which only the second has a correlation id, the *first* shows it. (The Python worker doesn't ask for
  IncludeEmptyEntriesInMessagePayload.) Numbers, dates and application properties line up.
- A batch without dataType is read as JSON: a body that isn't JSON fails the batch. dataType STRING or BINARY avoids it.

The handles of the .NET API (MessageActions, Client, ...) that the real host also lists are left out.
"""

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType

from local.host import newtonsoft
from local.host.binding_data import add_json_properties
from local.host.contracts import Datum, Function, Invocation

_NEVER = "9999-12-31T23:59:59.9999999"
_LAST_MS = 253402300799999  # the last millisecond of DateTime
_TRACE_PROPERTIES = (b"traceparent", b"Diagnostic-Id")
_PROPERTIES = {
    "MessageId": "message_id",
    "ContentType": "content_type",
    "ReplyTo": "reply_to",
    "To": "to",
    "Subject": "subject",
    "Label": "subject",
    "CorrelationId": "correlation_id",
    "SessionId": "group_id",
    "ReplyToSessionId": "reply_to_group_id",
}
_ANNOTATIONS = {
    "DeadLetterSource": b"x-opt-deadletter-source",
    "PartitionKey": b"x-opt-partition-key",
    "TransactionPartitionKey": b"x-opt-via-partition-key",
}


def single_invocation(function: Function, message: ServiceBusReceivedMessage) -> Invocation:
    """The call for one message.

    Raises:
        ValueError: the body can't be given to the function in its data type.
    """
    trigger = function.trigger
    raw = message.raw_amqp_message
    metadata = {name: Datum("string", text) for name, text in _texts_of(raw).items() if text is not None}
    metadata["LockToken"] = Datum("string", str(message.lock_token))
    numbers = _numbers_and_dates(raw)
    for name, value in numbers.items():
        metadata[name] = Datum("json", json.dumps(value))
    properties = Datum("json", json.dumps(_application_properties(raw)))
    metadata["ApplicationProperties"] = metadata["UserProperties"] = properties
    if _data_type(trigger) in ("BINARY", "STREAM"):
        body = Datum("bytes", _body_bytes(raw))
    else:
        body = Datum("string", _body_text(raw))
        add_json_properties(metadata, body.value)
    return Invocation(function, {trigger["name"]: body}, metadata, trace_parent=trace_parent(raw))


def batch_invocation(function: Function, messages: Sequence[ServiceBusReceivedMessage]) -> Invocation:
    """The call for a batch. It has no trace parent: the real host links a batch to its messages' traces instead.

    Raises:
        ValueError: a body can't be given to the function in its data type.
    """
    trigger = function.trigger
    raws = [message.raw_amqp_message for message in messages]
    texts = [_texts_of(raw) for raw in raws]
    metadata = {f"{name}Array": _collection(item[name] for item in texts) for name in texts[0]}
    # The real host writes the partition keys twice.
    metadata["TransactionPartitionKeyArray"] = metadata["PartitionKeyArray"]
    metadata["LockTokenArray"] = _collection(str(message.lock_token) for message in messages)
    numbers = [_numbers_and_dates(raw) for raw in raws]
    for name in numbers[0]:
        metadata[f"{name}Array"] = Datum("json", json.dumps([item[name] for item in numbers]))
    properties = Datum("json", json.dumps([_application_properties(raw) for raw in raws]))
    metadata["ApplicationPropertiesArray"] = metadata["UserPropertiesArray"] = properties
    match _data_type(trigger):
        case "STRING":
            bodies = _collection(_body_text(raw) for raw in raws)
        case "":
            bodies = Datum("json", "[" + ",".join(_body_json(raw) for raw in raws) + "]")
        case _:
            bodies = Datum("collection_bytes", [_body_bytes(raw) for raw in raws])
    return Invocation(function, {trigger["name"]: bodies}, metadata)


def trace_parent(raw: AmqpAnnotatedMessage) -> str:
    """The W3C trace context that the sender put into the application properties, or ""."""
    properties = raw.application_properties or {}
    return next((_decode(properties[name]) for name in _TRACE_PROPERTIES if properties.get(name)), "")


def _data_type(trigger: Mapping[str, Any]) -> str:
    return str(trigger.get("dataType") or "").upper()


def _collection(items: Iterable[str | None]) -> Datum:
    return Datum("collection_string", [item for item in items if item])


def _texts_of(raw: AmqpAnnotatedMessage) -> dict[str, str | None]:
    annotations: Mapping[Any, Any] = raw.annotations or {}
    values = {name: getattr(raw.properties, attribute, None) for name, attribute in _PROPERTIES.items()}
    values |= {name: annotations.get(key) for name, key in _ANNOTATIONS.items()}
    return {name: None if value is None else _decode(value) for name, value in values.items()}


def _decode(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _numbers_and_dates(raw: AmqpAnnotatedMessage) -> dict[str, Any]:
    annotations: Mapping[Any, Any] = raw.annotations or {}
    enqueued_ms = annotations.get(b"x-opt-enqueued-time") or 0
    enqueued, expires = _date(enqueued_ms), _date(_expiry_ms(raw, enqueued_ms))
    return {
        "DeliveryCount": ((raw.header.delivery_count or 0) if raw.header else 0) + 1,
        "SequenceNumber": annotations.get(b"x-opt-sequence-number") or 0,
        "EnqueuedTimeUtc": enqueued,
        "EnqueuedTime": enqueued + "+00:00",
        "ExpiresAtUtc": expires,
        "ExpiresAt": expires + "+00:00",
    }


def _expiry_ms(raw: AmqpAnnotatedMessage, enqueued_ms: int) -> int:
    properties = raw.properties
    if properties is not None and properties.absolute_expiry_time and properties.creation_time:
        return enqueued_ms + int(properties.absolute_expiry_time) - int(properties.creation_time)
    time_to_live_ms = raw.header.time_to_live if raw.header else None
    return _LAST_MS + 1 if time_to_live_ms is None else enqueued_ms + int(time_to_live_ms)


def _date(milliseconds: int) -> str:
    if milliseconds > _LAST_MS:
        return _NEVER
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    fraction = milliseconds % 1000
    return f"{text}.{fraction:03}".rstrip("0") if fraction else text


def _application_properties(raw: AmqpAnnotatedMessage) -> dict[str, Any]:
    return {_decode(name): _property(value) for name, value in (raw.application_properties or {}).items()}


def _property(value: Any) -> Any:
    if isinstance(value, bytes):
        # The client doesn't tell texts from bytes; .NET writes bytes in Base64.
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    return str(value) if isinstance(value, uuid.UUID) else value


def _body_bytes(raw: AmqpAnnotatedMessage) -> bytes:
    body: Any = raw.body
    if raw.body_type == AmqpMessageBodyType.DATA:
        return b"".join(body)
    if raw.body_type == AmqpMessageBodyType.VALUE and isinstance(body, bytes):
        return body
    raise ValueError(f"its AMQP body is of type {raw.body_type.name.lower()}, which has no bytes: send data instead")


def _body_text(raw: AmqpAnnotatedMessage) -> str:
    # What isn't UTF-8 comes with replacement characters, as MessageToStringConverter.cs ends.
    return _body_bytes(raw).decode("utf-8", "replace")


def _body_json(raw: AmqpAnnotatedMessage) -> str:
    try:
        return newtonsoft.compact(newtonsoft.parse(_body_text(raw)))
    except ValueError as error:
        raise ValueError(
            f"a body isn't JSON, which batches without dataType must be ({error}): "
            "give the trigger data_type=func.DataType.STRING or BINARY"
        ) from error
