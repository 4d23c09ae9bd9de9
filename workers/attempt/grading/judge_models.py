"""Provide the models of judges, loaded with the first rubric, since most workers need none."""

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
        """Use these models; without them, open those of the settings, and close them in `close`."""
        self._context = context
        self._models = models
        self._own_models: Models | None = None

    async def find(self, skill: Skill, *, project_id: UUID, inputs: Mapping[str, Any]) -> Model:
        """Return the skill's own model, else the default of the instance.

        Raises:
            PurasError: there is no key for it.
        """
        resolution = await asyncio.to_thread(_load_resolution)
        if self._models is None:
            self._models = self._own_models = resolution.open_models(self._context)
        model: Model = await resolution.find_model(
            self._context, self._models, project_id=project_id, skill=skill, inputs=inputs, slug=skill.model
        )
        return model

    async def close(self) -> None:
        """Close the models that it has opened."""
        if self._own_models is not None:
            await self._own_models.close()


def _load_resolution() -> ModuleType:
    from workers.llm import resolution

    return resolution
