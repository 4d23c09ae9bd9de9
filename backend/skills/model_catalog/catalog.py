"""The one list of models: those that come with the product, and the operator's own on top of them.

A process reads the operator's file once, when it opens the instance; until then the built-in list holds.
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

from backend.core.names import suggestion
from backend.skills.model_catalog.entries import CatalogueEntry, CatalogueFile, Endpoint, MediaModels, Rates
from backend.skills.model_catalog.errors import BadModelCatalog, UnknownFamily, UnknownModel

__all__ = [
    "SIMULATED_MODEL",
    "Catalogue",
    "CatalogueEntry",
    "Endpoint",
    "MediaKind",
    "Rates",
    "current",
    "read",
    "use",
]

SIMULATED_MODEL: Final = "puras/rehearsal"
"""Not a language model: what runs when no key is configured."""

MediaKind = Literal["image", "video", "audio"]

_FORM: Final = re.compile(r"[a-z][a-z0-9]*/[a-z0-9][a-z0-9._-]*\Z")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Models by slug, and the endpoints that have them."""

    models: Mapping[str, CatalogueEntry]
    endpoints: Mapping[str, Endpoint]
    media: MediaModels

    @cached_property
    def families(self) -> Mapping[str, str]:
        """The endpoint of each family that is reached over one; a project may bring a key for it."""
        return {entry.family: entry.endpoint for entry in self.models.values() if entry.endpoint}

    def get(self, slug: str) -> CatalogueEntry:
        """The model of that name.

        Raises:
            UnknownModel: there is none.
        """
        entry = self.models.get(slug)
        if entry is None:
            raise UnknownModel(self.problem(slug) or slug)
        return entry

    def endpoint_of(self, family: str) -> Endpoint:
        """Where the models of a family are reached.

        Raises:
            UnknownFamily: none are reached over a network.
        """
        name = self.families.get(family)
        if name is None:
            raise UnknownFamily(family, sorted(self.families))
        return self.endpoints[name]

    def problem(self, slug: str) -> str | None:
        """Why a skill cannot name this language model; None when it can."""
        if slug in self.models:
            return None
        hint = suggestion(slug, self.models)
        if ":" in slug:
            return f"The model {slug!r} names a provider. Write only family/variant.{hint}"
        if not _FORM.match(slug):
            return f"The model {slug!r} is not family/variant.{hint}"
        known = hint or f" Known are {', '.join(self.models)}."
        return f"The model {slug!r} is not in the catalogue.{known}"

    def media_names(self, kind: MediaKind) -> tuple[str, ...]:
        """Return what a skill can write for models of a kind: their names, the last parts of those, and `auto`."""
        models: tuple[str, ...] = getattr(self.media, kind)
        return (*models, "auto", *(model.partition("/")[2] for model in models))

    def media_problem(self, slug: str, kind: MediaKind) -> str | None:
        """Why a skill cannot name this model for media; None when it can, also by its last part alone."""
        names = self.media_names(kind)
        if slug in names:
            return None
        hint = suggestion(slug, names) or " Known: " + ", ".join(getattr(self.media, kind))
        return f"The model {slug!r} is not in the catalogue.{hint}"


def read(path: Path | None = None) -> Catalogue:
    """The built-in models, with those of an operator's file on top.

    Raises:
        BadModelCatalog: the file cannot be read, or something in it is wrong.
    """
    built_in = _parsed("catalog.toml", files(__package__).joinpath("catalog.toml").read_text("utf-8"))
    own = CatalogueFile() if path is None else _parsed(str(path), _text(path))
    catalogue = Catalogue(
        models={**built_in.models, **own.models},
        endpoints={**built_in.endpoints, **own.endpoints},
        media=built_in.media,
    )
    _check_endpoints(catalogue, str(path))
    return catalogue


def current() -> Catalogue:
    """The catalogue of this process."""
    return _current[0]


def use(path: Path | None) -> None:
    """From now on this process knows the models of that file, too.

    Raises:
        BadModelCatalog: the file cannot be read, or something in it is wrong.
    """
    _current[0] = read(path)


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
    """One key is brought for a family, so all of its models have one endpoint, which exists."""
    problems: list[str] = []
    seen: dict[str, str] = {}
    for entry in catalogue.models.values():
        if entry.endpoint is None:
            continue
        if entry.endpoint not in catalogue.endpoints:
            hint = suggestion(entry.endpoint, catalogue.endpoints)
            problems.append(f"{entry.slug}: there is no endpoint {entry.endpoint!r}.{hint}")
        if seen.setdefault(entry.family, entry.endpoint) != entry.endpoint:
            problems.append(
                f"{entry.slug}: its family {entry.family!r} is reached over the endpoint {seen[entry.family]!r}. "
                "Give the model a family of its own."
            )
    if problems:
        raise BadModelCatalog(name, problems)


_current = [read()]
