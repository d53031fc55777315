"""The status page in headless Chromium, on a system with failures: what it shows, does, and is fit for."""

import csv
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.browser.driver import look
from tests.browser.scene import RUN_ROWS, app, heal, scene, until

pytestmark = [pytest.mark.accept, pytest.mark.timeout(900)]
GOOD, FAILED = 120, 4
LOOKS = {
    "bright": {},
    "dark": {"dark": True},
    "phone": {"width": 375, "height": 700},
    "dark phone": {"width": 375, "height": 700, "dark": True},
    "without scripts": {"scripts": False},
}


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with scene(GOOD, FAILED) as found:
        yield found


def address(running: Stack, path: str = "dashboard") -> str:
    return f"{running.settings['SLUICE_URL']}/api/{path}"


def test_it_shows_the_figures(running: Stack) -> None:
    jobs, failures = '[aria-label^="Jobs by kind"] tr', '[aria-label="The newest failed jobs"] tbody tr'
    opened, rows, failed, requests = look(
        [
            {"do": "open", "url": address(running)},
            {"do": "text", "of": jobs},
            {"do": "text", "of": failures},
            {"do": "requests"},
        ]
    )
    assert opened == {"status": 200, "title": "Sluice status", "errors": []}
    (feedback,) = [row.split() for row in rows if row.startswith("feedback")]
    assert feedback[-3:] == [str(GOOD), str(FAILED), "0"]
    assert len(failed) == FAILED
    assert all("content_filtered" in row for row in failed)
    assert requests == [address(running)], "it loads nothing else"


def test_a_run_is_shown_with_its_bar_and_its_table_is_a_click_away(running: Stack) -> None:
    deadline = time.monotonic() + 60
    while app(running, "runs/june")["state"] != "ended":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    runs = '[aria-label^="Runs"] tbody'
    _, rows, bars, link = look(
        [
            {"do": "open", "url": address(running)},
            {"do": "text", "of": f"{runs} tr"},
            {"do": "attributes", "of": f"{runs} progress", "names": ["value", "max", "aria-label"]},
            {"do": "attributes", "of": f"{runs} a", "names": ["href"]},
        ]
    )
    (june,) = [row.split("\t") for row in rows]
    assert june[:3] == ["june", "feedback", "ended"]
    assert june[4:7] == [str(RUN_ROWS + 2), str(RUN_ROWS), "0"]
    assert june[8].endswith("USD")
    assert bars == [{"value": "100.0", "max": "100", "aria-label": "Progress of june"}]
    with urllib.request.urlopen(running.settings["SLUICE_URL"] + link[0]["href"], timeout=30) as answer:  # noqa: S310 - loopback
        assert "june.csv" in answer.headers["Content-Disposition"]
        table = list(csv.DictReader(answer.read().decode("utf-8-sig").splitlines()))
    assert [row["result_status"] for row in table] == ["succeeded"] * RUN_ROWS + ["rejected"] * 2


def test_nothing_serious_is_wrong_for_anybody(running: Stack, record_property: Callable[[str, object], None]) -> None:
    steps: list[dict[str, object]] = []
    for view in LOOKS.values():
        steps += [{"do": "view", **view}, {"do": "open", "url": address(running)}, {"do": "width"}]
        steps += [{"do": "axe"}] if view.get("scripts", True) else []
    steps += [{"do": "view"}, {"do": "open", "url": address(running, "docs")}, {"do": "width"}, {"do": "axe"}]
    found = look(steps)
    results = [(step["do"], result) for step, result in zip(steps, found, strict=True)]
    violations = [one for do, result in results if do == "axe" for one in result]
    assert [one for one in violations if one["impact"] in ("serious", "critical")] == []
    assert [result for do, result in results if do == "width"] == [0] * (len(LOOKS) + 1), "wider than the window"
    assert [result["errors"] for do, result in results if do == "open"] == [[]] * (len(LOOKS) + 1)
    names = sorted({one["id"] for one in violations})
    record_property("figures", f"axe, {len(LOOKS)} looks and the page of the API: nothing serious; {len(names)} minor")


def test_it_is_used_by_keyboard(running: Stack) -> None:
    *_, seen = look([{"do": "open", "url": address(running)}, {"do": "press", "keys": ["Tab", "Enter", *["Tab"] * 12]}])
    assert seen[0]["text"] == "Skip to the content"
    assert any(one["tag"] == "BUTTON" and one["text"].startswith("Run again: comment-") for one in seen)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_failure_is_run_again(running: Stack, scripts: bool) -> None:
    left = len(app(running, "errors?kind=feedback")["errors"])
    heal(running)
    found = look(
        [
            {"do": "view", "scripts": scripts},
            {"do": "open", "url": address(running)},
            {"do": "click", "on": '[aria-label="The newest failed jobs"] button'},
            {"do": "text", "of": '[role="status"]'},
        ]
    )
    assert "replayed=comment-" in found[2]
    assert found[3][0].endswith("runs again.")
    until(running, GOOD + FAILED - left + 1, left - 1)


def test_it_refreshes_itself(running: Stack) -> None:
    app(running, "jobs/feedback?id=later", {"text": "One more."})
    (_, _, found) = look(
        [
            {"do": "open", "url": address(running)},
            {"do": "wait", "for": "main", "text": "feedback"},
            {"do": "text", "of": "#when"},
        ]
    )
    assert found[0].startswith("as of ")


def test_screenshots(running: Stack, tmp_path: Path) -> None:
    from tests.browser.screenshots import take

    assert all(path.stat().st_size > 10_000 for path in take(running, tmp_path))
