"""What can be wrong with models and with the keys for them.

PurasError
├── Missing
│   ├── ProviderKeyMissing  404  the project brought no key for that family
│   └── UnknownFamily       404  no family of that name is reached over a network
└── Invalid
    ├── BadCatalogue        422  a file of models is wrong
    ├── BadProviderKey      422  a key or an address that cannot be used
    └── UnknownModel        422  no model of that name
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.errors import Invalid, Missing, Problem
from backend.core.names import suggestion


class BadCatalogue(Invalid):
    """The operator's file of models is wrong."""

    code = "bad_catalogue"

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"The file of models {name!r} is wrong. {'; '.join(problems)}. Mend it, or unset PURAS_MODELS.",
            [Problem(path=name, message=problem) for problem in problems],
        )


class UnknownModel(Invalid):
    """No model of that name is in the catalogue."""

    code = "unknown_model"

    def __init__(self, message: str) -> None:
        super().__init__(message, [Problem(path="model", message=message)])


class UnknownFamily(Missing):
    """No family of models of that name is reached over a network."""

    code = "unknown_family"

    def __init__(self, family: str, known: Sequence[str]) -> None:
        hint = suggestion(family, known) or f" There are {', '.join(known)}."
        super().__init__(f"There is no family of models {family!r} that takes a key.{hint}", family=family)


class ProviderKeyMissing(Missing):
    """The project has no key of its own for that family."""

    code = "provider_key_not_found"

    def __init__(self, family: str) -> None:
        super().__init__(
            f"The project has no key of its own for {family!r}. List them with GET /v1/providers.",
            family=family,
        )


class BadProviderKey(Invalid):
    """The key or the address cannot be used."""

    code = "bad_provider_key"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message, [Problem(path=path, message=message)])
