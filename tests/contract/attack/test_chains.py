"""Chains of requests that follow the links of responses, with attempts of other callers between the steps.

The owner of a project follows the links of the OpenAPI description. Before each step, every other caller sends the
same request with the IDs of existing objects, and must get nothing. At the end, callers without credentials repeat all
requests, and no row may have changed.
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
from tests.contract.attack.cases import SPEC, AnyCase, aim_chain, sendable
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
from tests.contract.attack.table_rows import changed_rows, read_rows
from tests.contract.attack.world import Headers, lift_limits

WALKS = 8
STEPS = 10
MIN_STEPS = 60 * ROUNDS
MAX_RUNS = 20 * ROUNDS
RESOURCE_CHECKS = [checks.use_after_free, checks.ensure_resource_availability]
"""Deleted objects are gone, and created objects are available."""
ALLOWED_FOR_PUBLISHABLE_KEYS = {"submit_job", "run_skill"}
pytestmark = pytest.mark.timeout(120 * ROUNDS)


def linked_schema() -> Any:
    """Return the description with one more link, which OpenAPI cannot express: a URL whose last part is the ID."""
    spec = copy.deepcopy(SPEC)
    target = {"upload_id": "$response.header.Location#regex:/([^/]+)$"}
    spec["paths"]["/v1/drive/uploads"]["post"]["responses"]["201"]["links"] = {
        name: {"operationId": name, "parameters": target} for name in ("resume_upload", "abandon_upload")
    }
    return schemathesis.openapi.from_dict(spec, config=schemathesis.Config())


class Chain(linked_schema().as_state_machine()):  # type: ignore[misc]  # generated from the description
    """One walk of the owner along the links, with the attempts of all other callers."""

    world: ClassVar[World]
    faults: ClassVar[list[str]]
    requests_sent: ClassVar[list[AnyCase]]
    """Every request of every walk."""
    statuses: ClassVar[Counter[str]]
    """Responses to the owner's steps, by operation."""

    def setup(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.owner = self.world.new_key_of_chained()
        self.received = ""
        self.created_ids: set[str] = set()
        self.keys: dict[str, str] = {}
        self.rng = random.Random(len(self.requests_sent))

    def teardown(self) -> None:
        self.http.close()

    def before_call(self, case: AnyCase) -> None:
        aim_chain(case, self.rng, self.world.chained.names, received=self.received)

    def call(self, case: AnyCase, **_: Any) -> Response:
        type(self).requests_sent.append(case)
        for caller, headers in self.world.unauthenticated.items():
            self._judge(caller, case, self._send(case, headers), self._check_rejected)
        for caller, headers in self.world.other_projects.items():
            self._judge(caller, case, self._send(case, headers), self._check_other_project)
        publishable = self._send(case, self.world.chained_publishable)
        self._judge("the project's publishable key", case, publishable, self._check_publishable_key)
        response = self._send(case, self.owner)
        if response.status_code == 429:
            lift_limits(self.world.database_url, self.world.chained.id)  # a step has set a limit of zero
        self._judge("owner", case, response, lambda *_: [])
        self._remember(case, response)
        return Response.from_requests(response, verify=False)

    def validate_response(self, response: Response, case: AnyCase, *_: Any, **__: Any) -> None:
        try:
            case.validate_response(response, checks=RESOURCE_CHECKS, recorder=self.recorder)
        except BaseExceptionGroup as group:
            path = case.formatted_path
            self.faults.extend(f"owner: {case.method} {path}: {one}" for one in group.exceptions)

    def _send(self, case: AnyCase, headers: Headers) -> HttpResponse:
        response = fetch_whole(self.http, sendable(case, self.world.base_url, headers))
        self.http.cookies.clear()
        return response

    def _judge(self, caller: str, case: AnyCase, response: HttpResponse, judge: Any) -> None:
        found = [*violations(case, response), *judge(case, response)]
        self.faults.extend(f"{caller}: {describe(response)}: {fault}" for fault in found)

    def _check_rejected(self, case: AnyCase, response: HttpResponse) -> list[str]:
        is_rejected = is_open(case) or response.status_code in (401, 429) or is_invalid_url(response)
        return [] if is_rejected else ["the request was accepted"]

    def _check_other_project(self, case: AnyCase, response: HttpResponse) -> list[str]:
        secrets = self.world.chained.secrets | self.created_ids
        faults = [f"the response reveals {secret!r}" for secret in leaked(response, secrets)]
        if response.status_code < 400 and self._uses_created_object(case):
            faults.append("an object of another project was used")
        return faults

    def _check_publishable_key(self, case: AnyCase, response: HttpResponse) -> list[str]:
        operation = case.operation.definition.raw["operationId"]
        faults = [
            f"the response reveals {one!r}"
            for one in leaked(response, self.created_ids - self._version_ids())
        ]
        if (
            response.status_code < 400
            and self._uses_created_object(case)
            and operation not in ALLOWED_FOR_PUBLISHABLE_KEYS
        ):
            faults.append("an object was used that its own jobs did not create")
        return faults

    def _uses_created_object(self, case: AnyCase) -> bool:
        return any(str(value) in self.created_ids for value in (case.path_parameters or {}).values())

    def _version_ids(self) -> set[str]:
        """Return the IDs that a job reveals about the version that it runs."""
        deployments = self.http.get(
            f"{self.world.base_url}/v1/deployments", headers=self.owner, timeout=10
        ).json()
        found = deployments if isinstance(deployments, list) else []
        return {one[field] for one in found for field in ("id", "skillpack_id")}

    def _remember(self, case: AnyCase, response: HttpResponse) -> None:
        operation = case.operation.definition.raw["operationId"]
        self.statuses[f"{operation} {response.status_code}"] += 1
        if not (response.ok and response.content) or "json" not in response.headers["content-type"]:
            return
        self.received += response.text
        body = response.json()
        if response.status_code == 201 and isinstance(body, dict) and "id" in body:
            self.created_ids.add(body["id"])


def walk(number: int) -> None:
    """Run some walks, the same ones in each run as far as the responses are the same.

    Hypothesis stops when a choice is offered that was not offered before, because it cannot repeat such a walk. IDs
    differ in each run, so this happens sooner or later. No violation is lost, because the walk collects violations
    instead of raising them.
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
    """Return the ID, project, status and skill of each job that has not ended."""
    with psycopg.connect(database_url) as connection:
        query = "select id, project_id, status, skill_name from jobs where finished_at is null"
        return connection.execute(query).fetchall()


def end_all_jobs(world: World) -> None:
    """Cancel all jobs: walks create kernels, jobs for a later day, and jobs that wait for a limit."""
    lift_limits(world.database_url, world.chained.id)
    owners = {project: world.new_key_of(project) for _, project, *_ in open_jobs(world.database_url)}
    deadline = time.monotonic() + 60
    while unfinished := open_jobs(world.database_url):
        assert time.monotonic() < deadline, f"jobs of the walks do not end: {unfinished}"
        for job_id, project, *_ in unfinished:
            cancel = f"{world.base_url}/v1/jobs/{job_id}/cancel"
            requests.post(cancel, headers=owners.get(project), timeout=10)
        time.sleep(0.5)


def test_following_links_of_another_project_gives_no_access(world: World) -> None:
    Chain.world, Chain.faults, Chain.requests_sent, Chain.statuses = world, [], [], Counter()
    for number in range(MAX_RUNS):
        if len(Chain.requests_sent) >= MIN_STEPS:
            break
        walk(number)
    assert len(Chain.requests_sent) >= MIN_STEPS
    assert not Chain.faults, report(Chain.faults)
    done = {one.split()[0] for one in Chain.statuses if one.split()[1] < "400"}
    assert len(done) >= 10, Chain.statuses
    assert_unauthenticated_requests_write_nothing(world, Chain.requests_sent)


def assert_unauthenticated_requests_write_nothing(world: World, requests_sent: list[AnyCase]) -> None:
    """Repeat all requests without valid credentials, and check that no row has changed."""
    end_all_jobs(world)
    before = read_rows(world.database_url)
    with requests.Session() as http:
        http.trust_env = False
        for case in requests_sent:
            for headers in world.unauthenticated.values():
                fetch_whole(http, sendable(case, world.base_url, headers))
    assert not changed_rows(before, read_rows(world.database_url))
