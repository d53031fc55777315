"""The real parts together: Azurite, Service Bus, model and host, and a kill of each."""

import urllib.error
import urllib.request
from pathlib import Path

import psutil

from tests.support.stack import stack


def answers(url: str) -> bool:
    """Whether an HTTP server is there, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=10).close()  # noqa: S310 - an address of this machine
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def family(pid: int) -> list[psutil.Process]:
    """The process and all it has started, such as the host's workers."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def test_every_part_comes_back_after_a_kill_and_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    processes = []
    with stack(tmp_path, model_args=["--engine", "instant"]) as running:
        for part in running.parts.values():
            ports, pid = dict(part.ports), part.pid
            processes += family(pid)
            part.kill()
            part.wait_ready(starts=2)
            assert part.ports == ports
            assert part.pid != pid
        assert answers(running.settings["SLUICE_URL"])
        assert answers(running.settings["AZURE_OPENAI_ENDPOINT"])
        for part in running.parts.values():
            processes += family(part.pid)
    _, left = psutil.wait_procs(processes, timeout=10)
    assert left == []
