"""After azd deploy: leads events of new blobs to the app, then sends one job through it.

Without azd: --outputs, as smoke_test.py explains.

The subscriptions can't be made before: Event Grid asks the app whether it wants the events, so that its code has to be
there, and the key that they carry is made with its first blob trigger.
"""

import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from infra.hooks import smoke_test
from infra.hooks.command_line import INFRA, HookError, az, end, given_settings, setting

_ATTEMPTS = 6
_PAUSE_S = 30.0


def blob_functions() -> set[str]:
    """The functions that subscriptions.bicep leads events to."""
    return set(re.findall(r"function: '(\w+)'", (INFRA / "subscriptions.bicep").read_text(encoding="utf-8")))


def subscribe(env: Mapping[str, str], pause_s: float = _PAUSE_S) -> None:
    """Deploy the event subscriptions, once the app has the functions.

    Raises:
        HookError: it failed several times. Nothing is lost: blobs stay, and their events can be sent again.
    """
    group, app = setting(env, "AZURE_RESOURCE_GROUP"), setting(env, "SERVICE_API_NAME")
    storage, identity = setting(env, "AzureWebJobsStorage__accountName"), setting(env, "SLUICE_IDENTITY")
    topic, url = setting(env, "SLUICE_EVENT_TOPIC"), setting(env, "SLUICE_URL")
    listed = az("functionapp", "function", "list", "--resource-group", group, "--name", app, "--query", "[].name")
    missing = blob_functions() - {name.rpartition("/")[2] for name in listed or []}
    if missing:
        print(f"==> no event subscriptions: the app has no {', '.join(sorted(missing))}")
        return
    for attempt in range(1, _ATTEMPTS + 1):
        _wake(url)
        try:
            az(
                *("deployment", "group", "create", "--resource-group", group, "--name", "subscriptions"),
                *("--template-file", str(INFRA / "subscriptions.bicep"), "--parameters"),
                *(f"appName={app}", f"topicName={topic}", f"storageName={storage}", f"identityName={identity}"),
            )
        except HookError as error:
            if attempt == _ATTEMPTS:
                raise
            print(f"==> the app doesn't answer Event Grid yet, attempt {attempt} of {_ATTEMPTS}: {str(error)[:200]}")
            time.sleep(pause_s)
        else:
            print("==> new blobs now reach the app")
            return


def _wake(url: str) -> None:
    """Have an instance running when Event Grid asks: it waits 30 s for the answer."""
    try:
        with urllib.request.urlopen(url, timeout=60):  # noqa: S310 - our own https address
            pass
    except (urllib.error.URLError, TimeoutError):
        return  # any answer will do, and none is told by what follows


def main(arguments: Sequence[str] | None = None) -> int:
    """Subscribe, then test."""
    try:
        subscribe(given_settings(__doc__, arguments))
    except HookError as error:
        return end(error)
    return smoke_test.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
