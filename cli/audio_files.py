"""Audio files that are on this machine: uploaded, and a job for each."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.inputs import BadLine, InputJob
from shared.bootstrap.kinds import SENT_CONTAINER
from shared.jobs.record import JobRecord
from shared.messages import to_json

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

_TEXT = frozenset({".json", ".jsonl", ".ndjson", ".txt", ""})


def is_media(source: str) -> bool:
    """Whether this is an audio file, or a folder of them, rather than a list of jobs."""
    path = Path(source)
    return source != "-" and (path.is_dir() or path.suffix.lower() not in _TEXT)


async def upload(
    blobs: "BlobServiceClient", source: str, run: str, job_id_of: Callable[[str, int], str]
) -> list[InputJob | BadLine]:
    """Upload a file, or every file of a folder, each into its job's folder, so that it goes when the job goes.

    Args:
        job_id_of: of the run, and the number of the file.

    Returns:
        A job for each; its number is the file's in the order of names. The same files under the same run name take
        the same places.

    Raises:
        OSError: a file can't be read.
        AzureError: it can't be stored.
    """
    from azure.core.exceptions import ResourceExistsError

    container = blobs.get_container_client(SENT_CONTAINER)
    with suppress(ResourceExistsError):
        await container.create_container()
    jobs: list[InputJob | BadLine] = []
    for number, path in enumerate(_files(Path(source)), 1):
        name = f"{JobRecord.prefix('audio', job_id_of(run, number))}/{path.name}"
        with path.open("rb") as file:
            await container.upload_blob(name, file, overwrite=True, max_concurrency=4)
        jobs.append(InputJob(number, to_json({"audio": f"{SENT_CONTAINER}/{name}"})))
    return jobs or [BadLine(1, f"no files in {source}")]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
