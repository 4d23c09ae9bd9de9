"""Checks of what agents and media are made with: which models are reached, with whose key, and what stands in.

Nothing is asked of a provider unless a probe is wanted, and that asks for lists alone, which cost nothing. No key is
ever part of what is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx2

from backend.config import Settings
from backend.integrations.providers.access import Access, access_of
from backend.operations.checks.verdict import Check, fail, ok, warn
from backend.skills.model_catalog import catalog, lists
from backend.skills.model_catalog.catalog import Catalogue, CatalogueEntry
from backend.skills.model_catalog.errors import BadModelCatalog

_MAX_NAMED: Final = 8


def checks(settings: Settings, *, probe: bool) -> Iterator[Check]:
    """Check which models can be used; with `probe` each endpoint that has a key is asked for its list."""
    try:
        known = catalog.read(Path(settings.models) if settings.models else None)
    except BadModelCatalog as error:
        yield fail("models", error.detail, "Mend the file that PURAS_MODELS names.")
        return
    access = access_of(settings, known)
    for name in known.endpoints:
        models = [entry for entry in known.models.values() if entry.endpoint == name]
        if models:
            yield _endpoint(access, name, models)
            if probe and access.reaches(name):
                yield _probed(access, name, models)
    yield _default(settings, known, access)
    yield _media(settings)
    yield _search(settings, access)


def _endpoint(access: Access, name: str, models: Sequence[CatalogueEntry]) -> Check:
    """Return whether the instance's own jobs reach the models of one endpoint."""
    endpoint = access.endpoints[name]
    families = ", ".join(dict.fromkeys(entry.family for entry in models))
    count = f"{families}: {len(models)} model{'s' if len(models) > 1 else ''} at {endpoint.base_url}"
    if endpoint.key_env is None:
        return ok(f"models of {name}", f"{count}, which needs no key")
    if name in access.keys:
        return ok(f"models of {name}", f"{count}, with the key of {endpoint.key_env}")
    return ok(
        f"models of {name}",
        f"{count}: {endpoint.key_env} is not set, so that only projects with a key of their own reach them",
    )


def _default(settings: Settings, known: Catalogue, access: Access) -> Check:
    """What an agent gets that names no model."""
    problem = known.problem(settings.default_model)
    if problem:
        return fail("default model", problem, "Set PURAS_DEFAULT_MODEL to one of them.")
    entry = known.models[settings.default_model]
    if entry.endpoint is None or access.reaches(entry.endpoint):
        return ok("default model", entry.slug)
    if not access.has_any:
        return ok(
            "default model",
            "none can be reached: agents rehearse, which is no language model and labelled so. Set ANTHROPIC_API_KEY, "
            "or add a key to a project in the studio, under Settings, Providers",
        )
    return warn(
        "default model",
        f"{entry.slug} has no key, and others have: agents that name no model fail as model_key_missing",
        f"Set {access.endpoints[entry.endpoint].key_env}, or PURAS_DEFAULT_MODEL to a model that has one.",
    )


def _media(settings: Settings) -> Check:
    if settings.fal_key is None:
        return ok("media", "FAL_KEY is not set: they are made on this machine, by no model and labelled so")
    return ok("media", f"at {settings.fal_base_url}, with the key of FAL_KEY")


def _search(settings: Settings, access: Access) -> Check:
    if settings.search_url:
        host = httpx2.URL(settings.search_url).host
        price = f"{settings.search_usd_per_1000:g} dollars a thousand"
        return ok("web search", f"the engine at {host}, {price}, for agents and functions")
    if "anthropic" in access.keys:
        return ok("web search", "Claude's own, for agents whose model is Claude; PURAS_SEARCH_URL is not set")
    return ok("web search", "none: PURAS_SEARCH_URL is not set, and Claude has no key")


def _probed(access: Access, name: str, models: Sequence[CatalogueEntry]) -> Check:
    """What an endpoint says when it is asked for its list."""
    endpoint, key = access.endpoints[name], access.keys.get(name)
    title, remedy = f"probe of {name}", f"Set {endpoint.key_env} to a key that its provider takes."
    try:
        with httpx2.Client(timeout=lists.PATIENCE_S, headers=lists.headers(endpoint, key)) as client:
            if name == lists.OPENROUTER:
                answer = client.get(f"{endpoint.base_url}/v1/key")
                if answer.status_code in lists.NOT_TAKEN:
                    return fail(title, f"it does not take the key (HTTP {answer.status_code})", remedy)
            answer = client.get(f"{endpoint.base_url}/v1/models", params={"limit": 1_000})
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # its text could hold what was sent
        return fail(
            title,
            f"{endpoint.base_url} does not answer ({type(error).__name__})",
            "Check the address and the network of this machine.",
        )
    if answer.status_code in lists.NOT_TAKEN:
        return fail(title, f"it does not take the key (HTTP {answer.status_code})", remedy)
    ids = lists.ids(answer.content) if answer.status_code == httpx2.codes.OK else None
    if ids is None:
        return warn(
            title,
            f"it answers (HTTP {answer.status_code}) and has no list of models",
            "Whether it takes the key shows with the first job.",
        )
    return _compared(title, models, ids)


def _compared(title: str, models: Sequence[CatalogueEntry], ids: Sequence[str]) -> Check:
    missing = lists.missing(models, ids)
    found = f"it answers and lists {len(models) - len(missing)} of our {len(models)} models"
    if not missing:
        return ok(title, found)
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    return warn(
        title,
        f"{found}, not {', '.join(missing[:_MAX_NAMED])}{more}",
        "They may be gone: skills that name them fail as model_refused. Name others, or give them another "
        "'upstream_id' in the file of PURAS_MODELS.",
    )
