"""What a client needs to use the demo project."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """The key of the demo project, and an example request."""

    api_key: str = field(repr=False)
    curl: str
