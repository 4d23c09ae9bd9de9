"""Everything that the API says it can do, asked for by everybody who should not get it, on a real instance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import requests

from tests.chaos.rounds import ROUNDS
from tests.contract.attack.books import Rows, rows_of, written
from tests.contract.attack.cases import OPERATIONS, AnyCase, aim, each_case, sendable
from tests.contract.attack.conftest import World
from tests.contract.attack.judging import (
    Answer,
    answered,
    broken,
    is_no_address,
    is_open,
    report,
    shown,
    told,
)
from tests.contract.attack.world import CANARY, Headers, lift_limits

CASES = ROUNDS
OF_JOBS = {
    *("jobs", "job_queue", "job_events", "idempotency_keys"),
    *("admissions", "usage_events", "ledger_entries", "wallets"),
}
"""Tables that a job is written to."""
OF_VIEWERS = ("audit_rows +", "feedback +")
"""What a viewer leaves behind: traces, and opinions of jobs."""
pytestmark = pytest.mark.timeout(120 * ROUNDS)


def attack(
    world: World, callers: dict[str, Headers], names: Any, judge: Callable[..., Iterable[str]]
) -> list[str]:
    """What the laws say against the answers to cases of every operation, each sent by every caller."""
    faults: list[str] = []
    with requests.Session() as http:
        http.trust_env = False
        for operation in OPERATIONS:

            def send(case: AnyCase, dice: random.Random) -> None:
                aim(case, dice, names)
                for who, headers in callers.items():
                    request = sendable(case, world.base_url, headers)
                    answer = answered(http, request)
                    http.cookies.clear()
                    found = [*broken(case, answer), *judge(case, answer)]
                    faults.extend(f"{who}: {shown(answer)}: {fault}" for fault in found)

            each_case(operation, CASES, send)
    return faults


def test_nobody_and_ended_keys_get_a_401_whatever_they_send_and_nothing_is_written(world: World) -> None:
    def judge(case: AnyCase, answer: Answer) -> Iterable[str]:
        if not is_open(case) and answer.status_code not in (401, 429) and not is_no_address(answer):
            yield "it was let in"
        yield from told(answer, world.victim.secrets)

    before = rows_of(world.database_url)
    faults = attack(world, world.unknown, world.victim.names, judge)
    assert not faults, report(faults)
    assert not written(before, rows_of(world.database_url))


def test_other_projects_read_nothing_of_the_victim_and_change_nothing_in_it(world: World) -> None:
    def judge(_: AnyCase, answer: Answer) -> Iterable[str]:
        return (f"it tells {secret!r}" for secret in told(answer, world.victim.secrets))

    before = of_victim(world)
    faults = attack(world, world.strangers, world.victim.names, judge)
    assert not faults, report(faults)
    assert not written(before, of_victim(world))


def test_a_viewer_of_the_project_changes_nothing_in_it(world: World) -> None:
    before = of_victim(world)
    faults = attack(world, {"viewer": world.viewer}, world.victim.names, lambda *_: ())
    assert not faults, report(faults)
    changed = [line for line in written(before, of_victim(world)) if not line.startswith(OF_VIEWERS)]
    assert not changed, report(changed)


def test_a_publishable_key_of_the_project_makes_jobs_and_nothing_else(world: World) -> None:
    own = {f"{CANARY}{word}" for word in ("DESCRIPTION", "CONTENT", "PRINTED", "RESULT", "PROJECT")}
    own |= {str(world.victim.id), *world.victim.names["deployment"]}  # what its own jobs tell
    hidden = world.victim.secrets - own

    def judge(_: AnyCase, answer: Answer) -> Iterable[str]:
        return (f"it tells {secret!r}" for secret in told(answer, hidden))

    before = of_victim(world)
    faults = attack(world, {"publishable key": world.publishable}, world.victim.names, judge)
    assert not faults, report(faults)
    changed = {line.split()[0] for line in written(before, of_victim(world))}
    assert changed <= OF_JOBS, changed


def test_an_owner_of_everything_breaks_nothing_and_gets_what_is_described(world: World) -> None:
    statuses: Counter[int] = Counter()

    def judge(_: AnyCase, answer: Answer) -> Iterable[str]:
        statuses[answer.status_code] += 1
        if answer.status_code == 429:
            lift_limits(world.database_url, world.owner.id)  # it has set its own to nothing
        return ()

    owner = {"Authorization": f"Bearer {world.owner.owner.api_key}"}
    faults = attack(world, {"owner": owner}, world.owner.names, judge)
    assert not faults, report(faults)
    assert statuses[401] + statuses[429] < len(OPERATIONS) / 4, statuses
    assert sum(many for status, many in statuses.items() if status < 400) > len(OPERATIONS) / 4, statuses


def of_victim(world: World) -> Rows:
    """The rows that name the victim's project."""
    project = str(world.victim.id)
    rows = rows_of(world.database_url)
    return {
        name: Counter({row: many for row, many in found.items() if project in row})
        for name, found in rows.items()
    }
