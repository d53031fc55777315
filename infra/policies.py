"""`python -m infra.policies`: checkov over the Bicep files, and over what they would deploy.

checkov reads Bicep without evaluating it, so that most of its checks see only names of parameters. The second form is
an ARM template, with every value filled in, for each parameter file and for the private network. The skip list is
.checkov.yaml.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from infra.check.deploy import Deployment
from infra.check.scenarios import INFRA, scenarios
from infra.check.values import Deployed

_SCENARIOS = ("dev", "prod", "private")
_CHECKOV = INFRA.parent / ".tools" / "infra" / "bin" / "checkov"


def template(resources: list[Deployed]) -> str:
    """An ARM template of what would be deployed.

    Application settings are left out: checkov takes any `sites/config` for the site's configuration.
    """
    body = [
        {**resource.body, "type": resource.type, "apiVersion": resource.version, "name": resource.name}
        for resource in resources
        if not resource.existing and resource.type != "Microsoft.Web/sites/config"
    ]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": body}, indent=1)


def main() -> int:
    """Run checkov; its output and exit code."""
    with tempfile.TemporaryDirectory() as folder:
        for path in INFRA.glob("*.bicep"):
            shutil.copy(path, folder)
        for name in _SCENARIOS:
            resources = Deployment(INFRA / "main.bicep", scenarios()[name]).resources
            (Path(folder) / f"{name}.json").write_text(template(resources), encoding="utf-8")
        done = subprocess.run(
            [_CHECKOV, "--directory", folder, "--config-file", INFRA / ".checkov.yaml"],
            capture_output=True,
            text=True,
            check=False,
        )
    told = [line for line in done.stdout.splitlines() if line.strip()]
    print("\n".join(told))
    # It passes what it can't parse, and a folder in which it finds nothing.
    ran = {
        line.split()[0]
        for line, counts in pairwise(told)
        if "scan results" in line and "Passed checks: 0," not in counts
    }
    if done.returncode == 0 and ran == {"arm", "bicep"} and "Parsing errors" not in done.stdout:
        return 0
    print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode or 1


if __name__ == "__main__":
    sys.exit(main())
