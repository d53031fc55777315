"""Writes the tables of docs/configuration.md, and local.settings.sample.json, from the settings' definitions.

    python -m cli.settings_docs           rewrites them
    python -m cli.settings_docs --check   says whether they are current

The text around the tables is written by hand. A table stands between the lines `<!-- settings: AREA -->` and
`<!-- end -->`; an area that has none gets a section of its own.
"""

import json
import re
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from local.stack_parts import DEPLOYMENT, TRANSCRIPTION_DEPLOYMENT
from shared.config_catalogue import by_name, catalogue
from shared.config_setting import Form, Setting

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
SAMPLE = ROOT / "local.settings.sample.json"
_LAST = "## Platform"
_HEAD = "| setting | default | unit, range | effect |\n|---|---|---|---|"

_SAMPLE_VALUES = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "ServiceBusConnection": "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;"
    "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
    "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:8090",
    "AZURE_OPENAI_DEPLOYMENT_NAME": DEPLOYMENT,
    "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME": TRANSCRIPTION_DEPLOYMENT,
    "AZURE_OPENAI_API_VERSION": None,
    "AZURE_OPENAI_API_KEY": "local",
    "OPENAI_TOKEN_LIMIT_PER_MINUTE": None,
    "OPENAI_REQUEST_LIMIT_PER_MINUTE": None,
    "SLUICE_RETENTION_DAYS": None,
}
"""What local.settings.sample.json sets; None for the default."""


def table(settings: Iterable[Setting]) -> str:
    """The table of some settings, in Markdown."""
    return "\n".join((_HEAD, *(_row(setting) for setting in settings)))


def page(text: str) -> str:
    """The page with its tables made anew.

    Args:
        text: the page as it is.
    """
    for area, settings in groupby(catalogue(), key=lambda setting: setting.area):
        block = f"<!-- settings: {area} -->\n{table(settings)}\n<!-- end -->"
        marked = re.compile(rf"<!-- settings: {re.escape(area)} -->\n.*?<!-- end -->", re.DOTALL)
        if marked.search(text):
            text = marked.sub(lambda _, block=block: block, text)  # type: ignore[misc]  # mypy sees no str in it
        else:
            text = text.replace(_LAST, f"## {area}\n\n{block}\n\n{_LAST}")
    return text


def sample() -> str:
    """local.settings.sample.json."""
    values = {
        name: _default(by_name()[name]) if value is None else value
        for name, value in _SAMPLE_VALUES.items()
        if name in by_name()
    }
    content = {"IsEncrypted": False, "Values": values, "Host": {"LocalHttpPort": 7071}}
    return json.dumps(content, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Write both files, or check them."""
    made = {PAGE: page(PAGE.read_text(encoding="utf-8")), SAMPLE: sample()}
    old = [path for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    if "--check" not in arguments:
        for path in old:
            path.write_text(made[path], encoding="utf-8")
        return 0
    for path in old:
        sys.stderr.write(f"{path.relative_to(ROOT)} isn't current: run `make docs`.\n")
    return 1 if old else 0


def _row(setting: Setting) -> str:
    effect = setting.effect
    if setting.choices and not all(choice in effect for choice in setting.choices):
        effect += f": {', '.join(f'`{choice}`' for choice in setting.choices)}"
    if setting.aliases:
        effect += f"; also {', '.join(f'`{alias}`' for alias in setting.aliases)}"
    default = setting.default_is or (f"`{_default(setting)}`" if setting.default is not None else "")
    return f"| `{setting.name}` | {default} | {_measure(setting)} | {effect} |"


def _default(setting: Setting) -> str:
    return f"{setting.default:.15g}" if isinstance(setting.default, int | float) else str(setting.default)


def _measure(setting: Setting) -> str:
    unit = f"list: {setting.measure or 'text'}" if setting.several else setting.measure
    if setting.form not in (Form.NUMBER, Form.WHOLE) or setting.low is None or setting.high is None:
        return unit
    # A range that follows from another setting is told in the effect.
    bounds = f"{setting.low:,.15g} to {setting.high:,.15g}"
    return f"{unit}, {bounds}" if unit else bounds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
