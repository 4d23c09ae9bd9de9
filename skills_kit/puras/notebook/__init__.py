"""Skills in Jupyter: `%load_ext puras`, then `%%skill` cells that run, are checked and become versions.

Needs `puras-kit[notebook]`: IPython and what else is imported in here is no part of what a job imports.
"""

from __future__ import annotations

from typing import Any

__all__ = ["load"]


def load(shell: Any) -> None:
    """Add the magics to a running IPython, and the name `puras`.

    Raises:
        ImportError: the extra is not installed; says how to get it.
    """
    try:
        from puras.notebook.magics import PurasMagics
    except ImportError as missing:
        raise ImportError(
            f"{missing}. The magics need more than the kit itself: pip install 'puras-kit[notebook]'"
        ) from missing
    import puras

    shell.register_magics(PurasMagics(shell))
    shell.user_ns.setdefault("puras", puras)
