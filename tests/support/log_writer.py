"""A process that logs: `python -m tests.support.log_writer FOLDER NAME ROTATIONS BYTES PAUSE_S END`.

Logs numbered lines, 20 after each pause, until so many files were begun, prints how many lines it has logged, and ends:
by closing its file (`close`), or by SIGKILL (`kill`).
"""

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

from shared.telemetry.events import log_event
from shared.telemetry.formats import StructuredFormatter
from shared.telemetry.rotation import RotatingLogHandler


def main() -> None:
    folder, name, rotations, max_bytes, pause_s, end = sys.argv[1:]
    handler = RotatingLogHandler(
        Path(folder), StructuredFormatter(), app="shop", machine=name, max_bytes=int(max_bytes), rotation_s=0.5
    )
    logger = logging.getLogger("writer")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    count = 0
    while handler.number < int(rotations):
        for _ in range(20):
            log_event(logger, "line", job_id=f"{name}-{count % 50}", count=count)
            count += 1
        time.sleep(float(pause_s))
    print(json.dumps({"instance": handler.instance, "lines": count, "files": handler.number}), flush=True)  # noqa: T201
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    handler.close()


main()
