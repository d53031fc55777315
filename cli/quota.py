"""The quota of a deployment as people see it: what the token counter says, and what waits for it."""

import json
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from cli.console import EXIT_OK, err, out
from cli.tables import FirstThatFits
from shared.bootstrap import Backend, deployments, limits_of
from shared.config import AppAccess, DeploymentSettings
from shared.errors import ConfigurationError, MessagingError, SluiceError
from shared.quota.token_client import TokenClient

_BAR = 20
_LEAST = 24
_COUNT_LIMIT = 10_000
_CALLER = "sluice"
_NEEDED = {
    *("now_s", "limits", "used_tokens", "booked_ahead_tokens", "open_locks", "next_free_s", "reset_s", "bias"),
    *("guard_s", "throttles", "usage", "frozen_until_s"),
}


def counter(access: AppAccess, deployment: str) -> TokenClient:
    """A client of the running app's token counter.

    Raises:
        ConfigurationError: no app is named.
    """
    if access.url is None:
        raise ConfigurationError(
            "SLUICE_URL isn't set: the address of the app, such as https://NAME.azurewebsites.net."
        )
    return TokenClient(
        _CALLER,
        access.url,
        access.resource_uri,
        use_auth=access.resource_uri is not None,
        deployment=deployment,
        function_key=access.function_key,
    )


async def quota_facts(backend: Backend) -> dict[str, dict[str, Any]]:
    """By deployment: all that the token counter says (see TokenClient.get_status), and what follows from it.

    Where the app can't be reached, `error` says why, the limits are those of the settings, and the pending calls come
    from their table.

    Raises:
        StorageError: the table can't be read.
    """
    return {name: await _facts(backend, name, found) for name, found in deployments(backend.settings).items()}


async def _facts(backend: Backend, deployment: str, settings: DeploymentSettings) -> dict[str, Any]:
    try:
        async with counter(backend.settings.app, deployment) as client:
            facts = {"error": None, **await client.get_status()}
        if missing := sorted(_NEEDED - set(facts)):
            raise MessagingError(f"The app at SLUICE_URL gave no status of a token counter: {missing[0]} is missing.")
    except SluiceError as error:
        facts = {"error": str(error), "limits": limits_of(settings).as_dict()}
    if "pending" not in facts:
        facts["pending"] = await backend.pending.count(deployment, _COUNT_LIMIT)
    return {**facts, **_derived(facts)}


def quota_table(quotas: Mapping[str, Mapping[str, Any]]) -> FirstThatFits:
    """For people: one column a deployment, or one below the other where there isn't room for that."""
    cells = {escape(deployment): _cells(facts) for deployment, facts in quotas.items()}
    beside, below = (Table(box=box.SIMPLE_HEAD, show_edge=False) for _ in range(2))
    beside.add_column("quota of", no_wrap=True)
    for deployment in cells:
        beside.add_column(deployment, min_width=max(_LEAST, cell_len(deployment)), overflow="fold")
    for name in dict.fromkeys(name for column in cells.values() for name in column):
        beside.add_row(name, *(column.get(name, "") for column in cells.values()))
    below.add_column("quota of", no_wrap=True)
    below.add_column("", min_width=_LEAST, overflow="fold")
    for deployment, column in cells.items():
        below.add_row("", f"[bold]{deployment}[/]")
        for name, text in column.items():
            below.add_row(name, text)
    return FirstThatFits(beside, below)


async def change_limits(access: AppAccess, deployment: str, changes: Mapping[str, float], *, as_json: bool) -> int:
    """Change limits while the app runs, and show those that hold; without changes show them.

    Raises:
        TokenCounterError, TokenCounterRefusedError, AccessDeniedError
    """
    async with counter(access, deployment) as client:
        answer = await (client.set_limits(changes) if changes else client.get_status())
    limits = answer["limits"]
    if as_json:
        out.print_json(json.dumps({"deployment": deployment, "limits": limits}))
        return EXIT_OK
    out.print(f"{escape(deployment)}: " + ", ".join(f"{name} {value:,g}" for name, value in limits.items()))
    if changes:
        err.print("They hold until the app's settings of the quota change.")
    return EXIT_OK


def _derived(facts: Mapping[str, Any]) -> dict[str, Any]:
    if facts["error"] is not None:
        return {}
    now_s = facts["now_s"]
    return {
        "used_share": round(facts["used_tokens"] / facts["limits"]["tpm"], 4),
        "next_free_in_s": round(max(0.0, facts["next_free_s"] - now_s), 3),
        "frozen_for_s": round(max(0.0, facts["frozen_until_s"] - now_s), 3),
    }


def _cells(facts: Mapping[str, Any]) -> dict[str, str]:
    limits = facts["limits"]
    cells = {"limit": f"{limits['tpm']:,} tokens/min, {limits['rpm']:,} requests/min"}
    pending = facts["pending"]
    waiting = ", ".join(f"{escape(app or 'no app')} {number:,}" for app, number in sorted(pending.items()))
    if facts["error"] is not None:
        return cells | {"pending calls": waiting or "none", "used": f"[yellow]not known:[/] {escape(facts['error'])}"}
    share = facts["used_share"]
    frozen_s = facts["frozen_for_s"]
    usage = facts["usage"]
    return cells | {
        "used, last minute": f"{_bar(share)} {facts['used_tokens']:,} ({share:.0%})",
        "booked ahead": f"{facts['booked_ahead_tokens']:,} tokens",
        "pending calls": waiting or "none",
        "next free start": _in(facts["next_free_in_s"]),
        "all free": _in(facts["reset_s"]),
        "frozen": f"[red]for {frozen_s:.1f} s[/]" if frozen_s else "no",
        "429s so far": f"[yellow]{facts['throttles']}[/]" if facts["throttles"] else "0",
        "learnt bias": f"{facts['bias']:.3f}",
        "guard": f"{facts['guard_s']:g} s",
        "open locks": str(facts["open_locks"]),
        "calls so far": f"{usage['calls']:,} ({usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens)",
    }


def _bar(share: float) -> str:
    filled = min(_BAR, round(share * _BAR))
    colour = "green" if share <= 1 else "red"
    return f"[{colour}]{'█' * filled}[/][dim]{'░' * (_BAR - filled)}[/]"


def _in(delay_s: float) -> str:
    return f"in {delay_s:.1f} s" if delay_s >= 0.05 else "now"
