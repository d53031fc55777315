"""The value of an expression."""

from collections.abc import Callable, Mapping
from typing import Any

from tree_sitter import Node

from infra.check.functions import FUNCTIONS
from infra.check.syntax import Template, literal, named, properties, string_parts, text
from infra.check.values import Deployed, Module, Object, Runtime, as_text

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=~": lambda a, b: a.lower() == b.lower(),
    "!~": lambda a, b: a.lower() != b.lower(),
}
type Locals = Mapping[str, Any]
type _Access = tuple[Node, ...]


class Expressions:
    """Evaluates expressions of one template.

    Args:
        lookup: the value of a declaration, or raises KeyError.
        functions: those that depend on the deployment.
    """

    def __init__(
        self, template: Template, lookup: Callable[[str], Any], functions: Mapping[str, Callable[..., Any]]
    ) -> None:
        self._template = template
        self._lookup = lookup
        self._functions = {**FUNCTIONS, **functions}

    def value(self, node: Node, names: Locals) -> Any:
        """The value of an expression.

        Raises:
            BicepError: a name, property or function doesn't exist, or a value doesn't fit.
        """
        evaluate = getattr(self, f"_{node.type}", None)
        if evaluate is None:
            raise self._template.fail(node, "expression", f"{node.type} isn't supported by this check")
        try:
            return evaluate(node, names)
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise self._template.fail(node, "expression", f"{text(node)[:60]}: {error}") from error

    def condition(self, node: Node, names: Locals) -> bool:
        """The value of a condition, which has to be known before the deployment."""
        value = self.value(node, names)
        if not isinstance(value, bool):
            raise self._template.fail(node, "condition", f"{text(node)[:60]} is no bool that is known beforehand")
        return value

    def iterate(self, node: Node, names: Locals) -> tuple[list[Locals], Node]:
        """The names within each turn of a `for`, and its body."""
        head, over, body = named(node)
        variables = [text(part) for part in named(head)] if head.type == "for_loop_parameters" else [text(head)]
        items = self.value(over, names)
        if not isinstance(items, list):
            raise self._template.fail(over, "loop", f"{text(over)[:60]} is no array that is known beforehand")
        return [{**names, **dict(zip(variables, (item, i), strict=False))} for i, item in enumerate(items)], body

    def _string(self, node: Node, names: Locals) -> str:
        values = [part if isinstance(part, str) else self.value(part, names) for part in string_parts(node)]
        whole = "".join(map(as_text, values))
        return Runtime(whole) if any(isinstance(value, Runtime) for value in values) else whole

    def _number(self, node: Node, _: Locals) -> int:
        return int(text(node))

    def _boolean(self, node: Node, _: Locals) -> bool:
        return text(node) == "true"

    def _null(self, _node: Node, _: Locals) -> None:
        return None

    def _parenthesized_expression(self, node: Node, names: Locals) -> Any:
        return self.value(named(node)[0], names)

    def _array(self, node: Node, names: Locals) -> list[Any]:
        return [self.value(item, names) for item in named(node)]

    def _for_statement(self, node: Node, names: Locals) -> list[Any]:
        turns, body = self.iterate(node, names)
        return [self.value(body, turn) for turn in turns]

    def _object(self, node: Node, names: Locals) -> Object:
        result = Object(int(node.start_point[0]) + 1)
        for key_node, value_node in properties(node):
            key = self._string(key_node, names) if key_node.type == "string" else text(key_node)
            if key in result:
                raise self._template.fail(key_node, "duplicate", f"{key} is there twice")
            result[key] = self.value(value_node, names)
            result.lines[key] = int(key_node.start_point[0]) + 1
        return result

    def _identifier(self, node: Node, names: Locals) -> Any:
        name = text(node)
        if name in names:
            return names[name]
        try:
            return self._lookup(name)
        except KeyError:
            raise self._template.fail(node, "unknown-name", f"nothing is called {name}") from None

    def _unary_expression(self, node: Node, names: Locals, then: _Access = ()) -> Any:
        operand = self._accessed(named(node)[0], names, then)
        return not operand if text(node).startswith("!") else -operand

    def _ternary_expression(self, node: Node, names: Locals, then: _Access = ()) -> Any:
        condition, yes, no = named(node)
        return self.value(yes, names) if self.condition(condition, names) else self._accessed(no, names, then)

    def _binary_expression(self, node: Node, names: Locals, then: _Access = ()) -> Any:
        left_node, right_node = named(node)
        operator = next(text(child) for child in node.children if not child.is_named)
        left = self.value(left_node, names)
        if operator == "??":
            return left if left is not None else self._accessed(right_node, names, then)
        if operator in ("&&", "||"):
            return left if left is (operator == "||") else self._accessed(right_node, names, then)
        return _BINARY[operator](left, self._accessed(right_node, names, then))

    def _call_expression(self, node: Node, names: Locals) -> Any:
        callee, arguments = named(node)
        name = text(callee).removeprefix("az.").removeprefix("sys.")
        if name == "loadJsonContent":
            source = self._template.path.parent / literal(named(arguments)[0])
            return self._functions["json"](source.read_text(encoding="utf-8"))
        if name == "loadTextContent":
            return (self._template.path.parent / literal(named(arguments)[0])).read_text(encoding="utf-8")
        if name not in self._functions:
            raise self._template.fail(node, "unknown-function", f"there is no function {name}")
        return self._functions[name](*(self.value(argument, names) for argument in named(arguments)))

    def _subscript_expression(self, node: Node, names: Locals) -> Any:
        return self._accessed(node, names, ())

    def _member_expression(self, node: Node, names: Locals) -> Any:
        return self._accessed(node, names, ())

    def _accessed(self, node: Node, names: Locals, then: _Access) -> Any:
        """The value of a node after the accesses that follow it.

        The grammar reads `a && b.c` as `(a && b).c`: the accesses belong to the last operand.
        """
        if node.type in ("member_expression", "subscript_expression"):
            return self._accessed(named(node)[0], names, (node, *then))
        if then and node.type in ("unary_expression", "binary_expression", "ternary_expression"):
            return getattr(self, f"_{node.type}")(node, names, then)
        value = self.value(node, names)
        for access in then:
            value = self._step(access, value, names)
        return value

    def _step(self, access: Node, container: Any, names: Locals) -> Any:
        if access.type == "subscript_expression":
            index = self.value(named(access)[1], names)
            return container[index] if isinstance(container, list) else self._member(access, container, index)
        name = text(named(access)[1])
        if any(child.type == ".?" for child in access.children):
            missing = container is None or (isinstance(container, dict) and name not in container)
            return None if missing else self._member(access, container, name)
        return self._member(access, container, name)

    def _resource_expression(self, node: Node, names: Locals) -> Any:
        parent, child = named(node)
        found = self.value(parent, names)
        return self._lookup(f"{found.symbol}::{text(child)}")

    def _member(self, node: Node, container: Any, name: str) -> Any:
        if isinstance(container, Runtime):
            return Runtime(f"<{container.strip('<>')}.{name}>")
        if isinstance(container, Deployed):
            own = {"id": container.id, "name": container.name.rpartition("/")[2], "type": container.type}
            if name in own:
                return own[name]
            if name in container.body and name not in ("properties", "identity"):
                return container.body[name]
            return Runtime(f"<{container.symbol}.{name}>")
        if isinstance(container, Module):
            return container.outputs if name == "outputs" else Runtime(f"<{container.symbol}.{name}>")
        if container is None:
            raise self._template.fail(node, "not-deployed", f"{text(node)[:60]}: there is nothing here to take it from")
        if not isinstance(container, dict) or name not in container:
            raise self._template.fail(node, "unknown-property", f"{text(node)[:60]}: there is no {name}")
        return container[name]
