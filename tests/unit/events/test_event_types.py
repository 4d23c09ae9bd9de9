"""Types of events: classes that equal the frozen contract, and writers that construct nothing else."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from backend.execution.events import types
from backend.execution.events.append import EncodedEvent, NewEvent, as_rows
from backend.execution.events.types import (
    OMITTED,
    REGISTRY,
    AgentStartEvent,
    CancelledEvent,
    FailedEvent,
    JobEvent,
    LogEvent,
    ModelEscalatedEvent,
    QueuedEvent,
    ToolResultEvent,
    UnknownEvent,
    decode,
)
from tests.contract.frozen.event_sources import EventSources

ROOT: Final = Path(__file__).parents[3]
CONTRACT: Final[dict[str, list[str]]] = json.loads(
    (ROOT / "tests/contract/frozen/contracts/events.json").read_text(encoding="utf-8")
)
NOT_IN_CONTRACT: Final[dict[str, set[str]]] = {
    "approval_decided": {"arguments", "changed", "input"},
    "context_compacted": {"cleared", "step", "tokens_after", "tokens_before"},
    **{kind: {"durable_step"} for kind in ("log", "media", "subagent_start", "web")},
    "forked": {"edits", "first_step", "inputs", "model", "version"},
    "memory_injected": {"entity_count", "kinds", "memory_ids", "pinned_count"},
    "model_response": {"blocks_withheld", "forced_tool", "is_estimated", "max_tokens"},
    "model_retry": {"model", "of", "reason", "status", "try", "wait_s"},
    "network": {"connections", "received_bytes", "refused", "sent_bytes"},
    "network_refused": {"host", "message", "port", "reason"},
    "rail": {"step", "tool"},
    "waiting": {"until"},
    "tool_use": {"input_withheld"},
    **{
        kind: {"phases"}
        for kind in ("agent_start", "cancelled", "failed", "function_start", "resumed", "succeeded")
    },
}
"""Fields of the last release that the scan of its source code did not find. An entry is no longer needed once the next
release freezes the classes."""
ENCODERS: Final = {
    "backend/execution/events/otel_spans.py",
    "workers/attempt/traces.py",
    "workers/listing_redaction.py",
    "workers/recorder.py",
}
"""The files that may construct encoded events: they redact events, or make spans of them."""
EXAMPLES: Final[list[tuple[JobEvent, dict[str, Any]]]] = [
    (QueuedEvent(skill="a", version=None, source="api"), {"skill": "a", "version": None, "source": "api"}),
    (FailedEvent(error=None, code=None), {"error": None, "code": None}),
    (CancelledEvent(by="a user"), {"by": "a user"}),
    (
        CancelledEvent(error="x", code="cancelled", cost_micros=1),
        {"error": "x", "code": "cancelled", "cost_micros": 1},
    ),
    (LogEvent(stream="stdout", text=""), {"stream": "stdout", "text": ""}),
    (
        ModelEscalatedEvent(from_="a", to="b", reason="schema_fail", after=2, step=1),
        {"from": "a", "to": "b", "reason": "schema_fail", "after": 2, "step": 1},
    ),
    (
        ToolResultEvent(step=1, tool="bash", tool_use_id="t", ok=True, preview="", details={"exit_code": 0}),
        {"step": 1, "tool": "bash", "tool_use_id": "t", "ok": True, "preview": "", "exit_code": 0},
    ),
]


@pytest.mark.parametrize("kind", sorted(CONTRACT))
def test_class_has_the_fields_of_the_frozen_contract(kind: str) -> None:
    assert set(REGISTRY[kind].payload_keys) == set(CONTRACT[kind]) | NOT_IN_CONTRACT.get(kind, set())


@pytest.mark.parametrize("kind", sorted(REGISTRY.keys() - CONTRACT.keys()))
def test_new_class_has_a_docstring_of_its_own(kind: str) -> None:
    assert REGISTRY[kind].__doc__


def test_fields_that_are_not_in_the_contract_may_be_missing() -> None:
    """Rows that were stored before a field was added do not have it."""
    required = {(kind, key) for kind, one in REGISTRY.items() for key in one.required_keys}
    frozen = {(kind, key) for table in (CONTRACT, NOT_IN_CONTRACT) for kind in table for key in table[kind]}
    assert required <= frozen | {(kind, key) for kind, key in required if kind not in CONTRACT}


def test_union_has_every_registered_class_and_no_other() -> None:
    assert set(get_args(JobEvent)) == set(REGISTRY.values())
    assert all(get_args(JobEvent) and getattr(types, one.__name__) is one for one in REGISTRY.values())


def test_tag_of_each_class_is_unique_and_a_constant() -> None:
    assert len(get_args(JobEvent)) == len({one.type for one in get_args(JobEvent)})
    for one in REGISTRY.values():
        assert one.__annotations__["type"] == f"ClassVar[Literal[{one.type!r}]]"


def test_payloads_that_sql_builds_have_the_fields_of_their_classes() -> None:
    built = EventSources().sql_payloads()
    assert set(built) == {"cancelled", "started", "subagent_end"}
    for kind, keys in built.items():
        known = REGISTRY[kind]
        assert set(keys) <= set(known.payload_keys), kind
        assert known.required_keys <= set(keys), kind


@pytest.mark.parametrize(("event", "payload"), EXAMPLES, ids=lambda one: type(one).__name__)
def test_payload_has_the_fields_that_are_not_omitted(event: JobEvent, payload: dict[str, Any]) -> None:
    assert event.to_payload() == payload
    assert decode(event.type, payload) == event


def test_stored_payload_is_that_of_the_event() -> None:
    event = NewEvent(LogEvent(stream="system", text="lost"))
    encoded = EncodedEvent("log", {"stream": "system", "text": "lost"}, event.ts)
    assert as_rows([event]) == as_rows([encoded])


def test_row_of_an_unknown_type_is_decoded_as_such() -> None:
    assert decode("environment_started", {"key": "a"}) == UnknownEvent("environment_started", {"key": "a"})


def test_row_without_an_optional_field_and_with_an_unknown_one_is_decoded() -> None:
    payload = {
        "skill": "a",
        "model": "b",
        "has_output_schema": False,
        "resumed": False,
        "limits": {},
        "later": 1,
    }
    event = decode("agent_start", payload)
    assert isinstance(event, AgentStartEvent)
    assert event.tools is OMITTED
    assert "later" not in event.to_payload()


def test_row_without_a_required_field_is_decoded_as_unknown() -> None:
    assert decode("queued", {"skill": "a"}) == UnknownEvent("queued", {"skill": "a"})


def test_events_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        EXAMPLES[0][0].skill = "b"  # type: ignore[misc, union-attr]


def test_every_field_has_a_docstring() -> None:
    for one in REGISTRY.values():
        documented = documented_fields(one.__module__, one.__name__)
        assert {field.name for field in fields(one)} <= documented, one.__name__  # type: ignore[arg-type]


def documented_fields(module: str, name: str) -> set[str]:
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    body = next(one.body for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
    return {
        field.target.id
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
    }


def calls(root: Path = ROOT) -> Iterator[tuple[str, ast.Call, str]]:
    """Yield each call in the sources of the processes, with its file and the name of the called function."""
    for package in ("backend", "workers"):
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                    yield path.relative_to(root).as_posix(), node, name


def untyped(root: Path = ROOT) -> list[str]:
    """Return the places that write an event which is not an object of a registered class."""
    found = []
    for path, call, name in calls(root):
        first = call.args[0] if call.args else None
        is_plain = isinstance(first, ast.Dict | ast.Constant | ast.JoinedStr)
        is_untyped = {
            "NewEvent": is_plain,
            "as_payload": is_plain,
            # Other things than events are recorded, too: audit entries and spans.
            "record": isinstance(first, ast.Dict) or (len(call.args) == 2 and is_plain),
            "EncodedEvent": path not in ENCODERS,
        }
        if is_untyped.get(name, False):
            found.append(f"{path}:{call.lineno}")
    return found


def test_writers_construct_objects_of_registered_classes() -> None:
    assert not untyped()


@pytest.mark.parametrize(
    "line",
    [
        'recorder.record("log", {"text": "x"})',
        'recorder.record({"type": "log"})',
        'NewEvent("log", {"text": "x"})',
        'NewEvent({"type": "log"})',
        'as_payload({"skill": "a"})',
        'EncodedEvent("invented", {})',
    ],
)
def test_untyped_event_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "writer.py").write_text(f"{line}\n", encoding="utf-8")
    assert untyped(tmp_path) == ["workers/writer.py:1"]
