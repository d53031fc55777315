"""Settings of logs and their shipping. Read through shared/config.py, as all settings are."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

from shared.config_reader import Reader
from shared.config_setting import Form, shown
from shared.errors import ConfigurationError

DAILY = "daily"
DEFAULT_CONTAINER = "sluice-logs"
_SHORTEST_SECRET = 12  # shorter values are words: they would be blotted out all over the lines
_SECRET_NAME = re.compile(r"(?:KEY|SECRET|PASSWORD|PWD|TOKEN|SAS)$", re.IGNORECASE)
_SECRET_PART = re.compile(r"(?:^|;)\s*(?:AccountKey|SharedAccessKey|SharedAccessSignature)=([^;]+)", re.IGNORECASE)
# Of the blob service: a container's name (Naming and referencing containers, blobs, and metadata).
_CONTAINER = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How lines are written, shipped and kept.

    Attributes:
        on: whether lines go into files that are shipped. Never on Windows.
        app: name of the app in lines, file names and blob names.
        machine: name of this machine, container or instance.
        level: lowest level that is written.
        folder: where the files of all machines are; each has a folder of its own in it.
        container: of blobs, where they are shipped to.
        rotation_s: longest time a file is written to; None means until it is full or the day ends.
        daily: a file ends with the day (UTC).
        rotation_bytes: largest file.
        quiet_s: a file that nothing was written to for so long is rotated; None means never.
        scan_s: time between looks for rotated files.
        max_disk_bytes: most that the files of one machine may take.
        retention_days: how long logs are kept in the container; 0 keeps them for ever.
        keep_local_days: how long files stay on the disk after they were shipped.
        secrets: values that must not be in any line.
        in_functions: whether this process is a worker of the Functions host, which takes what is logged.
        colour: whether a terminal may be coloured (no-color.org).
    """

    on: bool
    app: str
    machine: str
    level: str
    folder: Path
    container: str
    rotation_s: float | None
    daily: bool
    rotation_bytes: int
    quiet_s: float | None
    scan_s: float
    max_disk_bytes: int
    retention_days: int
    keep_local_days: float
    secrets: tuple[str, ...] = field(default=(), repr=False)
    in_functions: bool = False
    colour: bool = True

    @property
    def own_folder(self) -> Path:
        """Where the files of this machine are."""
        return self.folder / self.machine


@dataclass(frozen=True, slots=True)
class LogTriggers:
    """What the app's index needs to know. Settings that are wrong count as not set: indexing can't tell anybody.

    Attributes:
        on: whether there are functions for logs at all.
        container: see LogSettings.
        schedule: NCRONTAB, UTC, when leftovers, gaps and old logs are looked for.
    """

    on: bool
    container: str
    schedule: str


def log_triggers_of(reader: Reader) -> LogTriggers:
    """Read them."""
    reader = reader.of("Logs")
    named = reader.text("SLUICE_LOGS_CONTAINER", "AZURE_STORAGE_CONTAINER") or ""
    return LogTriggers(
        on=(reader.text("SLUICE_LOGS") or "").lower() != "off",
        container=named if _CONTAINER.fullmatch(named) else DEFAULT_CONTAINER,
        schedule=reader.text(
            "SLUICE_LOGS_SCHEDULE",
            default="30 */10 * * * *",
            form=Form.SCHEDULE,
            effect="when leftovers, missing files and old logs are looked for",
        ),
    )


