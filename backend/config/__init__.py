"""The settings of the instance, read once from the environment and `.env`.

Only processes, the CLI and the REST application read them; domain code gets values as arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pydantic import AliasChoices, ValidationError

from backend.config.limits import Limits
from backend.config.locations import Locations
from backend.config.mail import Mail
from backend.config.memory import Memory
from backend.config.models import Models
from backend.config.retention import Retention
from backend.config.workers import Jobs, Notebooks, Workers
from backend.core.errors import Invalid, field


class BadSettings(Invalid):
    """A setting has an invalid value."""

    code = "bad_settings"
    messages: list[str] = field(in_body=False)

    def describe(self) -> str:
        """Return the detail of the error."""
        return f"Settings are invalid. {' '.join(self.messages)} See docs/reference/settings.md."


class Settings(Retention, Mail, Memory, Models, Notebooks, Jobs, Limits, Workers, Locations):
    """All settings of an instance; `docs/reference/settings.md` is generated from this class, the last group first."""


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read on the first call.

    Raises:
        BadSettings: A setting has an invalid value.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise BadSettings([_message(problem["loc"], problem["msg"]) for problem in error.errors()]) from None


def former_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are set under a name of an earlier release, each with its present name."""
    found: dict[str, str] = {}
    for one in Settings.model_fields.values():
        if isinstance(one.validation_alias, AliasChoices):
            current, *former = map(str, one.validation_alias.choices)
            found |= {name: current for name in former if name in environ}
    return found


def _message(location: tuple[int | str, ...], message: str) -> str:
    """Return the error message of a setting, with the name of its variable."""
    message_text = message.removeprefix("Value error, ").rstrip(".") + "."
    name = str(location[0]) if location else ""
    if name in Settings.model_fields:
        name = f"{Settings.model_config['env_prefix']}{name}".upper()
    return f"{name}: {message_text}" if name else message_text
