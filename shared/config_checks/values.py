"""Values that can't be, each looked at by itself: numbers, words, and what was never filled in."""

import re
from collections.abc import Iterator

from shared.config_catalogue import by_name
from shared.config_checks.findings import Area, Finding, Severity
from shared.config_checks.given import Given
from shared.config_checks.names import misspelt
from shared.config_checks.units import meant, unusual
from shared.config_setting import Form, Setting, shown

_NUMBERS = (Form.NUMBER, Form.WHOLE)
_UNFILLED = re.compile(
    r"(?i)<[^<>]*>|\b(your|my)[-_ ](?:\w+[-_ ]?)*(namespace|resource|account|key|endpoint|name|container|deployment)\b"
    r"|change[-_ ]?me|todo|replace[-_ ]?me|x{3,}|\bNAME\.(openai\.azure|servicebus\.windows)\b"
)
_REFERENCE = re.compile(r"(?i)@Microsoft\.(KeyVault|AppConfiguration)\(")
_REQUIRED = ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME")


def value_findings(given: Given) -> Iterator[Finding]:
    """What is wrong with single values."""
    for name, value in given.env.items():
        setting = by_name().get(name)
        if setting is not None:
            yield from _unfilled(setting, name, value)
            yield from _one_value(setting, name, value, refused={error.field for error in given.problems})


def missing_findings(given: Given) -> Iterator[Finding]:
    """Settings that nothing works without."""
    by_meant = {meant_name: name for name, meant_name in misspelt(given).items() if meant_name}
    for error in given.problems:
        name = error.field or ""
        if name in ("AzureWebJobsStorage", "ServiceBusConnection"):
            yield _missing(Area.SERVICES, name, str(error), by_meant)
    for name in _REQUIRED:
        if given.value(name) is None:
            yield _missing(Area.AI_PROVIDERS, name, "it is missing, and no job can run without it.", by_meant)


def other_findings(given: Given) -> Iterator[Finding]:
    """What reading the settings found and no rule here did."""
    for error in given.problems:
        name = error.field or ""
        if name not in ("AzureWebJobsStorage", "ServiceBusConnection"):
            setting = by_name().get(name)
            effect = setting.effect if setting else ""
            mend = f"Set it: {effect}." if name not in given.env else f"Correct or remove it: {effect}."
            yield Finding(Severity.CRITICAL, Area.ENVIRONMENT, (name or "settings",), str(error), mend)


def _missing(area: Area, name: str, problem: str, by_meant: dict[str, str]) -> Finding:
    family = [given for meant_name, given in by_meant.items() if meant_name.partition("__")[0] == name]
    setting = by_name()[name]
    mend = f"Rename {family[0]}, which nothing reads." if family else f"Set it: {setting.effect.partition('. ')[0]}."
    return Finding(Severity.CRITICAL, area, (name,), problem, mend)


def _unfilled(setting: Setting, name: str, value: str) -> Iterator[Finding]:
    if _REFERENCE.match(value):
        yield Finding(
            Severity.CRITICAL,
            Area.ENVIRONMENT,
            (name,),
            "its reference to Key Vault or App Configuration was not resolved, so that the app sees the reference.",
            "Give the app's identity the role Key Vault Secrets User, and check the secret's name.",
        )
    elif setting.form not in _NUMBERS and _UNFILLED.search(value) and "UseDevelopmentEmulator" not in value:
        yield Finding(
            Severity.CRITICAL,
            Area.ENVIRONMENT,
            (name,),
            "it still holds the placeholder of an example.",
            f"Set it: {setting.effect.partition('. ')[0]}.",
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        yield Finding(
            Severity.CRITICAL, Area.ENVIRONMENT, (name,), "quotes are a part of its value.", "Remove the quotes."
        )


def _one_value(setting: Setting, name: str, value: str, refused: set[str | None]) -> Iterator[Finding]:
    if setting.form in _NUMBERS and value.lower() not in setting.choices:
        yield from _number(setting, name, value)
    elif setting.form is Form.TEXT and setting.choices and name not in refused:
        yield from _choice(setting, name, value)


def _number(setting: Setting, name: str, value: str) -> Iterator[Finding]:
    measure = f" of {setting.measure}" if setting.measure else ""
    allowed = f"a number{measure} from {_plain(setting.low)} to {_plain(setting.high)}"
    try:
        number = float(value)
        wrong = not (setting.low or 0) <= number <= (setting.high or 0)
        fraction = not wrong and setting.form is Form.WHOLE and number != int(number)
    except ValueError:
        wrong, fraction = True, False
    if wrong or fraction:
        found = meant(setting, value)
        usual = "Remove it to use the default" + ("" if setting.default is None else f", {_plain(setting.default)}")
        if fraction:
            problem, mend = "it must be a whole number.", f"Set it to {_plain(round(float(value)))}."
        elif found is None:
            problem, mend = f"it must be {allowed}, not {shown(value)}.", f"{usual}, or set such a number."
        else:
            problem = f"it must be {allowed}, not {shown(value)}, which looks like {found[0]}."
            mend = f"Set it to {_plain(found[1])}."
        yield Finding(Severity.CRITICAL, Area.ENVIRONMENT, (name,), problem, mend)
    elif (guess := unusual(setting, value)) is not None:
        yield Finding(
            Severity.WARNING,
            Area.PERFORMANCE,
            (name,),
            f"{value} {setting.measure} is so little that {guess[0]} are probably meant.",
            f"Set it to {_plain(guess[1])} for {value} {guess[0]}.",
        )


def _choice(setting: Setting, name: str, value: str) -> Iterator[Finding]:
    if value.lower() not in (choice.lower() for choice in setting.choices):
        words = " or ".join(setting.choices)
        yield Finding(
            Severity.WARNING,
            Area.ENVIRONMENT,
            (name,),
            f"it must be {words}, not {shown(value)}; {setting.default} is used.",
            f"Set it to {words}.",
        )


def _plain(number: float | str | None) -> str:
    return f"{number:,.15g}".replace(",", "") if isinstance(number, int | float) else str(number)
