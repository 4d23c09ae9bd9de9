"""Define secrets, files, wallet and usage of a project, and the configuration."""

from __future__ import annotations

from puras_mcp.shapes.base import Shape


class Secret(Shape):
    """The name of a secret. Its value is never returned."""

    name: str
    updated_at: str


class Secrets(Shape):
    """The names of a project's secrets."""

    secrets: list[Secret]


class Uploaded(Shape):
    """A file of the drive: use `drive_path` as an input."""

    drive_path: str
    size_bytes: int
    sha256: str
    mime: str


class Entry(Shape):
    """A file or folder of the drive."""

    path: str
    size_bytes: int
    mime: str
    modified_at: str
    is_folder: bool


class Entries(Shape):
    """Files and folders of the drive."""

    entries: list[Entry]
    next_cursor: str | None
    """Pass it as `cursor` for more; null: there are none."""


class Signed(Shape):
    """A URL with which anyone can read a file until it expires."""

    path: str
    signed_url: str
    expires_in: int
    """Seconds."""


class Balance(Shape):
    """The project's wallet; 1 USD is 1,000,000 micros."""

    balance_usd: float
    balance_micros: int
    reserved_micros: int
    """Reserved for running jobs."""
    available_micros: int


class UsageLine(Shape):
    """Usage of a group of jobs."""

    group: str
    jobs: int
    failed: int
    cost_usd: float
    cost_micros: int
    input_tokens: int | None = None
    output_tokens: int | None = None


class Usage(Shape):
    """Usage by group."""

    rows: list[UsageLine]
    next_cursor: str | None
    """Pass it as `cursor` for more; null: there are none."""


class Configuration(Shape):
    """The URL of the instance and the key."""

    api_base: str
    key: str
    """Prefix of the key; the rest is never shown."""
    source: str
    """Source of URL and key."""
    project_id: str | None
    key_kind: str
    can_do: list[str]
    """Scopes of the key; empty: full access of its kind."""
    problem: str
    """Why the request to the instance failed; empty: it succeeded."""
