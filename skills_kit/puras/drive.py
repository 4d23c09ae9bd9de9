"""The project's files, as the job has them under `./drive`: `drive.save("out/report.pdf", data)`.

Where the instance keeps drives elsewhere, `./drive` holds the files that the inputs name, and what the job writes there
is kept when it succeeds; `fetch` and `open` get other files as they are wanted.
"""

from __future__ import annotations

import builtins
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypedDict

__all__ = ["DriveError", "SignedFile", "delete", "fetch", "list", "open", "path", "save", "sign", "url"]

_PREFIX = "drive/"
_TO_BEGIN_S = 60
"""How long an address of a file is good for, to begin to read it."""
_MAX_NAME_BYTES = 255
_MAX_PATH_CHARACTERS = 4096
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in "123456789")]
)


class DriveError(OSError):
    """The path is not one of the drive, or the instance refused what was asked."""


class SignedFile(TypedDict):
    """An address that opens a file for a while, without a key."""

    path: str
    signed_url: str
    expires_in: int
    """Seconds."""


def path(name: str | os.PathLike[str]) -> Path:
    """Where a file of the drive is in the file system of this job; it need not exist.

    Raises:
        DriveError: the name leads out of the drive.
    """
    root = _root()
    found = root / _relative(name)
    real_root = os.path.realpath(root)
    real = os.path.realpath(found)
    if real != real_root and not real.startswith(real_root + os.sep):
        raise DriveError(
            f"The path {os.fspath(name)!r} leads out of the drive through a link. Use a file in ./drive."
        )
    return found


def save(name: str | os.PathLike[str], data: bytes | str) -> str:
    """Put a whole file into the drive in one step and return its drive path, which a result can name.

    Raises:
        DriveError: the name is not one of a file in the drive.
    """
    target = _new_path(name)
    if target == _root():
        raise DriveError("The name is empty. Name a file in the drive, like 'reports/june.pdf'.")
    target.parent.mkdir(parents=True, exist_ok=True)
    content = data.encode() if isinstance(data, str) else data
    descriptor, draft_name = tempfile.mkstemp(prefix=".saving-", dir=target.parent)
    draft = Path(draft_name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.chmod(0o644)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return target.relative_to(_root()).as_posix()


def open(name: str | os.PathLike[str], mode: str = "r", **options: Any) -> IO[Any]:  # noqa: A001 - the kit's word
    """Open a file of the drive as `open` does; folders of a new file are made.

    A file that is elsewhere is fetched to be read; to be changed it must be among the inputs, or written anew.

    Raises:
        DriveError: the name leads out of the drive, or the file cannot be fetched.
    """
    target = path(name)
    if not mode.startswith("r"):
        target = target if os.path.lexists(target) else _new_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
    elif "+" not in mode and _is_elsewhere(target):
        target = fetch(name)
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    return target.open(mode, **options)


def fetch(name: str | os.PathLike[str]) -> Path:
    """A path to the content of a file of the drive, wherever drives are kept: what is in `./drive`, else a copy.

    Raises:
        DriveError: there is no such file, or the instance does not answer.
    """
    target = path(name)
    if not _is_elsewhere(target):
        if not target.is_file():
            raise DriveError(f"There is no file {_relative(name)!r} in the drive.")
        return target
    from puras import _http

    copy = Path(tempfile.gettempdir(), "puras-drive", _relative(name))
    if copy.is_file():
        return copy
    signed = sign(name, ttl=_TO_BEGIN_S)["signed_url"]
    copy.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: threads may want the same file at once.
    descriptor, draft_name = tempfile.mkstemp(prefix=".fetching-", dir=copy.parent)
    os.close(descriptor)
    draft = Path(draft_name)
    try:
        _http.download(
            _environment("PURAS_API_BASE").rstrip("/") + _http.path_of(signed),
            draft,
            {"X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN")},
        )
        draft.replace(copy)
    except _http.HttpError as error:
        raise DriveError(f"The file {_relative(name)!r} could not be fetched: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return copy


def delete(name: str | os.PathLike[str]) -> None:
    """Delete a file of the drive; where drives are kept elsewhere, when the job has succeeded.

    Raises:
        DriveError: the name is not one of a file in the drive, or there is no such file.
    """
    target = path(name)
    if target == _root() or (not target.is_file() and not _is_elsewhere(target)):
        raise DriveError(f"There is no file {_relative(name)!r} in the drive to delete.")
    from puras import _events

    target.unlink(missing_ok=True)
    relative = _relative(name)
    _events.emit({"type": "drive_deleted", "path": relative}, f"deleted drive/{relative}")


def list(prefix: str = "") -> builtins.list[str]:  # noqa: A001 - the kit's word
    """The drive paths of all files in `./drive` whose path begins with the prefix, in order; links are left out."""
    root = _root()
    wanted = _relative(prefix) + ("/" if prefix.endswith("/") and _relative(prefix) else "")
    return sorted(name for name in _files(root) if name.startswith(wanted))


def sign(name: str | os.PathLike[str], *, ttl: int = 3600) -> SignedFile:
    """An address of the file that works without a key for `ttl` seconds (30 s to 30 days).

    Raises:
        DriveError: there is no such file, or the instance does not answer.
    """
    from puras import _http  # urllib takes longer to load than most jobs run

    body = {"workspace_id": _environment("PURAS_WORKSPACE_ID"), "path": _relative(name), "ttl": ttl}
    try:
        answer = _http.post_json(
            _environment("PURAS_API_BASE").rstrip("/") + "/v1/drive/sign",
            body,
            {"X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN")},
            is_repeatable=True,
        )
    except _http.HttpError as error:
        raise DriveError(f"The file {_relative(name)!r} could not be signed: {error}") from error
    return SignedFile(
        path=str(answer["path"]), signed_url=str(answer["signed_url"]), expires_in=int(answer["expires_in"])
    )


