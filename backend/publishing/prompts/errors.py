"""Errors of prompts."""

from __future__ import annotations

from backend.core.errors import Conflict, Missing, field


class NoPrompts(Missing):
    """No deployment of the skillpack has an agent of this name."""

    code = "no_prompts"
    message = (
        "No deployment of the skillpack {skillpack!r} has an agent {skill!r}. Only agents have prompts; GET /v1/skills "
        "lists the active skills."
    )
    skill: str = field(max_length=200)
    skillpack: str = field(max_length=100)


class PromptNotFound(Missing):
    """The prompt of the skill has no such version."""

    code = "prompt_not_found"
    message = "The prompt of the skill {skill!r} has no version {number}. GET /v1/skills/{{skill}}/prompts lists all."
    skill: str = field(max_length=200)
    number: int


class PromptLabelNotFound(Missing):
    """No version of the prompt has the label."""

    code = "prompt_label_not_found"
    message = "No version of the prompt of the skill {skill!r} has the label {label!r}."
    skill: str = field(max_length=200)
    label: str = field(max_length=100)


class TooManyPromptLabels(Conflict):
    """The prompt has the maximum number of labels."""

    code = "too_many_prompt_labels"
    message = "The prompt of a skill can have {limit} labels. Delete one that is not needed."
    limit: int
