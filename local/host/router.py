"""Which function a request is for.

As in the real host, routes are tried in the order of the functions' names and the first that matches wins: a literal
route doesn't go before one with parameters (azure-functions-host issues #3153, #9876). A path that only other methods
of a function match is not found (404, not 405; issue #10098), and GET doesn't include HEAD (issue #11625).
"""

from dataclasses import dataclass

from local.host.bindings import BindingError
from local.host.contracts import Function
from local.host.route_template import RouteTemplate

_RESERVED = ("admin", "runtime")


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one HTTP function.

    Attributes:
        path: the template without the route prefix, as the function declares it.
        methods: upper case; None means all.
        auth_level: "anonymous", "function" or "admin".
    """

    function: Function
    path: str
    template: RouteTemplate
    methods: frozenset[str] | None
    auth_level: str

    @property
    def method_list(self) -> str:
        """For people: "GET,POST", or nothing when all methods are taken."""
        return ",".join(sorted(self.methods or ()))

    def takes(self, method: str) -> bool:
        return self.methods is None or method in self.methods


class Router:
    """The routes of all functions.

    Args:
        prefix: before every route, without slashes at its ends; may be empty.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.routes: list[Route] = []

    def add(self, function: Function) -> Route:
        """Add the route of one function; call in the order of the functions' names.

        Raises:
            BindingError: the route can't be used.
        """
        trigger = function.trigger
        path = str(trigger.get("route") or function.name).strip("/")
        if path.lower().startswith(_RESERVED):
            raise BindingError(f"the route '{path}' conflicts with one or more built in routes (admin, runtime)")
        try:
            template = RouteTemplate("/".join(part for part in (self.prefix, path) if part))
        except ValueError as error:
            raise BindingError(str(error)) from error
        declared = trigger.get("methods")
        methods = frozenset(str(method).upper() for method in declared) if declared else None
        level = str(trigger.get("authLevel", "function")).lower()
        if level not in ("anonymous", "function", "admin"):
            raise BindingError(f"authLevel '{level}' is not anonymous, function or admin")
        for other in self.routes:
            if other.path.lower() == path.lower() and _share_method(other.methods, methods):
                raise BindingError(
                    f"the route specified conflicts with the route defined by function '{other.function.name}'"
                )
        route = Route(function, path, template, methods, level)
        self.routes.append(route)
        return route

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The first route that takes this request, and the values of its parameters."""
        for route in self.routes:
            if route.takes(method) and (values := route.template.match(raw_path)) is not None:
                return route, values
        return None

    def hidden(self) -> list[tuple[Route, Route]]:
        """Pairs of routes of which the first takes all requests meant for the second, a literal path."""
        return [
            (earlier, later)
            for index, later in enumerate(self.routes)
            if "{" not in later.path
            for earlier in self.routes[:index]
            if _share_method(earlier.methods, later.methods) and earlier.template.match(later.template.text) is not None
        ]


def _share_method(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    return one is None or other is None or bool(one & other)
