"""The few queue operations the tests need, over REST: no queue library is installed."""

import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

from azure.storage.blob import Services, generate_account_sas

from tests.support.azurite import Azurite

Message = dict[str, str]
"""MessageId, PopReceipt (unless peeked), MessageText, DequeueCount, ..."""


class Queue:
    """A queue of an Azurite. Every call raises OSError when the server is gone or refuses."""

    def __init__(self, server: Azurite, name: str) -> None:
        settings = dict(part.split("=", 1) for part in server.connection_string.rstrip(";").split(";"))
        self._signature = generate_account_sas(
            settings["AccountName"],
            settings["AccountKey"],
            resource_types="sco",
            permission="rwdlacup",
            expiry=datetime.now(UTC) + timedelta(hours=1),
            services=Services(queue=True),
        )
        self._url = f"{server.queue_url}/{name}"

    def create(self) -> None:
        self._request("PUT", "")

    def put(self, text: str) -> Message:
        body = f"<QueueMessage><MessageText>{text}</MessageText></QueueMessage>"
        (message,) = self._request("POST", "/messages", body=body)
        return message

    def receive(self, visibility_timeout_s: int) -> list[Message]:
        return self._request("GET", "/messages", f"numofmessages=1&visibilitytimeout={visibility_timeout_s}")

    def peek(self) -> list[Message]:
        """Up to 32 visible messages, the limit of the service."""
        return self._request("GET", "/messages", "peekonly=true&numofmessages=32")

    def delete(self, message: Message) -> None:
        receipt = urllib.parse.quote(message["PopReceipt"], safe="")
        self._request("DELETE", f"/messages/{message['MessageId']}", f"popreceipt={receipt}")

    def _request(self, method: str, path: str, query: str = "", body: str | None = None) -> list[Message]:
        url = f"{self._url}{path}?{query}&{self._signature}"
        request = urllib.request.Request(url, method=method, data=body.encode() if body else None)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own address
            text = response.read()
        return [{field.tag: field.text or "" for field in item} for item in ET.fromstring(text)] if text else []  # noqa: S314
