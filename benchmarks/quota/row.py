"""One row in a process of its own: `python -m benchmarks.quota.row` reads a plan as JSON and prints its measures.

A process each, because some peers change global state, and one needs another environment.
"""

import json
import sys
from dataclasses import asdict

from benchmarks.quota.engine import simulate
from benchmarks.quota.registry import ALGORITHMS
from benchmarks.quota.scenario import Scenario


def main() -> None:
    plan = json.load(sys.stdin)
    measures = simulate(ALGORITHMS[plan["algorithm"]].load(), Scenario(**plan["scenario"]))
    json.dump(asdict(measures), sys.stdout)


if __name__ == "__main__":
    main()
