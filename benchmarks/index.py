"""Time to index the app, against an app with the same triggers and no logic.

Each round starts a fresh Python process for either app, in turns; what is timed is the import of `function_app` and
the listing of its functions, as the worker does at every cold start.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    """An app whose functions have our triggers and bindings, read from our own index, and empty bodies."""
    sys.path.insert(0, str(ROOT))
    import function_app

    lines = ["import azure.durable_functions as df", "import azure.functions as func", "app = df.DFApp()"]
    for function in function_app.app.get_functions():
        bindings = [binding.get_dict_repr() for binding in function.get_bindings()]
        trigger = function.get_trigger().get_dict_repr()
        decorators = [_DECORATORS[kind](b) for b in bindings if (kind := str(b["type"])) in _DECORATORS]
        client = next((b["name"] for b in bindings if b["type"] == "durableClient"), None)
        body = "yield" if trigger["type"] == "orchestrationTrigger" else "pass"
        prefix = "def" if trigger["type"] in ("orchestrationTrigger", "entityTrigger") else "async def"
        annotation = _ANNOTATIONS.get(str(trigger["type"]), "")
        lines += [
            f"@app.function_name({function.get_function_name()!r})",
            # The trigger's decorator comes first.
            *sorted(decorators, key=lambda line: "durable_client" in line),
            f"{prefix} {function.get_function_name()}({trigger['name']}{annotation}{f', {client}' if client else ''}):",
            f"    {body}",
        ]
    return "\n".join(lines) + "\n"


_ANNOTATIONS = {
    "serviceBusTrigger": ": func.ServiceBusMessage",
    "timerTrigger": ": func.TimerRequest",
    "blobTrigger": ": func.InputStream",
    "httpTrigger": ": func.HttpRequest",
}
_DECORATORS: dict[str, Callable[[dict[str, Any]], str]] = {
    "serviceBusTrigger": lambda b: (
        f"@app.service_bus_queue_trigger(arg_name={b['name']!r}, queue_name={b['queueName']!r}, "
        f"connection={b['connection']!r}, data_type=func.DataType.BINARY)"
    ),
    "timerTrigger": lambda b: f"@app.timer_trigger(arg_name={b['name']!r}, schedule={b['schedule']!r})",
    "blobTrigger": lambda b: (
        f"@app.blob_trigger(arg_name={b['name']!r}, path={b['path']!r}, connection={b['connection']!r}, "
        f"source={str(b['source'])!r}, data_type=func.DataType.BINARY)"
    ),
    "httpTrigger": lambda b: (
        f"@app.route(route={b['route']!r}, methods={[str(getattr(m, 'value', m)) for m in b['methods']]!r})"
    ),
    "orchestrationTrigger": lambda b: f"@app.orchestration_trigger(context_name={b['name']!r})",
    "entityTrigger": lambda b: f"@app.entity_trigger(context_name={b['name']!r}, entity_name={b['entityName']!r})",
    "activityTrigger": lambda b: f"@app.activity_trigger(input_name={b['name']!r})",
    "durableClient": lambda b: f"@app.durable_client_input(client_name={b['name']!r})",
}
