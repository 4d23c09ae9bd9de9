"""Locate the files of this release that are not modules: built pages, documentation, templates.

A checkout has them in the folders where they are written or built. A wheel has them in `backend/release_files`, which
`hatch_build.py` fills.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_INSTALLED: Final = Path(__file__).resolve().parents[1] / "release_files"

IS_INSTALLED: Final = _INSTALLED.is_dir()
"""Whether this process runs from an installed wheel instead of a checkout."""
ROOT: Final = _INSTALLED if IS_INSTALLED else _CHECKOUT
"""The folder with `rxconfig.py`, from which Reflex runs."""
WEB: Final = ROOT / "web" if IS_INSTALLED else ROOT / ".web"
"""The folder of Reflex, with the built pages of the studio."""
DOCS: Final = ROOT / "docs"
"""The pages of the documentation as Markdown."""
DOCS_SITE: Final = WEB / "docs"
"""The built documentation."""
EMBED_SCRIPT: Final = WEB / "embed.js"
"""The built script that shows a skill in the page of another site."""
SHARED_JOB_SCRIPT: Final = WEB / "shared_job.js"
"""The built script of the page of a shared job."""
KIT: Final = ROOT / "kit" if IS_INSTALLED else ROOT / "skills_kit"
"""The folder that contains the package `puras` of this release."""
TEMPLATES: Final = KIT / "puras" / "templates" if IS_INSTALLED else KIT / "templates"
"""The templates for skillpacks, one folder each."""
