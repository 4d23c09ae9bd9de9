"""Describe the files skill.yaml and puras.yaml as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from backend.skills.manifest.keys import Key, Part
from backend.skills.manifest.reader import read_parts, read_value
from backend.skills.manifest.types import Gate, Grader, LooseText, SkillKeys, Title
from backend.skills.manifest.values import ID_RULE, SLUG_RULE

if TYPE_CHECKING:
    from backend.skills.manifest.skill_reader import Section


class Evals(Part):
    """Graders, and the cases whose runs they score."""

    noun = "'evals'"

    dataset: str | None = None
    """A `.jsonl` file in the folder of the skill, with one case per line."""
    graders: tuple[Grader, ...] = ()
    """Graders of the outputs."""
    mocks: dict[str, Any] = Field(default_factory=dict)
    """Results of tools by name, which are returned instead of calling the tools."""
    gate: Gate | None = None
    """Condition for the activation of a version."""


def _evals(section: Section, key: str) -> Evals | None:
    if not isinstance(section.value.get(key), dict):
        return Evals(graders=read_parts(Grader, section, key))
    evals: Evals | None = read_value(section, key, Evals)
    return evals


class _Titled(Part):
    plural = "entries with 'title' and 'body'"

    title: str
    """Heading."""
    body: str = ""
    """Text below it."""


class _Row(Part):
    plural = "rows with 'dimension', 'competitor' and 'puras'"

    dimension: str
    """The compared property."""
    competitor: str
    """The property of the others."""
    puras: str
    """The property of the skill."""


class _Comparison(Part):
    competitor_label: str = "Other tools"
    """Heading of the column of others."""
    rows: Annotated[tuple[_Row, ...], Key(advice="Add one, or remove 'comparison'.")]
    """Lines of the table."""


class _Question(Part):
    plural = "questions with 'q' and 'a'"

    q: str
    """The question."""
    a: str
    """The answer."""


class Marketing(Part):
    """Content of the public page of a skill; other keys are allowed and ignored."""

    keywords: tuple[str, ...] = ()
    """Search terms."""
    features: tuple[_Titled, ...] = ()
    """Capabilities."""
    personas: tuple[_Titled, ...] = ()
    """Intended users."""
    comparison: _Comparison | None = None
    """A table that compares it with others."""
    faq: tuple[_Question, ...] = ()
    """Questions and their answers."""


def _marketing(section: Section, key: str) -> dict[str, Any] | None:
    part = read_value(section, key, Marketing)
    if part is None:
        return None
    # A part with problems has fields of other types; it is not stored.
    stored = part.model_dump(mode="json", warnings=False)
    return {name: value for name, value in stored.items() if value}


_Marketing = Annotated[dict[str, Any], Key(read=_marketing, part=Marketing)]


class SkillFile(SkillKeys):
    """All keys of a skill.yaml."""

    text_model: Annotated[str | None, Key(catalog="models")] = None
    """The same as `model`."""
    marketing: _Marketing | None = None
    """Content of the public page."""
    evals: Annotated[Evals | None, Key(read=_evals, list_of=Grader)] = None
    """Graders, or a dataset with graders."""


class PackFile(Part):
    """Keys of a puras.yaml; other keys are allowed and ignored."""

    title: Title | None = None
    """Label of the skillpack."""
    description: LooseText | None = None
    """Purpose of the skillpack."""
    slug: Annotated[str | None, SLUG_RULE] = None
    """Name of the skillpack that a push updates."""
    skillpack_id: Annotated[str | None, ID_RULE] = None
    """ID of the skillpack, on the instance that the bundle was made for."""
    marketing: _Marketing | None = None
    """Content of the public page."""
