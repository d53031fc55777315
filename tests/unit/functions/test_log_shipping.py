"""The log functions are there, or not, as the settings say; and calls have their ids."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import azure_functions_runtime

from functions.log_shipping import _invocation_id

ROOT = Path(__file__).parents[3]
INDEX = """
import json
from functions import log_shipping
import azure.durable_functions as df
app = df.DFApp()
app.register_functions(log_shipping.bp)
functions = app.get_functions()
print(json.dumps({f.get_function_name(): f.get_trigger().get_dict_repr() for f in functions}, default=str))
"""


def functions(**env: str) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", INDEX],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_they_are_indexed_with_their_settings() -> None:
    found = functions(SLUICE_LOGS_CONTAINER="my-logs", SLUICE_LOGS_SCHEDULE="0 0 3 * * *")
    assert found["log_index"]["path"] == "my-logs/{name}"
    assert found["log_index"]["source"] == "EventGrid"
    assert found["log_index"]["dataType"] == "BINARY"
    assert found["log_sweep"]["schedule"] == "0 0 3 * * *"


def test_off_means_that_there_are_none() -> None:
    assert functions(SLUICE_LOGS="off") == {}


async def test_the_invocation_is_known_from_the_worker() -> None:
    assert _invocation_id() is None
    token = azure_functions_runtime.invocation_id_cv.set("call-1")
    try:
        assert _invocation_id() == "call-1"
    finally:
        azure_functions_runtime.invocation_id_cv.reset(token)
    task = asyncio.current_task()
    task.__azure_function_invocation_id__ = "call-2"  # as Microsoft's worker marks its tasks
    assert _invocation_id() == "call-2"
    assert await asyncio.to_thread(_invocation_id) is None
