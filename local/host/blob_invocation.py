"""The call that a blob leads to: its value, and what the host says about it."""

import base64
import codecs
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from azure.storage.blob import BlobProperties, BlobType

from local.host.binding_data import add_json_properties
from local.host.contracts import Datum, Function, Invocation

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TYPES = {BlobType.BLOCKBLOB: 0, BlobType.PAGEBLOB: 1, BlobType.APPENDBLOB: 2}  # as .NET numbers them


def content_value(trigger: Mapping[str, Any], content: bytes) -> Datum:
    """A blob's content as the trigger wants it.

    Without dataType the host reads the blob as text: what isn't UTF-8 arrives with replacement characters, and a byte
    order mark is lost. Audio and archives need data_type=func.DataType.BINARY. (WorkerFunctionInvoker.TransformInput)
    """
    if str(trigger.get("dataType") or "").upper() == "BINARY":
        return Datum("bytes", content)
    return Datum("string", _text(content))


def blob_invocation(
    function: Function, url: str, properties: BlobProperties, value: Datum, placeholders: Mapping[str, str]
) -> Invocation:
    """The call for one blob.

    Args:
        value: the blob's content, or a reference to it.
    """
    metadata = {
        "BlobTrigger": Datum("string", f"{properties.container}/{properties.name}"),
        "Uri": Datum.json(url),
        "Properties": Datum.json(_properties(properties)),
        "Metadata": Datum.json(properties.metadata or {}),
    }
    known = {name.lower(): name for name in metadata}
    for name, placeholder in placeholders.items():
        metadata[known.get(name.lower(), name)] = Datum("string", placeholder)
    if value.kind == "string":
        add_json_properties(metadata, value.value)
    return Invocation(function, {function.trigger["name"]: value}, metadata)


def _text(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def _properties(properties: BlobProperties) -> dict[str, Any]:
    """The properties of a blob under the names that .NET's BlobProperties has, as far as functions use them.

    The ETag is an empty object, as in the cloud: Newtonsoft.Json finds nothing public in Azure.ETag. Whoever needs it
    has to ask storage.
    """
    settings = properties.content_settings
    return {
        "LastModified": _date(properties.last_modified),
        "CreatedOn": _date(properties.creation_time),
        "Metadata": properties.metadata or {},
        "BlobType": _TYPES.get(properties.blob_type),
        "ContentLength": properties.size,
        "ContentType": settings.content_type,
        "ETag": {},
        "ContentHash": base64.b64encode(settings.content_md5).decode() if settings.content_md5 else None,
        "ContentEncoding": settings.content_encoding,
        "ContentDisposition": settings.content_disposition,
        "ContentLanguage": settings.content_language,
        "CacheControl": settings.cache_control,
        "TagCount": properties.tag_count or 0,
    }


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
