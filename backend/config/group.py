"""What all groups of settings have in common."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class Group(BaseSettings):
    """Settings of one concern: each with its unit in the sentence below it, which `docs/settings.md` shows."""

    model_config = SettingsConfigDict(
        env_prefix="PURAS_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may be a key
    )
