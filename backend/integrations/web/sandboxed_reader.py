"""Reading what a stranger has sent in a process that can do nothing else: such files attack whoever reads them."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_LOOK_S: Final = 15.0
_ANSWER_BYTES: Final = 4 << 20
_PYTHON: Final = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
_PDF_LIBRARY: Final = "pypdf"


async def ask(
    reader: str, asked: dict[str, Any], content: bytes, *, library: Path | None = None
) -> dict[str, Any] | None:
    """What a reader of `workers/sandbox/guest` answers about a file; none if it was ended or failed.

    `library`: a folder of packages that it needs.
    """
    # Started by its name, as every process of the instance's is: nothing of it is loaded here.
    found = importlib.util.find_spec("workers")
    if found is None or found.origin is None:
        return None
    paths = [str(Path(found.origin).with_name("sandbox")), *([] if library is None else [str(library)])]
    arguments = ", ".join(f"{name}={value!r}" for name, value in asked.items())
    code = f"import sys; sys.path[:0] = {paths!r}; from guest import {reader}; {reader}.main({arguments})"
    process = await asyncio.create_subprocess_exec(
        *(str(_PYTHON), "-I", "-S", "-B", "-c", code),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
        limit=_ANSWER_BYTES,
    )
    try:
        async with asyncio.timeout(_LOOK_S):
            said, _ = await process.communicate(content)
        answer = json.loads(said)
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return answer if isinstance(answer, dict) else None


def pdf_library() -> Path | None:
    """The folder of the package that reads PDFs; none if it is missing."""
    found = importlib.util.find_spec(_PDF_LIBRARY)
    return None if found is None or found.origin is None else Path(found.origin).parents[1]
