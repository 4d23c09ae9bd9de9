"""Parse untrusted files in a process without any rights, since such files may attack the parser."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_TIMEOUT_S: Final = 15.0
_MAX_RESULT_BYTES: Final = 4 << 20
_PYTHON: Final = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
_PDF_LIBRARY: Final = "pypdf"


async def ask(
    reader: str, options: dict[str, Any], content: bytes, *, library: Path | None = None
) -> dict[str, Any] | None:
    """Return the result of a reader of `workers/sandbox/guest` for a file. None: it timed out or failed.

    Args:
        reader: The module of the reader.
        options: Arguments of its `main`.
        content: The file.
        library: A folder of packages that it needs.
    """
    # Start the reader by its name, since no process of the instance imports guest code.
    found = importlib.util.find_spec("workers")
    if found is None or found.origin is None:
        return None
    paths = [str(Path(found.origin).with_name("sandbox")), *([] if library is None else [str(library)])]
    arguments = ", ".join(f"{name}={value!r}" for name, value in options.items())
    code = f"import sys; sys.path[:0] = {paths!r}; from guest import {reader}; {reader}.main({arguments})"
    process = await asyncio.create_subprocess_exec(
        *(str(_PYTHON), "-I", "-S", "-B", "-c", code),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
        limit=_MAX_RESULT_BYTES,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate(content)
        result = json.loads(output)
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return result if isinstance(result, dict) else None


def pdf_library() -> Path | None:
    """Return the folder of the package that reads PDFs; None if it is not installed."""
    found = importlib.util.find_spec(_PDF_LIBRARY)
    return None if found is None or found.origin is None else Path(found.origin).parents[1]
