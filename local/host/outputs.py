"""Output bindings by type, beside that of HTTP."""

from collections.abc import Mapping

from local.host.blob_output import BlobOutput
from local.host.contracts import OutputBinding
from local.host.service_bus_output import ServiceBusOutput


def create_outputs(settings: Mapping[str, str]) -> dict[str, OutputBinding]:
    """One object for each type of output binding, which sends the values of all functions.

    Args:
        settings: all app settings. A binding whose connection has no settings fails when it is used.
    """
    return {"serviceBus": ServiceBusOutput(settings), "blob": BlobOutput(settings)}
