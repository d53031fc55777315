"""Drives Chromium: `look([{"do": "open", "url": ...}, ...])`. page.mjs beside this has the steps."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def look(steps: list[dict[str, Any]]) -> list[Any]:
    """Do steps on one page. Returns what each found."""
    chromium = next(filter(None, map(shutil.which, _NAMES)), None)
    assert chromium, "Chromium is missing: apt-get install chromium"
    assert (HERE / "node_modules").exists(), "Playwright is missing: make accept installs it"
    node = ROOT / ".venv" / "bin" / "node"
    asked = json.dumps({"chromium": chromium, "steps": steps})
    done = subprocess.run([node, HERE / "page.mjs", asked], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: list[Any] = json.loads(done.stdout)
    return found
