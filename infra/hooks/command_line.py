"""The Azure command line, as hooks use it. Hooks run on whatever Python is there: standard library only."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INFRA = Path(__file__).parents[1]


class HookError(Exception):
    """The hook can't go on. The text says what to do."""


def az(*arguments: str) -> Any:
    """Run `az` and return what it prints, decoded.

    Raises:
        HookError: it isn't installed, or fails.
    """
    return run("az", *arguments, "--output", "json")


def run(command: str, *arguments: str) -> Any:
    """Run a command that prints JSON, or nothing.

    Raises:
        HookError: it isn't installed, or fails.
    """
    # On Windows az is a batch file, which only its whole path starts.
    path = shutil.which(command)
    if path is None:
        raise HookError(f"{command} isn't installed (docs/deployment.md names what is needed).")
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HookError(f"{command} {' '.join(arguments[:4])} failed: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def given_settings(about: str | None, arguments: Sequence[str] | None = None) -> dict[str, str]:
    """The environment, with the outputs of main.bicep: azd puts them there; else --outputs names a file with them."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outputs", type=Path, help="outputs of main.bicep, as az prints them")
    given = parser.parse_args(arguments)
    return {**os.environ, **(outputs(given.outputs) if given.outputs else {})}


def outputs(path: Path) -> dict[str, str]:
    """The outputs of main.bicep from a file; az may have changed the case of their names."""
    given = {name.lower(): str(entry["value"]) for name, entry in json.loads(path.read_text(encoding="utf-8")).items()}
    names = re.findall(r"^output (\w+)", (INFRA / "main.bicep").read_text(encoding="utf-8"), re.MULTILINE)
    return {name: given[name.lower()] for name in names if name.lower() in given}


def setting(env: Mapping[str, str], name: str) -> str:
    """An output of main.bicep.

    Raises:
        HookError: it isn't there.
    """
    if not env.get(name):
        raise HookError(f"{name} isn't set: azd env refresh brings the outputs of the deployment.")
    return env[name]


def end(problem: HookError) -> int:
    """Tell the problem; the exit code."""
    print(f"==> {problem}", file=sys.stderr)
    return 1
