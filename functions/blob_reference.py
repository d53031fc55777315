"""A blob trigger's parameter for blobs whose content must not go through the host and the worker."""

import json
from collections.abc import Mapping
from typing import Any

from azurefunctions.extensions.base import Datum, InConverter, SdkType


class BlobReference(SdkType):
    """Which blob a function is called for.

    Annotating a trigger's parameter with it makes the host send this instead of reading the blob. Microsoft's
    BlobClient does the same, but loads the storage SDK when the app is indexed, and opens a connection with a
    credential of its own, synchronously, for every call.

    Attributes:
        container, name: of the blob.
    """

    def __init__(self, container: str, name: str) -> None:
        super().__init__()
        self.container = container
        self.name = name

    def get_sdk_type(self) -> "BlobReference":
        """See SdkType: what the function gets."""
        return self


class _BlobReferenceConverter(InConverter, binding="blob", trigger="blobTrigger"):
    """Found by the worker library through the registry of azurefunctions-extensions-base."""

    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        return issubclass(pytype, BlobReference)

    @classmethod
    def decode(
        cls,
        data: Datum | None,
        *,
        trigger_metadata: Mapping[str, Any] | None,  # noqa: ARG003 - the library's interface
        pytype: type | None = None,  # noqa: ARG003 - as above
    ) -> BlobReference:
        """Read the host's ModelBindingData.

        Raises:
            ValueError: the host sent something else, which it does where another binding of the function has an
                expression such as `{name}`.
        """
        if data is None or data.type != "model_binding_data":
            raise ValueError(f"The host sent no reference to a blob ({data.type if data else 'nothing'}).")
        content = json.loads(data.value.content)
        return BlobReference(content["ContainerName"], content["BlobName"])
