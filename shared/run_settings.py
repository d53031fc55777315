"""Settings of runs: how much of a run is under way at a time, and what tokens cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.config_reader import Reader
from shared.config_setting import Form
from shared.errors import ConfigurationError

UPLOAD_CONTAINER = "runs-in"
"""Where files are put to be made runs over HTTP."""

_AREA = "Runs"
# US dollars: Azure OpenAI's list prices, global standard, for a million tokens in and out or a minute of recording.
# docs/costs.md, "Prices of models", says where each comes from and as of when. What you pay may differ.
DEFAULT_PRICES = (
    "gpt-5.4=2.50/15.00, gpt-5.4-mini=0.75/4.50, gpt-5.4-nano=0.20/1.25, gpt-4o=2.50/10.00, gpt-4o-mini=0.15/0.60, "
    "gpt-4.1=2.00/8.00, gpt-4.1-mini=0.40/1.60, gpt-4.1-nano=0.10/0.40, o4-mini=1.10/4.40, whisper=0.006/min"
)
_MINUTE = "min"
_STEPWISE_SHARE = 10


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens."""

    input: float
    output: float

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """Of so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """What jobs of a kind, or calls of a deployment, cost.

    Attributes:
        tokens: None where their price isn't known.
        minute: of recording; None where its price isn't known.
    """

    tokens: Price | None
    minute: float | None = None

    def of(self, input_tokens: float, output_tokens: float, audio_s: float = 0.0) -> float | None:
        """Of so much; None where a price that it takes isn't known."""
        cost = 0.0
        if input_tokens or output_tokens:
            if self.tokens is None:
                return None
            cost += self.tokens.of(input_tokens, output_tokens)
        if audio_s:
            if self.minute is None:
                return None
            cost += audio_s / 60 * self.minute
        return cost


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How runs are conducted.

    Attributes:
        window: so many rows of a run are jobs at a time; the others wait outside of the queues.
        turns_queue: carries the runs' turns (shared/runs/conductor.py).
        containers: whose files may be made runs over HTTP.
        prices: of tokens, by model.
        minute_prices: of a minute of recording, by model.
        currency: that they are in.
    """

    window: int
    turns_queue: str
    containers: tuple[str, ...]
    prices: Mapping[str, Price]
    minute_prices: Mapping[str, float]
    currency: str

    def window_of(self, *, stepwise: bool) -> int:
        """Of a kind of jobs. Those of several calls all begin at once, and a pause doesn't reach what has begun."""
        return max(1, self.window // _STEPWISE_SHARE) if stepwise else self.window


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
    window = runs.whole(
        "SLUICE_RUN_WINDOW",
        3_000,
        low=1,
        high=100_000,
        unit="rows",
        effect="rows of a run that are jobs at a time, about (a tenth of it of jobs of several calls); the others wait "
        "outside of the queues",
    )
    queue = turns_queue(reader)
    containers = runs.names(
        "SLUICE_RUN_CONTAINERS",
        UPLOAD_CONTAINER,
        form=Form.CONTAINER,
        effect="containers of the app's own account from which files may be made runs over HTTP",
    )
    prices, minute_prices = _prices(
        runs.text(
            "SLUICE_PRICES",
            default_is="list prices of some models",
            effect="a million input and output tokens cost, or a minute of recording, by base model: "
            "`gpt-4o-mini=0.15/0.60,whisper=0.006/min`",
        )
        or DEFAULT_PRICES
    )
    currency = runs.text("SLUICE_CURRENCY", default="USD", effect="that these prices are in")
    return RunSettings(window, queue, containers, prices, minute_prices, currency)


def _prices(text: str) -> tuple[dict[str, Price], dict[str, float]]:
    """Of tokens, and of minutes: such as `gpt-4o-mini=0.15/0.60, whisper=0.006/min`."""
    prices: dict[str, Price] = {}
    minute_prices: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        model, _, price = part.rpartition("=")
        into, _, out = price.partition("/")
        by_minute = out.strip() == _MINUTE
        try:
            found = Price(float(into), 0.0 if by_minute else float(out))
        except ValueError:
            found = Price(-1, -1)
        if not model.strip() or not (0 <= found.input < 1e6 and 0 <= found.output < 1e6):
            raise ConfigurationError(
                "The setting SLUICE_PRICES must name models with what a million input and output tokens cost, such as "
                f"gpt-4o-mini=0.15/0.60, or a minute of recording, such as whisper=0.006/min; {part!r} is none.",
                field="SLUICE_PRICES",
            )
        if by_minute:
            minute_prices[model.strip()] = found.input
        else:
            prices[model.strip()] = found
    return prices, minute_prices
