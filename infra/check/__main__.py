"""`python -m infra.check`: findings, one a line, and exit code 1 where there are any."""

import argparse
import sys
from pathlib import Path

from infra.check import run, schemas, seeds
from infra.check.scenarios import INFRA


def main() -> int:
    """Check the Bicep files; with --seeds also that mistakes put into them are found."""
    parser = argparse.ArgumentParser(prog="python -m infra.check", description=__doc__)
    parser.add_argument(
        "--tools", type=Path, default=INFRA.parent / ".tools" / "infra", help="environment of the schemas"
    )
    parser.add_argument("--lock", type=Path, default=INFRA.parent / "requirements-infra.txt")
    parser.add_argument("--seeds", action="store_true", help="check the check, too")
    given = parser.parse_args()
    known = schemas.load(given.tools, given.lock, run.wanted_types(INFRA))
    findings = run.check(INFRA, known)
    for finding in findings:
        print(finding)
    if findings:
        return 1
    told = run.summary(INFRA, known)
    deployed = ", ".join(f"{name} {count}" for name, count in told["resources"].items())
    print(f"Bicep: {told['files']} files, {told['types']} resource types by schema; resources: {deployed}.")
    if given.seeds:
        missed = seeds.missed(INFRA, known)
        for seed in missed:
            print(f"not found: {seed}")
        print(f"Bicep: {len(seeds.SEEDS) - len(missed)} of {len(seeds.SEEDS)} seeded mistakes found.")
        return 1 if missed else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
