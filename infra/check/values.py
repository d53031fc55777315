"""The values that expressions have when a deployment is imagined: known ones, and those that only Azure knows."""

from dataclasses import dataclass
from typing import Any

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


class Runtime(str):
    """What is known only while deploying, such as `<identity.properties.clientId>`."""

    __slots__ = ()


class Object(dict[str, Any]):
    """An object that knows the line of each of its properties."""

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


@dataclass(slots=True, eq=False)
class Deployed:
    """One resource of a deployment.

    Attributes:
        symbol: its name in the file.
        type: such as "Microsoft.ServiceBus/namespaces/queues".
        name: with those of its parents, separated by "/".
        scope: resource id of what it is deployed to; for an extension resource, of what it extends.
        body: what would be sent, without parent and scope.
    """

    symbol: str
    type: str
    version: str
    name: str
    scope: str
    body: Object
    path: str
    line: int
    existing: bool = False

    @property
    def id(self) -> str:
        """The resource id."""
        provider, *kinds = self.type.split("/")
        if self.type == "Microsoft.Resources/resourceGroups":
            return f"{self.scope}/resourceGroups/{self.name}"
        pairs = zip(kinds, self.name.split("/"), strict=True)
        return f"{self.scope}/providers/{provider}/" + "/".join(f"{kind}/{name}" for kind, name in pairs)


@dataclass(slots=True, eq=False)
class Module:
    """A deployed module: what its outputs are."""

    symbol: str
    outputs: dict[str, Any]


def as_text(value: Any) -> str:
    """How a value looks within a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def kind_of(value: Any) -> str:
    """The Bicep type of a value; "any" where only the deployment knows."""
    if isinstance(value, Runtime) or value is None:
        return "any"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
