"""Load the model catalog: the built-in models, and those of the operator's file.

A process reads the operator's file once, when it opens the instance; until then the built-in catalog is used.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from backend.core import logs
from backend.core.names import suggestion
from backend.skills.model_catalog.entries import (
    FORMER_KEYS,
    ApiName,
    CatalogueEntry,
    CatalogueFile,
    Endpoint,
    MediaModels,
    Rates,
)
from backend.skills.model_catalog.errors import BadModelCatalog, UnknownFamily, UnknownModel

__all__ = [
    "SIMULATED_MODEL",
    "ApiName",
    "Catalogue",
    "CatalogueEntry",
    "Endpoint",
    "MediaKind",
    "Rates",
    "current",
    "former_keys",
    "read",
    "use",
]

SIMULATED_MODEL: Final = "puras/rehearsal"
"""The simulated model, which runs if no API key is configured."""

MediaKind = Literal["image", "video", "audio"]

log = logs.get(__name__)

_FORM: Final = re.compile(r"[a-z][a-z0-9]*/[a-z0-9][a-z0-9._-]*\Z")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Models by slug, and the endpoints that have them."""

    models: Mapping[str, CatalogueEntry]
    endpoints: Mapping[str, Endpoint]
    media: MediaModels
    operator_models: frozenset[str] = frozenset()
    """The models of the operator's file, which also sets their prices."""

    @cached_property
    def families(self) -> Mapping[str, str]:
        """The endpoint of each family that has one; a project may add its own API key for it."""
        return {entry.family: entry.endpoint for entry in self.models.values() if entry.endpoint}

    def get(self, slug: str) -> CatalogueEntry:
        """Return the model of that name.

        Raises:
            UnknownModel: it does not exist.
        """
        entry = self.models.get(slug)
        if entry is None:
            raise UnknownModel(self.problem(slug) or slug)
        return entry

    def endpoint_of(self, family: str) -> Endpoint:
        """Return the endpoint of the models of a family.

        Raises:
            UnknownFamily: it has no endpoint.
        """
        name = self.families.get(family)
        if name is None:
            raise UnknownFamily(family, sorted(self.families))
        return self.endpoints[name]

    def problem(self, slug: str) -> str | None:
        """Return why a skill cannot use this language model; None if it can."""
        if slug in self.models:
            return None
        hint = suggestion(slug, self.models)
        if ":" in slug:
            return f"The model {slug!r} contains a provider. Write only family/variant.{hint}"
        if not _FORM.match(slug):
            return f"The model {slug!r} is not family/variant.{hint}"
        known = hint or f" Known are {', '.join(self.models)}."
        return f"The model {slug!r} is not in the catalog.{known}"

    def media_names(self, kind: MediaKind) -> tuple[str, ...]:
        """Return what a skill can write for models of a kind: their names, the last parts of those, and `auto`."""
        models: tuple[str, ...] = getattr(self.media, kind)
        return (*models, "auto", *(model.partition("/")[2] for model in models))

    def media_problem(self, slug: str, kind: MediaKind) -> str | None:
        """Return why a skill cannot use this media model.

        Return None if it can. The last part of the name of the model is sufficient.
        """
        names = self.media_names(kind)
        if slug in names:
            return None
        hint = suggestion(slug, names) or " Known: " + ", ".join(getattr(self.media, kind))
        return f"The model {slug!r} is not in the catalog.{hint}"


def read(path: Path | None = None) -> Catalogue:
    """Return the built-in models, with those of an operator's file added.

    Raises:
        BadModelCatalog: the file cannot be read, or is invalid.
    """
    built_in = _parsed("catalog.toml", files(__package__).joinpath("catalog.toml").read_text("utf-8"))
    own = CatalogueFile() if path is None else _parsed(str(path), _text(path))
    catalogue = Catalogue(
        models={**built_in.models, **own.models},
        endpoints={**built_in.endpoints, **own.endpoints},
        media=built_in.media,
        operator_models=frozenset(own.models),
    )
    _check_endpoints(catalogue, str(path))
    return catalogue


def current() -> Catalogue:
    """Return the catalog of this process."""
    return _current[0]


def use(path: Path | None) -> None:
    """Add the models of a file to the catalog of this process.

    Raises:
        BadModelCatalog: the file cannot be read, or is invalid.
    """
    _current[0] = read(path)
    if path is not None:
        for former, current_name in former_keys(path).items():
            log.warning(
                "a model catalog has a former key; 0.3 rejects it",
                file=str(path),
                key=former,
                use=current_name,
            )


def former_keys(path: Path) -> dict[str, str]:
    """Return the former keys in a valid file of the operator, each with its current name."""
    models = tomllib.loads(_text(path)).get("models", {})
    return {
        f"models.{slug}.{former}": name
        for slug, entry in models.items()
        for former, name in FORMER_KEYS.items()
        if former in entry
    }


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadModelCatalog(str(path), [f"it cannot be read ({type(error).__name__})"]) from None


def _parsed(name: str, text: str) -> CatalogueFile:
    try:
        return CatalogueFile.model_validate(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise BadModelCatalog(name, [f"it is not TOML: {error}"]) from None
    except ValidationError as error:
        raise BadModelCatalog(name, [_said(problem) for problem in error.errors()]) from None


def _said(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}"


def _check_endpoints(catalogue: Catalogue, name: str) -> None:
    """Check that all models of a family have one existing endpoint, since an API key applies to a family."""
    problems: list[str] = []
    seen: dict[str, str] = {}
    for entry in catalogue.models.values():
        if entry.endpoint is None:
            continue
        if entry.endpoint not in catalogue.endpoints:
            hint = suggestion(entry.endpoint, catalogue.endpoints)
            problems.append(f"{entry.slug}: the endpoint {entry.endpoint!r} does not exist.{hint}")
        if seen.setdefault(entry.family, entry.endpoint) != entry.endpoint:
            problems.append(
                f"{entry.slug}: its family {entry.family!r} uses the endpoint {seen[entry.family]!r}. Use "
                "another family for this model."
            )
    if problems:
        raise BadModelCatalog(name, problems)


_current = [read()]
