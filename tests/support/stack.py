"""The local stack for tests: on free ports, in a folder of its own, quiet."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.log_output import LogOutput
from local.stack import Stack


@contextmanager
def stack(data: Path | None = None, **options: Any) -> Iterator[Stack]:
    """A running stack, stopped at the end; without `data` in a folder that is then deleted.

    Args:
        data: folder that keeps everything, to start another stack on it.
        options: of Stack, such as `parts`, `app`, `host_env`, `model_args`.
    """
    with tempfile.TemporaryDirectory(prefix="sluice-") as scratch:
        options = {"usual_ports": False, "output": LogOutput(None), **options}
        with Stack(data or Path(scratch), **options) as running:
            yield running
