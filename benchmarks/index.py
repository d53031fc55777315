"""Time to index the app, against an app with the same triggers and no logic.

Each round starts a fresh Python process for either app, in turns; what is timed is the import of `function_app` and
the listing of its functions, as the worker does at every cold start.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import Row, show

ROOT = Path(__file__).parents[1]
AIM = 1.2

_TIMER = """
import os, sys, time
sys.path.insert(0, sys.argv[1]); os.chdir(sys.argv[1])
import azure_functions_runtime
start = time.perf_counter()
import function_app
functions = function_app.app.get_functions()
print(len(functions), time.perf_counter() - start)
"""


def run(rounds: int, *, as_json: bool) -> float:
    """Measure, print, and return the ratio of the medians."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        shutil.copy(ROOT / "host.json", empty)
        (empty / "function_app.py").write_text(_without_logic())
        timings: dict[str, list[float]] = {"this app": [], "same triggers, no logic": []}
        for _ in range(rounds + 1):
            timings["this app"].append(_index(ROOT))
            timings["same triggers, no logic"].append(_index(empty))
    rows = []
    for name, seconds in timings.items():
        warm = [s * 1000 for s in seconds[1:]]  # the first round writes the byte code
        rows.append(Row(name, statistics.median(warm), min(warm), max(warm), "ms"))
    ratio = rows[0].median / rows[1].median
    show("Time to index", rows, ("ratio", ratio, f"at most {AIM}"), as_json=as_json)
    return ratio


def _index(app: Path) -> float:
    done = subprocess.run([sys.executable, "-c", _TIMER, app], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[1])


def _without_logic() -> str:
    """An app whose functions have our triggers, read from our own index, and empty bodies."""
    sys.path.insert(0, str(ROOT))
    import function_app

    lines = ["import typing", "import azure.functions as func", "app = func.FunctionApp()"]
    for function in function_app.app.get_functions():
        trigger = function.get_trigger().get_dict_repr()
        many = str(trigger.get("cardinality", "")).endswith("MANY")
        kind = "typing.List[func.ServiceBusMessage]" if many else "func.ServiceBusMessage"
        lines += [
            f"@app.function_name({function.get_function_name()!r})",
            f"@app.service_bus_queue_trigger(arg_name={trigger['name']!r}, queue_name={trigger['queueName']!r}, "
            f"connection={trigger['connection']!r}{', cardinality=func.Cardinality.MANY' if many else ''})",
            f"async def {function.get_function_name()}({trigger['name']}: {kind}) -> None:",
            "    pass",
        ]
    return "\n".join(lines) + "\n"
