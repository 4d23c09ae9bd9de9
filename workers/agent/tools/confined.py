"""Reading what a stranger has sent in a process that can do nothing else: such files attack whoever reads them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from workers.sandbox.places import BASE_PYTHON, RUNTIME

_LOOK_S: Final = 15.0
_ANSWER_BYTES: Final = 4 << 20


async def ask(
    reader: str, asked: dict[str, Any], content: bytes, *, library: Path | None = None
) -> dict[str, Any] | None:
    """What a reader of `workers/sandbox/inside` answers about a file; none if it was ended or failed.

    `library`: a folder of packages that it needs.
    """
    paths = [str(RUNTIME.parent), *([] if library is None else [str(library)])]
    arguments = ", ".join(f"{name}={value!r}" for name, value in asked.items())
    code = f"import sys; sys.path[:0] = {paths!r}; from {RUNTIME.name} import {reader}; {reader}.main({arguments})"
    process = await asyncio.create_subprocess_exec(
        *(str(BASE_PYTHON), "-I", "-S", "-B", "-c", code),
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
