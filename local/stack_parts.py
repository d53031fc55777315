"""The four parts of the local stack: how each is started, and the settings by which others use it."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.stack_part import PartSpec, Ports

PROJECT = Path(__file__).resolve().parent.parent
SERVICE_BUS_CONFIG = PROJECT / "local" / "service_bus" / "config.json"
DEPLOYMENT = "gpt-4o-mini"
TRANSCRIPTION_DEPLOYMENT = "whisper"
"""What the local model's deployments are called; it answers by any name."""

_TELEMETRY = ("SLUICE_TELEMETRY", "SLUICE_TELEMETRY_SIGNALS", "SLUICE_TELEMETRY_DIR")

AZURITE, SERVICE_BUS, MODEL, HOST = "azurite", "service_bus", "model", "host"


def _module(name: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", name, *(str(argument) for argument in arguments)]


def azurite(data: Path) -> PartSpec:
    def command(ports: Ports) -> list[str]:
        options = [f"--{name.replace('_', '-')}={port}" for name, port in ports.items()]
        return _module("local.azurite", "--data", data / AZURITE, *options)

    return PartSpec(
        name=AZURITE,
        command=command,
        usual_ports={"blob_port": 10000, "queue_port": 10001, "table_port": 10002},
        settings=lambda info: {"AzureWebJobsStorage": info["connection_string"]},
    )


def service_bus(data: Path) -> PartSpec:
    def command(ports: Ports) -> list[str]:
        port = str(ports["port"])
        return _module(
            "local.service_bus", "--config", SERVICE_BUS_CONFIG, "--data", data / SERVICE_BUS, "--port", port
        )

    return PartSpec(
        name=SERVICE_BUS,
        command=command,
        usual_ports={"port": 5672},
        settings=lambda info: {"ServiceBusConnection": info["connection_string"]},
    )


# More than the demonstration engine can use, so that a laptop isn't throttled by a quota that nobody has set.
_QUOTA_TPM = "1000000"


def model(arguments: Sequence[str], env: Mapping[str, str]) -> PartSpec:
    return PartSpec(
        name=MODEL,
        command=lambda ports: _module("local.model", "--port", str(ports["port"]), "--tpm", _QUOTA_TPM, *arguments),
        usual_ports={"port": 8090},
        settings=lambda info: {
            "AZURE_OPENAI_ENDPOINT": f"http://127.0.0.1:{info['port']}",
            "AZURE_OPENAI_API_KEY": "local",  # any key will do
            "AZURE_OPENAI_DEPLOYMENT_NAME": DEPLOYMENT,
            "OPENAI_TOKEN_LIMIT_PER_MINUTE": _QUOTA_TPM,
            "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME": TRANSCRIPTION_DEPLOYMENT,
            "TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE": "600",
        },
        env=env,
        start_timeout_s=300.0,  # a large GGUF file takes its time
    )


def host(data: Path, app: Path, port: int, arguments: Sequence[str], env: Mapping[str, str]) -> PartSpec:
    durable = ("--durable", data / "durable")
    host_env = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        # The app's logs of this stack alone; after a second without a line they are on their way.
        "SLUICE_LOGS_DIR": str(data / "app-logs"),
        "SLUICE_LOGS_QUIET_S": "1",
        "SLUICE_TELEMETRY": os.environ.get("SLUICE_TELEMETRY") or "file,prometheus",
        # Log lines have files of their own, and metrics are at /api/metrics.
        "SLUICE_TELEMETRY_SIGNALS": os.environ.get("SLUICE_TELEMETRY_SIGNALS") or "traces",
        "SLUICE_TELEMETRY_DIR": str(data / "telemetry"),
        **env,
    }
    return PartSpec(
        name=HOST,
        command=lambda ports: _module("local.host", app, "--port", str(ports["port"]), *durable, *arguments),
        usual_ports={"port": port},
        settings=lambda info: {
            "SLUICE_URL": f"http://127.0.0.1:{info['port']}",
            # Those who send jobs write their spans to the same files.
            **{name: host_env[name] for name in _TELEMETRY},
        },
        needs_others=True,
        env=host_env,
        start_timeout_s=120.0,
        stop_grace_s=45.0,  # its functions get 30 s of them
    )
