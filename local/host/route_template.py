"""Route templates of HTTP triggers, matched as ASP.NET Core's classic routing does (RoutePatternMatcher).

    orders/{id:int}          a parameter with a constraint; several may follow each other, {id:int:min(1)}
    orders/{id?}             optional
    orders/{id=1}            with a default
    files/{*path}            the rest of the path, slashes included; {**path} means the same here
    {name}.{extension?}      literals and parameters in one segment; an optional one takes its dot along
    {{ and }}                braces themselves

Literals match whatever their case.
"""

import re
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import unquote

from local.host.route_constraints import Constraint, parse_constraint

_NAME = re.compile(r"[^{}/*?:=]+")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `{...}` of a template."""

    name: str
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False


@dataclass(frozen=True, slots=True)
class _Segment:
    """What stands between two slashes. A lone parameter has no pattern; everything else is matched by the first that
    fits. With an optional parameter there is a second pattern, without it."""

    parameters: tuple[Parameter, ...]
    patterns: tuple[re.Pattern[str], ...] = ()


class RouteTemplate:
    """One parsed template.

    Raises:
        ValueError: the template can't be used; the text says why.
    """

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("~/").strip("/")
        self._segments = [_parse_segment(segment) for segment in _split_segments(self.text)]
        names = [parameter.name.lower() for segment in self._segments for parameter in segment.parameters]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the route parameter '{repeated.pop()}' appears more than once in '{text}'")
        for segment in self._segments[:-1]:
            if any(parameter.catch_all for parameter in segment.parameters):
                raise ValueError(f"a catch-all parameter must be the last segment of the route '{text}'")

    def match(self, raw_path: str) -> dict[str, str] | None:
        """Match the path of a request, still percent-encoded.

        Returns:
            The parameters that have a value, decoded, or None if the path or a constraint doesn't match.
        """
        parts = _split_path(raw_path)
        if parts is None:
            return None
        values: dict[str, str] = {}
        for index, segment in enumerate(self._segments):
            parameter = None if segment.patterns else segment.parameters[0]
            if parameter is not None and parameter.catch_all:
                _set(values, parameter, "/".join(parts[index:]) or None)
                parts = parts[: index + 1]
            elif index >= len(parts):
                if parameter is None or not (parameter.optional or parameter.default is not None):
                    return None
                _set(values, parameter, None)
            elif parameter is not None:
                values[parameter.name] = parts[index]
            elif (found := _match_mixed(segment, parts[index])) is not None:
                values |= found
            else:
                return None
        if len(parts) > len(self._segments) or not self._constraints_hold(values):
            return None
        return values

    def _constraints_hold(self, values: dict[str, str]) -> bool:
        for segment in self._segments:
            for parameter in segment.parameters:
                value = values.get(parameter.name)
                if value is None:
                    if parameter.constraints and not parameter.optional:
                        return False  # an empty catch-all: constraints see no value and refuse
                elif not all(holds(value) for holds in parameter.constraints):
                    return False
        return True


def _set(values: dict[str, str], parameter: Parameter, value: str | None) -> None:
    chosen = value if value is not None else parameter.default
    if chosen is not None:
        values[parameter.name] = chosen


def _match_mixed(segment: _Segment, part: str) -> dict[str, str] | None:
    match = next((m for pattern in segment.patterns if (m := pattern.fullmatch(part))), None)
    if match is None:
        return None
    found: dict[str, str] = {}
    for parameter, value in zip_longest(segment.parameters, match.groups()):
        _set(found, parameter, value)
    return found


def _split_path(raw_path: str) -> list[str] | None:
    """The decoded segments of a path; None if one of them is empty. An encoded slash stays encoded, as in Kestrel."""
    path = raw_path.strip("/") if raw_path.strip("/") else ""
    if raw_path.startswith("//") or raw_path.endswith("//"):
        return None
    parts = path.split("/") if path else []
    if "" in parts:
        return None
    return [unquote(part.replace("%2f", "%252f").replace("%2F", "%252F")) for part in parts]


def _split_segments(text: str) -> list[str]:
    """Cut a template at its slashes, those inside braces (a regex) excepted."""
    segments, depth, current = [], 0, ""
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth <= 0:
            segments.append(current)
            current = ""
        else:
            current += character
    segments.append(current)
    if text and "" in segments:
        raise ValueError(f"the route '{text}' has an empty segment (two slashes in a row)")
    return segments if text else []


def _parse_segment(text: str) -> _Segment:
    tokens = _tokens(text)
    parameters = tuple(token for token in tokens if isinstance(token, Parameter))
    if len(tokens) == 1 and parameters:
        return _Segment(parameters)
    pattern = without_optional = ""
    for index, token in enumerate(tokens):
        if isinstance(token, str):
            pattern += re.escape(token)
            continue
        if token.catch_all:
            raise ValueError(f"the catch-all parameter of the segment '{text}' must stand alone in it")
        if index and isinstance(tokens[index - 1], Parameter):
            raise ValueError(f"the segment '{text}' has two parameters without text between them")
        if token.optional:
            if index != len(tokens) - 1 or not str(tokens[index - 1]).endswith("."):
                raise ValueError(f"in the segment '{text}' only a last parameter after a dot may be optional")
            without_optional = pattern.removesuffix(re.escape("."))
        pattern += "(.+)"
    patterns = [pattern, without_optional] if without_optional else [pattern]
    return _Segment(parameters, tuple(re.compile(p, re.IGNORECASE | re.DOTALL) for p in patterns))


def _tokens(text: str) -> list[str | Parameter]:
    """The literals and parameters of a segment."""
    tokens: list[str | Parameter] = []
    literal, position = "", 0
    while position < len(text):
        character = text[position]
        if text[position : position + 2] in ("{{", "}}"):
            literal += character
            position += 2
        elif character == "{":
            end = _closing_brace(text, position)
            if literal:
                tokens.append(literal)
            tokens.append(_parse_parameter(text[position + 1 : end].replace("{{", "{").replace("}}", "}")))
            literal, position = "", end + 1
        elif character in "}?":
            raise ValueError(f"the route segment '{text}' has a '{character}' that doesn't belong there")
        else:
            literal += character
            position += 1
    return [*tokens, literal] if literal else tokens


def _closing_brace(text: str, start: int) -> int:
    position = start + 1
    while position < len(text):
        if text[position : position + 2] in ("{{", "}}"):
            position += 2
        elif text[position] == "}":
            return position
        else:
            position += 1
    raise ValueError(f"the route segment '{text}' has a '{{' that isn't closed")


def _parse_parameter(text: str) -> Parameter:
    """Read `*name:constraint:constraint(argument)=default` or `name?`."""
    stars = len(text) - len(text.lstrip("*"))
    rest = text[stars:]
    name = _NAME.match(rest)
    if stars > 2 or name is None:
        raise ValueError(f"'{{{text}}}' is not a route parameter")
    pieces, default = _split_constraints(rest[name.end() :])
    optional = False
    if default is None and pieces and pieces[-1].endswith("?"):
        optional = True
        pieces[-1] = pieces[-1][:-1]
        pieces = [piece for piece in pieces if piece]
    elif default is None and rest[name.end() :] == "?":
        optional = True
    if default is not None and default.endswith("?"):
        raise ValueError(f"'{{{text}}}': a parameter with a default can't be optional, too")
    if stars and optional:
        raise ValueError(f"'{{{text}}}': a catch-all parameter can't be optional, it matches nothing anyway")
    constraints = tuple(parse_constraint(piece) for piece in pieces)
    return Parameter(name[0], constraints, default, optional, bool(stars))


def _split_constraints(text: str) -> tuple[list[str], str | None]:
    """Cut `:a:b(x:y)=default` at its colons and its equals sign, those inside parentheses excepted."""
    pieces: list[str] = []
    depth = 0
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth <= 0 and character == "=":
            return pieces, text[index + 1 :]
        if depth <= 0 and character == ":":
            pieces.append("")
        elif pieces:
            pieces[-1] += character
        elif text != "?":
            raise ValueError(f"'{text}' after a route parameter's name is neither ':constraint', '=default' nor '?'")
    return pieces, None
