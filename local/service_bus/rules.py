"""Rules of subscriptions: which messages of a topic a subscription gets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from local.service_bus.config_section import Section
from local.service_bus.decode import decode
from local.service_bus.message import Message
from local.service_bus.sql_filter import SqlSyntaxError, compile_sql

# Index of each system property in the properties section (AMQP 1.0, 3.2.4) by its Service Bus name.
_SYSTEM_PROPERTIES = {
    "MessageId": 0,
    "To": 2,
    "Label": 3,
    "ReplyTo": 4,
    "CorrelationId": 5,
    "ContentType": 6,
    "SessionId": 10,
    "ReplyToSessionId": 12,
}
# Names of system properties in SQL ("sys.Label"), where case doesn't matter; "Subject" is the newer name of Label.
_SQL_SYSTEM_PROPERTIES = {name.lower(): index for name, index in _SYSTEM_PROPERTIES.items()} | {"subject": 3}


class MessageView:
    """The properties of one message, as filters see them."""

    def __init__(self, message: Message) -> None:
        system = decode(message.properties, 3)[0] if message.properties else []
        self._system: list[Any] = system + [None] * (13 - len(system))
        section = message.application_properties
        self.application: Mapping[str, Any] = decode(section, 3)[0] if section else {}

    def system(self, index: int) -> Any:
        value = self._system[index]
        return str(value) if isinstance(value, UUID | str) else value

    def lookup(self, scope: str, name: str) -> Any:
        """The value of an identifier in SQL; None where the message has no such property."""
        if scope == "sys":
            index = _SQL_SYSTEM_PROPERTIES.get(name.lower())
            return None if index is None else self.system(index)
        value = self.application.get(name)
        return str(value) if isinstance(value, UUID) else value


type Filter = Callable[[MessageView], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named filter."""

    name: str
    matches: Filter


def _everything(_message: MessageView) -> bool:
    return True


def read_rules(sections: Sequence[Section]) -> list[Rule]:
    """The rules of one subscription; without any, the rule $Default that lets everything through.

    Raises:
        ConfigurationError: a rule is malformed, or needs what is not emulated; names its path.
    """
    if not sections:
        return [Rule("$Default", _everything)]
    return [_read_rule(section) for section in sections]


def _read_rule(section: Section) -> Rule:
    name = section.text("Name")
    properties = section.section("Properties")
    kind = properties.text("FilterType")
    if kind == "Correlation":
        matches = _correlation_filter(properties.section("CorrelationFilter"))
    elif kind == "Sql":
        matches = _sql_filter(properties.section("SqlFilter"))
    else:
        raise properties.fail("FilterType", f'"{kind}" is not supported, only Correlation and Sql are')
    if properties.has("Action"):
        raise properties.fail("Action", "rule actions are not supported here")
    properties.finish()
    section.finish()
    return Rule(name, matches)


def _correlation_filter(section: Section) -> Filter:
    system = {index: text for name, index in _SYSTEM_PROPERTIES.items() if (text := section.text(name, ""))}
    application = section.section("Properties", {}).items()
    section.finish()
    for name, value in application.items():
        if not isinstance(value, str | int | float | bool):
            raise section.fail(f"Properties.{name}", "a string, number or boolean is expected")
    if not system and not application:
        raise section.fail("Properties", "a correlation filter needs at least one condition")

    def matches(message: MessageView) -> bool:
        return all(message.system(index) == value for index, value in system.items()) and all(
            # 1 == True in Python, not in a filter.
            message.application.get(name) == value
            and isinstance(message.application[name], bool) == isinstance(value, bool)
            for name, value in application.items()
        )

    return matches


def _sql_filter(section: Section) -> Filter:
    text = section.text("SqlExpression")
    section.finish()
    try:
        evaluate = compile_sql(text)
    except SqlSyntaxError as error:
        raise section.fail("SqlExpression", str(error)) from error
    return lambda message: evaluate(message.lookup) is True
