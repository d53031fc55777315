"""Files and programs that the settings name: whether they are there, and hold what they should."""

from collections.abc import Callable, Iterator
from pathlib import Path

from shared.audio.ffmpeg import find_ffmpeg
from shared.config_catalogue import catalogue
from shared.config_checks.findings import Area, Finding, Severity
from shared.config_checks.given import Given
from shared.config_setting import Form, shown
from shared.errors import ConfigurationError

_FOLDERS = ("SLUICE_LOGS_DIR", "SLUICE_TELEMETRY_DIR")  # made when they are missing
_WHERE = "Give the full path of a file that is deployed with the app, or remove it to use the one that comes with it."


def file_findings(given: Given) -> Iterator[Finding]:
    """What is wrong with them."""
    loaders = _profiles()
    for setting in catalogue():
        value = given.env.get(setting.name)
        if setting.form is not Form.PATH or value is None or setting.name in _FOLDERS:
            continue
        if not _exists(value):
            yield _critical(setting.name, f"there is no such file here ({shown(value)}).", _WHERE)
        elif setting.name in loaders:
            try:
                loaders[setting.name](Path(value))
            except ConfigurationError as error:
                yield _critical(setting.name, str(error), "Correct the file; `sluice profile check` says more.")
    for name in _FOLDERS:
        if (folder := given.env.get(name)) is not None and _exists(folder):
            yield _critical(
                name, "it is a file, not a folder.", "Give a folder that the app may write to, or remove it."
            )
    if (ffmpeg := given.env.get("FFMPEG_PATH")) is not None:
        try:
            find_ffmpeg(ffmpeg)
        except ConfigurationError as error:
            yield _critical("FFMPEG_PATH", str(error).partition(". ")[0] + ".", "Correct or remove it.")
        except ValueError:  # what no path can hold
            yield _critical("FFMPEG_PATH", "it is no path.", "Correct or remove it.")


def _profiles() -> dict[str, Callable[[Path], object]]:
    # They import pydantic, which the index does without.
    from shared.jobs.feedback_profile import FeedbackProfile
    from shared.jobs.reasoning_profile import ReasoningProfile
    from shared.jobs.summary_profile import SummaryProfile

    return {
        "FEEDBACK_PROFILE": FeedbackProfile.load,
        "REASONING_PROFILE": ReasoningProfile.load,
        "SUMMARY_PROFILE": SummaryProfile.load,
    }


def _exists(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # too long, or what no path can hold
        return False


def _critical(name: str, problem: str, mend: str) -> Finding:
    return Finding(Severity.CRITICAL, Area.SERVICES, (name,), problem, mend)
