"""The Puras kit: what skills import (`from puras import inputs, drive, secret, log, progress`), and `Client`.

The kit uses only the standard library, so that it works in the environment of any skill. Each part is loaded when it is
first used, so that the import is fast.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = (
    False  # type checkers know this name; the import of `typing` would take longer than that of this module
)
if TYPE_CHECKING:
    from typing import Any

    from puras import (
        client,
        drive,
        durable,
        inputs,
        log,
        media,
        memory,
        notebook,
        secrets,
        skills,
        subagent,
        web,
    )
    from puras.charts import Chart, ChartError, chart
    from puras.client import AsyncClient, Client, JobError, JobTimeout, PurasAPIError
    from puras.drive import DriveError, SignedFile
    from puras.durable import (
        Event,
        EventTimeout,
        StepError,
        StepFailed,
        StepLimitExceeded,
        StepMismatch,
        StepOutcomeUnknown,
        StepTimeout,
        emit_event,
        idempotency_key,
        parallel,
        sleep,
        step,
        stub_event,
        wait_for_event,
    )
    from puras.inputs import InputError, load_bytes, load_path
    from puras.media import (
        MediaError,
        MediaResult,
        generate_audio,
        generate_image,
        generate_video,
        transcribe,
    )
    from puras.memory import MemoryProblem
    from puras.notebook.runs import attach
    from puras.progress import progress
    from puras.secret import SecretError, secret
    from puras.skill import skill
    from puras.subagent import SubagentRunError
    from puras.web import WebError
    from puras.webhooks import WebhookError, verify_webhook

__version__ = "0.2.0"
"""Version of the kit. It is a constant since jobs import the kit without its package metadata."""

__all__ = [
    "AsyncClient",
    "Chart",
    "ChartError",
    "Client",
    "DriveError",
    "Event",
    "EventTimeout",
    "InputError",
    "JobError",
    "JobTimeout",
    "MediaError",
    "MediaResult",
    "MemoryProblem",
    "PurasAPIError",
    "SecretError",
    "SignedFile",
    "StepError",
    "StepFailed",
    "StepLimitExceeded",
    "StepMismatch",
    "StepOutcomeUnknown",
    "StepTimeout",
    "SubagentRunError",
    "WebError",
    "WebhookError",
    "__version__",
    "attach",
    "chart",
    "client",
    "drive",
    "durable",
    "emit_event",
    "generate_audio",
    "generate_image",
    "generate_video",
    "idempotency_key",
    "inputs",
    "load_bytes",
    "load_path",
    "log",
    "media",
    "memory",
    "notebook",
    "parallel",
    "progress",
    "secret",
    "secrets",
    "skill",
    "skills",
    "sleep",
    "step",
    "stub_event",
    "subagent",
    "transcribe",
    "verify_webhook",
    "wait_for_event",
    "web",
]

_MODULES = frozenset(
    {
        "client",
        "drive",
        "durable",
        "inputs",
        "log",
        "media",
        "memory",
        "notebook",
        "secrets",
        "skills",
        "subagent",
        "web",
    }
)
_HOMES = {
    "attach": "notebook.runs",
    "Chart": "charts",
    "ChartError": "charts",
    "chart": "charts",
    "AsyncClient": "client",
    "Client": "client",
    "JobError": "client",
    "JobTimeout": "client",
    "PurasAPIError": "client",
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
    "MemoryProblem": "memory",
    "progress": "progress",
    "SecretError": "secret",
    "secret": "secret",
    "skill": "skill",
    "SubagentRunError": "subagent",
    "WebError": "web",
    "WebhookError": "webhooks",
    "verify_webhook": "webhooks",
    "Event": "durable",
    "EventTimeout": "durable",
    "StepError": "durable",
    "StepFailed": "durable",
    "StepLimitExceeded": "durable",
    "StepMismatch": "durable",
    "StepOutcomeUnknown": "durable",
    "StepTimeout": "durable",
    "emit_event": "durable",
    "idempotency_key": "durable",
    "parallel": "durable",
    "sleep": "durable",
    "step": "durable",
    "stub_event": "durable",
    "wait_for_event": "durable",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"puras.{name}")
    if name in _HOMES:
        value = getattr(import_module(f"puras.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'puras' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Add the magics of Puras to IPython; `%load_ext puras` calls this function."""
    import_module("puras.notebook").load(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Kit(type(sys)):  # type: ignore[misc]  # the class of modules, without an import of `types`
    """A module in which `puras.secret` stays the function after the module of the same name was imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOMES and isinstance(value, type(sys)):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Kit
