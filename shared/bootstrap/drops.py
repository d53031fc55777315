"""What the blob trigger of dropped files needs, apart from the services of app.py.

On Flex Consumption blob functions have instances of their own, which need neither tables nor model.
"""

from functools import cache

from shared.config import Settings, audio_container, audio_queues
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
    settings = Settings.from_env()
    blobs = AzureBlobLookup(blob_service(settings.blobs))
    return AudioDrops(blobs, ServiceBusMessageSender(settings.service_bus), audio_container(), audio_queues().inbox)
