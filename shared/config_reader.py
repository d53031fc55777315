"""Typed look-ups in a set of application settings, with errors that name the setting.

A look-up is also the setting's definition: its names, default, range and effect stand there and nowhere else.
shared/config_catalogue.py collects them for docs/configuration.md, `sluice config show` and the validator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

from shared.config_setting import Form, Setting, shown
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


class Told(TypedDict, total=False):
    """What the documentation says of a setting.

    Attributes:
        effect: what it does.
        default_is: the default, where it follows from something else.
        unit: where the name's end doesn't say it.
    """

    effect: str
    default_is: str
    unit: str


class NotedEnvironment(dict[str, str]):
    """An environment that notes the definitions of the settings that are looked up in it.

    Attributes:
        noted: by name, in the order of the look-ups.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.noted: dict[str, Setting] = {}

    def note(self, setting: Setting) -> None:
        """A name may be looked up in several places; one of them describes it."""
        known = self.noted.get(setting.name)
        if known is None or (not known.effect and setting.effect):
            self.noted[setting.name] = setting


class Reader:
    """Looks settings up by name. Every look-up raises ConfigurationError where the value is missing or wrong.

    All look-ups take what the documentation says of the setting (see Told); only `effect` is required, by a test.

    Args:
        env: names and values, such as the environment.
        area: the part of the documentation that the settings belong to.
    """

    def __init__(self, env: Mapping[str, str], area: str = "") -> None:
        self._env = env
        self._area = area

    def of(self, area: str) -> "Reader":
        """The same for the settings of an area."""
        return Reader(self._env, area)

    @overload
    def text(self, *names: str, form: Form = ..., choices: Iterable[str] = ..., **told: Unpack[Told]) -> str | None: ...
    @overload
    def text(
        self, *names: str, default: str, form: Form = ..., choices: Iterable[str] = ..., **told: Unpack[Told]
    ) -> str: ...

    def text(
        self,
        *names: str,
        default: str | None = None,
        form: Form = Form.TEXT,
        choices: Iterable[str] = (),
        **told: Unpack[Told],
    ) -> str | None:
        """The first of these names that has a value.

        Args:
            names: the setting's name, then others that are accepted for it.
            choices: what it may be; what else it is doesn't raise here, but is told by the validator.
        """
        self._note(names, form, default, told, choices=tuple(choices))
        return self._find(*names) or default

    def choice(self, *names: str, choices: tuple[str, ...], default: str, **told: Unpack[Told]) -> str:
        """One of several words, in any case; as `choices` writes it.

        Args:
            names: the setting's name, then others, which count only where they hold one of the words: those of the
                source documents, such as LOG_LEVEL, may be meant for other software.
        """
        self._note(names, Form.TEXT, default, told, choices=choices)
        words = {choice.lower(): choice for choice in choices}
        value = self._find(names[0])
        if value is not None and value.lower() not in words:
            raise ConfigurationError(
                f"The setting {names[0]} must be {' or '.join(choices)}, not {shown(value)}.", field=names[0]
            )
        given = (value, *(self._find(alias) for alias in names[1:]), default)
        return next(words[word.lower()] for word in given if word is not None and word.lower() in words)

    def path(self, name: str, **told: Unpack[Told]) -> Path | None:
        """A file or folder."""
        self._note((name,), Form.PATH, None, told)
        value = self._find(name)
        return None if value is None else Path(value)

    def names(self, name: str, default: str, *, form: Form = Form.TEXT, **told: Unpack[Told]) -> tuple[str, ...]:
        """Such as `one, two`."""
        self._note((name,), form, default or None, told, several=True)
        return tuple(filter(None, (part.strip() for part in (self._find(name) or default).split(","))))

    def number(
        self,
        name: str,
        default: float,
        *,
        low: float,
        high: float,
        words: tuple[str, ...] = (),
        **told: Unpack[Told],
    ) -> float:
        """A number within a range, both ends included.

        Args:
            words: what it may be besides; counts as the default here.
        """
        self._note((name,), Form.NUMBER, default, told, low=low, high=high, choices=words)
        if (self._find(name) or "").lower() in words:
            return default
        return self._number(name, default, low, high)

    def whole(self, name: str, default: int, *, low: int, high: int, **told: Unpack[Told]) -> int:
        """A whole number within a range, both ends included."""
        self._note((name,), Form.WHOLE, default, told, low=low, high=high)
        value = self._number(name, default, low, high)
        if value != int(value):
            raise ConfigurationError(f"The setting {name} must be a whole number, not {value:g}.", field=name)
        return int(value)

    def weights(self, name: str, **told: Unpack[Told]) -> dict[str, float]:
        """Such as `shop=3, forum=0.5`."""
        self._note((name,), Form.WEIGHTS, None, told)
        weights: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in (self._find(name) or "").split(","))):
            app, _, raw = part.rpartition("=")
            try:
                weights[app.strip()] = weight = float(raw)
            except ValueError:
                weight = 0.0
            if not app.strip() or not 0 < weight <= 1000:
                raise ConfigurationError(
                    f"The setting {name} must name apps with weights above 0, such as shop=3,forum=0.5; "
                    f"{shown(part)} is none.",
                    field=name,
                )
        return weights

    def storage(self, service: str) -> Connection:
        """AzureWebJobsStorage, as the Functions host reads it: connection string, service address or account name."""
        name = "AzureWebJobsStorage"
        connection_string = self.text(
            name,
            form=Form.SECRET,
            effect="connection string of the storage account. Without it, one of the next settings names the account",
        )
        account = self.text(
            f"{name}__accountName",
            "AZURE_STORAGE_ACCOUNT",
            effect="name of the storage account, where a managed identity is used instead of a connection string",
        )
        address = self.text(
            f"{name}__{service}ServiceUri",
            form=Form.ADDRESS,
            effect=f"address of its {service} service, where it doesn't follow from the account's name",
        ) or (f"https://{account}.{service}.core.windows.net" if account else None)
        client_id = self.text(f"{name}__clientId", effect="client id of a user-assigned identity")
        if connection_string is None and address is None:
            raise ConfigurationError(
                f"No storage account is set: give {name} (connection string), {name}__accountName "
                f"or {name}__{service}ServiceUri.",
                field=name,
            )
        return Connection(connection_string, address, client_id)

    def service_bus(self) -> Connection:
        """ServiceBusConnection, as the Functions host reads it: connection string or namespace."""
        name = "ServiceBusConnection"
        connection_string = self.text(
            name,
            form=Form.SECRET,
            effect="connection string of the Service Bus namespace. Without it, the next setting names the namespace",
        )
        address = self.text(
            f"{name}__fullyQualifiedNamespace",
            "SERVICE_BUS_NAMESPACE",
            form=Form.NAMESPACE,
            effect="the namespace, such as `NAME.servicebus.windows.net`, where a managed identity is used. The host's "
            "triggers read the first name only",
        )
        client_id = self.text(f"{name}__clientId", effect="client id of a user-assigned identity")
        if connection_string is None and address is None:
            raise ConfigurationError(
                f"No Service Bus namespace is set: give {name} (connection string) or {name}__fullyQualifiedNamespace.",
                field=name,
            )
        return Connection(connection_string, address, client_id)

    def _number(self, name: str, default: float, low: float, high: float) -> float:
        raw = self._find(name)
        if raw is None:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise ConfigurationError(f"The setting {name} must be a number, not {shown(raw)}.", field=name) from None
        if not low <= value <= high:
            raise ConfigurationError(
                f"The setting {name} must be from {low:,.15g} to {high:,.15g}, not {shown(raw)}.", field=name
            )
        return value

    def _find(self, *names: str) -> str | None:
        return next((value for name in names if (value := self._env.get(name, "").strip())), None)

    def _note(self, names: tuple[str, ...], form: Form, default: str | float | None, told: Told, **more: Any) -> None:
        if isinstance(self._env, NotedEnvironment):
            self._env.note(Setting(names[0], names[1:], self._area, form, default, **more, **told))
