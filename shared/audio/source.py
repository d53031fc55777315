"""Which recording a job means, and whether the app may read it. Pure.

A job names its recording, and whoever may send a job could otherwise have the app read anything that the app can reach.
So only these are read: blobs of the app's own storage account in containers that are set, and https addresses on hosts
that are set. What isn't understood to the last character is refused, as other software might understand it differently.
No error repeats the address: it may hold a signature.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from shared.errors import ConfigurationError, InvalidMessageError

# Microsoft, "Naming and referencing containers, blobs, and metadata".
_CONTAINER = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_LONGEST_NAME = 1_024

# Names only: the last label of an address made of numbers is a number.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[A-Za-z0-9.:-]+)(?P<target>[/?#].*)?", re.IGNORECASE | re.ASCII
)
# RFC 3986, path and query.
_CHARACTER = r"[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2}"
_TARGET = re.compile(rf"(?:/(?:{_CHARACTER})*)+(?:\?(?:{_CHARACTER}|[/?])*)?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class AudioNotAllowedError(InvalidMessageError):
    """The app may not read a recording from there, or there can't be one."""

    code = "audio_not_allowed"


@dataclass(frozen=True, slots=True)
class BlobSource:
    """A blob of the app's own storage account."""

    container: str
    name: str

    def describe(self) -> dict[str, Any]:
        """For the manifest; no secrets."""
        return {"container": self.container, "name": self.name}


@dataclass(frozen=True, slots=True)
class WebSource:
    """A file on another host.

    Attributes:
        target: path and query, which may hold a signature.
    """

    host: str
    target: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"https://{self.host}{self.target}"

    def describe(self) -> dict[str, Any]:
        """For the manifest; no secrets."""
        return {"host": self.host}


type Source = BlobSource | WebSource


class AudioSources:
    """What may be read.

    Args:
        account_url: of the app's own blob storage, such as "https://NAME.blob.core.windows.net".
        containers: of that account.
        hosts: others, by their exact names.
        reserved: containers that must not be among them, as they hold other jobs' data.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """

    def __init__(
        self, account_url: str, containers: Collection[str], hosts: Collection[str] = (), reserved: Collection[str] = ()
    ) -> None:
        for container in containers:
            if container in reserved or not _CONTAINER.fullmatch(container):
                raise ConfigurationError(
                    f"The setting AUDIO_CONTAINERS must name containers for recordings; {container!r} is the app's own "
                    "or not a container's name.",
                    field="AUDIO_CONTAINERS",
                )
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ConfigurationError(
                    "The setting AUDIO_ALLOWED_HOSTS must list host names such as files.example.com, in lower case, "
                    f"without scheme, port or wildcard; {host!r} is none.",
                    field="AUDIO_ALLOWED_HOSTS",
                )
        account = _ADDRESS.fullmatch(account_url.rstrip("/"))
        if account is None:
            raise ConfigurationError("The storage account's address is not an address.")
        self._scheme, self._authority = account["scheme"].lower(), account["authority"].lower()
        self._prefix = f"{account['target'] or ''}/"
        self._containers = tuple(containers)
        self._hosts = frozenset(hosts)

    def find(self, reference: str) -> Source:
        """The recording that a job means.

        Args:
            reference: "container/name", or an address.

        Raises:
            AudioNotAllowedError: there can't be one, or it may not be read.
        """
        if not _SCHEME.match(reference):
            return self._blob(reference)
        address = _ADDRESS.fullmatch(reference)
        if address is None:
            raise _refusal("is not an address of the form https://host/path")
        scheme, host, target = address["scheme"].lower(), address["authority"].lower(), address["target"] or ""
        if host == self._authority and scheme == self._scheme:
            return self._own_blob(target)
        if scheme != "https" or host not in self._hosts:
            raise _refusal(f"may only be {self._permitted()}")
        if not _TARGET.fullmatch(target):
            raise _refusal("is not an address of the form https://host/path, with other characters written as %XX")
        return WebSource(host, target)

    def _own_blob(self, target: str) -> BlobSource:
        if "?" in target or "#" in target:
            raise _refusal("must end with the blob's name: no query and no SAS, as the app reads with its own identity")
        if not target.startswith(self._prefix):
            raise _refusal(f"may only be {self._permitted()}")
        container, _, escaped = target.removeprefix(self._prefix).partition("/")
        try:
            name = unquote_to_bytes(escaped).decode()
        except UnicodeDecodeError:
            name = ""
        if _BAD_ESCAPE.search(escaped):
            name = ""
        return self._blob(f"{container}/{name}")

    def _blob(self, path: str) -> BlobSource:
        container, _, name = path.partition("/")
        if container not in self._containers:
            raise _refusal(f"may only be {self._permitted()}")
        parts = name.split("/")
        if (
            len(name) > _LONGEST_NAME
            or any(part in ("", ".", "..") for part in parts)
            or any(c == "\\" or unicodedata.category(c) in ("Cc", "Cs") for c in name)
        ):
            raise _refusal("names no blob: the name after the container is empty, too long, or no blob can have it")
        return BlobSource(container, name)

    def _permitted(self) -> str:
        containers = ", ".join(self._containers) or "none"
        hosts = ", ".join(sorted(self._hosts)) or "none"
        return (
            f"a blob of the app's own storage account in one of the containers {containers} (AUDIO_CONTAINERS), "
            f"written container/name, or an https address without port on one of the hosts {hosts} "
            "(AUDIO_ALLOWED_HOSTS)"
        )


def _refusal(reason: str) -> AudioNotAllowedError:
    return AudioNotAllowedError(f"The field audio {reason}.", field="audio")
