"""The output of a job becomes events: in order, with complete characters, and limited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.execution.events.types import JobEvent
from workers.sandbox.host.zygotes.output import MAX_DELETIONS, MAX_STORED_BYTES, Output


class _Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))

    def text(self, stream: str) -> str:
        return "".join(payload["text"] for _, payload in self.events if payload["stream"] == stream)


async def test_split_characters_and_lines_are_joined() -> None:
    output, recorder = Output(), _Recorder()
    output.attach(recorder)
    for byte in "grün\n🙂 half".encode():
        output.text("stdout", bytes([byte]))
    output.finish()
    assert recorder.text("stdout") == "grün\n🙂 half"


async def test_output_before_the_recorder_is_attached_is_kept() -> None:
    output, recorder = Output(), _Recorder()
    output.text("stderr", b"early\n")
    output.attach(recorder)
    output.finish()
    assert recorder.text("stderr") == "early\n"


async def test_endless_output_is_limited_and_the_rest_is_counted() -> None:
    output, recorder = Output(), _Recorder()
    output.attach(recorder)
    for _ in range(64):
        output.text("stdout", b"x" * 100_000 + b"\n")
    output.finish()
    stored = len(recorder.text("stdout"))
    assert stored <= MAX_STORED_BYTES
    assert "bytes of further output were not stored" in recorder.text("system")
    assert sum(len(json.dumps(event)) for event in recorder.events) < 2 * MAX_STORED_BYTES


async def test_number_of_kit_lines_is_limited() -> None:
    output, recorder = Output(), _Recorder()
    output.attach(recorder)
    line = json.dumps({"type": "log", "text": "", "fields": {}}).encode() + b"\n"
    for _ in range(2000):
        output.kit(line * 50)
    output.kit(b"y" * (1 << 20))
    output.finish()
    assert len(recorder.events) < 20_000


async def test_output_and_kit_lines_keep_their_order() -> None:
    output, recorder = Output(), _Recorder()
    output.attach(recorder)
    output.text("stdout", b"one")
    output.kit(b'{"type":"log","level":"warning","text":"two","fields":{"n":[1]}}\n')
    output.text("stdout", b"three")
    output.finish()
    assert [payload["text"] for _, payload in recorder.events] == ["one", "two", "three"]
    assert recorder.events[1][1] == {"stream": "log", "level": "warning", "text": "two", "fields": {"n": [1]}}


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_kit_bytes_create_only_log_and_progress_events(chunks: list[bytes]) -> None:
    output, recorder = Output(), _Recorder()
    output._recorder = recorder
    for chunk in chunks:
        output.kit(chunk + b"\n")
    output.finish()
    assert {kind for kind, _ in recorder.events} <= {"log", "progress"}
    assert "\\u0000" not in json.dumps([payload for _, payload in recorder.events])


async def test_deletions_are_recorded_up_to_their_own_limit() -> None:
    output, recorder = Output(), _Recorder()
    output.attach(recorder)
    for _ in range(64):
        output.text("stdout", b"x" * 100_000 + b"\n")
    for number in range(MAX_DELETIONS + 5):
        output.kit(json.dumps({"type": "drive_deleted", "path": f"{number}"}).encode() + b"\n")
    for path in ("", "x" * 1025, None, 5, ["a"]):
        output.kit(json.dumps({"type": "drive_deleted", "path": path}).encode() + b"\n")
    output.finish()
    deleted = [payload["path"] for kind, payload in recorder.events if kind == "drive_deleted"]
    assert deleted == [str(number) for number in range(MAX_DELETIONS)]


async def test_message_of_many_lines_is_processed_in_batches_and_in_order() -> None:
    output, recorder = Output(), _Recorder()
    output.attach(recorder)
    output.kit(b"".join(b'{"type":"log","text":"%d"}\n' % number for number in range(1000)))
    assert 0 < len(recorder.events) < 200
    while output.has_pending_lines:
        before = len(recorder.events)
        output.kit(b"")
        assert before < len(recorder.events) < before + 200
    assert not output.is_full
    output.finish()
    assert [payload["text"] for _, payload in recorder.events] == [str(number) for number in range(1000)]


@pytest.mark.parametrize(
    "line", [b"", b"[[", b"{}", b"[" * 900 + b"]" * 900, b'{"type":"drive_deleted","path":""}']
)
async def test_invalid_kit_lines_make_the_job_wait(line: bytes) -> None:
    output = Output()
    output.attach(_Recorder())
    output.kit((line + b"\n") * 10)
    assert not output.is_full
    output.kit((line + b"\n") * 2000)
    for _ in range(50):
        output.kit(b"")
    assert output.is_full


async def test_deletions_over_the_limit_make_the_job_wait() -> None:
    output = Output()
    output.attach(_Recorder())
    for number in range(MAX_DELETIONS):
        output.kit(b'{"type":"drive_deleted","path":"%d"}\n' % number)
    assert not output.is_full
    for _ in range(2000):
        output.kit(b'{"type":"drive_deleted","path":"more"}\n')
    assert output.is_full


async def test_unread_lines_at_the_end_are_counted() -> None:
    output, recorder = Output(), _Recorder()
    output.attach(recorder)
    output.kit(b"\n" * 200_000)
    output.finish()
    assert "199,936 bytes of further output were not stored" in recorder.text("system")
