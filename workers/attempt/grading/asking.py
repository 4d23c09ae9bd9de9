"""The models of judges, loaded with the first rubric: a worker whose jobs have none does without."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from backend.context import AppContext
from backend.skills.manifest.types import Skill
from workers.llm.types import Model

if TYPE_CHECKING:
    from workers.llm.selection import Models


class Judges:
    """Finds the model that judges the runs of a skill."""

    def __init__(self, context: AppContext, models: Models | None = None) -> None:
        """Without `models` it reaches those of the settings, and closes them in the end."""
        self._context = context
        self._models = models
        self._own: Models | None = None

    async def find(self, skill: Skill, *, project_id: UUID, inputs: Mapping[str, Any]) -> Model:
        """The skill's own model, else the instance's choice.

        Raises:
            PurasError: there is no key for it.
        """
        finding = await asyncio.to_thread(_finding)
        if self._models is None:
            self._models = self._own = finding.open_models(self._context)
        model: Model = await finding.find_model(
            self._context, self._models, project_id=project_id, skill=skill, inputs=inputs, slug=skill.model
        )
        return model

    async def close(self) -> None:
        """Close the models that it has opened."""
        if self._own is not None:
            await self._own.close()


def _finding() -> ModuleType:
    from workers.llm import resolution

    return resolution