def url(name: str | os.PathLike[str], *, ttl: int = 3600) -> str:
    """The address alone of what `sign` returns.

    Raises:
        DriveError: there is no such file, or the instance does not answer.
    """
    return sign(name, ttl=ttl)["signed_url"]


def _is_elsewhere(target: Path) -> bool:
    """Whether the file, which is not here, may be where the instance keeps drives."""
    return bool(os.environ.get("PURAS_DRIVE_IS_ELSEWHERE")) and not target.exists()


def _root() -> Path:
    return Path(os.environ.get("PURAS_DRIVE_DIR") or "drive").absolute()


def _relative(name: str | os.PathLike[str]) -> str:
    """The name from the root of the drive on: without `drive/`, `./` and empty parts."""
    text = os.fspath(name)
    if len(text) > _MAX_PATH_CHARACTERS:
        raise DriveError(
            f"The path {text[:60]!r}… has more than {_MAX_PATH_CHARACTERS:,} characters. Shorten it."
        )
    if text.startswith("/"):
        text = _from_root(text)
    text = text.removeprefix("./")
    text = "" if text == "drive" else text.removeprefix(_PREFIX)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or "\0" in text or not _is_encodable(text):
        raise DriveError(
            f"The path {os.fspath(name)!r} is not one of the drive. Write it from the drive's root on."
        )
    return "/".join(parts)


def _new_path(name: str | os.PathLike[str]) -> Path:
    """The path of a file that may be made: letters composed, and names that every system can have, as the API has it.

    Raises:
        DriveError: the name leads out of the drive, or would make trouble elsewhere.
    """
    relative = unicodedata.normalize("NFC", _relative(name))
    for part in relative.split("/"):
        is_reserved = part.partition(".")[0].rstrip().upper() in _RESERVED
        if part != part.strip() or part.endswith(".") or is_reserved or _UNSEEN.search(part):
            raise DriveError(
                f"The name {part!r} makes trouble on other systems: it begins or ends with a space, ends with a dot, "
                "holds a character that nobody sees, or is one that Windows keeps for itself. Use another one."
            )
        if len(part.encode()) > _MAX_NAME_BYTES:
            raise DriveError(f"The name {part[:60]!r}… is longer than {_MAX_NAME_BYTES} bytes. Shorten it.")
    return path(_PREFIX + relative)


def _from_root(text: str) -> str:
    """An absolute path as the drive path that it is, when it is one."""
    root = _root()
    for known in (f"{root}/", f"{os.path.realpath(root)}/"):
        if text.startswith(known):
            return text[len(known) :]
    return text


def _is_encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            found = Path(folder, name)
            if not found.is_symlink() and found.is_file():
                yield found.relative_to(root).as_posix()


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise DriveError(f"{name} is not set, so there is no instance to ask. Run the skill as a job.")
    return value
