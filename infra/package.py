"""`python -m infra.package`: the deployment package, built as azd and the Azure CLI's users build it: by .funcignore.

It holds the source and requirements.txt; the platform installs the requirements when it is deployed (remote build).
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pathspec

ROOT = Path(__file__).parents[1]
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of a zip file's calendar: the same source makes the same bytes


def files(root: Path) -> list[Path]:
    """What .funcignore leaves, relative to the folder and sorted."""
    ignored = pathspec.GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())

    def kept(folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            name = path.relative_to(root).as_posix()
            if path.is_dir():
                if not ignored.match_file(f"{name}/"):  # as git does, nothing of an ignored folder is looked at
                    yield from kept(path)
            elif not ignored.match_file(name):
                yield path.relative_to(root)

    return sorted(kept(root))


def build(root: Path, target: Path) -> list[Path]:
    """Write the package; returns the files in it."""
    held = files(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for path in held:
            entry = zipfile.ZipInfo(path.as_posix(), _FIRST_DAY)
            entry.compress_type = zipfile.ZIP_STORED if path.suffix == ".gz" else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            package.writestr(entry, (root / path).read_bytes())
    return held


def main() -> int:
    """Build dist/sluice.zip, or the file that is named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "sluice.zip"
    held = build(ROOT, target)
    print(f"{target}: {len(held)} files, {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
