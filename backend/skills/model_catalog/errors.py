"""Errors of the model catalog and of the API keys of model providers."""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.errors import Invalid, Missing, Problem, field
from backend.core.names import suggestion


class BadModelCatalog(Invalid):
    """The model catalog of the operator is invalid."""

    code = "bad_model_catalog"
    former_code = "bad_catalogue"

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"The model catalog {name!r} is invalid. {'; '.join(problems)}. Fix it, or unset PURAS_MODELS.",
            [Problem(path=name, message=problem) for problem in problems],
        )


class UnknownModel(Invalid):
    """The model catalog has no such model."""

    code = "unknown_model"

    def __init__(self, message: str) -> None:
        super().__init__(message, [Problem(path="model", message=message)])


class UnknownFamily(Missing):
    """No provider has this name."""

    code = "unknown_family"
    family: str
    known: Sequence[str] = field(in_body=False)

    def describe(self) -> str:
        """Return the message."""
        hint = suggestion(self.family, self.known) or f" There are {', '.join(self.known)}."
        return f"There is no family of models {self.family!r} with API keys.{hint}"


class ProviderKeyMissing(Missing):
    """The project has no API key for this provider."""

    code = "provider_key_not_found"
    message = (
        "The project has no API key for {family!r}. GET /v1/providers lists the providers with an API key."
    )
    family: str


class ProviderPriceMissing(Missing):
    """The project has not set a price for this model."""

    code = "provider_price_not_found"
    message = (
        "The project has set no price for {model!r}. GET /v1/pricing lists the prices and who has set them."
    )
    model: str


class BadProviderKey(Invalid):
    """The API key or the URL of the provider is invalid."""

    code = "bad_provider_key"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message, [Problem(path=path, message=message)])
