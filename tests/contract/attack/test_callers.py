"""Every operation of the API, called by each kind of caller who must not have access, on a real instance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import requests

from tests.chaos.rounds import ROUNDS
from tests.contract.attack.cases import OPERATIONS, AnyCase, aim, each_case, sendable
from tests.contract.attack.conftest import World
from tests.contract.attack.response_checks import (
    HttpResponse,
    describe,
    fetch_whole,
    is_invalid_url,
    is_open,
    leaked,
    report,
    violations,
)
from tests.contract.attack.table_rows import Rows, changed_rows, read_rows
from tests.contract.attack.world import CANARY, Headers, lift_limits

CASES = ROUNDS
JOB_TABLES = {
    *("jobs", "job_queue", "job_events", "idempotency_keys"),
    *("admissions", "usage_events", "ledger_entries", "wallets"),
}
"""Tables that a job writes to."""
VIEWER_ROWS = ("audit_rows +", "feedback +", "job_comments +", "saved_views +")
"""Rows that a viewer may create: audit rows, feedback and comments on jobs, and views of the viewer's own."""
pytestmark = pytest.mark.timeout(120 * ROUNDS)


def attack(
    world: World, callers: dict[str, Headers], names: Any, judge: Callable[..., Iterable[str]]
) -> list[str]:
    """Return the violations in the responses to cases of every operation, each sent by every caller."""
    faults: list[str] = []
    with requests.Session() as http:
        http.trust_env = False
        for operation in OPERATIONS:

            def send(case: AnyCase, rng: random.Random) -> None:
                aim(case, rng, names)
                for caller, headers in callers.items():
                    request = sendable(case, world.base_url, headers)
                    response = fetch_whole(http, request)
                    http.cookies.clear()
                    found = [*violations(case, response), *judge(case, response)]
                    faults.extend(f"{caller}: {describe(response)}: {fault}" for fault in found)

            each_case(operation, CASES, send)
    return faults


def test_requests_without_a_valid_key_get_401_and_write_nothing(world: World) -> None:
    def judge(case: AnyCase, response: HttpResponse) -> Iterable[str]:
        if not is_open(case) and response.status_code not in (401, 429) and not is_invalid_url(response):
            yield "the request was accepted"
        yield from leaked(response, world.victim.secrets)

    before = read_rows(world.database_url)
    faults = attack(world, world.unauthenticated, world.victim.names, judge)
    assert not faults, report(faults)
    assert not changed_rows(before, read_rows(world.database_url))


def test_other_projects_cannot_read_or_change_the_victim(world: World) -> None:
    def judge(_: AnyCase, response: HttpResponse) -> Iterable[str]:
        return (f"the response reveals {secret!r}" for secret in leaked(response, world.victim.secrets))

    before = victim_rows(world)
    faults = attack(world, world.other_projects, world.victim.names, judge)
    assert not faults, report(faults)
    assert not changed_rows(before, victim_rows(world))


def test_viewer_cannot_change_the_project(world: World) -> None:
    before = victim_rows(world)
    faults = attack(world, {"viewer": world.viewer}, world.victim.names, lambda *_: ())
    assert not faults, report(faults)
    changed = [line for line in changed_rows(before, victim_rows(world)) if not line.startswith(VIEWER_ROWS)]
    assert not changed, report(changed)


def test_publishable_key_can_only_create_jobs(world: World) -> None:
    own = {f"{CANARY}{word}" for word in ("DESCRIPTION", "CONTENT", "PRINTED", "RESULT", "PROJECT")}
    own |= {str(world.victim.id), *world.victim.names["deployment"]}  # in the responses about its own jobs
    hidden = world.victim.secrets - own

    def judge(_: AnyCase, response: HttpResponse) -> Iterable[str]:
        return (f"the response reveals {secret!r}" for secret in leaked(response, hidden))

    before = victim_rows(world)
    faults = attack(world, {"publishable key": world.publishable}, world.victim.names, judge)
    assert not faults, report(faults)
    changed = {line.split()[0] for line in changed_rows(before, victim_rows(world))}
    assert changed <= JOB_TABLES, changed


def test_owner_gets_documented_responses_to_every_request(world: World) -> None:
    statuses: Counter[int] = Counter()

    def judge(_: AnyCase, response: HttpResponse) -> Iterable[str]:
        statuses[response.status_code] += 1
        if response.status_code == 429:
            lift_limits(world.database_url, world.owner.id)  # requests have set a limit of zero
        return ()

    owner = {"Authorization": f"Bearer {world.owner.owner.api_key}"}
    faults = attack(world, {"owner": owner}, world.owner.names, judge)
    assert not faults, report(faults)
    assert statuses[401] + statuses[429] < len(OPERATIONS) / 4, statuses
    assert sum(many for status, many in statuses.items() if status < 400) > len(OPERATIONS) / 4, statuses


def victim_rows(world: World) -> Rows:
    """Return the rows that contain the ID of the victim's project."""
    project = str(world.victim.id)
    rows = read_rows(world.database_url)
    return {
        name: Counter({row: many for row, many in found.items() if project in row})
        for name, found in rows.items()
    }
