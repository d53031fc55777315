"""A system that has something to show: jobs that went well, jobs that failed, a run, a quota that is used."""

import json
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.stack import Stack
from tests.support.run_command import RunCommand
from tests.support.stack import stack

COMMENTS = ("The parcel came late again.", "Lovely colours, thank you!", "The invoice is wrong.", "Support was kind.")
FILTERED = "something that the content filter refuses"
RUN_ROWS = 40


@contextmanager
def scene(good: int, failed: int) -> Iterator[Stack]:
    """A stack on which so many feedback jobs have ended well, and badly. Of the former 40 are the run `june`."""
    env = {"AZURE_OPENAI_TIMEOUT_S": "3", "SLUICE_APP_ID": "shop"}
    with (
        tempfile.TemporaryDirectory(prefix="sluice-") as folder,
        stack(Path(folder) / ".sluice", model_args=["--engine", "instant", "--no-limits"], host_env=env) as running,
    ):
        fault = {"kind": "content_filter", "on": "prompt", "match": {"contains": FILTERED}, "count": None}
        ask(running.settings["AZURE_OPENAI_ENDPOINT"], "/control/faults", fault)
        bodies = [{"text": f"{COMMENTS[n % len(COMMENTS)]} ({n})"} for n in range(good - RUN_ROWS)]
        bodies += [{"text": f"{FILTERED} ({n})"} for n in range(failed)]
        batch = [{"id": f"comment-{n}", "body": body} for n, body in enumerate(bodies)]
        for at in range(0, len(batch), 100):
            app(running, "jobs/feedback?app=shop&run=scene", batch[at : at + 100])
        begin_run(running, "june", RUN_ROWS)
        until(running, good, failed)
        yield running


def begin_run(running: Stack, name: str, rows: int) -> None:
    """Start a run of so many jobs, and two rows that are none."""
    sluice = RunCommand(running.data.parent)
    lines = ["Comment", *(f"{COMMENTS[n % len(COMMENTS)]} ({name} {n})" for n in range(rows)), '""', '" "']
    (sluice.folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sluice(
        "run",
        "start",
        "feedback",
        f"{name}.csv",
        "--name",
        name,
        "--map",
        "text=Comment",
        "--delimiter",
        ";",
        "--app",
        "shop",
        "--yes",
        code=1,
    )


def heal(running: Stack) -> None:
    """From now on nothing is refused."""
    ask(running.settings["AZURE_OPENAI_ENDPOINT"], "/control/faults", method="DELETE")


def until(running: Stack, good: int, failed: int) -> None:
    """Wait until so many jobs have ended."""
    deadline = time.monotonic() + 400
    while True:
        states = app(running, "status")["kinds"]["feedback"]["states"]
        counts = states["succeeded"]["count"], states["failed"]["count"]
        if counts == (good, failed):
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.5)


def app(running: Stack, path: str, body: Any = None) -> Any:
    """Ask the app."""
    return ask(running.settings["SLUICE_URL"], f"/api/{urllib.parse.quote(path, safe='/?=&')}", body)


def ask(url: str, path: str, body: Any = None, method: str | None = None) -> Any:
    """A request on this machine, and its answer as JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data, headers, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
        text = response.read()
    return json.loads(text) if text else None
