"""Azure's type schemas of the resources we deploy, from Microsoft's own packages, without a network.

Most come from the Azure MCP server (PyPI: msmcp-azure), which holds the types of Bicep itself. It lacks some providers;
those come from the models of Microsoft's management SDKs (sdk_schemas.py). Both packages are in the environment that
`make lint` installs, and what they say is kept there in one file.

A schema is {"version", "body": type, "types": {name: {"properties", "additional"?, "discriminator"?, "variants"?}}}.
A type is "string", "int", "bool", "any", {"ref": name}, {"array": type} or {"values": [...]}.
"""

import hashlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

type Schema = dict[str, Any]

_PRIMITIVES = ("string", "int", "bool", "any")
_LIMIT = re.compile(r"(minLength|maxLength|minValue|maxValue): (\d+)")
_TIMEOUT_S = 240.0
_CLIENT = {"name": "sluice", "version": "1"}


class SchemaError(Exception):
    """The schemas can't be had."""


def load(tools: Path, lock: Path, types: Iterable[str]) -> dict[str, Schema]:
    """The schemas of these types, by type. Kept in `tools` until other types or packages are wanted.

    Args:
        tools: the environment with the packages.
        lock: the requirements that it was made of.

    Raises:
        SchemaError: a package isn't there, or doesn't answer.
    """
    wanted = sorted(types)
    kept, script = tools / "schemas.json", Path(__file__).with_name("sdk_schemas.py")
    made_of = hashlib.sha256(" ".join(wanted).encode())
    for path in (lock, script, Path(__file__)):
        made_of.update(path.read_bytes())
    if kept.exists():
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["made_of"] == made_of.hexdigest():
            return dict(found["schemas"])
    python = tools / "bin" / "python"
    if not python.exists():
        raise SchemaError(f"There is no environment {tools}: make lint installs it.")
    done = subprocess.run([python, script, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SchemaError(f"The models of the management SDKs can't be read: {done.stderr[-500:]}")
    schemas: dict[str, Schema] = json.loads(done.stdout)
    schemas |= _ask_server(tools / "bin" / "azmcp", [name for name in wanted if name not in schemas])
    kept.write_text(json.dumps({"made_of": made_of.hexdigest(), "schemas": schemas}), encoding="utf-8")
    return schemas


def _ask_server(command: Path, types: list[str]) -> dict[str, Schema]:
    """Ask the MCP server on its standard streams; one process for all types takes seconds, one for each minutes."""
    server = subprocess.Popen(
        [command, "server", "start", "--transport", "stdio", "--mode", "all", "--namespace", "bicepschema"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "AZURE_MCP_COLLECT_TELEMETRY": "false"},
    )
    assert server.stdin is not None
    assert server.stdout is not None
    watchdog = threading.Timer(_TIMEOUT_S, server.kill)
    watchdog.start()
    try:
        session = _Session(server.stdin, server.stdout)
        session.call("initialize", protocolVersion="2025-03-26", capabilities={}, clientInfo=_CLIENT)
        session.tell("notifications/initialized")
        schemas = {}
        for name in types:
            answer = session.call("tools/call", name="bicepschema_get", arguments={"resource-type": name})
            listed = json.loads(answer["content"][0]["text"]).get("results", {}).get("BicepSchemaResult")
            if listed:
                schemas[name] = _schema(listed)
        return schemas
    finally:
        watchdog.cancel()
        server.stdin.close()
        server.terminate()
        server.wait(10)
        server.stdout.close()


class _Session:
    """JSON-RPC, one message a line."""

    def __init__(self, out: IO[bytes], answers: IO[bytes]) -> None:
        self._out = out
        self._answers = answers
        self._last = 0

    def tell(self, method: str, **message: Any) -> None:
        self._out.write(json.dumps({"jsonrpc": "2.0", "method": method, **message}).encode() + b"\n")
        self._out.flush()

    def call(self, method: str, **params: Any) -> Any:
        self._last += 1
        self.tell(method, id=self._last, params=params)
        for line in self._answers:
            answer = json.loads(line)
            if answer.get("id") == self._last:
                if "result" not in answer:
                    raise SchemaError(f"The Azure MCP server answered {answer.get('error')}.")
                return answer["result"]
        raise SchemaError("The Azure MCP server has ended.")


def _schema(listed: list[dict[str, Any]]) -> Schema:
    """The schema of the one resource that the server listed, with the types it is made of."""
    names = {entry["name"] for entry in listed if entry["$type"] in ("Object", "DiscriminatedObject")}
    types = {}
    for entry in listed:
        if entry["$type"] in ("Object", "DiscriminatedObject"):
            types[entry["name"]] = _object(entry, names)
    resource = next(entry for entry in listed if entry["$type"] == "Resource")
    types["<body>"] = _object(resource["bodyType"], names)
    return {"version": resource["name"].partition("@")[2], "body": {"ref": "<body>"}, "types": types}


def _object(entry: dict[str, Any], names: set[str]) -> dict[str, Any]:
    if entry["$type"] == "DiscriminatedObject":
        by = entry["discriminator"]
        base = _properties(entry["baseProperties"], names)
        variants = {}
        for element in entry["elements"]:
            own = _properties(element["properties"], names)
            variants[own[by]["type"]["values"][0]] = {"properties": {**base, **own}}
        return {"properties": base, "discriminator": by, "variants": variants}
    found: dict[str, Any] = {"properties": _properties(entry["properties"], names)}
    if "additionalPropertiesType" in entry:
        found["additional"] = _type(entry["additionalPropertiesType"], names)
    return found


def _properties(listed: list[dict[str, Any]], names: set[str]) -> dict[str, Any]:
    found = {}
    for entry in listed:
        flags = entry.get("flags") or ""
        found[entry["name"]] = {
            "type": _type(entry["type"], names),
            "required": "Required" in flags,
            "readonly": "ReadOnly" in flags,
            **{name: int(value) for name, value in _LIMIT.findall(entry.get("modifiers") or "")},
        }
    return found


def _type(written: str, names: set[str]) -> Any:
    if written in _PRIMITIVES:
        return written
    if written in names:
        return {"ref": written}
    if written.endswith("[]"):
        return {"array": _type(written[:-2], names)}
    # `A | B | string` is an enumeration that may grow; what isn't in it yet is a misspelling to us.
    values = [value for value in written.split(" | ") if value != "string"]
    return {"values": values}
