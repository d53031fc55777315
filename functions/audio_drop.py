"""A file put into the audio container starts an audio job. Files are large: only their names come here."""

from functools import cache
from typing import TYPE_CHECKING

import azure.functions as func

from functions.blob_reference import BlobReference
from shared.config import audio_container

if TYPE_CHECKING:
    from shared.jobs.audio_drop import AudioDrops

bp = func.Blueprint()


# Event Grid: the only source of blob triggers on Flex Consumption.
@bp.function_name("audio_dropped")
@bp.blob_trigger(
    arg_name="blob",
    path=f"{audio_container()}/{{name}}",
    connection="AzureWebJobsStorage",
    source=func.BlobSource.EVENT_GRID,
)
async def audio_dropped(blob: BlobReference) -> None:
    """Send the job of one file to the audio in queue."""
    await _audio_drops().take(blob.container, blob.name)


@cache
def _audio_drops() -> "AudioDrops":
    """Apart from the services of shared/bootstrap.py: on Flex Consumption blob functions have instances of their own,
    which need neither tables nor model.

    Raises:
        ConfigurationError: a setting is missing or wrong; asked for again with the next file.
    """
    from shared.config import Settings, audio_queues
    from shared.jobs.audio_drop import AudioDrops
    from shared.messaging.sender import ServiceBusMessageSender
    from shared.storage.azure import blob_service
    from shared.storage.blob_facts import AzureBlobLookup
    from shared.telemetry.events import quiet_libraries

    quiet_libraries()
    settings = Settings.from_env()
    blobs = AzureBlobLookup(blob_service(settings.blobs))
    return AudioDrops(blobs, ServiceBusMessageSender(settings.service_bus), audio_container(), audio_queues().inbox)
