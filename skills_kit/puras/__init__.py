"""What a Puras skill imports: `from puras import inputs, drive, secret, log, progress`.

Standard library only, so it works in any environment that a skill brings. Importing it costs next to nothing: each
part is loaded when it is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # as type checkers know it; `typing` itself would take longer to load than all of this
if TYPE_CHECKING:
    from puras import drive, inputs, log, media, skills, subagent
    from puras.drive import DriveError, SignedFile
    from puras.inputs import InputError, load_bytes, load_path
    from puras.media import (
        MediaError,
        MediaResult,
        generate_audio,
        generate_image,
        generate_video,
        transcribe,
    )
    from puras.progress import progress
    from puras.secret import SecretError, secret
    from puras.subagent import SubagentRunError

__all__ = [
    "DriveError",
    "InputError",
    "MediaError",
    "MediaResult",
    "SecretError",
    "SignedFile",
    "SubagentRunError",
    "drive",
    "generate_audio",
    "generate_image",
    "generate_video",
    "inputs",
    "load_bytes",
    "load_path",
    "log",
    "media",
    "progress",
    "secret",
    "skills",
    "subagent",
    "transcribe",
]

_MODULES = frozenset({"drive", "inputs", "log", "media", "skills", "subagent"})
_HOMES = {
    "DriveError": "drive",
    "SignedFile": "drive",
    "InputError": "inputs",
    "load_bytes": "inputs",
    "load_path": "inputs",
    "MediaError": "media",
    "MediaResult": "media",
    "generate_audio": "media",
    "generate_image": "media",
    "generate_video": "media",
    "transcribe": "media",
    "progress": "progress",
    "SecretError": "secret",
    "secret": "secret",
    "SubagentRunError": "subagent",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"puras.{name}")
    if name in _HOMES:
        value = getattr(import_module(f"puras.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'puras' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Kit(type(sys)):  # type: ignore[misc]  # a module's class, without importing `types`
    """Keeps `puras.secret` the function, although a module of that name is loaded to get it."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOMES and isinstance(value, type(sys)):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Kit
