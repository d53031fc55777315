"""Names that nothing declares, and declarations that nobody uses or explains. Needs no values."""

from collections.abc import Iterator

from tree_sitter import Node

from infra.check.functions import FUNCTIONS, ambient
from infra.check.syntax import Finding, Template, named, text

_KNOWN = {*FUNCTIONS, *ambient(""), "loadJsonContent", "loadTextContent"}


def check(template: Template) -> list[Finding]:
    """What is wrong with a file's names."""
    findings = list(template.findings)
    used: set[str] = set()
    for declared in (*template.declarations.values(), *template.outputs.values()):
        for part in (declared.value, *(node for nodes in declared.decorators.values() for node in nodes)):
            if part is not None:
                findings += _unknown(template, part, frozenset(), used)
    for declared in template.declarations.values():
        if declared.kind in ("param", "var") and declared.name not in used:
            findings.append(_finding(template, declared.node, "unused", f"nobody uses {declared.name}"))
    for declared in template.of("param"):
        if "description" not in declared.decorators:
            findings.append(_finding(template, declared.node, "description", f"{declared.name} isn't described"))
    return findings


def _unknown(template: Template, node: Node, inner: frozenset[str], used: set[str]) -> Iterator[Finding]:
    """Names below this node that nothing declares; those that something declares are added to `used`."""
    if node.type == "for_statement":
        head, over, body = named(node)
        names = {text(part) for part in named(head)} if head.type == "for_loop_parameters" else {text(head)}
        yield from _unknown(template, over, inner, used)
        yield from _unknown(template, body, inner | names, used)
    elif node.type == "resource_declaration":
        yield from _unknown(template, named(node)[-1], inner, used)
    elif node.type == "resource_expression":
        yield from _unknown(template, named(node)[0], inner, used)
    elif node.type == "call_expression":
        callee, arguments = named(node)
        if text(callee).removeprefix("az.").removeprefix("sys.") not in _KNOWN:
            yield _finding(template, callee, "unknown-function", f"there is no function {text(callee)}")
        yield from _unknown(template, arguments, inner, used)
    elif node.type == "object_property":
        parts = named(node)
        for part in parts[1:] if parts[0].type == "identifier" and len(parts) > 1 else parts:
            yield from _unknown(template, part, inner, used)
    elif node.type == "identifier":
        name = text(node)
        if name in inner:
            return
        if name not in template.declarations:
            yield _finding(template, node, "unknown-name", f"nothing is called {name}")
        used.add(name)
    else:
        for child in named(node):
            yield from _unknown(template, child, inner, used)


def _finding(template: Template, node: Node, rule: str, message: str) -> Finding:
    return Finding(str(template.path), int(node.start_point[0]) + 1, rule, message)


def resource_types(template: Template) -> set[str]:
    """The types of the resources that a file declares, nested ones included."""
    found: set[str] = set()
    for declared in template.of("resource"):
        outer = _type(declared.type)
        found.add(outer)
        for child in declared.nested.values():
            found |= {f"{outer}/{_type(child.type)}"}
            found |= {f"{outer}/{_type(child.type)}/{_type(inner.type)}" for inner in child.nested.values()}
    return found


def _type(node: Node | None) -> str:
    assert node is not None
    return text(node).strip("'").partition("@")[0]
