"""Which release this is."""

from importlib import metadata


def version() -> str:
    """Return the version of the installed package; 0 when it runs without being installed."""
    try:
        return metadata.version("puras-studio")
    except metadata.PackageNotFoundError:
        return "0"
