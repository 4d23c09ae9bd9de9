"""The reference of the error codes of jobs is complete, and says correctly which are retried."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from backend.authoring.assistant.errors import AssistantNeedsModel
from backend.core.errors import PurasError
from backend.core.extras import ExtraMissing
from backend.core.vault.errors import SecretUnreadable
from backend.execution.flows import state as flow_state
from backend.execution.jobs.attempts.retry import after_failure, after_outage
from backend.execution.jobs.error_codes import CODES, GROUPS, Retried
from backend.execution.jobs.errors import ApiKeyEnded, KeyCapReached
from backend.execution.sessions.errors import SessionCostReached
from backend.execution.worker_registry.errors import HostExhausted
from backend.generators import job_error_page
from backend.money.budgets.errors import BudgetUsedUp
from backend.skills.deployments.errors import DeploymentNotFound, SkillNotFound
from backend.skills.manifest.types import Backoff, Retries
from backend.skills.model_catalog.errors import BadProviderKey, UnknownModel
from backend.storage import errors as storage_errors
from backend.storage import file_errors
from tests.contract.frozen.event_sources import EventSources
from workers import attempt, drives, llm, runners
from workers.listing_redaction import SAFE_CODES
from workers.sandbox.guest.child import _VERDICTS
from workers.sandbox.host.executions.outcome import _CODES_OF_CHILDREN, SUSPENDED
from workers.sandbox.isolation.watchdog import Excess

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
OF_PROCESSES: Final = {"health_port_taken", "sandbox_misplaced"}
"""Codes with which a worker process ends before it claims jobs."""
INTERNAL: Final = {SUSPENDED}
"""Codes that the runner of functions replaces, so that no job has them."""
OF_BACKEND: Final[set[type[PurasError]]] = {
    *(
        ApiKeyEnded,
        BudgetUsedUp,
        KeyCapReached,
        SessionCostReached,
        DeploymentNotFound,
        SkillNotFound,
        SecretUnreadable,
        UnknownModel,
    ),
    *(
        storage_errors.BundleMissing,
        storage_errors.BundleDamaged,
        storage_errors.StorageUnavailable,
        HostExhausted,
    ),
    *(
        storage_errors.StoredFileTooLarge,
        file_errors.FileTooLarge,
        file_errors.DriveFull,
        file_errors.PathTaken,
    ),
    *(
        file_errors.DriveQuotaReached,
        file_errors.DriveOverQuota,
        file_errors.DriveGrew,
        file_errors.DriveFileLocked,
    ),
    AssistantNeedsModel,
    BadProviderKey,
    ExtraMissing,
}
"""Errors of the backend that a step of an attempt lets through, so that they end the job."""


def test_codes_of_the_source_code_are_documented() -> None:
    in_workers = {
        *EventSources().job_error_codes(),
        *_CODES_OF_CHILDREN,
        *get_args(Excess),
        *(code for _, code, _ in _VERDICTS),
    }
    in_backend = {error.code for error in OF_BACKEND}
    of_flows = {flow_state.STEP_FAILED, flow_state.EXPRESSION_FAILED}
    assert in_workers | in_backend | of_flows | {"worker_lost"} == {*CODES, *OF_PROCESSES, *INTERNAL}


def test_errors_that_a_step_of_an_attempt_raises_are_documented() -> None:
    raised = {error.code for package in (attempt, drives, llm, runners) for error in _raised(package)}
    assert {"api_key_ended", "input_files_too_large", "model_key_missing"} <= raised
    assert raised <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_retried_is_what_the_retry_rules_do(code: str) -> None:
    rules = {kind: Retries(max=1, on=(kind,), backoff=Backoff()) for kind in ("error", "timeout")}
    found: set[Retried] = {
        kind for kind, rule in rules.items() if after_failure(rule, code=code, retries=0, at=AT)
    }
    if after_outage(code=code, attempt=1, at=AT):
        found = {"always"}
    if code == "worker_lost":
        found = {"worker_lost"}
    assert CODES[code].retried in (found | {"no"})
    assert (
        code not in ("exception", "timeout", "storage_unavailable", "worker_lost")
        or CODES[code].retried in found
    )


def test_page_lists_each_code_once() -> None:
    page = job_error_page.page()
    assert [code for code in CODES if page.count(f"\n| `{code}` |") != 1] == []
    assert len(CODES) == sum(map(len, GROUPS.values()))


def test_visible_codes_of_listings_exist() -> None:
    assert SAFE_CODES - set(CODES) == set()


def _raised(package: Any) -> Iterator[type[PurasError]]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and node.exc is not None:
                called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                error = getattr(module, called.id, None) if isinstance(called, ast.Name) else None
                if isinstance(error, type) and issubclass(error, PurasError):
                    yield error
