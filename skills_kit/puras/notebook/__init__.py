"""Write skills in Jupyter: `%load_ext puras` adds magics that define, run, check and publish skills.

This package needs `puras-kit[notebook]`, which installs IPython. Jobs do not import it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["load"]


def load(shell: Any) -> None:
    """Add the magics and the name `puras` to a running IPython.

    Raises:
        ImportError: The extra `notebook` is not installed.
    """
    try:
        from puras.notebook.magics import PurasMagics
    except ImportError as missing:
        raise ImportError(
            f"{missing}. The magics need the extra `notebook` of the kit: pip install 'puras-kit[notebook]'"
        ) from missing
    import puras

    shell.register_magics(PurasMagics(shell))
    shell.user_ns.setdefault("puras", puras)
