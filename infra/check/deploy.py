"""What a template would deploy, with its modules, for given parameters."""

from pathlib import Path
from typing import Any

from tree_sitter import Node

from infra.check.expressions import Expressions, Locals
from infra.check.functions import ambient
from infra.check.parameters import check_value
from infra.check.syntax import Declaration, literal, read, text
from infra.check.values import SUBSCRIPTION, Deployed, Module, Object, kind_of

_META = ("parent", "scope", "dependsOn")


class Deployment:
    """Evaluates a template and the modules it uses.

    Args:
        path: of the template.
        parameters: their values; those left out have their defaults.
        scope: resource id of the subscription or resource group.

    Attributes:
        resources: everything that would be deployed, modules included; existing resources too.
        outputs: of this template.

    Raises:
        BicepError: it can't be evaluated; names the place.
    """

    def __init__(self, path: Path, parameters: dict[str, Any], scope: str = f"/subscriptions/{SUBSCRIPTION}") -> None:
        self._template = read(path)
        if self._template.findings:
            raise self._template.fail(self._first(), "syntax", str(self._template.findings[0]))
        self._parameters = parameters
        self._scope = scope
        self._expressions = Expressions(self._template, self._lookup, ambient(scope))
        self._known: dict[str, Any] = {}
        self._under_way: list[str] = []
        self.resources: list[Deployed] = []
        for name in parameters:
            if name not in self._template.declarations or self._template.declarations[name].kind != "param":
                raise self._template.fail(self._first(), "unknown-parameter", f"there is no parameter {name}")
        for name in self._template.declarations:
            self._lookup(name)
        self.outputs = {name: self._output(declared) for name, declared in self._template.outputs.items()}

    def _first(self) -> Node:
        return next(iter((*self._template.declarations.values(), *self._template.outputs.values()))).node

    def _lookup(self, name: str) -> Any:
        """The value of a declaration, evaluated when it is first wanted."""
        if name in self._known:
            return self._known[name]
        declared = self._template.declarations[name]
        if name in self._under_way:
            raise self._template.fail(declared.node, "circle", " -> ".join((*self._under_way, name)))
        self._under_way.append(name)
        match declared.kind:
            case "param":
                value = self._parameter(declared)
            case "var":
                assert declared.value is not None
                value = self._expressions.value(declared.value, {})
            case _:
                value = self._each(declared, declared.value, {})
        self._under_way.pop()
        self._known[name] = value
        return value

    def _parameter(self, declared: Declaration) -> Any:
        if declared.name in self._parameters:
            value = self._parameters[declared.name]
        elif declared.value is not None:
            value = self._expressions.value(declared.value, {})
        else:
            raise self._template.fail(declared.node, "missing-parameter", f"{declared.name} needs a value")
        wrong = check_value(declared, value, self._template.types, lambda node: self._expressions.value(node, {}))
        if wrong:
            raise self._template.fail(declared.node, "parameter", f"{declared.name} = {value!r}: {wrong}")
        return value

    def _each(self, declared: Declaration, node: Node | None, names: Locals) -> Any:
        """A resource or module; a list where it is in a `for`; None where its `if` says no."""
        assert node is not None
        if node.type == "for_statement":
            turns, body = self._expressions.iterate(node, names)
            return [self._each(declared, body, turn) for turn in turns]
        if node.type == "if_statement":
            condition, body = (child for child in node.named_children if child.type != "comment")
            return self._each(declared, body, names) if self._expressions.condition(condition, names) else None
        value = self._expressions.value(node, names)
        if declared.kind == "module":
            return self._module(declared, value)
        return self._resource(declared, value, names, None)

    def _module(self, declared: Declaration, body: Object) -> Module:
        assert declared.type is not None
        path = self._template.path.parent / literal(declared.type)
        if not path.exists():
            raise self._template.fail(declared.node, "module", f"there is no file {literal(declared.type)}")
        for key in body:
            if key not in ("name", "scope", "params", "dependsOn"):
                raise self._template.fail(declared.node, "module", f"a module has no {key}")
        scope = body.get("scope")
        inner = Deployment(path, dict(body.get("params", {})), self._scope_id(scope) if scope else self._scope)
        if read(path).scope == "resourceGroup" and "/resourceGroups/" not in (
            self._scope_id(scope) if scope else self._scope
        ):
            raise self._template.fail(declared.node, "module", "it belongs into a resource group: name its scope")
        self.resources += inner.resources
        return Module(declared.name, inner.outputs)

    def _resource(self, declared: Declaration, body: Object, names: Locals, outer: Deployed | None) -> Deployed:
        assert declared.type is not None
        type_name, _, version = literal(declared.type).partition("@")
        parent = body.get("parent") or outer
        if outer is not None:
            type_name, version = f"{outer.type}/{type_name}", version or outer.version
        elif parent is not None and not type_name.startswith(f"{parent.type}/"):
            raise self._template.fail(declared.node, "parent", f"a {parent.type} can't hold a {type_name}")
        if not version:
            raise self._template.fail(declared.node, "api-version", f"{type_name} has none")
        name = body.get("name")
        if name is None:
            raise self._template.fail(declared.node, "missing-property", f"{type_name} has no name")
        resource = Deployed(
            symbol=f"{outer.symbol}::{declared.name}" if outer else declared.name,
            type=type_name,
            version=version,
            name=f"{parent.name}/{name}" if parent else name,
            scope=parent.scope if parent else self._scope_id(body["scope"]) if "scope" in body else self._scope,
            body=body,
            path=str(self._template.path),
            line=declared.line,
            existing=declared.existing,
        )
        if len(resource.name.split("/")) != resource.type.count("/"):
            raise self._template.fail(declared.node, "name", f"{resource.name!r} doesn't fit {resource.type}")
        for key in _META:
            body.pop(key, None)
        self.resources.append(resource)
        for child in declared.nested.values():
            assert child.value is not None
            inner = self._nested(child, child.value, names, resource)
            self._known[f"{resource.symbol}::{child.name}"] = inner
        return resource

    def _nested(self, declared: Declaration, node: Node, names: Locals, outer: Deployed) -> Any:
        if node.type == "for_statement":
            turns, body = self._expressions.iterate(node, names)
            return [self._nested(declared, body, turn, outer) for turn in turns]
        return self._resource(declared, self._expressions.value(node, names), names, outer)

    def _scope_id(self, scope: Any) -> str:
        return scope.id if isinstance(scope, Deployed) else str(scope["id"])

    def _output(self, declared: Declaration) -> Any:
        assert declared.value is not None
        assert declared.type is not None
        value = self._expressions.value(declared.value, {})
        if kind_of(value) not in ("any", text(declared.type)):
            raise self._template.fail(declared.node, "output", f"{declared.name} is no {text(declared.type)}")
        return value
