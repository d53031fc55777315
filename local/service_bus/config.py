"""The configuration file, in the JSON format of Microsoft's Service Bus emulator.

Allowed values are those of the cloud's Standard tier, and so are the defaults of properties that a file leaves out
(lock 1 minute, 10 deliveries, no time to live, duplicate window 10 minutes). Microsoft's emulator is narrower: time to
live from 5 minutes to 1 hour, duplicate window up to 5 minutes, 10 deliveries at most.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.service_bus.config_section import Section
from local.service_bus.rules import Rule, read_rules
from shared.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.\-/~]*[A-Za-z0-9])?", re.ASCII)
_MAX_NAME = 260


@dataclass(frozen=True, slots=True)
class EntitySettings:
    """What an entity does with its messages.

    Attributes:
        default_ttl_ms: 0 for messages that never expire by themselves.
        duplicate_window_ms: 0 without duplicate detection.
        forward_to, forward_dead_lettered_to: name of a queue or topic, or empty.
    """

    lock_duration_ms: int = 60_000
    max_delivery_count: int = 10
    default_ttl_ms: int = 0
    dead_letter_expired: bool = False
    duplicate_window_ms: int = 0
    requires_session: bool = False
    forward_to: str = ""
    forward_dead_lettered_to: str = ""


@dataclass(frozen=True, slots=True)
class QueueConfig:
    name: str
    settings: EntitySettings


@dataclass(frozen=True, slots=True)
class SubscriptionConfig:
    name: str
    settings: EntitySettings
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class TopicConfig:
    name: str
    settings: EntitySettings
    subscriptions: Sequence[SubscriptionConfig]


@dataclass(frozen=True, slots=True)
class Config:
    queues: Sequence[QueueConfig]
    topics: Sequence[TopicConfig]


def load_config(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigurationError: it can't be read, is no JSON, or has a key or value that is not allowed; names the path.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {error}") from error
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}: no JSON: {error}") from error
    try:
        return parse_config(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}", field=error.field) from error


def parse_config(value: object) -> Config:
    """The configuration from decoded JSON.

    Raises:
        ConfigurationError: a key or value is not allowed; names its path.
    """
    root = Section(value, "")
    user = root.section("UserConfig")
    root.finish()
    namespaces = user.sections("Namespaces")
    if len(namespaces) != 1:
        raise user.fail("Namespaces", f"exactly one namespace is expected, not {len(namespaces)}")
    # How Microsoft's emulator writes its own log; nothing to do here.
    user.section("Logging", {}).items()
    user.finish()
    namespace = namespaces[0]
    namespace.text("Name", "sbemulatorns")
    taken: dict[str, str] = {}
    queues = [_queue(section, taken) for section in namespace.sections("Queues", [])]
    topics = [_topic(section, taken) for section in namespace.sections("Topics", [])]
    namespace.finish()
    config = Config(queues, topics)
    _check_forwarding(config, namespace.path)
    return config


def _name(section: Section, taken: dict[str, str]) -> str:
    name = section.text("Name")
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise section.fail(
            "Name",
            f'"{name}" is not allowed: letters, digits, . - _ / ~, with a letter or digit at both ends, up to'
            f" {_MAX_NAME} characters",
        )
    # Service Bus finds entities without regard to case.
    if name.lower() in taken:
        raise section.fail("Name", f'"{name}" is taken by {taken[name.lower()]}')
    taken[name.lower()] = section.path
    return name


def _duplicate_window(properties: Section) -> int:
    window = properties.duration_ms("DuplicateDetectionHistoryTimeWindow", "PT5S", "P7D", 600_000)
    return window if properties.flag("RequiresDuplicateDetection") else 0


def _time_to_live(properties: Section) -> int:
    return properties.duration_ms("DefaultMessageTimeToLive", "PT1S", "", 0)


def _settings(section: Section, *, of_queue: bool) -> EntitySettings:
    properties = section.section("Properties", {})
    settings = EntitySettings(
        lock_duration_ms=properties.duration_ms("LockDuration", "PT5S", "PT5M", 60_000),
        max_delivery_count=properties.integer("MaxDeliveryCount", 1, 2000, 10),
        default_ttl_ms=_time_to_live(properties),
        dead_letter_expired=properties.flag("DeadLetteringOnMessageExpiration"),
        duplicate_window_ms=_duplicate_window(properties) if of_queue else 0,
        requires_session=properties.flag("RequiresSession"),
        forward_to=properties.text("ForwardTo", ""),
        forward_dead_lettered_to=properties.text("ForwardDeadLetteredMessagesTo", ""),
    )
    if settings.forward_to and settings.requires_session:
        raise properties.fail("ForwardTo", "an entity that requires sessions can't forward its messages")
    properties.finish()
    return settings


def _queue(section: Section, taken: dict[str, str]) -> QueueConfig:
    queue = QueueConfig(_name(section, taken), _settings(section, of_queue=True))
    section.finish()
    return queue


def _subscription(section: Section, taken: dict[str, str]) -> SubscriptionConfig:
    name = _name(section, taken)
    settings = _settings(section, of_queue=False)
    rules = read_rules(section.sections("Rules", []))
    section.finish()
    return SubscriptionConfig(name, settings, rules)


def _topic(section: Section, taken: dict[str, str]) -> TopicConfig:
    name = _name(section, taken)
    properties = section.section("Properties", {})
    settings = EntitySettings(
        default_ttl_ms=_time_to_live(properties), duplicate_window_ms=_duplicate_window(properties)
    )
    properties.finish()
    names: dict[str, str] = {}
    subscriptions = [_subscription(item, names) for item in section.sections("Subscriptions", [])]
    section.finish()
    return TopicConfig(name, settings, subscriptions)


def _check_forwarding(config: Config, path: str) -> None:
    targets = {queue.name.lower() for queue in config.queues} | {topic.name.lower() for topic in config.topics}
    sources = [(f"{path}.Queues ({queue.name})", queue.settings) for queue in config.queues]
    for topic in config.topics:
        for subscription in topic.subscriptions:
            where = f"{path}.Topics ({topic.name}).Subscriptions ({subscription.name})"
            sources.append((where, subscription.settings))
    for where, settings in sources:
        for key, target in (
            ("ForwardTo", settings.forward_to),
            ("ForwardDeadLetteredMessagesTo", settings.forward_dead_lettered_to),
        ):
            if target and target.lower() not in targets:
                field = f"{where}.Properties.{key}"
                raise ConfigurationError(f'{field}: there is no queue or topic "{target}"', field=field)
