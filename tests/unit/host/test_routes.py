"""Route templates, their constraints, and which function a request is for."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from local.host.bindings import BindingError
from local.host.contracts import Function
from local.host.route_constraints import parse_constraint
from local.host.route_template import RouteTemplate
from local.host.router import Router


def match(template: str, path: str) -> dict[str, str] | None:
    return RouteTemplate(template).match(path)


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("jobs", "/jobs", {}),
        ("jobs", "/JOBS/", {}),
        ("jobs", "/jobs/1", None),
        ("jobs", "//jobs", None),
        ("jobs/{id}", "/jobs/a%20b", {"id": "a b"}),
        ("jobs/{id}", "/jobs/a%2Fb", {"id": "a%2Fb"}),
        ("jobs/{id}", "/jobs", None),
        ("jobs/{id?}", "/jobs", {}),
        ("jobs/{id?}", "/jobs/1", {"id": "1"}),
        ("jobs/{id=7}", "/jobs", {"id": "7"}),
        ("jobs/{id:int=7}", "/jobs/x", None),
        ("jobs/{id:int?}", "/jobs", {}),
        ("jobs/{id:int:min(3)}", "/jobs/2", None),
        ("jobs/{id:int:min(3)}", "/jobs/3", {"id": "3"}),
        ("files/{*path}", "/files/a/b/c.txt", {"path": "a/b/c.txt"}),
        ("files/{**path}", "/files", {}),
        ("files/{*path=index}", "/files", {"path": "index"}),
        ("{a?}/{b?}", "/", {}),
        ("{a?}/x", "/1/x", {"a": "1"}),
        ("{a?}/x", "/x", None),
        ("{name}.{ext}", "/a.b.c", {"name": "a.b", "ext": "c"}),
        ("{name}.{ext?}", "/a", {"name": "a"}),
        ("{name}.{ext?}", "/a.b", {"name": "a", "ext": "b"}),
        ("v{major}-{minor}", "/V1-2", {"major": "1", "minor": "2"}),
        ("{{x}}", "/{x}", {}),
        (r"{id:regex(^\\d{{2}}/?$)}", "/12", None),
        (r"{id:regex(^\d{{2}}$)}", "/12", {"id": "12"}),
        ("", "/", {}),
    ],
)
def test_matching(template: str, path: str, values: dict[str, str] | None) -> None:
    assert match(template, path) == values


REFUSED = "{ a} {} {a}{b} {a}/{A} {*a}/b x{*a} {a?}b {a:nope} {a:min(x)} {a//b} a//b {a=1?} {*a?} {***a} {a??} a?b"


@pytest.mark.parametrize("template", [*REFUSED.split(), "{a:regex([)}", "{a:length(1,2,3)}"])
def test_templates_that_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        RouteTemplate(template)


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", ["0", "-5", "2147483647", " 1 "], ["", "1.0", "2147483648", "x", "\u0661"]),
        ("long", ["9223372036854775807"], ["9223372036854775808"]),
        ("bool", ["true", "FALSE"], ["1", "yes"]),
        (
            "datetime",
            ["2026-01-01", "2026-01-01T10:00:00", "1/31/2026", "12/31/2026 10:00"],
            ["x", "20260101", "31/31/2026"],
        ),
        ("decimal", ["1.5", "1,000", "-.5"], ["1e3", "x", ""]),
        ("double", ["1.5", "1e3", "NaN", "-Infinity"], ["x", "e3", ""]),
        ("float", ["1E-3"], ["one"]),
        ("guid", ["0" * 32, "{11111111-2222-3333-4444-555555555555}"], ["1", "{" + "0" * 32 + "}"]),
        ("alpha", ["abcXYZ", ""], ["a1", "é"]),
        ("required", ["x"], [""]),
        ("file", ["a.txt", ".x"], ["a", "a."]),
        ("nonfile", ["a", "a."], ["a.txt"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["", "ab"], ["abc"]),
        ("length(2)", ["ab"], ["a", "abc"]),
        ("length(2, 3)", ["ab", "abc"], ["a", "abcd"]),
        ("min(2)", ["2"], ["1", "x"]),
        ("max(2)", ["2", "-9"], ["3"]),
        ("range(2,4)", ["2", "4"], ["1", "5"]),
        ("regex(^a+$)", ["aaa", "AA"], ["b"]),
        ("regex(b)", ["abc"], ["ac"]),
    ],
)
def test_constraints(constraint: str, good: list[str], bad: list[str]) -> None:
    holds = parse_constraint(constraint)
    assert [value for value in good if not holds(value)] == []
    assert [value for value in bad if holds(value)] == []


@given(st.text(st.sampled_from("{}/:?*=()a1.int ")))
def test_any_template_is_used_or_refused(text: str) -> None:
    try:
        template = RouteTemplate(text)
    except ValueError:
        return
    assert template.match("/a/1/i.t") is None or isinstance(template.match("/a/1/i.t"), dict)


SEGMENT = st.text(min_size=1).filter(lambda text: "%2f" not in text.lower() and text not in (".", ".."))


@given(st.lists(SEGMENT, min_size=1, max_size=4))
def test_parameters_get_what_was_encoded(values: list[str]) -> None:
    assume(not any("/" in value for value in values))
    template = "/".join(f"{{p{index}}}" for index in range(len(values)))
    path = "/" + "/".join(quote(value, safe="") for value in values)
    expected = {f"p{index}": value for index, value in enumerate(values)}
    assert match(template, path) == expected
    assert match("{*all}", path) == {"all": "/".join(values)}


@given(st.text(), st.sampled_from(["int", "long", "guid", "datetime", "decimal", "double", "bool", "range(1,5)"]))
def test_constraints_take_any_text(value: str, constraint: str) -> None:
    assert parse_constraint(constraint)(value) in (True, False)


def function(name: str, route: str | None = None, *methods: str, level: str = "ANONYMOUS") -> Function:
    trigger: dict[str, Any] = {"type": "httpTrigger", "name": "req", "authLevel": level}
    trigger |= {"route": route} if route is not None else {}
    trigger |= {"methods": list(methods)} if methods else {}
    return Function(name, name, trigger, (), ())


def router(*functions: Function, prefix: str = "api") -> Router:
    made = Router(prefix)
    for one in functions:
        made.add(one)
    return made


def found(made: Router, method: str, path: str) -> str | None:
    hit = made.find(method, path)
    return hit[0].function.name if hit else None


def test_the_first_name_wins_even_over_a_literal_route() -> None:
    made = router(function("get", "jobs/{id}"), function("list", "jobs/all"))
    assert found(made, "GET", "/api/jobs/all") == "get"
    assert [(first.function.name, hidden.function.name) for first, hidden in made.hidden()] == [("get", "list")]


def test_a_constraint_lets_the_next_route_have_it() -> None:
    made = router(function("get", "jobs/{id:int}"), function("list", "jobs/all"))
    assert found(made, "GET", "/api/jobs/all") == "list"
    assert made.hidden() == []


def test_other_methods_are_not_found() -> None:
    made = router(function("get", "jobs", "GET"), function("post", "jobs", "POST"))
    assert [found(made, method, "/api/jobs") for method in ("GET", "POST", "HEAD", "PUT")] == [
        "get",
        "post",
        None,
        None,
    ]


def test_without_route_the_name_is_the_route_and_without_methods_all_are_taken() -> None:
    made = router(function("Status"), prefix="")
    assert [found(made, method, "/status") for method in ("GET", "PATCH")] == ["Status", "Status"]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (function("b", "/JOBS/", "post", "GET"), "conflicts with the route defined by function 'a'"),
        (function("b", "jobs"), "conflicts with the route defined by function 'a'"),
        (function("b", "admin/x"), "conflicts with one or more built in routes"),
        (function("b", "Runtime"), "conflicts with one or more built in routes"),
        (function("b", "jobs/{"), "isn't closed"),
        (function("b", "x", level="ROOT"), "authLevel 'root'"),
    ],
)
def test_routes_that_are_refused(second: Function, says: str) -> None:
    made = router(function("a", "jobs", "GET"))
    with pytest.raises(BindingError, match=re.escape(says)):
        made.add(second)
