"""Sends one feedback job through a deployed app and waits for its outcome.

Settings come from the environment, as azd gives them to hooks, or from a file with the outputs of main.bicep:

    az deployment sub show --name sluice --query properties.outputs > outputs.json
    python3 infra/hooks/smoke_test.py --outputs outputs.json
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from infra.hooks.command_line import HookError, end, given_settings

ROOT = Path(__file__).parents[2]
TEXT = "The parcel arrived two days late, but the driver was very friendly and helped me carry it upstairs."
# Role assignments take effect within minutes (Microsoft, "Troubleshoot Azure RBAC": up to 10).
PATIENCE_S = 600.0
_PAUSE_S = 20.0
_EXIT_UNREACHABLE = 3


def command() -> list[str]:
    """The sluice command of this checkout.

    Raises:
        HookError: it isn't installed.
    """
    for path in (ROOT / ".venv" / "bin" / "python", ROOT / ".venv" / "Scripts" / "python.exe"):
        if path.exists():
            return [str(path), "-m", "cli.main"]
    raise HookError("The sluice command isn't installed here: run make setup, then infra/hooks/smoke_test.py again.")


def send(env: Mapping[str, str], patience_s: float, pause_s: float = _PAUSE_S) -> dict[str, Any]:
    """Send a job and return its outcome.

    Raises:
        HookError: no access after `patience_s`, or no outcome.
    """
    deadline = time.monotonic() + patience_s
    arguments = ["send", "feedback", "-", "--wait", "--json", "--quiet", "--timeout", "600"]
    while True:
        # From the checkout: the command is a module of it.
        done = subprocess.run(
            [*command(), *arguments],
            input=TEXT + "\n",
            env={**env, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != _EXIT_UNREACHABLE or time.monotonic() > deadline:
            break
        print("==> no access yet; new roles take some minutes")
        time.sleep(pause_s)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise HookError(f"The job has no outcome (docs/runbook.md, Troubleshooting). sluice said: {done.stderr[-800:]}")
    outcome: dict[str, Any] = json.loads(lines[-1])
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the test; exit code 1 where the job didn't succeed."""
    env = given_settings(__doc__, arguments)
    if env.get("SLUICE_NETWORK_MODE") == "private" and not env.get("SLUICE_SMOKE_TEST"):
        print(
            "==> no smoke test: Service Bus answers only inside its network. Run this there with SLUICE_SMOKE_TEST=1."
        )
        return 0
    print("==> smoke test: one feedback job")
    try:
        outcome = send(env, PATIENCE_S)
    except HookError as error:
        return end(error)
    if outcome["status"] != "succeeded":
        error_of = outcome.get("error", {})
        return end(HookError(f"The job {outcome['job_id']} failed: {error_of.get('code')}: {error_of.get('message')}"))
    print(f"==> smoke test passed: job {outcome['job_id']}, model {outcome.get('model')}, usage {outcome.get('usage')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
