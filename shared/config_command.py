"""The settings of the `sluice` command: how it reaches the running app."""

from dataclasses import dataclass, field

from shared.config_reader import Reader
from shared.config_setting import Form


@dataclass(frozen=True, slots=True)
class AppAccess:
    """How the command reaches the running app.

    Attributes:
        url: such as "https://NAME.azurewebsites.net"; None where none is set.
        function_key: where its endpoints ask for a key.
        resource_uri: audience of an Entra token, where they ask for that.
    """

    url: str | None
    function_key: str | None = field(default=None, repr=False)
    resource_uri: str | None = None


def read_app_access(reader: Reader) -> AppAccess:
    """Read them."""
    reader = reader.of("The `sluice` command")
    return AppAccess(
        url=reader.text(
            "SLUICE_URL",
            form=Form.ADDRESS,
            effect="address of the app, such as `https://NAME.azurewebsites.net`, for `status` and `limits`",
        ),
        function_key=reader.text(
            "SLUICE_FUNCTION_KEY", form=Form.SECRET, effect="a key of the app, sent as `x-functions-key`"
        ),
        resource_uri=reader.text(
            "SLUICE_RESOURCE_URI",
            effect="audience of an Entra token, such as `api://NAME`, where the app asks for a sign-in",
        ),
    )
