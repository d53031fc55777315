"""A local model server of a test's own, as a child process on a free port."""

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from local.process import ServerProcess

PROJECT_ROOT = Path(__file__).parents[2]
# Without these the environment of whoever runs the tests would choose the engine.
_NO_ENGINE_SETTINGS = dict.fromkeys(("SLUICE_MODEL_URL", "SLUICE_MODEL_GGUF", "SLUICE_MODEL_NAME"), "")


class ControlError(Exception):
    """The control endpoint refused.

    Args:
        body: its JSON answer.
    """

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body


class ModelServer:
    """A running server.

    Attributes:
        url: its base, such as "http://127.0.0.1:41234"; the value of AZURE_OPENAI_ENDPOINT.
        lines: what it has printed so far, the ready line left out.
    """

    def __init__(self, *args: str, env: Mapping[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.process = ServerProcess(
            "model",
            [sys.executable, "-m", "local.model", "--port", "0", *args],
            env={**_NO_ENGINE_SETTINGS, **(env or {})},
            cwd=PROJECT_ROOT,
            on_line=self.lines.append,
        )
        self.url = ""

    def start(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Returns what the ready line says."""
        info = self.process.start(timeout_s)
        self.url = str(info["url"])
        return info

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control endpoint.

        Args:
            path: below /control/, such as "faults".

        Raises:
            ControlError: it refused.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/{path}", data=data, method=method)  # noqa: S310 - http
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - http
                return json.load(response)
        except HTTPError as error:
            raise ControlError(error.code, json.load(error)) from None

    def inject(self, *faults: Mapping[str, Any]) -> None:
        """Inject faults; see local/model/faults.py."""
        self.control("POST", "faults", list(faults))

    def limit(self, **changes: Any) -> None:
        """Change limits; see local/model/control.py."""
        self.control("PUT", "limits", changes)

    def reset(self) -> None:
        """Forget faults, statistics and what was counted; limits as at the start."""
        self.control("POST", "reset")

    def stats(self) -> dict[str, Any]:
        """See local/model/stats.py."""
        report: dict[str, Any] = self.control("GET", "stats")
        return report


@contextmanager
def model_server(*args: str, env: Mapping[str, str] | None = None) -> Iterator[ModelServer]:
    """Run a server.

    Args:
        args: of `python -m local.model`; "--engine", "instant" starts fastest and needs no model.
    """
    server = ModelServer(*args, env=env)
    try:
        server.start()
        yield server
    finally:
        server.process.stop()