def read_log_settings(reader: Reader, machine: str, secrets: tuple[str, ...] = ()) -> LogSettings:
    """Read and check them.

    Args:
        machine: name of this machine, where no setting names it.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = reader.of("Logs")
    daily = (reader.text("SLUICE_LOGS_ROTATION_S") or "").lower() == DAILY
    rotation_s = reader.number(
        "SLUICE_LOGS_ROTATION_S",
        60.0,
        low=0,
        high=86_400,
        words=(DAILY,),
        effect="how long a file is written to; `daily` ends it with the day (UTC); 0 leaves it to size and silence",
    )
    folder = reader.path(
        "SLUICE_LOGS_DIR",
        default_is="`sluice-logs` in the folder for temporary files",
        effect="where files are written; each machine has a folder in it",
    )
    # Rotation and the taking over of files rely on flock() and on renaming files that are open.
    can_rotate = sys.platform != "win32"
    return LogSettings(
        on=reader.choice(
            "SLUICE_LOGS",
            choices=("on", "off"),
            default="on",
            effect="`off`: no log files, nothing is shipped, and the functions `log_index` and `log_sweep` don't exist",
        )
        == "on"
        and can_rotate,
        app=app_name(reader),
        machine=_plain(
            reader.of("Platform").text(
                "WEBSITE_INSTANCE_ID",
                "CONTAINER_NAME",
                default_is="set by Azure",
                effect="the instance, named in lines and files of logs",
            )
            or machine
        )[-12:]
        or "machine",
        level=reader.choice(
            "SLUICE_LOGS_LEVEL",
            "LOG_LEVEL",
            choices=_LEVELS,
            default="INFO",
            effect="lowest level that is written. `DEBUG` lets the host show such lines, too",
        ),
        folder=folder or Path(gettempdir()) / "sluice-logs",
        container=_container(reader),
        rotation_s=None if daily else rotation_s or None,
        daily=daily,
        rotation_bytes=reader.whole(
            "SLUICE_LOGS_ROTATION_BYTES", 8_000_000, low=1_000, high=64_000_000, effect="largest file"
        ),
        quiet_s=reader.number(
            "SLUICE_LOGS_QUIET_S",
            10.0,
            low=0,
            high=86_400,
            effect="a file is rotated after so long without a line; 0 never does. The local stack sets 1",
        )
        or None,
        scan_s=reader.number(
            "SLUICE_LOGS_SCAN_S", 1.0, low=0.05, high=3600, effect="time between a monitor's looks for rotated files"
        ),
        max_disk_bytes=reader.whole(
            "SLUICE_LOGS_MAX_DISK_BYTES",
            200_000_000,
            low=1_000,
            high=1_000_000_000_000,
            effect="most that the files of one machine may take",
        ),
        retention_days=reader.whole(
            "SLUICE_LOGS_RETENTION_DAYS",
            30,
            low=0,
            high=3650,
            effect="how long logs stay in the container; 0 keeps them for ever",
        ),
        keep_local_days=reader.number(
            "SLUICE_LOGS_KEEP_LOCAL_DAYS",
            0,
            low=0,
            high=3650,
            effect="how long files stay on the disk after they were shipped",
        ),
        secrets=secrets,
        in_functions=reader.of("Platform").text(
            "FUNCTIONS_WORKER_RUNTIME", effect="`python`; required by hosts outside Flex Consumption"
        )
        is not None
        or "azure_functions_runtime" in sys.modules,
        colour=reader.of("Platform").text("NO_COLOR", effect="with any value: no colours in a terminal") is None,
    )


def app_name(reader: Reader) -> str:
    """The name of the app: letters, digits, dots, hyphens and underscores."""
    named = reader.text(
        "SLUICE_LOGS_APP",
        "APP_NAME",
        "WEBSITE_SITE_NAME",
        default="sluice",
        default_is="the function app's name",
        effect="name in lines, files and blobs",
    )
    return re.sub(r"[^A-Za-z0-9._-]+", "-", named).strip("-.")[:60] or "sluice"


def secret_values(env: Mapping[str, str]) -> tuple[str, ...]:
    """The keys in an environment: values of names that end in KEY, TOKEN and the like, and keys in connection strings.

    Longest first, so that none is cut up by another.
    """
    found: set[str] = set()
    for name, value in env.items():
        found.update(part.strip() for part in _SECRET_PART.findall(value))
        if _SECRET_NAME.search(name):
            found.add(value.strip())
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))


def _container(reader: Reader) -> str:
    name = reader.text(
        "SLUICE_LOGS_CONTAINER",
        "AZURE_STORAGE_CONTAINER",
        default=DEFAULT_CONTAINER,
        form=Form.CONTAINER,
        effect="blob container, in the account of `AzureWebJobsStorage`",
    )
    if not _CONTAINER.fullmatch(name):
        raise ConfigurationError(
            f"The setting SLUICE_LOGS_CONTAINER must be the name of a blob container (3 to 63 lower-case letters, "
            f"digits and single hyphens), not {shown(name)}.",
            field="SLUICE_LOGS_CONTAINER",
        )
    return name


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "", name)
