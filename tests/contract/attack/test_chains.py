"""Requests that go on from answers: what one makes, the next one uses, and nobody else comes to it in between.

The owner of a project walks along the links of the description. Before each step of theirs everybody else asks for the
same, with the ids of things that exist, and gets nothing; in the end who is nobody asks for all of it once more, and
nothing has been written.
"""

from __future__ import annotations

import copy
import random
import time
from collections import Counter
from contextlib import suppress
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import Flaky
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks

from tests.chaos.rounds import ROUNDS
from tests.contract.attack.books import rows_of, written
from tests.contract.attack.cases import SPEC, AnyCase, aim_chain, sendable
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
from tests.contract.attack.world import Headers, lift_limits

WALKS = 8
STEPS = 10
LEAST_STEPS = 60 * ROUNDS
MAX_RUNS = 20 * ROUNDS
LAWS = [checks.use_after_free, checks.ensure_resource_availability]
"""What is deleted is gone, and what was made is there."""
OF_PUBLISHABLE_KEYS = {"submit_job", "run_skill"}
pytestmark = pytest.mark.timeout(120 * ROUNDS)


def linked_schema() -> Any:
    """The description, with the one link that it cannot tell: an address whose last part is the id."""
    spec = copy.deepcopy(SPEC)
    target = {"upload_id": "$response.header.Location#regex:/([^/]+)$"}
    spec["paths"]["/v1/drive/uploads"]["post"]["responses"]["201"]["links"] = {
        name: {"operationId": name, "parameters": target} for name in ("go_on_with_upload", "give_up_upload")
    }
    return schemathesis.openapi.from_dict(spec, config=schemathesis.Config())


