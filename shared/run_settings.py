"""Settings of runs: how much of a run is under way at a time, and what tokens cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.config_reader import Reader
from shared.config_setting import Form
from shared.errors import ConfigurationError

UPLOAD_CONTAINER = "runs-in"
"""Where files are put to be made runs over HTTP."""

_AREA = "Runs"
# US dollars for a million tokens, input/output: Azure OpenAI's list prices, global standard. What you pay may differ.
DEFAULT_PRICES = (
    "gpt-4o-mini=0.15/0.60, gpt-4o=2.50/10.00, gpt-4.1=2.00/8.00, gpt-4.1-mini=0.40/1.60, gpt-4.1-nano=0.10/0.40, "
    "o4-mini=1.10/4.40"
)


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens."""

    input: float
    output: float

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """Of so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How runs are conducted.

    Attributes:
        window: so many rows of a run are jobs at a time; the others wait outside of the queues.
        turns_queue: carries the runs' turns (shared/runs/conductor.py).
        containers: whose files may be made runs over HTTP.
        prices: by model.
        currency: that they are in.
    """

    window: int
    turns_queue: str
    containers: tuple[str, ...]
    prices: Mapping[str, Price]
    currency: str


def turns_queue(reader: Reader) -> str:
    """The queue of turns. Needed when the app is indexed."""
    return reader.of(_AREA).text(
        "RUN_TURNS_QUEUE", default="run-turns", form=Form.QUEUE, effect="Service Bus queue of the conductor of runs"
    )


def read_run_settings(reader: Reader) -> RunSettings:
    """Read them.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    runs = reader.of(_AREA)
    return RunSettings(
        window=runs.whole(
            "SLUICE_RUN_WINDOW",
            3_000,
            low=1,
            high=100_000,
            unit="rows",
            effect="rows of a run that are jobs at a time, about; the others wait outside of the queues",
        ),
        turns_queue=turns_queue(reader),
        containers=runs.names(
            "SLUICE_RUN_CONTAINERS",
            UPLOAD_CONTAINER,
            form=Form.CONTAINER,
            effect="containers of the app's own account from which files may be made runs over HTTP",
        ),
        prices=_prices(
            runs.text(
                "SLUICE_PRICES",
                default_is="list prices of some models",
                effect="a million input and output tokens cost, by base model: `gpt-4o-mini=0.15/0.60,gpt-4o=2.5/10`",
            )
            or DEFAULT_PRICES
        ),
        currency=runs.text("SLUICE_CURRENCY", default="USD", effect="that these prices are in"),
    )


def _prices(text: str) -> dict[str, Price]:
    """Such as `gpt-4o-mini=0.15/0.60, gpt-4o=2.50/10`."""
    prices = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        model, _, price = part.rpartition("=")
        into, _, out = price.partition("/")
        try:
            prices[model.strip()] = found = Price(float(into), float(out))
        except ValueError:
            found = Price(-1, -1)
        if not model.strip() or not (0 <= found.input < 1e6 and 0 <= found.output < 1e6):
            raise ConfigurationError(
                "The setting SLUICE_PRICES must name models with what a million input and output tokens cost, such as "
                f"gpt-4o-mini=0.15/0.60; {part!r} is none.",
                field="SLUICE_PRICES",
            )
    return prices
