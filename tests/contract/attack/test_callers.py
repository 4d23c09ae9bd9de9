"""Everything that the API says it can do, asked for by everybody who should not get it, on a real instance."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
import requests
from schemathesis.specs.openapi import checks

from tests.chaos.rounds import ROUNDS
from tests.contract.attack.books import Rows, rows_of, written
from tests.contract.attack.cases import OPERATIONS, AnyCase, aim, each_case, sendable
from tests.contract.attack.conftest import World
from tests.contract.attack.world import CANARY, Headers

CASES = 2 * ROUNDS
PATIENCE_S = 12.0  # less than a heartbeat takes to come
OF_EVERY_ROUTE = frozenset({405, 408, 429})
"""Statuses that the description tells of once, not at each operation."""
OF_JOBS = {
    *("jobs", "job_queue", "job_events", "idempotency_keys"),
    *("admissions", "usage_events", "ledger_entries", "wallets"),
}
"""Tables that a job is written to."""
OF_VIEWERS = ("audit_rows +", "feedback +")
"""What a viewer leaves behind: traces, and opinions of jobs."""
OF_FREE_FORM = ("/v1/drive/files/", "/v1/drive/signed/")
"""Routes that answer with a file as it is, whose type is the file's own; a stream's frames have no schema either."""
LAWS = [
    checks.response_headers_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
pytestmark = pytest.mark.timeout(120 * ROUNDS)

Answer = requests.Response


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


def answered(http: requests.Session, request: dict[str, Any]) -> Answer:
    """The whole answer, which has to end: a stream of a job that has ended goes on for no time at all."""
    began = time.monotonic()
    answer = http.request(**request, allow_redirects=False, timeout=PATIENCE_S, stream=True)
    body = bytearray()
    for part in answer.iter_content(65_536):
        body += part
        if time.monotonic() - began > PATIENCE_S:
            raise AnswerEndlessError(
                f"{request['method']} {request['url']} {request.get('params')} still goes on"
            )
    answer._content = bytes(body)  # as the library does itself when it reads a body whole
    return answer


class AnswerEndlessError(Exception):
    """An answer that nobody sees the end of."""


def broken(case: AnyCase, answer: Answer) -> Iterable[str]:
    """What no answer to anybody may be."""
    status = answer.status_code
    told = case.operation.definition.raw["responses"]
    if status >= 500 and not (status == 501 and "501" in told):
        yield "an error of the server"
    if str(status) not in told and status not in OF_EVERY_ROUTE:
        yield f"the description does not tell of {status}"
    if status >= 400 and not {"detail", "code"} <= set(answer.json()):
        yield "an error without its sentence and its code"
    is_free = case.operation.path.startswith(OF_FREE_FORM) or case.operation.path.endswith("/stream")
    try:
        case.validate_response(answer, checks=LAWS[:1] if is_free and status < 400 else LAWS)
    except BaseExceptionGroup as group:
        yield from (f"{type(one).__name__}: {one}" for one in group.exceptions)


def told(answer: Answer, secrets: Iterable[str]) -> list[str]:
    """The secrets that the answer tells and the request did not."""
    request = answer.request
    asked = f"{request.url} {unquote(request.url or '')} {request.body!r} {request.headers}".lower()
    heard = f"{answer.text} {answer.headers}".lower()
    return [secret for secret in secrets if secret.lower() in heard and secret.lower() not in asked]


def shown(answer: Answer) -> str:
    request = answer.request
    return f"{request.method} {request.url} {str(request.body)[:200]} -> {answer.status_code} {answer.text[:300]}"


def is_open(case: AnyCase) -> bool:
    return "security" not in case.operation.definition.raw


def is_no_address(answer: Answer) -> bool:
    """Whether the request was turned away for its address alone, before anybody asked who sends it."""
    return answer.status_code == 400 and "The address holds a NUL" in answer.text


def report(faults: list[str]) -> str:
    return f"{len(faults)} faults:\n" + "\n".join(faults[:25])


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
            lift_limits(world)  # it has set its own to nothing
        return ()

    owner = {"Authorization": f"Bearer {world.owner.owner.api_key}"}
    faults = attack(world, {"owner": owner}, world.owner.names, judge)
    assert not faults, report(faults)
    assert statuses[401] + statuses[429] < len(OPERATIONS) / 4, statuses
    assert sum(many for status, many in statuses.items() if status < 400) > len(OPERATIONS) / 4, statuses


def lift_limits(world: World) -> None:
    """Take away the rates that a project has given itself and its keys."""
    with psycopg.connect(world.database_url) as connection:
        connection.execute("update projects set limits = '{}' where id = %s", [world.owner.id])
        connection.execute(
            "update api_keys set requests_per_minute = null where project_id = %s", [world.owner.id]
        )


def of_victim(world: World) -> Rows:
    """The rows that name the victim's project."""
    project = str(world.victim.id)
    rows = rows_of(world.database_url)
    return {
        name: Counter({row: many for row, many in found.items() if project in row})
        for name, found in rows.items()
    }
