"""The check of Bicep files: what it evaluates as a deployment would, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest

from infra.check import conformity, run, schemas, seeds, symbols
from infra.check.deploy import Deployment
from infra.check.scenarios import INFRA
from infra.check.syntax import BicepError, read
from infra.check.values import Deployed, Object, Runtime

BY_SCHEMA = {"schema", "api-version", "unknown-type"}
GROUP = "/subscriptions/s/resourceGroups/g"


def output(tmp_path: Path, source: str, **parameters: Any) -> Any:
    """The output `o` of a file."""
    path = tmp_path / "main.bicep"
    path.write_text(source)
    return Deployment(path, parameters, GROUP).outputs["o"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'a${1 + 2}b'", "a3b"),
        ("'it\\'s'", "it's"),
        ("true && !false ? 'y' : 'n'", "y"),
        ("p.on && p.inner.on ? 1 : 2", 2),
        ("!p.inner.on ? 1 : 2", 1),
        ("p.on ? p.inner.name : 'none'", "x"),
        ("[for n in [1, 2]: { v: n }][1].v", 2),
        ("[for (n, i) in ['a', 'b']: '${n}${i}']", ["a0", "b1"]),
        ("concat([1], p.on ? [2] : [])", [1, 2]),
        ("union({ a: 1 }, { a: 2, b: 3 })", {"a": 2, "b": 3}),
        ("items({ b: 1, a: 2 })[0].key", "a"),
        ("p.?absent ?? 'left out'", "left out"),
        ("split('a/b', '/')[1]", "b"),
        ("'''x\n'y' '''", "x\n'y' "),
        ("resourceGroup().id", GROUP),
    ],
)
def test_expressions(tmp_path: Path, expression: str, value: object) -> None:
    source = f"""
