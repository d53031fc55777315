"""Files put into the audio container become audio jobs.

Events of blobs come more than once, late and out of order, and may be of containers that nobody meant. So the job is
made of what storage says now, under an id that is the same for the same version of a file.
"""

import hashlib
import logging
import re
import unicodedata

from shared.messages import OutgoingMessage, to_json
from shared.messaging.sender import MessageSender
from shared.storage.blob_facts import BlobFacts, BlobLookup
from shared.telemetry.events import log_event

_UNFINISHED_ENDINGS = (".tmp", ".part", ".crdownload")
_PASSED_ON = ("app_id", "priority", "traceparent")
"""Labels of a blob that its message carries as they are."""
_READABLE_LIMIT_CHARS = 60  # with the rest far below the 128 characters that Service Bus allows a message id

logger = logging.getLogger(__name__)


class AudioDrops:
    """Sends a message to the audio in queue for each version of each file.

    Args:
        container: whose files are meant.
        queue: the in queue.
    """

    def __init__(self, blobs: BlobLookup, sender: MessageSender, container: str, queue: str) -> None:
        self._blobs = blobs
        self._sender = sender
        self._container = container
        self._queue = queue

    async def take(self, container: str, name: str) -> None:
        """Send the job of a blob, unless it is to be ignored. Harmless to call again.

        Raises:
            StorageError, MessagingError: call again. A message that was sent all the same keeps its id.
        """
        found = await self._find(container, name)
        if isinstance(found, str):
            log_event(logger, "audio_drop_ignored", blob=f"{container}/{name}", reason=found)
            return
        job = job_of(found)
        await self._sender.send(self._queue, [job])
        log_event(logger, "audio_dropped", job_id=job.message_id, size=found.size)

    async def _find(self, container: str, name: str) -> BlobFacts | str:
        """The file, or the reason to ignore it."""
        if container != self._container:
            return "other_container"
        if reason := ignored_name(name):
            return reason
        facts = await self._blobs.facts(container, name)
        if facts is None:
            return "gone"
        return ignored_content(facts) or facts


def ignored_name(name: str) -> str | None:
    """Why a blob of this name is no recording: "folder", "hidden" or "unfinished"; None where it may be one."""
    file = _file_name(name)
    if not file:
        return "folder"
    if file.startswith("."):
        return "hidden"
    if file.lower().endswith(_UNFINISHED_ENDINGS):
        return "unfinished"
    return None


def ignored_content(blob: BlobFacts) -> str | None:
    """Why a blob is no recording: "folder" or "empty"; None where it may be one.

    Data Lake and SFTP clients begin with an empty file, whose content raises an event of its own; tools for accounts
    without folders mark them with empty blobs (hdi_isfolder).
    """
    if blob.size > 0:
        return None
    return "folder" if blob.labels.get("hdi_isfolder", "").lower() == "true" else "empty"


def job_of(blob: BlobFacts) -> OutgoingMessage:
    """The message that makes one version of a file an audio job."""
    body: dict[str, str | bool] = {"audio": f"{blob.container}/{blob.name}"}
    if language := _label(blob, "language"):
        body["language"] = language
    if analyse := _label(blob, "analyse"):
        body["analyse"] = analyse.lower()
    return OutgoingMessage(
        message_id=job_id(blob),
        body=to_json(body),
        correlation_id=blob.name,
        properties={"source": "blob", **{name: _label(blob, name) for name in _PASSED_ON}},
    )


def job_id(blob: BlobFacts) -> str:
    """`drop-{file name}-{digest}`: readable, and another one for every version of every file.

    The file name in ASCII letters, digits, dots and dashes; the digest is of container, name and ETag: 64 bits.
    """
    plain = unicodedata.normalize("NFKD", _file_name(blob.name)).encode("ascii", "ignore").decode()
    dashed = re.sub(r"[^A-Za-z0-9.]+", "-", plain).replace("-.", ".")
    readable = dashed.strip("-.")[:_READABLE_LIMIT_CHARS] or "file"
    digest = hashlib.sha256(f"{blob.container}\n{blob.name}\n{blob.etag}".encode()).hexdigest()[:16]
    return f"drop-{readable}-{digest}"


def _file_name(name: str) -> str:
    return name.rpartition("/")[2]


def _label(blob: BlobFacts, name: str) -> str | None:
    return blob.labels.get(name, "").strip() or None
