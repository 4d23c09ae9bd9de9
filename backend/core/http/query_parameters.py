"""Reject query parameters that a route does not have, as unknown fields of a body are rejected.

A misspelled filter would otherwise return everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastapi import params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from backend.core.errors import Invalid, Problem
from backend.core.names import suggestion

EVERYWHERE: Final = frozenset({"project"})
"""Sessions send the ID of their project with it on any route."""
MAX_NAMED: Final = 20
MAX_CHARACTERS: Final = 100


def names(route: APIRoute) -> frozenset[str]:
    """Return the names of the query parameters that a route and its dependencies declare."""
    # These are not query parameters; a model of query parameters has another type of field.
    others = params.Path | params.Header | params.Cookie
    fields = get_flat_params(route.dependant)
    return frozenset(field.alias for field in fields if not isinstance(field.field_info, others))


def reject_unknown(given: Iterable[str], known: frozenset[str]) -> None:
    """Reject a request with query parameters that its route does not have.

    Raises:
        Invalid: The request has such parameters; the error names them.
    """
    unknown = sorted(set(given) - known - EVERYWHERE)
    if not unknown:
        return
    listed = (
        f"Supported parameters: {', '.join(sorted(known))}."
        if known
        else "This route has no query parameters."
    )
    problems = [
        Problem(
            f"query.{name[:MAX_CHARACTERS]}",
            f"The query parameter is unknown.{suggestion(name, known) or f' {listed}'}",
        )
        for name in unknown[:MAX_NAMED]
    ]
    more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
    raise Invalid(f"{problems[0].path}: {problems[0].message}{more}", problems)
