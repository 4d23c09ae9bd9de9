"""Pin the images of Dockerfile and compose.yaml by digest, or report those that are not pinned.

    .ci/images.py           list the images without a digest; exit code 1 if there are any (`make release-check`)
    .ci/images.py --pin     request each digest from the registry, with docker, and write it (`make pin-images`)

A tag can be moved to another image by anyone who can write to its registry; a digest cannot.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
FILES: Final = ("Dockerfile", "compose.yaml")
_FROM: Final = re.compile(
    r"^FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*$", re.IGNORECASE
)
_SERVICE: Final = re.compile(r"^\s*image:\s*[\"']?(?P<image>[^\s\"'#]+)")
_COPIED: Final = re.compile(r"^COPY\s+--from=(?P<image>\S+)", re.IGNORECASE)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_OURS: Final = "puras-studio:"
"""Built from the Dockerfile; not in a registry."""
_TIMEOUT_S: Final = 60


class Image(NamedTuple):
    """An image in a file."""

    file: str
    line: int
    name: str

    @property
    def is_pinned(self) -> bool:
        """Return whether the image is pinned by a digest."""
        _, at, digest = self.name.partition("@")
        return bool(at) and _DIGEST.fullmatch(digest) is not None


class PinError(Exception):
    """An image could not be pinned; the text contains the reason."""


def images(root: Path = ROOT) -> Iterator[Image]:
    """Return all images of registries that are base images or services."""
    for file in FILES:
        stages: set[str] = set()
        for number, line in enumerate((root / file).read_text(encoding="utf-8").splitlines(), 1):
            found = _FROM.match(line) or _COPIED.match(line) or _SERVICE.match(line)
            if found is None:
                continue
            name = found["image"]
            if name.lower() not in stages and name != "scratch" and not name.startswith(_OURS):
                yield Image(file, number, name)
            if stage := found.groupdict().get("stage"):
                stages.add(stage.lower())


def pin(root: Path = ROOT) -> list[str]:
    """Write the digest of each image that has none, and return the changes.

    Raises:
        PinError: docker is missing, or the registry has no such image.
    """
    unpinned = [image for image in images(root) if not image.is_pinned]
    digests = {
        name: _digest_of(name) for name in sorted({image.name.partition("@")[0] for image in unpinned})
    }
    for image in unpinned:
        path = root / image.file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        tagged = image.name.partition("@")[0]
        lines[image.line - 1] = lines[image.line - 1].replace(image.name, f"{tagged}@{digests[tagged]}", 1)
        path.write_text("".join(lines), encoding="utf-8")
    return [f"{name}@{digest}" for name, digest in digests.items()]


def _digest_of(name: str) -> str:
    """Return the current digest in the registry of the index of all platforms."""
    command = ["docker", "buildx", "imagetools", "inspect", name, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PinError(f"docker could not read the digest of {name}: {error}.") from error
    digest = done.stdout.strip()
    if done.returncode or not _DIGEST.fullmatch(digest):
        output = " ".join((done.stderr or done.stdout).split())[:300]
        raise PinError(f"docker returned no digest of {name}: {output or 'nothing'}.")
    return digest


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Check or pin the images, and return exit code 0 if all are pinned."""
    if list(arguments) == ["--pin"]:
        try:
            for line in pin(root):
                sys.stdout.write(f"{line}\n")
        except PinError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    unpinned = [image for image in images(root) if not image.is_pinned]
    for image in unpinned:
        sys.stderr.write(
            f"{image.file}:{image.line}: {image.name} has no digest. Run `make pin-images` on a host where docker "
            "can connect to the registry.\n"
        )
    return 1 if unpinned else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
