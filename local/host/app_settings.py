"""App settings: local.settings.json under the real environment, as `func start` combines them."""

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.host.errors import HostError

FILE_NAME = "local.settings.json"
WORKER_RUNTIME = "FUNCTIONS_WORKER_RUNTIME"
_MAX_HOST_ID_LENGTH = 32  # names of queues and leases are made from it


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """What local.settings.json says.

    Attributes:
        values: `Values` and `ConnectionStrings` (as `ConnectionStrings:{name}`), all strings.
        http_port: `Host.LocalHttpPort`.
        cors_origins: `Host.CORS`, split at its commas.
        cors_credentials: `Host.CORSCredentials`.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    http_port: int | None = None
    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False


def load_local_settings(app_dir: Path) -> LocalSettings:
    """Read the app's local.settings.json; one that isn't there counts as empty.

    Raises:
        HostError: it isn't JSON of the expected form, or is encrypted.
    """
    path = app_dir / FILE_NAME
    if not path.exists():
        return LocalSettings()
    content = read_json_object(path)
    # Core Tools takes a file that doesn't say for an encrypted one.
    if content.get("IsEncrypted", True) is not False:
        raise HostError(
            f'{path}: IsEncrypted must be false: encrypted settings can\'t be read here. Set "IsEncrypted": false '
            "and write the values in plain text, or run `func settings decrypt`."
        )
    values = {
        name: _setting(path, f"Values.{name}", value) for name, value in _section(path, content, "Values").items()
    }
    for name, value in _section(path, content, "ConnectionStrings").items():
        text = value.get("ConnectionString") if isinstance(value, dict) else value
        values[f"ConnectionStrings:{name}"] = _setting(path, f"ConnectionStrings.{name}", text)
    host = _section(path, content, "Host")
    port, cors, credentials = host.get("LocalHttpPort"), host.get("CORS"), host.get("CORSCredentials", False)
    if port is not None and (type(port) is not int or not 0 <= port <= 65535):
        raise HostError(f"{path}: Host.LocalHttpPort must be a port number, not {port!r}.")
    if cors is not None and not isinstance(cors, str):
        raise HostError(f'{path}: Host.CORS must be "*" or a comma-separated list of origins, not {cors!r}.')
    if not isinstance(credentials, bool):
        raise HostError(f"{path}: Host.CORSCredentials must be true or false, not {credentials!r}.")
    origins = tuple(origin.strip() for origin in (cors or "").split(",") if origin.strip())
    if credentials and "*" in origins:
        raise HostError(f'{path}: Host.CORS "*" can\'t be combined with CORSCredentials: name the origins.')
    present = {name: value for name, value in values.items() if name and value is not None}
    return LocalSettings(present, port, origins, credentials)


def combine_settings(local: LocalSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """All settings the app sees. A variable of the real environment wins unless it is empty.

    Raises:
        HostError: FUNCTIONS_WORKER_RUNTIME isn't "python".
    """
    combined = dict(environ)
    for name, value in local.values.items():
        if not environ.get(name):
            combined[name] = value
    runtime = combined.get(WORKER_RUNTIME)
    if not runtime:
        raise HostError(f'{WORKER_RUNTIME} is missing: add "{WORKER_RUNTIME}": "python" to Values in {FILE_NAME}.')
    if runtime.lower() != "python":
        raise HostError(f'{WORKER_RUNTIME} is "{runtime}": this host runs Python apps only. Set it to "python".')
    return combined


def find_setting(settings: Mapping[str, str], name: str) -> str | None:
    """Look a setting up as .NET configuration does: the case of its name doesn't matter."""
    if name in settings:
        return settings[name]
    lower = name.lower()
    return next((value for key, value in settings.items() if key.lower() == lower), None)


def is_true(value: str | None) -> bool:
    """Whether a setting means yes, as the WebJobs SDK reads it: "1" or "true"."""
    return value is not None and (value == "1" or value.strip().lower() == "true")


def host_id(app_dir: Path, settings: Mapping[str, str]) -> str:
    """The name under which this host keeps leases, receipts and timer status in storage.

    Stable for one app folder on one machine, like the real host's outside Azure; the setting
    `AzureFunctionsWebHost__hostid` overrides it, which several hosts of one app need to share timers.
    """
    configured = find_setting(settings, "AzureFunctionsWebHost__hostid")
    if configured:
        return configured.lower()
    machine = "".join(c for c in socket.gethostname() if c.isalnum() and c.isascii())
    # The machine's name is cut rather than the hash: two folders of one machine must not share timers.
    digest = str(int.from_bytes(hashlib.sha256(os.fsencode(app_dir.resolve())).digest()[:4]))
    return f"{machine[: _MAX_HOST_ID_LENGTH - 1 - len(digest)]}-{digest}".lower().strip("-")


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        HostError: it can't be read, or holds something else; the text says where.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise HostError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise HostError(f"{path} isn't UTF-8 text (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise HostError(f"{path} isn't JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    except RecursionError as error:
        raise HostError(f"{path} isn't usable: it is nested too deeply.") from error
    if not isinstance(content, dict):
        raise HostError(f"{path} must hold a JSON object.")
    return content


def _section(path: Path, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = content.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise HostError(f"{path}: {name} must be an object.")
    return section


def _setting(path: Path, name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)  # "True" for true, as Newtonsoft.Json writes it
    raise HostError(f"{path}: {name} must be a string, not {type(value).__name__}.")
