"""The deployment package in an environment that holds nothing but requirements.txt."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.package import ROOT, build

# As the worker does at a cold start: its library first, then the app, without settings and without a network.
_INDEX = """
import json, socket, sys, time
def refuse(*args, **kwargs): raise AssertionError("indexing opened a connection")
socket.socket.connect = refuse
import azure_functions_runtime
start = time.perf_counter()
import function_app
functions = [f.get_function_name() for f in function_app.app.get_functions()]
print(json.dumps([functions, time.perf_counter() - start]))
"""


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


@pytest.mark.accept
@pytest.mark.timeout(600)
def test_the_package_indexes_with_its_requirements_alone(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    build(ROOT, tmp_path / "sluice.zip")
    app, environment = tmp_path / "app", tmp_path / "environment"
    with zipfile.ZipFile(tmp_path / "sluice.zip") as package:
        package.extractall(app)
    uv = ROOT / ".tools" / "bin" / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    subprocess.run(
        [uv, "pip", "sync", "--quiet", app / "requirements.txt"],
        env={**os.environ, "VIRTUAL_ENV": str(environment)},
        check=True,
    )
    sys.path.insert(0, str(ROOT))
    import function_app

    expected = [function.get_function_name() for function in function_app.app.get_functions()]
    seconds = []
    for _ in range(2):
        done = subprocess.run(
            [environment / "bin" / "python", "-c", _INDEX],
            cwd=app,
            env={"PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        functions, took = json.loads(done.stdout)
        assert functions == expected
        seconds.append(took)
    packed = (tmp_path / "sluice.zip").stat().st_size / 1e6
    record_property(
        "figures",
        f"package {packed:.1f} MB zipped; {_size_mb(environment / 'lib'):.0f} MB installed; {len(expected)} functions "
        f"indexed in {seconds[0]:.2f} s cold (nothing compiled yet), {seconds[1]:.2f} s warm",
    )
