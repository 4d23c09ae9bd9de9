"""Pack bundles from a folder of this host, or from files in a call."""

from __future__ import annotations

import base64
import binascii
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from puras.bundles import BundleError, pack, pack_files

from puras_mcp.errors import CallRejected

_NO_SKILL = (
    "There is no skill.yaml and no SKILL.md. A skill is a folder with one of them, such as skills/greet/skill.yaml. "
    "Create one with `init_project`."
)


def of_folder(folder: Path) -> bytes:
    """Return a project's folder as a ZIP archive.

    Caches, environments, `.env` files and notebooks that no skill names are omitted.

    Raises:
        CallRejected: It contains no skill, too much, or a link to a path outside of it.
    """
    try:
        return _with_a_skill(pack(folder))
    except BundleError as error:
        raise CallRejected(str(error)) from error


def of_files(texts: Mapping[str, str], base64_files: Mapping[str, str]) -> bytes:
    """Return the files of a call as a ZIP archive: texts as they are, other content from base64.

    Raises:
        CallRejected: There are no files, no skill, or invalid base64.
    """
    files = {path: text.encode() for path, text in texts.items()}
    for path, encoded in base64_files.items():
        files[path] = decoded(encoded, path)
    if not files:
        raise CallRejected(
            "`files` is empty. Pass the files of the skills, for example those of `init_project`."
        )
    for path in files:
        if "\0" in path:
            raise CallRejected(f"The path {path!r} contains a NUL character. Remove it.")
    return _with_a_skill(pack_files(files))


def decoded(encoded: str, name: str) -> bytes:
    """Return the decoded bytes.

    Raises:
        CallRejected: The text is not base64.
    """
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise CallRejected(
            f"The content of {name!r} is not valid base64 ({error}). Encode the bytes of the file as base64."
        ) from error


def _with_a_skill(bundle: bytes) -> bytes:
    names = zipfile.ZipFile(BytesIO(bundle)).namelist()
    if not any(name.endswith(("skill.yaml", "SKILL.md")) for name in names):
        raise CallRejected(_NO_SKILL)
    return bundle
