"""Typed look-ups in a set of application settings, with errors that name the setting."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a service: a connection string, or an address with this app's managed identity.

    Attributes:
        address: `https://...` of the storage service, or the fully qualified Service Bus namespace.
        client_id: of a user-assigned identity; None means the default credential.
    """

    connection_string: str | None = field(default=None, repr=False)
    address: str | None = None
    client_id: str | None = None


class Reader:
    """Looks settings up by name. Every look-up raises ConfigurationError where the value is missing or wrong.

    Args:
        env: names and values, such as the environment.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, *names: str) -> str | None:
        return next((value for name in names if (value := self._env.get(name, "").strip())), None)

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return None if value is None else Path(value)

    def names(self, name: str, default: str) -> tuple[str, ...]:
        """Such as `one, two`."""
        return tuple(filter(None, (part.strip() for part in (self.text(name) or default).split(","))))

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        raw = self.text(name)
        if raw is None:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise ConfigurationError(f"The setting {name} must be a number, not {raw!r}.", field=name) from None
        if not low <= value <= high:
            raise ConfigurationError(f"The setting {name} must be from {low:g} to {high:g}, not {raw}.", field=name)
        return value

    def weights(self, name: str) -> dict[str, float]:
        """Such as `shop=3, forum=0.5`."""
        weights: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in (self.text(name) or "").split(","))):
            app, _, raw = part.rpartition("=")
            try:
                weights[app.strip()] = weight = float(raw)
            except ValueError:
                weight = 0.0
            if not app.strip() or not 0 < weight <= 1000:
                raise ConfigurationError(
                    f"The setting {name} must name apps with weights above 0, such as shop=3,forum=0.5; "
                    f"{part!r} is none.",
                    field=name,
                )
        return weights

    def storage(self, service: str) -> Connection:
        """AzureWebJobsStorage, as the Functions host reads it: connection string, service address or account name."""
        name = "AzureWebJobsStorage"
        account = self.text(f"{name}__accountName", "AZURE_STORAGE_ACCOUNT")
        address = self.text(f"{name}__{service}ServiceUri") or (
            f"https://{account}.{service}.core.windows.net" if account else None
        )
        connection_string = self.text(name)
        if connection_string is None and address is None:
            raise ConfigurationError(
                f"No storage account is set: give {name} (connection string), {name}__accountName "
                f"or {name}__{service}ServiceUri.",
                field=name,
            )
        return Connection(connection_string, address, self.text(f"{name}__clientId"))

    def service_bus(self) -> Connection:
        name = "ServiceBusConnection"
        connection_string = self.text(name)
        address = self.text(f"{name}__fullyQualifiedNamespace", "SERVICE_BUS_NAMESPACE")
        if connection_string is None and address is None:
            raise ConfigurationError(
                f"No Service Bus namespace is set: give {name} (connection string) or {name}__fullyQualifiedNamespace.",
                field=name,
            )
        return Connection(connection_string, address, self.text(f"{name}__clientId"))
