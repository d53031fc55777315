"""What the blob trigger of dropped files needs, apart from the services of app.py.

On Flex Consumption blob functions have instances of their own, which need neither tables nor model.
"""

from functools import cache

from shared.config import audio_container, audio_queues, service_bus_connection, storage_connections
from shared.jobs.audio_drop import AudioDrops
from shared.log_services import start_log_shipping
from shared.messaging.sender import ServiceBusMessageSender
from shared.storage.azure import blob_service
from shared.storage.blob_facts import AzureBlobLookup
from shared.telemetry.events import quiet_libraries


@cache
def audio_drops() -> AudioDrops:
    """Of this worker process.

    Raises:
        ConfigurationError: a setting is missing or wrong; asked for again with the next file.
    """
    quiet_libraries()
    start_log_shipping()
    # No other settings: a wrong one would use up the event's five tries, after which the file is forgotten.
    blobs, _ = storage_connections()
    sender = ServiceBusMessageSender(service_bus_connection())
    return AudioDrops(AzureBlobLookup(blob_service(blobs)), sender, audio_container(), audio_queues().inbox)
