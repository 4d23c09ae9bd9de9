"""Checks of the models of agents and media: which are available, with which API key, and what replaces others.

Requests are sent to providers only with `probe`, and only for lists of models, which are free. The results never
contain a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx2

from backend.config import Settings
from backend.core.errors import PurasError
from backend.integrations.providers import cloud_keys
from backend.integrations.providers.access import Access, access_of
from backend.integrations.providers.probing import NO_LIST
from backend.operations.checks.verdict import Check, fail, ok, warn
from backend.skills.model_catalog import catalog, lists
from backend.skills.model_catalog.catalog import Catalogue, CatalogueEntry
from backend.skills.model_catalog.errors import BadModelCatalog

_MAX_NAMED: Final = 8


def checks(settings: Settings, *, probe: bool) -> Iterator[Check]:
    """Check which models can be used; `probe` requests the list of models from each endpoint that has a key."""
    file = Path(settings.models) if settings.models else None
    try:
        known = catalog.read(file)
    except BadModelCatalog as error:
        yield fail("models", error.detail, "Correct the file that PURAS_MODELS names.")
        return
    if file is not None:
        for former, current in catalog.former_keys(file).items():
            yield warn("models", f"{former} in {file} is a former name", f"Rename it to {current}.")
    access = access_of(settings, known)
    for name in known.endpoints:
        models = [entry for entry in known.models.values() if entry.endpoint == name]
        if models:
            yield _endpoint(access, name, models)
            if probe and access.reaches(name):
                yield _probe(access, name, models)
    yield _default(settings, known, access)
    yield _media(settings)
    yield _search(settings, access)


def _endpoint(access: Access, name: str, models: Sequence[CatalogueEntry]) -> Check:
    """Return whether the jobs of the instance can use the models of one endpoint."""
    endpoint = access.endpoints[name]
    families = ", ".join(dict.fromkeys(entry.family for entry in models))
    count = f"{families}: {len(models)} model{'s' if len(models) > 1 else ''} at {endpoint.base_url}"
    if endpoint.key_env is None:
        return ok(f"models of {name}", f"{count}, without a key")
    if name in access.keys:
        return ok(f"models of {name}", f"{count}, with the key in {endpoint.key_env}")
    return ok(
        f"models of {name}",
        f"{count}: {endpoint.key_env} is not set, so that only projects with their own key can use them",
    )


def _default(settings: Settings, known: Catalogue, access: Access) -> Check:
    """Return the check of the model of agents that name no model."""
    problem = known.problem(settings.default_model)
    if problem:
        return fail("default model", problem, "Set PURAS_DEFAULT_MODEL to one of these models.")
    entry = known.models[settings.default_model]
    if entry.endpoint is None or access.reaches(entry.endpoint):
        return ok("default model", entry.slug)
    if not access.has_any:
        return ok(
            "default model",
            "none is available: agents use the simulated model, which is no language model and is labeled as such. Set "
            "ANTHROPIC_API_KEY, or add a key to a project in the studio, under Settings, Providers",
        )
    return warn(
        "default model",
        f"{entry.slug} has no key, but others do: agents that name no model fail with model_key_missing",
        f"Set {access.endpoints[entry.endpoint].key_env}, or PURAS_DEFAULT_MODEL to a model with a key.",
    )


def _media(settings: Settings) -> Check:
    if settings.fal_key is None:
        return ok(
            "media",
            "FAL_KEY is not set: media are generated on this host without a model, and labeled as such",
        )
    return ok("media", f"at {settings.fal_base_url}, with the key in FAL_KEY")


def _search(settings: Settings, access: Access) -> Check:
    if settings.search_url:
        host = httpx2.URL(settings.search_url).host
        price = f"{settings.search_usd_per_1000:g} USD per 1,000 searches"
        return ok("web search", f"search engine at {host}, {price}, for agents and functions")
    if "anthropic" in access.keys:
        return ok(
            "web search", "by Anthropic, only for agents whose model is Claude; PURAS_SEARCH_URL is not set"
        )
    return ok("web search", "none: neither PURAS_SEARCH_URL nor a key for Claude is set")


def _probe(access: Access, name: str, models: Sequence[CatalogueEntry]) -> Check:
    """Return the check of the list of models of an endpoint."""
    endpoint, key = access.endpoints[name], access.keys.get(name)
    title, remedy = f"probe of {name}", f"Set {endpoint.key_env} to a key that the provider accepts."
    if endpoint.cloud is not None:
        try:
            cloud_keys.check(endpoint, key or "")
        except PurasError as error:
            return fail(title, error.detail, f"Fix {endpoint.key_env}, or install the extra.")
        return warn(title, NO_LIST.format(base_url=endpoint.base_url), "Run a job of such a model.")
    try:
        with httpx2.Client(timeout=lists.PATIENCE_S, headers=lists.headers(endpoint, key)) as client:
            if name == lists.OPENROUTER:
                response = client.get(lists.key_url(endpoint))
                if response.status_code in lists.NOT_TAKEN:
                    return fail(title, f"it rejects the key (HTTP status {response.status_code})", remedy)
            response = client.get(lists.url(endpoint))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # its text could contain the key
        return fail(
            title,
            f"{endpoint.base_url} does not respond ({type(error).__name__})",
            "Check the URL and the network of this host.",
        )
    if response.status_code in lists.NOT_TAKEN:
        return fail(title, f"it rejects the key (HTTP status {response.status_code})", remedy)
    ids = lists.ids(response.content) if response.status_code == httpx2.codes.OK else None
    if ids is None:
        return warn(
            title,
            f"it responds (HTTP status {response.status_code}), but has no list of models",
            "The first job shows whether it accepts the key.",
        )
    return _compared(title, models, ids)


def _compared(title: str, models: Sequence[CatalogueEntry], ids: Sequence[str]) -> Check:
    missing = lists.missing(models, ids)
    found = f"it responds and lists {len(models) - len(missing)} of the {len(models)} models of the catalog"
    if not missing:
        return ok(title, found)
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    return warn(
        title,
        f"{found}, but not {', '.join(missing[:_MAX_NAMED])}{more}",
        "They may have been removed: skills that use them fail with model_refused. Use other models, or change their "
        "'upstream_id' in the file that PURAS_MODELS names.",
    )
