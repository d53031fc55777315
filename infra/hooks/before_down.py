"""Before azd down: takes away what lies outside the resource group, so that nothing is left.

That is the app's role on an Azure OpenAI account that existed before. azd deletes the resource group itself, and with
--purge the account and the workspace that Azure would keep for some days.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from infra.hooks.command_line import HookError, az, end


def outside(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Id and scope of the app's role assignments outside its resource group."""
    principal, group = env.get("SLUICE_IDENTITY_PRINCIPAL_ID"), env.get("AZURE_RESOURCE_GROUP", "")
    if not principal:
        return
    for role in az("role", "assignment", "list", "--assignee", principal, "--all"):
        scope = role["scope"].lower()
        if f"/resourcegroups/{group.lower()}/" not in f"{scope}/":
            yield role["id"], role["scope"]


def main() -> int:
    """Delete them."""
    try:
        for assignment, scope in outside(os.environ):
            print(f"==> taking back the role on {scope}")
            az("role", "assignment", "delete", "--ids", assignment)
    except HookError as error:
        return end(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
