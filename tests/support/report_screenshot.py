"""`python -m tests.support.report_screenshot TO`: the report of the sample comments as PNG."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.support.chromium import chromium
from tests.support.run_command import ROOT, RunCommand
from tests.support.stack import stack

SAMPLES = ROOT / "cli" / "samples" / "feedback.jsonl"


async def take(to: Path) -> None:
    """Take it."""
    with tempfile.TemporaryDirectory(prefix="report-") as scratch:
        sluice = RunCommand(Path(scratch))
        shutil.copy(SAMPLES, scratch)
        with stack(Path(scratch) / ".sluice"):
            sluice("run", "start", "feedback", SAMPLES.name, "--name", "samples", "--yes", "--wait")
            sluice("report", "samples")
        async with chromium() as page:
            await page.open(Path(scratch) / "samples.html")
            await page.screenshot(to)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
