"""Reads a Bicep file: its declarations, and where it breaks the grammar (tree-sitter-bicep)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\\\": "\\", "\\'": "'", "\\$": "$"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something wrong.

    Attributes:
        line: in the file, from 1; 0 where there is none.
        rule: a short name, such as "unknown-property".
    """

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class BicepError(Exception):
    """The file can't be evaluated."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """One `param`, `var`, `resource`, `module` or `output`.

    Attributes:
        type: of a parameter or output; type and API version of a resource; path of a module.
        value: the expression; a resource's or module's object with its `if` or `for`. None where there is none.
        existing: a resource that is only referred to.
        nested: resources declared inside.
    """

    kind: str
    name: str
    node: Node
    type: Node | None
    value: Node | None
    decorators: dict[str, list[Node]]
    existing: bool = False
    nested: "dict[str, Declaration]" = field(default_factory=dict)

    @property
    def line(self) -> int:
        return int(self.node.start_point[0]) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A parsed file.

    Attributes:
        types: what `type` declares, by name.
        scope: what it is deployed to, such as "subscription".
    """

    path: Path
    declarations: dict[str, Declaration]
    outputs: dict[str, Declaration]
    types: dict[str, Node]
    scope: str
    findings: list[Finding]

    def of(self, kind: str) -> list[Declaration]:
        """The declarations of a kind."""
        return [d for d in (*self.declarations.values(), *self.outputs.values()) if d.kind == kind]

    def fail(self, node: Node, rule: str, message: str) -> BicepError:
        """An error at a place of this file."""
        return BicepError(Finding(str(self.path), int(node.start_point[0]) + 1, rule, message))


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bicep.language()))


def read(path: Path) -> Template:
    """Parse a file. What breaks the grammar is in its findings."""
    root = _parser().parse(path.read_bytes()).root_node
    template = Template(path, {}, {}, _types(root), _target_scope(root), [])
    for node in walk(root):
        if node.type == "ERROR" or node.is_missing:
            line = int(node.start_point[0]) + 1
            template.findings.append(Finding(str(path), line, "syntax", f"not understood: {text(node)[:60]!r}"))
    pending: dict[str, list[Node]] = {}
    for node in root.named_children:
        if node.type == "decorators":
            pending = _decorators(node)
        elif node.type in _KINDS:
            declaration = _declaration(node, pending)
            into = template.outputs if declaration.kind == "output" else template.declarations
            if declaration.name in into:
                line = declaration.line
                template.findings.append(Finding(str(path), line, "duplicate", f"{declaration.name} is declared twice"))
            into[declaration.name] = declaration
            pending = {}
        elif node.type not in ("comment", "diagnostic_comment"):
            pending = {}
    return template


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    """The source of a node."""
    return (node.text or b"").decode()


def named(node: Node) -> list[Node]:
    """The children that mean something."""
    return [child for child in node.named_children if child.type not in ("comment", "diagnostic_comment")]


def string_parts(node: Node) -> list[str | Node]:
    """A string's literal pieces and the expressions between them."""
    raw = text(node)
    if raw.startswith("'''"):
        return [raw[3:-3].removeprefix("\r").removeprefix("\n")]
    parts: list[str | Node] = []
    for child in node.named_children:
        if child.type == "interpolation":
            parts.append(named(child)[0])
        else:
            parts.append(_ESCAPES.get(text(child), text(child)))
    return parts


def literal(node: Node) -> str:
    """A string without expressions."""
    return "".join(part for part in string_parts(node) if isinstance(part, str))


def properties(node: Node) -> Iterator[tuple[Node, Node]]:
    """Key and value of an object's properties; not the resources declared in it."""
    for child in named(node):
        if child.type == "object_property" and len(pair := named(child)) == 2:
            yield pair[0], pair[1]


def _types(root: Node) -> dict[str, Node]:
    found = {}
    for node in root.named_children:
        if node.type == "type_declaration":
            name, of = named(node)
            found[text(name)] = of
    return found


def _target_scope(root: Node) -> str:
    for node in root.named_children:
        if node.type == "target_scope_assignment":
            return literal(named(node)[0])
    return "resourceGroup"


def _decorators(node: Node) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for decorator in named(node):
        call = named(decorator)[0]
        name, arguments = named(call)
        found[text(name)] = named(arguments)
    return found


def _declaration(node: Node, decorators: dict[str, list[Node]]) -> Declaration:
    kind = _KINDS[node.type]
    name, *rest = named(node)
    of_type = None
    if kind in ("param", "output", "resource", "module"):
        of_type, *rest = rest
    value = rest[0] if rest else None
    existing = any(child.type == "existing" for child in node.children)
    nested: dict[str, Declaration] = {}
    if kind == "resource" and value is not None:
        nested = _nested(value)
    return Declaration(kind, text(name), node, of_type, value, decorators, existing, nested)


def _nested(value: Node) -> dict[str, Declaration]:
    found: dict[str, Declaration] = {}
    pending: dict[str, list[Node]] = {}
    for child in named(value):
        inner = named(child)
        if child.type == "decorators":
            pending = _decorators(child)
        elif child.type == "object_property" and inner and inner[-1].type == "resource_declaration":
            declaration = _declaration(inner[-1], pending)
            found[declaration.name] = declaration
            pending = {}
        elif child.type in ("object", "if_statement", "for_statement"):
            found |= _nested(child)
    return found
