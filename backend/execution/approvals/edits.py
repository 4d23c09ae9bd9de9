"""Validate and describe the arguments with which a reviewer replaces those of a call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from backend.core.errors import Invalid, NotAllowed, Problem
from backend.data.drive.access import reads_all
from backend.execution.approvals.forms import MAX_FORM_BYTES
from backend.execution.approvals.tables import Approval
from backend.identity.auth.principal import Principal
from backend.skills.schemas.value_schemas import InputSchema

ARGUMENTS: Final = "arguments"
MAX_ECHOED_CHARACTERS: Final = 4_000
"""Maximum size of each side of an edit in the event and in the audit log. The approval has all of it."""
MAX_PATHS: Final = 50
_NOT_EDITABLE: Final = "The arguments of this approval cannot be changed."


@dataclass(frozen=True, slots=True)
class ArgumentEdit:
    """The arguments of a call before and after the change of a reviewer."""

    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def changed(self) -> list[str]:
        """The paths that differ, at most `MAX_PATHS` of them."""
        return _changed(self.before, self.after, "")[:MAX_PATHS]

    @property
    def facts(self) -> dict[str, Any]:
        """Both sides for an event or the audit log, if they are short, and the paths that differ."""
        sides = {"input": self.before, ARGUMENTS: self.after}
        is_short = all(
            len(json.dumps(side, ensure_ascii=False)) <= MAX_ECHOED_CHARACTERS for side in sides.values()
        )
        return {"changed": self.changed, **(sides if is_short else {})}


def checked_edit(
    approval: Approval, principal: Principal, arguments: dict[str, Any] | None
) -> ArgumentEdit | None:
    """Return the change of the arguments of a call; `None` if there is none.

    Raises:
        Invalid: The arguments are not valid for the schema of the tool, or this approval has no such schema.
        NotAllowed: The principal is a key that may not read the files that arguments can name.
    """
    if arguments is None or arguments == approval.input:
        return None
    schema = require_editor(approval, principal)
    problems = InputSchema(schema, root=ARGUMENTS).check(arguments).problems
    if problems:
        first = problems[0]
        detail = f"The arguments are not valid for the tool {approval.tool!r}: {first.path}: {first.message}"
        raise Invalid(f"{detail} The approval is still pending.", problems)
    require_size(arguments)
    return ArgumentEdit(approval.input, arguments)


def require_editor(approval: Approval, principal: Principal) -> dict[str, Any]:
    """Return the schema of the arguments.

    Raises:
        Invalid: The arguments of this approval cannot be changed.
        NotAllowed: The principal is a key that may not read the files that arguments can name.
    """
    if approval.input_schema is None:
        what = (
            "A step of a flow takes values as `form`"
            if approval.is_of_flow
            else "It is not for the call of a tool or the start of a job"
        )
        raise Invalid(_NOT_EDITABLE, [Problem(ARGUMENTS, f"Leave it out. {what}.")])
    if not reads_all(principal):
        raise NotAllowed(
            "Changed arguments can name any file of the drive. Use a key with the scope 'drive:read', or approve the "
            "call as it is."
        )
    return approval.input_schema


def require_size(arguments: dict[str, Any]) -> None:
    """Reject arguments that are too large.

    Raises:
        Invalid: They exceed the limit.
    """
    size = len(json.dumps(arguments, ensure_ascii=False).encode())
    if size > MAX_FORM_BYTES:
        message = f"The arguments have {size:,} bytes; at most {MAX_FORM_BYTES:,} are allowed."
        raise Invalid(message, [Problem(ARGUMENTS, message)])


def _changed(before: Any, after: Any, path: str) -> list[str]:
    if before == after:
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [path]
    names = dict.fromkeys([*before, *after])
    return [
        found
        for name in names
        for found in _changed(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    ]
