"""Generate `docs/reference/errors.md`, the list of all error codes of the API, from the error classes."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

import backend
from backend.core.errors import PurasError
from backend.docs_site.markdown import code, table

_HEAD: Final = """\
# Errors

Every error has a description, a code, and the values that belong to it:

```json
{"detail": "There is no skill 'greeet'. Did you mean 'greet'?", "code": "skill_not_found", "skill": "greeet"}
```

- **Use the code** in programs and show the description to users. Descriptions may change at any time; codes do not.
- **422** lists all problems as `errors: [{"path", "message"}]`.
- **404** is also returned for objects of other projects.
- **429 and 503** have the header `Retry-After` in seconds. Wait that long, then send the same request again.
- Send `Idempotency-Key` with every POST that creates something. A request that is repeated within 24 hours, for example
  after a broken connection, creates nothing again and returns the response of the first (`Idempotent-Replayed: true`).
- Every response has `X-Request-Id`, which is in the log of the instance too. A 500 is an error of the instance.
- **Renamed codes:** the body also has the former code as `former_code` for one release. Compare `code` with the present
  name.

The error of a **job** is not an error of the API: the job is read with status 200, and has `error_code` and `error`.
[Error codes of jobs](job-errors.md) lists them.

This page is generated from the classes of the errors by `make settings`.

"""
_MEANING: Final = {
    400: ": malformed request",
    401: ": not signed in",
    402: ": payment required",
    403: ": not allowed",
    404: ": not found",
    409: ": conflict",
    413: ": too large",
    415: ": unsupported content type",
    422: ": invalid values",
    429: ": too many requests",
    501: ": not offered by this instance",
    503: ": unavailable",
}
_NOT_OF_THE_API: Final = ("backend.operations", "backend.embedded", "backend.migrations")


def page() -> str:
    """Return the text of the page."""
    _load_all()
    rows: dict[int, dict[str, str]] = {}
    for error in _below(PurasError):
        rows.setdefault(error.status, {}).setdefault(error.code, _meaning_of(error))
    parts = [
        f"## {status}{_MEANING.get(status, '')}\n\n"
        + table(("Code", "Meaning"), [(code(name), rows[status][name]) for name in sorted(rows[status])])
        for status in sorted(rows)
    ]
    return _HEAD + "".join(parts).rstrip() + "\n"


def _load_all() -> None:
    for module in pkgutil.walk_packages(backend.__path__, "backend."):
        if not module.name.startswith(_NOT_OF_THE_API) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _below(error: type[PurasError]) -> list[type[PurasError]]:
    found = [
        one
        for one in error.__subclasses__()
        if one.__module__.startswith("backend.") and not one.__module__.startswith(_NOT_OF_THE_API)
    ]
    return sorted(
        {*found, *(deeper for one in error.__subclasses__() for deeper in _below(one))},
        key=lambda one: (one.code, len(one.__mro__), one.__module__, one.__qualname__),
    )


def _meaning_of(error: type[PurasError]) -> str:
    text = " ".join((error.__doc__ or "").split())
    former = f" Before 0.2: `{error.former_code}`." if error.former_code else ""
    return text.partition(". ")[0].rstrip(".") + "." + former
