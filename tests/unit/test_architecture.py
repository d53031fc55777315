"""The layout's promises: imports go one way, files are short, one module reads the environment, indexing is light."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Lowest first. A module imports from lower ranks, or from its own where no circle results.
RANKS = [
    "shared.version",
    "shared.errors",
    "shared.config_setting",
    "shared.config_reader",
    "shared.config_models",
    "shared.config_jobs",
    "shared.config_command",
    "shared.config_http",
    "shared.log_settings",
    "shared.telemetry_settings",
    "shared.run_settings",
    "shared.config",
    "shared.config_catalogue",
    "shared.telemetry",
    "shared.resilience",
    "shared.audio",
    "shared.messages",
    "shared.quota",
    "shared.model",
    "shared.messaging",
    "shared.storage",
    "shared.logs",
    "shared.datasets",
    "shared.jobs",
    "shared.runs",
    "shared.security",
    "shared.health",
    "shared.http_api",
    "shared.log_services",
    "shared.config_checks",
    "shared.config_validator",
    "shared.config_log",
    "shared.bootstrap",
    "functions",
    "function_app",
]
ONLY_IN = {  # package -> the only places that may import it
    "openai": ("shared.model",),
    "tiktoken": ("shared.model",),
    "imageio_ffmpeg": ("shared.audio",),
    "opentelemetry": ("shared.telemetry",),
    "prometheus_client": ("shared.telemetry",),
    "azure.monitor": ("shared.telemetry",),
    "azure.functions": ("functions", "function_app"),
    "azure.durable_functions": ("functions", "function_app"),
    "local": (),
    "cli": (),
    "tests": (),
    "benchmarks": (),
    "infra": (),
}
DEPLOYED = [ROOT / "function_app.py", *sorted(ROOT.glob("shared/**/*.py")), *sorted(ROOT.glob("functions/**/*.py"))]
OURS = [
    *DEPLOYED,
    *sorted(ROOT.glob("local/**/*.py")),
    *sorted(ROOT.glob("cli/**/*.py")),
    *sorted(ROOT.glob("benchmarks/**/*.py")),
    *sorted(ROOT.glob("infra/**/*.py")),
]
OURS = [path for path in OURS if "node_modules" not in path.parts]
HEAVY = (
    "openai",
    "tiktoken",
    "pydantic",
    "imageio_ffmpeg",
    "jwt",
    "azure.servicebus",
    "azure.data.tables",
    "azure.storage",
    "azure.identity",
    "azure.monitor",
    "opentelemetry.sdk",
    "opentelemetry.exporter",
    "prometheus_client",
)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def _imports(path: Path) -> set[str]:
    """Every absolute name imported anywhere in the file, lazy and type-only imports included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write absolute imports"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _rank(name: str) -> int | None:
    return next((i for i, prefix in enumerate(RANKS) if _within(name, prefix)), None)


@pytest.mark.parametrize("path", OURS, ids=_name)
def test_files_are_short(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= 300, "split it by what it does"


@pytest.mark.parametrize("path", DEPLOYED, ids=_name)
def test_deployed_modules_keep_to_the_layout(path: Path) -> None:
    name = _name(path)
    text = path.read_text(encoding="utf-8")
    if "os.environ" in text or "os.getenv" in text:
        assert name == "shared.config", "only shared/config.py reads the environment"
    here = _rank(name)
    for target in _imports(path):
        for package, homes in ONLY_IN.items():
            if _within(target, package):
                assert any(_within(name, home) for home in homes), f"{name} must not import {target}"
        there = _rank(target)
        if path.name != "__init__.py" and there is not None:
            assert here is not None, f"{name} has no rank"
            assert there <= here, f"{name} imports upwards: {target}"


def test_no_module_imports_itself_by_a_detour() -> None:
    names = {_name(path) for path in OURS}
    packages = {_name(path) for path in OURS if path.name == "__init__.py"}

    def module(target: str) -> str | None:
        """The module of ours that an import names: itself, or the one that holds the imported name."""
        return next((n for n in (target, target.rpartition(".")[0]) if n in names), None)

    graph = {
        _name(path): {module(target) for target in _imports(path)} - {_name(path), None} - packages for path in OURS
    }
    TopologicalSorter(graph).prepare()


def test_indexing_needs_no_settings_no_network_and_no_heavy_library(tmp_path: Path) -> None:
    script = f"""
import json, socket, sys
def refuse(*args, **kwargs): raise AssertionError("indexing opened a connection")
socket.socket.connect = refuse
sys.path.insert(0, {str(ROOT)!r})
import function_app
functions = [f.get_function_name() for f in function_app.app.get_functions()]
print(json.dumps([functions, [m for m in {HEAVY!r} if m in sys.modules]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    functions, heavy = json.loads(done.stdout)
    assert heavy == []
    assert set(functions) >= {
        "feedback_intake",
        "feedback_run",
        "audio_dropped",
        "feedback_intake_dead_letter",
        "feedback_run_dead_letter",
        "admit",
        "admission_plan",
        "admission_send",
        "admission_sweep",
        "token_counter",
        "token_operation",
        "tokens_lock",
        "tokens_report",
        "tokens_release",
        "tokens_limits",
        "tokens_status",
        "retention",
        "log_index",
        "log_sweep",
    }


def test_every_direct_dependency_is_pinned() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {line.split("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line}
    for requirement in project["dependencies"]:
        name = requirement.split(">=")[0].split("==")[0].strip()
        assert name in pinned, f"{name}: run make lock"
    for path in ("requirements.txt", "requirements-dev.txt"):
        assert "index" not in (ROOT / path).read_text()


def test_what_is_deployed_needs_only_what_is_deployed() -> None:
    ignored = (ROOT / ".funcignore").read_text().split()
    for folder in ("local/", "cli/", "tests/", "benchmarks/", "docs/", "infra/"):
        assert folder in ignored