param p object = {{ on: true, inner: {{ on: false, name: 'x' }} }}
var v = {expression}
output o {{}} = v
""".replace("output o {}", f"output o {_bicep_type(value)}")
    assert output(tmp_path, source) == value


def _bicep_type(value: object) -> str:
    kinds: dict[type, str] = {str: "string", int: "int", list: "array", dict: "object"}
    return kinds[type(value)]


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("output o string = nothing", "unknown-name"),
        ("output o string = nothing('a')", "unknown-function"),
        ("var a = { x: 1 }\noutput o int = a.y", "unknown-property"),
        ("var a = b\nvar b = a\noutput o int = a", "circle"),
        ("param p int\noutput o int = p", "missing-parameter"),
        ("@minValue(5)\nparam p int = 2\noutput o int = p", "parameter"),
        ("@allowed(['a'])\nparam p string = 'b'\noutput o string = p", "parameter"),
        ("param p string = 1\noutput o string = p", "parameter"),
        ("type t = { a: int }\nparam p t = { b: 1 }\noutput o object = p", "parameter"),
        ("type t = { a: int }\nparam p t = {}\noutput o object = p", "parameter"),
        ("output o int = 'a'", "output"),
        ("var a = { x: 1, x: 2 }\noutput o object = a", "duplicate"),
        ("module m 'absent.bicep' = {}\noutput o int = 1", "module"),
        ("resource r 'A.B/c' = { name: 'n' }\noutput o string = r.id", "api-version"),
        ("resource r 'A.B/c@1' = { }\noutput o string = r.id", "missing-property"),
        ("resource r 'A.B/c/d@1' = { name: 'n' }\noutput o string = r.id", "name"),
        (
            "resource r 'A.B/c@1' = if (q.properties.on) { name: 'n' }\n"
            "resource q 'A.B/c@1' = { name: 'm' }\noutput o int = 1",
            "condition",
        ),
        ("resource r 'A.B/c@1' = if (false) { name: 'n' }\noutput o string = r.properties.x", "not-deployed"),
        ("output o string = 'a", "syntax"),
    ],
)
def test_what_no_deployment_would_accept(tmp_path: Path, source: str, rule: str) -> None:
    with pytest.raises(BicepError) as caught:
        output(tmp_path, source)
    assert caught.value.finding.rule == rule
    assert caught.value.finding.line >= 1


def test_resources_modules_and_what_only_azure_knows(tmp_path: Path) -> None:
    (tmp_path / "inner.bicep").write_text(
        "param names array\nresource a 'A.B/c@1' = { name: 'top'\n  resource d 'd' = { name: 'child' }\n}\n"
        "resource e 'A.B/c/e@1' = [for (n, i) in names: if (n != 'no') { parent: a, name: n }]\n"
        "output key string = a.properties.key\noutput id string = a::d.id\n"
    )
    path = tmp_path / "main.bicep"
    path.write_text(
        "module m 'inner.bicep' = { name: 'm', params: { names: ['x', 'no', 'y'] } }\n"
        "output o string = 'key=${m.outputs.key}'\noutput id string = m.outputs.id\n"
    )

    found = Deployment(path, {}, GROUP)

    assert [(each.type, each.name) for each in found.resources] == [
        ("A.B/c", "top"),
        ("A.B/c/d", "top/child"),
        ("A.B/c/e", "top/x"),
        ("A.B/c/e", "top/y"),
    ]
    assert found.outputs["id"] == f"{GROUP}/providers/A.B/c/top/d/child"
    assert isinstance(found.outputs["o"], Runtime)
    assert found.outputs["o"] == "key=<a.properties.key>"


SCHEMA: schemas.Schema = {
    "version": "2",
    "body": {"ref": "<body>"},
    "types": {
        "<body>": {
            "properties": {
                "name": {"type": "string", "required": True, "readonly": False},
                "id": {"type": "string", "required": False, "readonly": True},
                "kind": {"type": {"values": ["A", "B"]}, "required": True, "readonly": False},
                "size": {"type": "int", "required": False, "readonly": False, "minValue": 1, "maxValue": 5},
                "tags": {"type": {"ref": "tags"}, "required": False, "readonly": False},
                "to": {"type": {"ref": "to"}, "required": False, "readonly": False},
                "parts": {"type": {"array": {"ref": "tags"}}, "required": False, "readonly": False},
            }
        },
        "tags": {"properties": {}, "additional": "string"},
        "to": {
            "properties": {},
            "discriminator": "type",
            "variants": {
                "mail": {
                    "properties": {
                        "type": {"type": {"values": ["mail"]}, "required": True, "readonly": False},
                        "address": {"type": "string", "required": True, "readonly": False},
                    }
                }
            },
        },
    },
}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"kind": "A", "size": 3, "tags": {"x": "y"}, "to": {"type": "mail", "address": "a"}}, ""),
        ({"kind": Runtime("<x>"), "size": Runtime("<y>")}, ""),
        ({"kind": "C"}, "'C' is none of 'A', 'B'"),
        ({"kind": "A", "Size": 3}, "is it size?"),
        ({"kind": "A", "size": 6}, "6 must be from 1 to 5"),
        ({"kind": "A", "size": "3"}, "int is expected, not '3'"),
        ({"kind": "A", "size": True}, "int is expected, not True"),
        ({"kind": "A", "id": "x"}, "only Azure writes it"),
        ({"kind": "A", "tags": {"x": 1}}, "tags.x: string is expected"),
        ({"kind": "A", "tags": "x"}, "an object is expected"),
        ({"kind": "A", "parts": {}}, "an array is expected"),
        ({"kind": "A", "parts": [{"x": 1}]}, "parts[0].x: string is expected"),
        ({"kind": "A", "to": {"type": "post"}}, "to.type: 'post' is none of mail"),
        ({"kind": "A", "to": {"type": "mail"}}, "to.address: is missing"),
        ({}, "kind: is missing"),
    ],
)
def test_resources_against_a_schema(body: dict[str, Any], told: str) -> None:
    written = Object(7)
    written.update(body)
    resource = Deployed("r", "A.B/c", "2", "n", GROUP, written, "f.bicep", 7)

    findings = conformity.check(resource, SCHEMA)

    assert [finding.rule for finding in findings] == (["schema"] if told else [])
    assert told in (findings[0].message if findings else "")


def test_another_api_version_than_the_schemas_hold() -> None:
    written = Object(1)
    written.update({"kind": "A"})
    findings = conformity.check(Deployed("r", "A.B/c", "1", "n", GROUP, written, "f.bicep", 1), SCHEMA)
    assert [finding.rule for finding in findings] == ["api-version"]


def test_names_that_nobody_declares_uses_or_explains(tmp_path: Path) -> None:
    path = tmp_path / "x.bicep"
    path.write_text(
        "@description('d')\nparam used string\nparam spare string\n"
        "var v = [for (n, i) in used: { a: n, b: i, c: used.d }]\n"
        "output o array = concat(v, other)\noutput p string = missing(used)\n"
    )
    found = {(finding.rule, finding.line) for finding in symbols.check(read(path))}
    assert found == {("unused", 3), ("description", 3), ("unknown-name", 5), ("unknown-function", 6)}


def test_our_files_are_in_order_by_reading() -> None:
    assert [finding for template in run.templates(INFRA) for finding in symbols.check(template)] == []


@pytest.mark.parametrize(
    "seed", [seed for seed in seeds.SEEDS if seed.rule not in BY_SCHEMA], ids=lambda s: f"{s.file} {s.rule} {s.names}"
)
def test_seeded_mistakes_that_need_no_schema(seed: seeds.Seed) -> None:
    """Those that do are found by `make lint`, which has the schemas."""
    assert seeds.missed(INFRA, {}, [seed]) == []


def test_a_seed_that_no_longer_fits_the_files_counts_as_missed() -> None:
    stale = seeds.Seed("main.bicep", "no such text", "", "syntax")
    assert seeds.missed(INFRA, {}, [stale]) == [stale]
