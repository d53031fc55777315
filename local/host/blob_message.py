"""Messages of the queue that carries blobs from where they are found to where functions are called with them."""

import json
from dataclasses import dataclass

TYPE = "BlobTrigger"


@dataclass(frozen=True, slots=True)
class BlobMessage:
    """One blob for one function (BlobTriggerMessage.cs).

    Attributes:
        function_id: "Host.Functions.{name}".
        blob_type: "Block", "Append" or "Page".
        etag: with its quotation marks.
    """

    function_id: str
    blob_type: str
    container: str
    name: str
    etag: str

    def to_json(self) -> str:
        return json.dumps(
            {
                "Type": TYPE,
                "FunctionId": self.function_id,
                "BlobType": self.blob_type,
                "ContainerName": self.container,
                "BlobName": self.name,
                "ETag": self.etag,
            }
        )

    @staticmethod
    def from_json(text: str) -> "BlobMessage":
        """Read a message.

        Raises:
            ValueError: it isn't one.
        """
        content = json.loads(text)
        keys = ("FunctionId", "BlobType", "ContainerName", "BlobName", "ETag")
        if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in keys):
            raise ValueError("not a message of a blob trigger")
        return BlobMessage(*(content[key] for key in keys))


def function_id(function_name: str) -> str:
    """The id under which storage knows a function."""
    return f"Host.Functions.{function_name}"


def quoted(etag: str) -> str:
    """An ETag as HTTP headers have it; listings leave the quotation marks out."""
    return etag if etag.startswith('"') else f'"{etag}"'
