"""What can be wrong with secrets.

PurasError
├── Missing
│   └── SecretMissing  404
└── Conflict
    └── NoRoom         409  the secrets of one place are too many, or too large together
"""

from __future__ import annotations

from backend.core.errors import Conflict, Missing


class SecretMissing(Missing):
    """No secret of that name exists here."""

    code = "secret_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no secret {name!r} here. List them to see which exist.", name=name)


class NoRoom(Conflict):
    """The secrets of one place are too many, or too large together."""

    code = "no_room_for_secret"

    def __init__(self, most_secrets: int, most_kib: int) -> None:
        super().__init__(
            f"There is no room for this secret: at most {most_secrets} fit here, of {most_kib} KiB together. Delete "
            "one that no skill uses.",
            most_secrets=most_secrets,
            most_kib=most_kib,
        )
