"""Define the scopes of API keys. Checks, forms, docs and OpenAPI use this list.

A key without scopes and without any other restriction can do everything that its kind can. A key with a list of skills,
a daily cap or an expiry is restricted: without scopes of its own it has those of `RESTRICTED`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, Literal, NamedTuple

from backend.identity.environments import PRODUCTION, PROJECT_WIDE

KeyKind = Literal["secret", "publishable"]

SCOPES: Final[dict[str, str]] = {
    "jobs:submit": "Run the skills that the key may run, replay and fork its jobs, rate results.",
    "jobs:read_own": "Read the jobs that the key submitted: status, result, files, events, receipt.",
    "jobs:read": "Read all jobs of the project and insights about them.",
    "sessions:anonymous": "Publishable keys only: let visitors without a signed user chat with the agents of the key, "
    "as the page of a shared link does.",
    "jobs:write": "Cancel the jobs that the key can read; with `jobs:read`, share them by a link, and resolve or "
    "ignore their errors.",
    "approvals:read": "Read the calls that await approval, of the jobs that the key may read.",
    "approvals:write": "Approve and reject calls of the jobs that the key may read.",
    "skills:read": "List skills and read their input and output schemas.",
    "deployments:read": "Read versions and drafts with their source code. Includes `skills:read`.",
    "deployments:write": "Change what code the project runs: push, activate, edit drafts, run notebooks.",
    "evals:read": "Read eval suites, cases and their results.",
    "evals:write": "Save jobs as cases, and with `evals:read` start and cancel eval suites.",
    "drive:read": "List, download and sign all files of the drive, and use them in the inputs of jobs.",
    "drive:write": "Upload, move and delete files of the drive.",
    "memory:read": "Read and search the project's memory.",
    "memory:write": "Write and delete records of the project's memory.",
    "secrets:read": "List the names of secrets; values are never shown.",
    "secrets:write": "Set and delete secrets.",
    "providers:read": "List model providers with a masked key.",
    "providers:write": "Set and delete the keys and URLs of model providers.",
    "billing:read": "Read the wallet, the ledger, usage and prices.",
    "budgets:read": "Read budgets.",
    "budgets:write": "Create, change and delete budgets.",
    "webhooks:read": "Read webhooks and their deliveries.",
    "webhooks:write": "Create, change, test and delete webhooks, which receive events of all jobs.",
    "alerts:read": "Read alert rules and their state.",
    "alerts:write": "Create, change and delete alert rules, which measure all jobs.",
    "schedules:read": "Read schedules and their runs.",
    "schedules:write": "Create, change, run and delete schedules.",
    "events:read": "Read the events of the project.",
    "events:send": "Send events, for which jobs wait.",
    "marketplace:read": "Read listings of the marketplace.",
    "marketplace:write": "Publish and change the project's listings.",
    "project:read": "Read the project's settings and limits.",
    "project:write": "Change the project's settings and limits.",
    "members:read": "List members and invitations.",
    "members:write": "Invite, change and remove members, administrators among them.",
    "keys:read": "List API keys.",
    "keys:write": "Revoke API keys. A restricted key cannot create keys or extend their permissions.",
    "audit:read": "Read the audit log.",
}
"""Every scope with its description."""

ANONYMOUS_SESSIONS: Final = "sessions:anonymous"
"""The scope with which visitors without a signed user have sessions."""

INCLUDED: Final[dict[str, frozenset[str]]] = {
    ANONYMOUS_SESSIONS: frozenset({"jobs:submit", "jobs:read_own"}),
    "jobs:read": frozenset({"jobs:read_own"}),
    "deployments:read": frozenset({"skills:read"}),
}
"""Scopes that another one includes."""

RESTRICTED: Final = frozenset({"jobs:submit", "jobs:read_own", "jobs:write"})
"""Scopes of a restricted secret key without scopes of its own: run skills, read and cancel its own jobs."""

DEFAULT_OF_PUBLISHABLE: Final = frozenset({"jobs:submit", "jobs:read_own"})
"""Scopes of a publishable key without scopes of its own."""

OF_PUBLISHABLE: Final = DEFAULT_OF_PUBLISHABLE | {ANONYMOUS_SESSIONS}
"""Scopes that a publishable key can have."""

OF_SECRET: Final = frozenset(SCOPES) - {ANONYMOUS_SESSIONS}
"""Scopes that a secret key can have."""

OF_JOBS: Final = frozenset(
    {"drive:read", "drive:write", "jobs:read_own", "jobs:submit", "memory:read", "memory:write"}
)
"""Scopes of the token of a running job."""

_PUBLISHABLE_NAMES: Final = OF_PUBLISHABLE | {"jobs:read"}
"""`jobs:read` was the name of `jobs:read_own` for publishable keys, and is still accepted."""


def possible(kind: KeyKind) -> frozenset[str]:
    """Return the scopes that a key of the kind can have."""
    return OF_SECRET if kind == "secret" else _PUBLISHABLE_NAMES


def offered(kind: KeyKind, environment: str) -> frozenset[str]:
    """Return the scopes that a form offers for a new key of an environment."""
    names = OF_SECRET if kind == "secret" else OF_PUBLISHABLE
    return names if environment == PRODUCTION else names - PROJECT_WIDE


def effective(kind: KeyKind, selected: Collection[str], *, is_restricted: bool) -> frozenset[str] | None:
    """Return the effective scopes of a key; `None`: no restriction.

    Args:
        kind: Kind of the key.
        selected: The scopes that it was created with, or changed to.
        is_restricted: Whether it has a list of skills, a daily cap or an expiry.
    """
    if kind == "publishable":
        return with_included(selected) & OF_PUBLISHABLE if selected else DEFAULT_OF_PUBLISHABLE
    if selected:
        return with_included(selected) & OF_SECRET
    return RESTRICTED if is_restricted else None


def with_included(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes and those that they include."""
    found = frozenset(scopes)
    return found.union(*(INCLUDED.get(scope, frozenset()) for scope in found))


class Preset(NamedTuple):
    """A usual selection of scopes for a secret key."""

    name: str
    title: str
    description: str
    scopes: tuple[str, ...]
    """Empty: full access."""


PRESETS: Final = (
    Preset("call", "Call skills", "Run skills, and read and cancel its own jobs.", tuple(sorted(RESTRICTED))),
    Preset(
        "read",
        "Read only",
        "Read jobs, versions, evals, files, memory, usage and settings; change nothing.",
        tuple(name for name in SCOPES if name.endswith(":read") and name not in {"keys:read", "audit:read"}),
    ),
    Preset(
        "publish",
        "Publish skills",
        "Change drafts, publish and activate versions, and run them, as a CI job does.",
        ("deployments:read", "deployments:write", "evals:read", "evals:write", *sorted(RESTRICTED)),
    ),
    Preset("full", "Everything", "All that an admin of the project can do over the API.", ()),
)
"""The presets of forms for API keys, the narrowest one first."""
