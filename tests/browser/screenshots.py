"""Takes the screenshots of the docs: `python -m tests.browser.screenshots FOLDER`."""

import sys
import time
from pathlib import Path

from local.stack import Stack
from tests.browser.driver import look
from tests.browser.scene import app, begin_run, scene

_VIEWS = {
    "dashboard.png": {"width": 1100, "height": 900},
    "dashboard-dark.png": {"width": 1100, "height": 900, "dark": True},
    "dashboard-phone.png": {"width": 390, "height": 844},
}


def take(running: Stack, folder: Path) -> list[Path]:
    """While a run is under way. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    begin_run(running, "july", 500)
    while app(running, "runs/july")["ended"] < 100:
        time.sleep(0.5)
    url = f"{running.settings['SLUICE_URL']}/api/dashboard"
    steps: list[dict[str, object]] = []
    for name, view in _VIEWS.items():
        steps += [{"do": "view", **view}, {"do": "open", "url": url}, {"do": "screenshot", "to": str(folder / name)}]
    look(steps)
    return [folder / name for name in _VIEWS]


if __name__ == "__main__":
    with scene(good=120, failed=3) as running:
        for path in take(running, Path(sys.argv[1])):
            print(path)  # noqa: T201
