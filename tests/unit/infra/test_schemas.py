"""Schemas from the Azure MCP server: what it lists becomes ours, and it is asked over its standard streams."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.check import schemas

LISTED: list[dict[str, Any]] = [
    {
        "$type": "Resource",
        "name": "A.B/c@2025-01-01",
        "bodyType": {
            "$type": "Object",
            "properties": [
                {"name": "id", "type": "string", "flags": "ReadOnly, DeployTimeConstant"},
                {"name": "name", "type": "string", "flags": "Required", "modifiers": "minLength: 3, maxLength: 24"},
                {"name": "kind", "type": "One | Two | string"},
                {"name": "size", "type": "int", "modifiers": "minValue: 1, maxValue: 5"},
                {"name": "parts", "type": "Part[]"},
                {"name": "to", "type": "Target"},
            ],
        },
    },
    {
        "$type": "Object",
        "name": "Part",
        "properties": [{"name": "x", "type": "bool"}],
        "additionalPropertiesType": "any",
    },
    {
        "$type": "DiscriminatedObject",
        "name": "Target",
        "discriminator": "type",
        "baseProperties": [{"name": "note", "type": "string"}],
        "elements": [
            {"$type": "Object", "name": "Mail", "properties": [{"name": "type", "type": "mail", "flags": "Required"}]}
        ],
    },
    {"$type": "ResourceInstanceFunction", "name": "listKeys"},
]

_SERVER = """#!{python}
import json, sys
listed = json.loads({listed!r})
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    if asked["method"] == "initialize":
        result = {{"serverInfo": {{}}}}
    elif asked["params"]["arguments"]["resource-type"] == "A.B/deadly":
        sys.exit(1)
    else:
        known = asked["params"]["arguments"]["resource-type"] == "A.B/c"
        answer = {{"results": {{"BicepSchemaResult": listed}}}} if known else {{"status": 500, "results": {{}}}}
        result = {{"content": [{{"type": "text", "text": json.dumps(answer)}}]}}
    print(json.dumps({{"jsonrpc": "2.0", "method": "notifications/message", "params": {{}}}}))
    print(json.dumps({{"jsonrpc": "2.0", "id": asked["id"], "result": result}}), flush=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    path = tmp_path / "azmcp"
    path.write_text(_SERVER.format(python=sys.executable, listed=json.dumps(LISTED)))
    path.chmod(0o755)
    return path


def test_what_the_server_lists_becomes_a_schema(server: Path) -> None:
    schema = schemas._ask_server(server, ["A.B/c"])["A.B/c"]

    assert schema["version"] == "2025-01-01"
    body = schema["types"]["<body>"]["properties"]
    assert body["id"] == {"type": "string", "required": False, "readonly": True}
    assert body["name"] == {"type": "string", "required": True, "readonly": False, "minLength": 3, "maxLength": 24}
    assert body["kind"]["type"] == {"values": ["One", "Two"]}
    assert (body["size"]["minValue"], body["size"]["maxValue"]) == (1, 5)
    assert body["parts"]["type"] == {"array": {"ref": "Part"}}
    assert schema["types"]["Part"]["additional"] == "any"
    assert set(schema["types"]["Target"]["variants"]["mail"]["properties"]) == {"note", "type"}


def test_a_type_that_the_server_does_not_know_has_no_schema(server: Path) -> None:
    assert set(schemas._ask_server(server, ["A.B/c", "A.B/unknown"])) == {"A.B/c"}


def test_a_server_that_ends_is_told(server: Path) -> None:
    with pytest.raises(schemas.SchemaError, match="has ended"):
        schemas._ask_server(server, ["A.B/deadly"])


def test_without_the_environment_it_says_what_installs_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    with pytest.raises(schemas.SchemaError, match="make lint"):
        schemas.load(tmp_path / "absent", lock, {"A.B/c"})


def test_schemas_are_kept_until_other_types_or_packages_are_wanted(tmp_path: Path, server: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    (tmp_path / "bin").mkdir()
    server.rename(tmp_path / "bin" / "azmcp")
    python = tmp_path / "bin" / "python"
    python.symlink_to(sys.executable)
    found = schemas.load(tmp_path, lock, {"A.B/c"})
    assert found["A.B/c"]["version"] == "2025-01-01"
    python.unlink()  # nobody can be asked any more

    assert schemas.load(tmp_path, lock, {"A.B/c"}) == found
    with pytest.raises(schemas.SchemaError):
        schemas.load(tmp_path, lock, {"A.B/c", "A.B/d"})
    lock.write_text("other packages")
    with pytest.raises(schemas.SchemaError):
        schemas.load(tmp_path, lock, {"A.B/c"})
