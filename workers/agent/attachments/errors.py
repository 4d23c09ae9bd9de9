"""What can be wrong with the files that a caller hands to an agent.

Invalid
└── AttachmentRefused  422  a file of the inputs cannot be had, or cannot be shown to the model
"""

from __future__ import annotations

from backend.core.errors import Invalid


class AttachmentRefused(Invalid):
    """A file of the inputs cannot be had, or cannot be shown to the model."""

    code = "attachment_refused"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"inputs.{name}: {why}", input=name)
