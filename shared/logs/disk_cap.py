"""What goes first when log files take too much of the disk. Decides; deletes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.logs.log_files import LocalFile

WARN_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do.

    Attributes:
        used: bytes taken now.
        near: whether it is time for a warning.
        drop: what to delete, in this order.
    """

    used: int
    near: bool
    drop: tuple[LocalFile, ...]


def judge(shipped: Sequence[LocalFile], waiting: Sequence[LocalFile], active_bytes: int, cap_bytes: int) -> Verdict:
    """Decide what to delete, so that what is left fits.

    First go files that are shipped and only kept here, oldest first: they are not lost. Then those that wait to be
    shipped, oldest first: the newest tell of what is wrong now. What is still written to is never touched.

    Args:
        shipped, waiting: each oldest first.
        active_bytes: of files that are still written to.
    """
    used = active_bytes + sum(file.size for file in (*shipped, *waiting))
    over = used - cap_bytes
    drop: list[LocalFile] = []
    for file in (*shipped, *waiting):
        if over <= 0:
            break
        drop.append(file)
        over -= file.size
    return Verdict(used, used >= cap_bytes * WARN_SHARE, tuple(drop))
