"""The installed release."""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return the version of the installed package, or 0 if the package is not installed."""
    try:
        return metadata.version("puras-studio")
    except metadata.PackageNotFoundError:
        return "0"
