"""The algorithms that can be run, by name. None is imported before it runs: each needs other packages."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.quota.algorithm import Algorithm


@dataclass(frozen=True, slots=True)
class Entry:
    """Attributes:

    path: `module:class`.
    summary: in a few words.
    own_environment: whether it needs the environment that `make bench` installs, because its packages and the app's
        exclude each other.
    schedules: whether it sends scheduled messages, so that their delivery matters to it.
    """

    path: str
    summary: str
    own_environment: bool = False
    schedules: bool = False

    def load(self) -> type[Algorithm]:
        """Raises:
        ImportError: a package that it needs isn't installed.
        """
        module, _, name = self.path.partition(":")
        algorithm: type[Algorithm] = getattr(importlib.import_module(module), name)
        return algorithm


ALGORITHMS: Mapping[str, Entry] = {
    "sluice": Entry(
        "benchmarks.quota.sluice_pump:SluicePump", "booking ledger and scheduled run queue: ours", schedules=True
    ),
    "minute-counter": Entry(
        "benchmarks.quota.minute_counter:MinuteCounter", "one counter a minute, callers sleep until its reset"
    ),
    "openai": Entry("benchmarks.quota.openai_sdk:OpenAISdk", "the SDK's own retries"),
    "aiolimiter": Entry(
        "benchmarks.quota.aiolimiter_split:AiolimiterSplit", "leaky buckets, the quota split by instance, then the SDK"
    ),
    "litellm": Entry(
        "benchmarks.quota.litellm_router:LiteLLMRouter",
        "one Router for all, usage-based routing, its own retries",
        own_environment=True,
    ),
}
