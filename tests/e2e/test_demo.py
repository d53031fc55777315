"""The two commands of the README, from a fresh clone."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


def _processes_in(folder: Path) -> list[str]:
    """Processes whose command line or working directory is in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join([process.cwd(), *process.cmdline()]):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_demo_shows_results_and_leaves_nothing_running(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", "--data", str(tmp_path / ".sluice")],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for kind in ("24 succeeded, 0 failed", "2 succeeded, 0 failed", "1 succeeded, 0 failed"):
        assert kind in done.stderr
    assert "ask what you can do for your country" in " ".join(done.stdout.split())
    assert "sluice logs search --job demo-" in done.stderr, "its own logs are shipped and can be found"
    assert str(tmp_path / ".sluice" / "logs") in done.stderr.replace("\n", "")
    assert _processes_in(tmp_path) == []


def test_up_runs_until_it_is_told_to_end(tmp_path: Path) -> None:
    data = tmp_path / ".sluice"
    up = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up", "--data", str(data)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert up.stdout is not None
    lines = []
    for line in up.stdout:
        lines.append(line)
        if "everything runs" in line:
            up.terminate()
    assert up.wait(60) == 0, "".join(lines)
    assert any("everything runs" in line for line in lines)
    assert _processes_in(tmp_path) == []


@pytest.mark.accept
@pytest.mark.timeout(1800)
def test_make_demo_from_a_fresh_clone_with_empty_caches(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    caches = {"UV_CACHE_DIR": str(tmp_path / "uv"), "npm_config_cache": str(tmp_path / "npm")}
    seconds = []
    for _ in range(2):
        begin = time.monotonic()
        done = subprocess.run(
            ["make", "demo"],
            cwd=clone,
            env={**os.environ, **caches, "PIP_NO_CACHE_DIR": "1"},
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )
        seconds.append(time.monotonic() - begin)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "24 succeeded, 0 failed" in done.stderr
        assert _processes_in(clone) == []
    record_property("figures", f"first run {seconds[0]:.0f} s, everything installed; second {seconds[1]:.0f} s")
    assert seconds[1] < 40
    shutil.rmtree(clone)
