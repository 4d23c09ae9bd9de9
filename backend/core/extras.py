"""The optional parts of an installation: packages that a plain `pip install puras-studio` leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Final, Literal, NamedTuple

from backend.core.errors import NotOffered, field

Name = Literal["editor", "media", "notebooks", "bedrock", "vertex"]


class Extra(NamedTuple):
    """An extra of `puras-studio`."""

    modules: tuple[str, ...]
    features: str
    """What needs it."""


EXTRAS: Final[Mapping[Name, Extra]] = {
    "editor": Extra(("ruff", "jedi"), "help with Python code in the editor"),
    "media": Extra(("imageio_ffmpeg", "espeakng_loader"), "local speech and videos"),
    "notebooks": Extra(
        ("ipykernel", "jupyter_client"), "kernels of notebooks and the tool `python` of agents"
    ),
    "bedrock": Extra(("boto3", "botocore"), "models at Amazon Bedrock"),
    "vertex": Extra(("google.auth",), "models at Vertex AI of Google Cloud"),
}


class ExtraMissing(NotOffered):
    """A feature needs packages that are not installed on this instance."""

    code = "extra_missing"
    message = (
        "The packages for {features} are not installed on this instance. An operator installs them with "
        "`pip install 'puras-studio[{extra}]'` and restarts the instance."
    )
    extra: str
    features: str = field(in_body=False)


@cache
def is_installed(name: Name) -> bool:
    """Return whether all packages of an extra are installed."""
    return all(map(_exists, EXTRAS[name].modules))


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its package does not exist either
        return False


def require(name: Name) -> None:
    """Reject a request that needs an extra.

    Raises:
        ExtraMissing: It is not installed.
    """
    if not is_installed(name):
        raise ExtraMissing(name, EXTRAS[name].features)
