"""The condition language of SQL filters.

Supported: comparisons, AND, OR, NOT, IS [NOT] NULL, [NOT] LIKE with ESCAPE, [NOT] IN, EXISTS, arithmetic, parentheses,
literals, and identifiers with the scopes "sys." and "user.". Not supported: functions (newid, property) and rule
actions. As in SQL, what concerns a missing property is neither true nor false but unknown (None).

Syntax: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-messaging-sql-filter
"""

import operator
import re
from collections.abc import Callable
from typing import Any

type Lookup = Callable[[str, str], Any]
"""Value of a property from its scope ("sys" or "user") and name."""
type Node = Callable[[Lookup], Any]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|0[xX][0-9a-fA-F]+|\d+(?:[eE][+-]?\d+)?)
    | (?P<text>'(?:[^']|'')*')
    | (?P<name>(?:[A-Za-z_]\w*|\[(?:[^\]]|\]\])+\]|"(?:[^"]|"")+"))
    | (?P<symbol><>|!=|<=|>=|[=<>()+\-*/%,.])
    )""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}
_KEYWORDS = {"and", "or", "not", "is", "null", "like", "escape", "in", "exists", "true", "false"}
_MAX_LENGTH = 1024
_MAX_DEPTH = 32


class SqlSyntaxError(ValueError):
    """The expression is malformed or uses what is not supported."""


def compile_sql(text: str) -> Node:
    """A function that evaluates the condition for one message: True, False, or None for unknown.

    Raises:
        SqlSyntaxError: says at which character.
    """
    if len(text) > _MAX_LENGTH:
        raise SqlSyntaxError(f"the expression is longer than {_MAX_LENGTH} characters")
    return _Parser(text).parse()


