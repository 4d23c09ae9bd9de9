"""What a project keeps: secrets, files, money; and who asks."""

from __future__ import annotations

from puras_mcp.shapes.base import Shape


class Secret(Shape):
    """The name of a secret; its value is never told."""

    name: str
    updated_at: str


class Secrets(Shape):
    """The names of a project's secrets."""

    secrets: list[Secret]


class Uploaded(Shape):
    """A file on the drive: give `drive_path` as an input."""

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
    """What lies on the drive."""

    entries: list[Entry]
    next_cursor: str | None
    """Give it as `cursor` for more; null when there are none."""


class Signed(Shape):
    """An address that opens a file for a while, to whoever has it."""

    path: str
    signed_url: str
    expires_in: int
    """Seconds."""


class Balance(Shape):
    """The project's wallet; 1 USD is 1,000,000 micros."""

    balance_usd: float
    balance_micros: int
    reserved_micros: int
    """Held for jobs that run."""
    available_micros: int


class UsageLine(Shape):
    """What a group of jobs has used."""

    group: str
    jobs: int
    failed: int
    cost_usd: float
    cost_micros: int
    input_tokens: int | None = None
    output_tokens: int | None = None


class Usage(Shape):
    """Use by group."""

    rows: list[UsageLine]
    next_cursor: str | None
    """Give it as `cursor` for more; null when there are none."""


class Configuration(Shape):
    """Which instance is asked, as whom."""

    api_base: str
    key: str
    """Its prefix; the rest is never shown."""
    source: str
    """Where address and key come from."""
    project_id: str | None
    key_kind: str
    can_do: list[str]
    """Scopes of the key; empty: all that its kind may do."""
    problem: str
    """Why the instance could not be asked; empty when it could."""
