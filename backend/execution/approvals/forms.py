"""Validate the values that a reviewer enters for an approval of a flow."""

from __future__ import annotations

import json
from typing import Any, Final

from backend.core.errors import Invalid, Problem
from backend.execution.approvals.tables import Approval
from backend.skills.schemas.value_schemas import InputSchema

MAX_FORM_BYTES: Final = 256 << 10
FORM: Final = "form"


def checked_form(approval: Approval, values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the values with the defaults of the form; `None` if the approval has no form.

    Raises:
        Invalid: The values are not valid; contains all problems.
    """
    if approval.form_schema is None:
        if values:
            problem = Problem(FORM, "Leave it out: only steps of flows with a form take values.")
            raise Invalid("This approval has no form.", [problem])
        return None
    checked = InputSchema(approval.form_schema, root=FORM).check(values or {})
    if checked.problems:
        first = checked.problems[0]
        detail = f"The values are not valid for the form of the approval: {first.path}: {first.message}"
        raise Invalid(f"{detail} Send them as `form`.", checked.problems)
    size = len(json.dumps(checked.value, ensure_ascii=False).encode())
    if size > MAX_FORM_BYTES:
        limit = f"at most {MAX_FORM_BYTES:,} are allowed"
        message = f"The values have {size:,} bytes; {limit}. Upload long content as a file."
        raise Invalid(message, [Problem(FORM, message)])
    found: dict[str, Any] = checked.value
    return found
