"""Every setting with its value and source, as `sluice config show` prints it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from cli.settings_source import FoundSettings
from shared.config_catalogue import catalogue, settings_of
from shared.config_checks.given import Given
from shared.config_setting import Setting
from shared.errors import ConfigurationError
from shared.log_settings import secret_values

DEFAULT = "default"
UNSET = "not set"
MASK = "***"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting.

    Attributes:
        value: masked where it is a secret; None where there is none.
        source: "environment", "local.settings.json", "running stack", "default" or "not set".
        given_as: the name under which it is given; None where it isn't.
    """

    area: str
    name: str
    value: str | None
    unit: str
    source: str
    given_as: str | None

    @property
    def origin(self) -> str:
        """The source, and the second name that was used."""
        return self.source if self.given_as in (None, self.name) else f"{self.source}, as {self.given_as}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def shown_settings(found: FoundSettings) -> list[ShownSetting]:
    """All settings, grouped by area."""
    given = Given.read(found.values)
    try:
        settings = settings_of(given.readable)
    except ConfigurationError:
        settings = catalogue()
    secrets = secret_values(found.values)
    return [_shown(setting, found, given, secrets) for setting in settings]


def _shown(setting: Setting, found: FoundSettings, given: Given, secrets: tuple[str, ...]) -> ShownSetting:
    name = next(_given_names(setting, given), None)
    if name is None:
        default = setting.default
        value = None if default is None else f"{default:.15g}" if isinstance(default, float) else str(default)
        source = UNSET if value is None and not setting.default_is else DEFAULT
        return ShownSetting(setting.area, setting.name, value, setting.measure, source, None)
    value = MASK if setting.secret else given.env[name]
    for secret in secrets:
        value = value.replace(secret, MASK)
    return ShownSetting(setting.area, setting.name, value, setting.measure, found.sources[name], name)


def _given_names(setting: Setting, given: Given) -> Iterator[str]:
    return (name for name in (setting.name, *setting.aliases) if name in given.env)
