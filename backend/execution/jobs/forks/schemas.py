"""Requests that create jobs from earlier ones."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backend.core.schemas import ClosedSchema, Text
from backend.execution.jobs.forks.edits import Edit, StepId, StepNumber


class ForkCreate(ClosedSchema):
    """Body of `POST /v1/jobs/{id}/fork`."""

    step: StepNumber | StepId | None = None
    """The last step to copy, with the results of its calls; 0: the first message only. Of a function, the number of
    durable steps to copy, in the order of their ends. Of a flow, the ID of the first step that runs again: results of
    steps before it are copied. Default for a flow: the first step that has failed."""
    edits: list[Edit] = Field(default_factory=list, max_length=200)
    """Changes to the copied steps."""
    keep_elements: bool = False
    """For a flow, if `step` has `for_each`: its elements that have succeeded do not run again."""
    inputs: dict[str, Any] | None = None
    """New inputs, valid for the skill's `input_schema`. The first message of an agent is generated again from them."""
    model: Text | None = Field(default=None, min_length=1, max_length=200)
    """The model that continues the run of an agent. Default: the model of the run."""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """The version of the skill that continues, with its own prompt and tools. Default: the deployment of the run."""


class ContinuationCreate(ClosedSchema):
    """Body of `POST /v1/jobs/{id}/continue`."""

    inputs: dict[str, Any] = Field(default_factory=dict)
    """Inputs to continue with, valid for the skill's `input_schema`."""
