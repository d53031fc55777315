"""Makes the containers that people put files into: in Azure the deployment does (infra/storage.bicep)."""

import threading
from collections.abc import Mapping
from contextlib import suppress

from shared.run_settings import UPLOAD_CONTAINER

STORAGE = "AzureWebJobsStorage"


def start_making(settings: Mapping[str, str]) -> threading.Thread:
    """Make them while other things start. Without storage there is nothing to do.

    Returns:
        What is to be waited for.
    """
    thread = threading.Thread(target=_make, args=(settings.get(STORAGE),), daemon=True)
    thread.start()
    return thread


def _make(connection_string: str | None) -> None:
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobServiceClient

    if connection_string is None:
        return
    # Without it uploads say that it is missing; what else is wrong with storage the host says.
    with suppress(AzureError), BlobServiceClient.from_connection_string(connection_string) as service:
        service.create_container(UPLOAD_CONTAINER)
