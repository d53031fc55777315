"""The section extensions.durableTask of host.json (DurableTaskOptions.cs, AzureStorageOptions.cs)."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.host.app_settings import find_setting
from local.host.bindings import BindingError, resolve_names
from local.host.config_section import Section
from local.host.connections import HOST_STORAGE

_SECTION = "extensions.durableTask"
_DEFAULT_HUB = "TestHubName"
_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,49}")
_ENTITY_BATCH = 50
_MAX_PARTITIONS = 16
_LONGEST_HUB_NAME = 45


@dataclass(frozen=True, slots=True)
class DurableOptions:
    """The extension's options.

    Attributes:
        connection: name of the connection to the storage account.
        replace_running: start also replaces an instance that runs (overridableExistingInstanceStates: AnyState).
    """

    hub: str = _DEFAULT_HUB
    connection: str = HOST_STORAGE
    partitions: int = 4
    activities: int = 10
    orchestrations: int = 10
    entities: int = 10
    entity_batch: int = _ENTITY_BATCH
    replace_running: bool = False
    default_version: str = ""


def read_options(config: Section, settings: Mapping[str, str]) -> DurableOptions:
    """Read the options. Keys that aren't known are ignored, as the real host does.

    Raises:
        BindingError: a value is of no use; the text says which.
    """
    reader = _Reader(config)
    at_once = 10 * (os.cpu_count() or 1)
    storage = reader.find("storageProvider.type")
    if storage is not None and str(storage).lower() not in ("azurestorage", "azure_storage"):
        raise BindingError(
            f"{_SECTION}.storageProvider.type is '{storage}': the local host stands in for AzureStorage only"
        )
    orchestrations = reader.count("maxConcurrentOrchestratorFunctions", at_once)
    states = str(reader.find("overridableExistingInstanceStates") or "NonRunningStates").lower()
    if states not in ("nonrunningstates", "anystate"):
        raise BindingError(
            f"{_SECTION}.overridableExistingInstanceStates must be NonRunningStates or AnyState, not '{states}'"
        )
    reader.flag("extendedSessionsEnabled")
    reader.count("storageProvider.controlQueueBatchSize", 32)
    reader.count("storageProvider.controlQueueBufferThreshold", 256, 1000)
    connection = reader.find("storageProvider.connectionName") or reader.find("storageProvider.connectionStringName")
    return DurableOptions(
        hub=_hub_name(reader.find("hubName"), settings),
        connection=str(connection or HOST_STORAGE),
        partitions=reader.count("storageProvider.partitionCount", 4, _MAX_PARTITIONS),
        activities=reader.count("maxConcurrentActivityFunctions", at_once),
        orchestrations=orchestrations,
        entities=reader.count("maxConcurrentEntityFunctions", orchestrations),
        entity_batch=reader.count("maxEntityOperationBatchSize", _ENTITY_BATCH),
        replace_running=states == "anystate",
        default_version=str(reader.find("defaultVersion") or ""),
    )


def _hub_name(configured: Any, settings: Mapping[str, str]) -> str:
    if configured is None:
        return _sanitized(find_setting(settings, "WEBSITE_SITE_NAME") or _DEFAULT_HUB)
    name = resolve_names(str(configured), settings)
    if not _HUB_NAME.fullmatch(name):
        raise BindingError(
            f"Task hub name '{name}' should contain only alphanumeric characters, start with a letter, and have "
            f"length between 3 and {_LONGEST_HUB_NAME} ({_SECTION}.hubName)"
        )
    return name


def _sanitized(name: str) -> str:
    """What the extension makes of an app's name (IsSanitizedHubName)."""
    kept = "".join(character for character in name if character.isascii() and character.isalnum())
    if not kept:
        return "DefaultTaskHub"
    kept = ("t" + kept if kept[0].isdecimal() else kept)[:_LONGEST_HUB_NAME]
    return kept if len(kept) >= 3 else kept + "Hub"


class _Reader:
    def __init__(self, config: Section) -> None:
        self._config = config

    def find(self, path: str) -> Any:
        return self._config.find(f"{_SECTION}.{path}")

    def count(self, path: str, default: int, maximum: int = 2**31 - 1) -> int:
        value = self.find(path)
        if value is None:
            return default
        try:
            if isinstance(value, bool | float):
                raise TypeError
            number = int(value)
        except (TypeError, ValueError):
            number = 0
        if not 1 <= number <= maximum:
            limits = "a positive integer" if maximum > 1000 else f"an integer between 1 and {maximum}"
            raise BindingError(f"{_SECTION}.{path} must be {limits}, not {value!r}")
        return number

    def flag(self, path: str) -> bool:
        value = self.find(path)
        if value is not None and str(value).lower() not in ("true", "false"):
            raise BindingError(f"{_SECTION}.{path} must be true or false, not {value!r}")
        return str(value).lower() == "true"
