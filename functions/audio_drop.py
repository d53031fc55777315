"""A file put into the audio container starts an audio job. Files are large: only their names come here."""

import azure.functions as func

from functions.blob_reference import BlobReference
from shared.config import audio_container

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
    from shared.bootstrap.drops import audio_drops

    await audio_drops().take(blob.container, blob.name)