class Chain(linked_schema().as_state_machine()):  # type: ignore[misc]  # made from the description
    """One walk of the owner along the links, with everybody else beside them."""

    world: ClassVar[World]
    faults: ClassVar[list[str]]
    asked: ClassVar[list[AnyCase]]
    """Every request of every walk."""
    statuses: ClassVar[Counter[str]]
    """Answers to the owner's steps, by operation."""

    def setup(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.owner = self.world.new_key_of_chained()
        self.heard = ""
        self.made: set[str] = set()
        self.keys: dict[str, str] = {}
        self.dice = random.Random(len(self.asked))

    def teardown(self) -> None:
        self.http.close()

    def before_call(self, case: AnyCase) -> None:
        aim_chain(case, self.dice, self.world.chained.names, heard=self.heard)

    def call(self, case: AnyCase, **_: Any) -> Response:
        type(self).asked.append(case)
        for who, headers in self.world.unknown.items():
            self._judge(who, case, self._ask(case, headers), self._let_in)
        for who, headers in self.world.strangers.items():
            self._judge(who, case, self._ask(case, headers), self._reached)
        publishable = self._ask(case, self.world.chained_publishable)
        self._judge("the project's publishable key", case, publishable, self._reached_by_publishable)
        answer = self._ask(case, self.owner)
        if answer.status_code == 429:
            lift_limits(self.world.database_url, self.world.chained.id)  # it has set its own to nothing
        self._judge("owner", case, answer, lambda *_: [])
        self._remember(case, answer)
        return Response.from_requests(answer, verify=False)

    def validate_response(self, response: Response, case: AnyCase, *_: Any, **__: Any) -> None:
        try:
            case.validate_response(response, checks=LAWS, recorder=self.recorder)
        except BaseExceptionGroup as group:
            path = case.formatted_path
            self.faults.extend(f"owner: {case.method} {path}: {one}" for one in group.exceptions)

    def _ask(self, case: AnyCase, headers: Headers) -> Answer:
        answer = answered(self.http, sendable(case, self.world.base_url, headers))
        self.http.cookies.clear()
        return answer

    def _judge(self, who: str, case: AnyCase, answer: Answer, judge: Any) -> None:
        found = [*broken(case, answer), *judge(case, answer)]
        self.faults.extend(f"{who}: {shown(answer)}: {fault}" for fault in found)

    def _let_in(self, case: AnyCase, answer: Answer) -> list[str]:
        is_out = is_open(case) or answer.status_code in (401, 429) or is_no_address(answer)
        return [] if is_out else ["it was let in"]

    def _reached(self, case: AnyCase, answer: Answer) -> list[str]:
        secrets = self.world.chained.secrets | self.made
        faults = [f"it tells {secret!r}" for secret in told(answer, secrets)]
        if answer.status_code < 400 and self._names_a_thing(case):
            faults.append("a thing of another project was used")
        return faults

    def _reached_by_publishable(self, case: AnyCase, answer: Answer) -> list[str]:
        operation = case.operation.definition.raw["operationId"]
        faults = [f"it tells {one!r}" for one in told(answer, self.made - self._of_the_skill())]
        if answer.status_code < 400 and self._names_a_thing(case) and operation not in OF_PUBLISHABLE_KEYS:
            faults.append("a thing was used that its own jobs did not make")
        return faults

    def _names_a_thing(self, case: AnyCase) -> bool:
        return any(str(value) in self.made for value in (case.path_parameters or {}).values())

    def _of_the_skill(self) -> set[str]:
        """What a job tells of the version that it runs."""
        deployments = self.http.get(
            f"{self.world.base_url}/v1/deployments", headers=self.owner, timeout=10
        ).json()
        found = deployments if isinstance(deployments, list) else []
        return {one[field] for one in found for field in ("id", "skillpack_id")}

    def _remember(self, case: AnyCase, answer: Answer) -> None:
        operation = case.operation.definition.raw["operationId"]
        self.statuses[f"{operation} {answer.status_code}"] += 1
        if not (answer.ok and answer.content) or "json" not in answer.headers["content-type"]:
            return
        self.heard += answer.text
        body = answer.json()
        if answer.status_code == 201 and isinstance(body, dict) and "id" in body:
            self.made.add(body["id"])


def walk(number: int) -> None:
    """Some walks, the same ones every time as far as the answers are the same.

    Hypothesis stops when a choice is offered that was not there before, since it cannot repeat such a walk; ids differ
    each time, so it does so sooner or later. Nothing is lost: faults are gathered, not raised.
    """
    with suppress(Flaky):
        seed(number)(Chain).run(
            settings=settings(
                max_examples=WALKS,
                stateful_step_count=STEPS,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            )
        )


def open_jobs(database_url: str) -> list[tuple[UUID, UUID, str, str]]:
    """Id, project, status and skill of what has not ended."""
    with psycopg.connect(database_url) as connection:
        query = "select id, project_id, status, skill_name from jobs where finished_at is null"
        return connection.execute(query).fetchall()


def end_all_jobs(world: World) -> None:
    """Walks make kernels, jobs for another day, and such as wait behind limits of their own: all are cancelled."""
    lift_limits(world.database_url, world.chained.id)
    owners = {project: world.new_key_of(project) for _, project, *_ in open_jobs(world.database_url)}
    deadline = time.monotonic() + 60
    while left := open_jobs(world.database_url):
        assert time.monotonic() < deadline, f"jobs of the walks do not end: {left}"
        for job_id, project, *_ in left:
            cancel = f"{world.base_url}/v1/jobs/{job_id}/cancel"
            requests.post(cancel, headers=owners.get(project), timeout=10)
        time.sleep(0.5)


def test_whoever_follows_the_links_of_another_project_finds_every_door_closed(world: World) -> None:
    Chain.world, Chain.faults, Chain.asked, Chain.statuses = world, [], [], Counter()
    for number in range(MAX_RUNS):
        if len(Chain.asked) >= LEAST_STEPS:
            break
        walk(number)
    assert len(Chain.asked) >= LEAST_STEPS
    assert not Chain.faults, report(Chain.faults)
    done = {one.split()[0] for one in Chain.statuses if one.split()[1] < "400"}
    assert len(done) >= 10, Chain.statuses
    assert_nobody_writes(world, Chain.asked)


def assert_nobody_writes(world: World, asked: list[AnyCase]) -> None:
    """Once more everything that was asked for, by who is nobody: no row of the instance is another than before."""
    end_all_jobs(world)
    before = rows_of(world.database_url)
    with requests.Session() as http:
        http.trust_env = False
        for case in asked:
            for headers in world.unknown.values():
                answered(http, sendable(case, world.base_url, headers))
    assert not written(before, rows_of(world.database_url))
