"""The instance's settings, read once from the environment and `.env`.

Only the edges (processes, the CLI, the REST application) read them; domain code takes values as arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pydantic import AliasChoices, ValidationError

from backend.config.keeping import Keeping
from backend.config.limits import Limits
from backend.config.memory import Memory
from backend.config.models import Models
from backend.config.places import Places
from backend.config.workers import Jobs, Notebooks, Workers
from backend.core.errors import Invalid, field


class BadSettings(Invalid):
    """A setting has an invalid value."""

    code = "bad_settings"
    sentences: list[str] = field(in_body=False)

    def describe(self) -> str:
        return f"Settings are wrong. {' '.join(self.sentences)} See docs/settings.md."


class Settings(Keeping, Memory, Models, Notebooks, Jobs, Limits, Workers, Places):
    """Every setting of an instance; `docs/settings.md` is generated from this class, and begins with its last group."""


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read on the first call.

    Raises:
        BadSettings: one has a value that it cannot have.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise BadSettings([_said(problem["loc"], problem["msg"]) for problem in error.errors()]) from None


def former_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are set under a name of an earlier release, each with its present name."""
    found: dict[str, str] = {}
    for one in Settings.model_fields.values():
        if isinstance(one.validation_alias, AliasChoices):
            current, *former = map(str, one.validation_alias.choices)
            found |= {name: current for name in former if name in environ}
    return found


def _said(place: tuple[int | str, ...], message: str) -> str:
    """The sentence of a setting that is wrong, with the name of its variable."""
    sentence = message.removeprefix("Value error, ").rstrip(".") + "."
    name = str(place[0]) if place else ""
    if name in Settings.model_fields:
        name = f"{Settings.model_config['env_prefix']}{name}".upper()
    return f"{name}: {sentence}" if name else sentence
