"""Base class of all groups of settings."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class Group(BaseSettings):
    """Settings of one subject; the docstring of each has its unit and appears in `docs/reference/settings.md`."""

    model_config = SettingsConfigDict(
        env_prefix="PURAS_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may be a key
    )
