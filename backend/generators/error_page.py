"""`docs/errors.md`: every code that the API answers with, from the classes of the errors."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

import backend
from backend.core.errors import PurasError
from backend.docs_site.markdown import code, table

_HEAD: Final = """\
# Errors

Every error has a sentence for people, a code for programs, and facts that belong to it:

```json
{"detail": "There is no skill 'greeet' here. Did you mean 'greet'?", "code": "skill_not_found", "skill": "greeet"}
```

- **Act on the code**, show the sentence. Sentences may be written better at any time; codes stay.
- **422** lists everything that is wrong at once, as `errors: [{"path", "message"}]`.
- **404** is also what is somebody else's: the answer does not tell which.
- **429 and 503** come with `Retry-After` in seconds. Wait so long, then send the same again.
- Send `Idempotency-Key` with every POST that makes something: then a repetition after a broken connection makes
  nothing twice, and answers what the first one did (`Idempotent-Replayed: true`), for 24 hours.
- Every answer has `X-Request-Id`, which is in the instance's log too. A 500 is our fault, and says no more than that.

What a **job** failed with is not an error of the API: the job is read with status 200, and has `error_code` and
`error`.

This page is generated from the classes of the errors by `make settings`.

"""
_MEANING: Final = {
    400: ": cannot be read",
    401: ": nobody known",
    402: ": money",
    403: ": not allowed",
    404: ": not here, or not yours",
    409: ": contradicts what is there",
    413: ": too large",
    415: ": not taken here",
    422: ": understood, and wrong",
    429: ": too many, later again",
    501: ": not offered by this instance",
    503: ": away, later again",
}
_NOT_OF_THE_API: Final = ("backend.operations", "backend.embedded", "backend.migrations")


def page() -> str:
    """The page as it should be."""
    _load_all()
    rows: dict[int, dict[str, str]] = {}
    for error in _below(PurasError):
        rows.setdefault(error.status, {}).setdefault(error.code, _first_sentence(error))
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


def _first_sentence(error: type[PurasError]) -> str:
    text = " ".join((error.__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".") + "."
