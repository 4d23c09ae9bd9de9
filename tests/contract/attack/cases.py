"""Valid and invalid requests, generated from the OpenAPI description and aimed at existing objects."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from backend.skills.archives.pack import pack_files
from benchmarks.instance import NOOP_SKILL
from tests.factories.description import openapi

MAX_WAIT_S: Final = 1
CREDENTIALS: Final = frozenset(
    {"authorization", "cookie", "x-csrf-token", "x-puras-project", "x-puras-service-token"}
)
"""Headers that the caller sets; the generated values are dropped."""
AnyCase = Case[Any]
Names = Mapping[str, Sequence[str]]

SPEC: dict[str, Any] = openapi()
BUNDLE: Final = pack_files(NOOP_SKILL)
NOOP_NAME: Final = "noop"
OPENAI: Final = "/v1/openai/"
"""The start of the paths whose `model` is a skill."""
schemathesis.openapi.format("binary", st.just(BUNDLE) | st.binary(max_size=200) | st.just(BUNDLE[:-30]))
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(SPEC, config=schemathesis.Config())
_FOUND = list(SCHEMA.get_all_operations())
OPERATIONS = [found.ok() for found in _FOUND if isinstance(found, Ok)]
assert len(OPERATIONS) == len(_FOUND), [found for found in _FOUND if not isinstance(found, Ok)]


def each_case(operation: Any, count: int, use: Callable[[AnyCase, random.Random], None]) -> None:
    """Call `use` with `count` generated cases of the operation, which are the same in each run."""
    cases = operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE)

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=cases, seed=st.integers(0, 2**32))
    def run(case: AnyCase, seed: int) -> None:
        use(case, random.Random(seed))

    run()


def aim(case: AnyCase, dice: random.Random, names: Names) -> None:
    """Replace most of the names in the case by names of existing objects."""
    for place in (case.path_parameters, case.query):
        for name in place or ():
            if name in names and dice.random() < 0.9:
                place[name] = dice.choice(names[name])
    if isinstance(case.body, dict):
        for name in ("path", "skill", "name"):
            if name in case.body and name in names and dice.random() < 0.9:
                case.body[name] = dice.choice(names[name])
        if case.operation.path.startswith(OPENAI) and "skill" in names and dice.random() < 0.9:
            case.body["model"] = dice.choice(names["skill"])
    _limit_wait(case)


def sendable(case: AnyCase, base_url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the case as a request with the headers of one caller."""
    sent: dict[str, Any] = case.as_transport_kwargs(base_url=base_url)
    kept = {name: value for name, value in sent["headers"].items() if name.lower() not in CREDENTIALS}
    return {**sent, "headers": {**kept, **headers}, "cookies": {}}


def _limit_wait(case: AnyCase) -> None:
    """Limit the time for which the request waits for a job to end."""
    query = case.query or {}
    try:
        is_long = float(query.get("timeout", 0)) > MAX_WAIT_S
    except (TypeError, ValueError):
        is_long = False
    waits = bool(query.get("wait")) or case.operation.path.endswith("/run")
    waits |= case.operation.path.startswith(OPENAI) and case.operation.method.upper() == "POST"
    if is_long or (waits and "timeout" not in query):
        query["timeout"] = MAX_WAIT_S
    case.query = query


def aim_chain(case: AnyCase, dice: random.Random, names: Names, *, received: str) -> None:
    """Keep the values that come from an earlier response (`received`), and fill the others with existing objects."""
    from_responses = {
        name: value for name, value in (case.path_parameters or {}).items() if str(value) in received
    }
    requested_skill = case.body.get("skill") if isinstance(case.body, dict) else None
    aim(case, dice, names)
    skill = (
        requested_skill
        if requested_skill and requested_skill in received
        else dice.choice([names["skill"][0], NOOP_NAME])
    )
    operation = case.operation.definition.raw["operationId"]
    if operation == "submit_job":
        case.body = {"skill": skill, "inputs": {}}
    elif operation == "run_skill":
        case.body, case.path_parameters["name"] = {}, skill
    elif operation == "start_upload":
        case.headers.update({"Tus-Resumable": "1.0.0", "Upload-Length": "4"})
    elif operation == "resume_upload":
        case.headers.update({"Tus-Resumable": "1.0.0", "Upload-Offset": "0"})
        case.body = b"four"
    elif operation == "abandon_upload":
        case.headers.update({"Tus-Resumable": "1.0.0"})
    case.path_parameters.update(from_responses)
