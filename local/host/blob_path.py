"""The `path` of a blob trigger: which blobs it means, and what its placeholders stand for."""

import re
from collections.abc import Mapping

from local.host.binding_expressions import Pattern
from local.host.bindings import BindingError

_CONTAINER = re.compile(r"\$root|\$logs|(?=[a-z0-9-]{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")


class BlobPath:
    """A path "container/name pattern", or a container alone, which means all its blobs (BlobPathSource.cs).

    Raises:
        BindingError: the path is of another form, or has a placeholder in its container.
    """

    def __init__(self, path: str) -> None:
        container, slash, name = path.partition("/")
        if "{" in container:
            raise BindingError(f"blob trigger path '{path}': the container can't have placeholders")
        if not container or (slash and not name):
            raise BindingError(f"blob trigger path '{path}' isn't of the form container/name")
        if not _CONTAINER.fullmatch(container):
            raise BindingError(f"blob trigger path '{path}': '{container}' can't be the name of a container")
        try:
            self._matcher = Pattern(name).matcher() if name else None
        except ValueError as error:
            raise BindingError(f"blob trigger path {error}") from error
        self.container = container

    def match(self, container: str, name: str) -> Mapping[str, str] | None:
        """The values of the placeholders if the blob is meant, else None."""
        if container != self.container:
            return None
        if self._matcher is None:
            return {}
        match = self._matcher.fullmatch(name)
        return None if match is None else match.groupdict()