class _Parser:
    """Recursive descent, one method per level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        self._next = 0
        self._depth = 0
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise SqlSyntaxError(f"unexpected {text[position:].split()[0]!r} at character {position + 1}")
            kind, value = match.lastgroup, match[match.lastgroup]
            if kind == "name" and value.lower() in _KEYWORDS:
                kind, value = "keyword", value.lower()
            self._tokens.append((kind, value, match.start(match.lastgroup)))
            position = match.end()

    def parse(self) -> Node:
        node = self._or()
        if self._next < len(self._tokens):
            raise self._unexpected()
        return node

    def _unexpected(self) -> SqlSyntaxError:
        if self._next >= len(self._tokens):
            return SqlSyntaxError("the expression ends too early")
        _, value, position = self._tokens[self._next]
        return SqlSyntaxError(f"unexpected {value!r} at character {position + 1}")

    def _accept(self, *values: str) -> str | None:
        if self._next < len(self._tokens):
            kind, value, _ = self._tokens[self._next]
            if kind in ("keyword", "symbol") and value in values:
                self._next += 1
                return value
        return None

    def _expect(self, value: str) -> None:
        if not self._accept(value):
            raise self._unexpected()

    def _take(self, kind: str) -> str:
        if self._next >= len(self._tokens) or self._tokens[self._next][0] != kind:
            raise self._unexpected()
        self._next += 1
        return self._tokens[self._next - 1][1]

    def _or(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise SqlSyntaxError(f"the expression is nested more than {_MAX_DEPTH} levels deep")
        node = self._and()
        while self._accept("or"):
            node = _either(node, self._and())
        self._depth -= 1
        return node

    def _and(self) -> Node:
        node = self._not()
        while self._accept("and"):
            node = _both(node, self._not())
        return node

    def _not(self) -> Node:
        negations = 0
        while self._accept("not"):
            negations += 1
        node = self._comparison()
        return _negated(node) if negations % 2 else node

    def _comparison(self) -> Node:
        left = self._sum()
        if sign := self._accept(*_COMPARISONS):
            return _binary(_COMPARISONS[sign], left, self._sum())
        if self._accept("is"):
            negated = bool(self._accept("not"))
            self._expect("null")
            return lambda lookup: (left(lookup) is None) != negated
        negated = bool(self._accept("not"))
        if self._accept("like"):
            node = self._like(left)
        elif self._accept("in"):
            node = self._in(left)
        elif negated:
            raise self._unexpected()
        else:
            return left
        return _negated(node) if negated else node

    def _like(self, left: Node) -> Node:
        pattern = _unquoted(self._take("text"))
        escape = _unquoted(self._take("text")) if self._accept("escape") else ""
        parts, characters = [], iter(pattern)
        for character in characters:
            if character == escape:
                parts.append(re.escape(next(characters, "")))
            else:
                parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
        matcher = re.compile("".join(parts), re.DOTALL)

        def like(lookup: Lookup) -> bool | None:
            value = left(lookup)
            return None if not isinstance(value, str) else matcher.fullmatch(value) is not None

        return like

    def _in(self, left: Node) -> Node:
        self._expect("(")
        node = _binary(operator.eq, left, self._sum())
        while self._accept(","):
            node = _either(node, _binary(operator.eq, left, self._sum()))
        self._expect(")")
        return node

    def _sum(self) -> Node:
        node = self._product()
        while sign := self._accept("+", "-"):
            node = _binary(_ARITHMETIC[sign], node, self._product())
        return node

    def _product(self) -> Node:
        node = self._primary()
        while sign := self._accept("*", "/", "%"):
            node = _binary(_ARITHMETIC[sign], node, self._primary())
        return node

    def _primary(self) -> Node:
        if self._accept("("):
            node = self._or()
            self._expect(")")
            return node
        if sign := self._accept("-", "+"):
            return _binary(_ARITHMETIC[sign], _constant(0), _constant(_number(self._take("number"))))
        if self._accept("exists"):
            self._expect("(")
            property_value = self._identifier()
            self._expect(")")
            return lambda lookup: property_value(lookup) is not None
        if word := self._accept("true", "false", "null"):
            return _constant({"true": True, "false": False, "null": None}[word])
        kind = self._tokens[self._next][0] if self._next < len(self._tokens) else ""
        if kind == "text":
            return _constant(_unquoted(self._take("text")))
        if kind == "number":
            return _constant(_number(self._take("number")))
        return self._identifier()

    def _identifier(self) -> Node:
        name = self._take("name")
        scope = "user"
        if self._accept("."):
            scope, name = name.lower(), self._take("name")
            if scope not in ("sys", "user"):
                raise SqlSyntaxError(f'unknown scope "{scope}": only sys and user exist')
        if name[0] in '["':
            close = "]" if name[0] == "[" else '"'
            name = name[1:-1].replace(close * 2, close)
        if self._accept("("):
            raise SqlSyntaxError(f"the function {name} is not supported")
        return lambda lookup: lookup(scope, name)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _number(text: str) -> int | float:
    return int(text, 0) if text[:2].lower() == "0x" else int(text) if text.isdecimal() else float(text)


def _constant(value: Any) -> Node:
    return lambda _lookup: value


def _binary(apply: Callable[[Any, Any], Any], left: Node, right: Node) -> Node:
    def evaluate(lookup: Lookup) -> Any:
        a, b = left(lookup), right(lookup)
        # Values of different kinds don't compare; bool is a kind of its own.
        if a is None or b is None or isinstance(a, bool) != isinstance(b, bool):
            return None
        if isinstance(a, str) != isinstance(b, str):
            return None
        try:
            return apply(a, b)
        except (TypeError, ArithmeticError):
            return None

    return evaluate


def _negated(node: Node) -> Node:
    def evaluate(lookup: Lookup) -> bool | None:
        value = node(lookup)
        return None if value is None else value is False

    return evaluate


def _both(left: Node, right: Node) -> Node:
    def evaluate(lookup: Lookup) -> bool | None:
        a, b = left(lookup), right(lookup)
        if a is False or b is False:
            return False
        return True if a is True and b is True else None

    return evaluate


def _either(left: Node, right: Node) -> Node:
    def evaluate(lookup: Lookup) -> bool | None:
        a, b = left(lookup), right(lookup)
        if a is True or b is True:
            return True
        return False if a is False and b is False else None

    return evaluate
