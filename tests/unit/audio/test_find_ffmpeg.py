"""Which FFmpeg is used: the configured one, else one in PATH, else the packaged one."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from shared.audio.ffmpeg import find_ffmpeg
from shared.errors import ConfigurationError


def program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the binary of imageio-ffmpeg; PATH has none."""
    binary = program(tmp_path / "site-packages" / "ffmpeg-linux")
    module = ModuleType("imageio_ffmpeg")
    module.get_ffmpeg_exe = lambda: str(binary)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", module)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return binary


def test_the_configured_one_first(tmp_path: Path, packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program(tmp_path / "bin" / "ffmpeg").parent))
    configured = program(tmp_path / "own" / "ffmpeg 9")
    assert find_ffmpeg(str(configured)) == configured


def test_then_path(tmp_path: Path, packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program(tmp_path / "bin" / "ffmpeg").parent))
    assert find_ffmpeg(None) == tmp_path / "bin" / "ffmpeg"


def test_then_the_package(packaged: Path) -> None:
    assert find_ffmpeg(None) == packaged


def test_the_package_really_brings_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "imageio_ffmpeg" in str(find_ffmpeg(None))


def test_a_configured_name_is_looked_for_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(tmp_path / "ffmpeg-9")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_ffmpeg("ffmpeg-9") == found


@pytest.mark.parametrize("kind", ["missing", "not executable", "folder"])
def test_a_configured_one_that_can_not_run(tmp_path: Path, packaged: Path, kind: str) -> None:
    """Never another one instead: whoever sets it wants that one."""
    path = tmp_path / "ffmpeg"
    if kind == "not executable":
        program(path, 0o644)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(ConfigurationError, match="no executable file") as caught:
        find_ffmpeg(str(path))
    assert caught.value.field == "FFMPEG_PATH"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("kind", ["not installed", "no binary", "not executable"])
def test_none_at_all(packaged: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    if kind == "not installed":
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    elif kind == "no binary":
        monkeypatch.setattr(sys.modules["imageio_ffmpeg"], "get_ffmpeg_exe", none)
    else:
        packaged.chmod(0o644)
    with pytest.raises(ConfigurationError, match="Install the package imageio-ffmpeg"):
        find_ffmpeg(None)
