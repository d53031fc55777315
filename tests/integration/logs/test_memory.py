"""How much memory a monitor takes in a process that has loaded what it needs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.telemetry.log_names import LogName
from tests.support.azurite import Azurite

ROOT = Path(__file__).parents[3]
LIMIT_MB = 30.0
FILE_BYTES = 8_000_000
PROGRAM = """
import asyncio, json, pathlib, re, sys
import azure.storage.blob.aio, azure.data.tables.aio, azure.identity.aio, aiohttp  # the app has them anyway
from shared.config import Connection
from shared.logs.log_monitor import LogMonitorService
from shared.storage.blob_uploader import AsyncBlobStorageUploader

def memory_mb(name):
    return int(re.search(name + r":\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

async def main(folder, connection):
    before_mb = memory_mb("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (man proc)
    uploader = AsyncBlobStorageUploader.to(Connection(connection_string=connection), "memory")
    monitor = LogMonitorService(folder, app_name="shop", scan_interval=0.05, uploader=uploader)
    await monitor.initialize()
    while any(pathlib.Path(folder).glob("*.jsonl")):
        await asyncio.sleep(0.05)
    left = await monitor.shutdown()
    took_mb = {"peak_mb": memory_mb("VmHWM") - before_mb, "after_mb": memory_mb("VmRSS") - before_mb}
    print(json.dumps({**took_mb, "left": len(left)}))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("files", [4, pytest.param(60, marks=pytest.mark.accept)])
def test_a_monitor_holds_less_than_30_mb(
    shared_azurite: Azurite, tmp_path: Path, files: int, record_property: Callable[[str, object], None]
) -> None:
    for number in range(1, files + 1):
        lines = (
            f'{{"time":"2026-11-22T10:00:00Z","n":{n * number},"id":"{n * 7919 % 10**9:x}"}}' for n in range(150_000)
        )
        content = "\n".join(lines).encode()[: FILE_BYTES - 1] + b"\n"
        assert len(content) == FILE_BYTES
        (tmp_path / str(LogName("shop", "vm.1.1", "20261122", number))).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), shared_azurite.connection_string],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    figures = f"{found['peak_mb']:.1f} MB at most, {found['after_mb']:.1f} MB after {files} files of 8 MB"
    record_property("figures", figures)
    assert found["left"] == 0
    assert found["peak_mb"] < LIMIT_MB, figures
