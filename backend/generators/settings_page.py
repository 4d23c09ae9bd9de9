"""Write `docs/reference/settings.md` from the class of settings: `python -m backend.generators.settings_page`."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from backend.config import Settings
from backend.core.attribute_docstrings import descriptions

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
HEAD = """\
# Settings

Every setting of an instance. A process reads them once, when it starts, from the environment or from a file `.env` in
the working folder; the environment takes precedence. This page is generated from `backend/config/__init__.py` by `make
settings`.

| Variable | Values | Default | Meaning |
|---|---|---|---|
"""


def main() -> int:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """Return the text of the page."""
    meanings = descriptions(Settings)
    rows = (_row(name, field, meanings[name]) for name, field in Settings.model_fields.items())
    return HEAD + "".join(rows)


def _row(name: str, field: FieldInfo, meaning: str) -> str:
    text = re.sub(r"\s+", " ", meaning).strip()
    cells = (f"`{_variable(name, field)}`", _values(field), _default(name, field), text)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])  # the others are former names
    if alias is not None:
        return str(alias)
    return f"{Settings.model_config['env_prefix']}{name}".upper()


def _values(field: FieldInfo) -> str:
    kind = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    word = {
        int: "whole number",
        float: "number",
        str: "text",
        Path: "folder",
        SecretStr: "secret text",
        bool: "yes or no",
    }
    return f"{word[kind]}{_bounds(field)}"


def _bounds(field: FieldInfo) -> str:
    lowest = next((f" from {rule.ge}" for rule in field.metadata if hasattr(rule, "ge")), "")
    above = next((f" above {rule.gt}" for rule in field.metadata if hasattr(rule, "gt")), "")
    highest = next((f" to {rule.le}" for rule in field.metadata if hasattr(rule, "le")), "")
    return lowest + above + highest


def _default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return "`./.puras`; for root `/var/lib/puras`"
    if field.default is None or field.default is PydanticUndefined:
        return "none"
    return f"`{field.default}`"


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


if __name__ == "__main__":
    sys.exit(main())
