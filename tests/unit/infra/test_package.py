"""The deployment package holds what runs, and nothing else."""

import zipfile
from pathlib import Path

import pytest

from infra.package import ROOT, build, files

HELD = [path.as_posix() for path in files(ROOT)]


def test_what_runs_is_in_it() -> None:
    assert {
        "function_app.py",
        "host.json",
        "requirements.txt",
        "functions/intake.py",
        "shared/config.py",
        "shared/jobs/feedback.yaml",
        "shared/model/ranks/o200k_base.tiktoken.gz",
    } <= set(HELD)
    source = [p for folder in ("functions", "shared") for p in ROOT.glob(f"{folder}/**/*.py")]
    assert {path.relative_to(ROOT).as_posix() for path in source} <= set(HELD)


def test_nothing_else_is_in_it() -> None:
    assert {name.partition("/")[0] for name in HELD} == {
        "LICENSE",
        "function_app.py",
        "functions",
        "host.json",
        "requirements.txt",
        "shared",
    }
    assert not [name for name in HELD if name.endswith((".pyc", ".md", ".bicep")) or "__pycache__" in name]


@pytest.mark.parametrize(
    "stray",
    [
        ".azure/prod/.env",
        ".env",
        ".github/workflows/ci.yml",
        ".venv/lib/x.py",
        "cli/main.py",
        "dist/sluice.zip",
        "docs/x.md",
        "functions/__pycache__/x.pyc",
        "infra/main.bicep",
        "local.settings.json",
        "local/azurite/node_modules/x.js",
        "requirements-dev.txt",
        "tests/test_x.py",
    ],
)
def test_files_beside_it_stay_out(tmp_path: Path, stray: str) -> None:
    (tmp_path / ".funcignore").write_text((ROOT / ".funcignore").read_text())
    for name in ("function_app.py", stray):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert [path.as_posix() for path in files(tmp_path)] == ["function_app.py"]


def test_the_same_source_makes_the_same_package(tmp_path: Path) -> None:
    held = build(ROOT, tmp_path / "a.zip")
    build(ROOT, tmp_path / "b.zip")

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as package:
        assert package.namelist() == [path.as_posix() for path in held]
        assert package.read("host.json") == (ROOT / "host.json").read_bytes()
