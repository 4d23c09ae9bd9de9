"""Signatures of errors: what differs from run to run is not part of them, and everything else is."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.execution.jobs.failures.signature import (
    LENGTH,
    MAX_FRAME,
    MAX_MESSAGE,
    innermost_frame,
    normalized,
    signature_of,
)

TRACE = """Traceback (most recent call last):
  File "skills/report/main.py", line 12, in run
    total(inputs)
  File "skills/report/sums.py", line 7, in total
    raise ValueError("x")
ValueError: x
"""
HOSTILE = (
    "'" * 2_000,
    '"' * 1_999,
    "a" * 5_000,
    "0123456789abcdef" * 200,
    "/a" * 1_000,
    "a.b/" * 500,
    "a@b." * 500,
    "1,1" * 700,
    "http://" * 300,
    "<n>, " * 400,
    "-_" * 1_000,
    "\x1b[" * 1_000,
    "'\\" * 1_000,
    "a-" * 999 + "1",
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("ValueError: Order 17 is not in 'basket'", "ValueError: Order <n> is not in <value>"),
        ("KeyError: 'customer_id'", "KeyError: <value>"),
        ('No row for "Ada"', "No row for <value>"),
        ("Field `name` is missing", "Field <value> is missing"),
        ("File “y” is missing", "File <value> is missing"),
        ("It can't be done", "It can't be done"),
        ("Ada's list and Bob's list", "Ada's list and Bob's list"),
        ("job 3f2b8c1e-7a54-4d1f-9c55-0a1b2c3d4e5f failed", "job <id> failed"),
        ("job job_01hzx3k9q8r7 failed", "job <id> failed"),
        ("<Client object at 0x7f3a2c>", "<Client object at <hex>>"),
        ("commit 9f86d081884c7d65 after 12345678", "commit <n> after <n>"),
        ("at 2026-11-30T04:05:06.123Z and 12:30:01", "at <time> and <time>"),
        ("at 2026-11-30 04:05:06+02:00", "at <time>"),
        ("No such file: /var/data/in.csv", "No such file: <path>"),
        ("No such file: drive/out/7/a.png", "No such file: <path>"),
        ("C:\\Users\\Ada\\in.csv is locked", "<path> is locked"),
        ("input/output error", "input/output error"),
        ("GET https://example.org/a/1?b=2 returned 503", "GET <url> returned <n>"),
        ("Mail to ada@example.org bounced", "Mail to <email> bounced"),
        ("Sizes [1, 22, 333] of 4,096", "Sizes [<n>…] of <n>"),
        ("{'a': 1, 'b': 2}", "{<value>…}"),
        ("took -1.5e-3 s", "took <n> s"),
        ("unterminated 'abc", "unterminated <value>"),
        ("a\n  b\t\u200bc", "a b c"),
        ("\x1b[31mred\x1b[0m text", "red text"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("", ""),
    ],
)
def test_what_differs_from_run_to_run_is_replaced(message: str, expected: str) -> None:
    assert normalized(message) == expected


@given(
    number=st.integers(0, 10**12),
    other=st.integers(0, 10**12),
    id_=st.uuids(),
    name=st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=40),
    folder=st.from_regex(r"[a-z]{1,12}(/[a-z0-9]{1,12}){0,4}", fullmatch=True),
)
def test_two_runs_of_the_same_fault_have_the_same_signature(
    number: int, other: int, id_: UUID, name: str, folder: str
) -> None:
    def of(count: int, key: object, text: str, path: str) -> str:
        message = f"RuntimeError: row {count} of {key} has no '{text}' in /{path}/in.csv"
        return signature_of(skill="s", error_code="exception", error=message, frame="main.py in run").key

    assert of(number, id_, name, folder) == of(other, UUID(int=0x1234), "x", "a")


@given(st.text(max_size=3_000))
def test_any_message_has_a_signature_that_can_be_stored(message: str) -> None:
    found = signature_of(skill="s", error_code=None, error=message, frame=message)
    assert len(found.key) == LENGTH
    assert len(found.message) <= MAX_MESSAGE
    assert len(found.frame) <= MAX_FRAME
    assert "\0" not in found.message + found.frame
    (found.message + found.frame).encode()


@pytest.mark.parametrize("message", HOSTILE, ids=range(len(HOSTILE)))
def test_no_message_is_slow(message: str) -> None:
    started = time.process_time()
    normalized(message)
    assert time.process_time() - started < 0.5


def test_skill_code_message_and_place_make_errors_different() -> None:
    def key(
        skill: str = "a", code: str = "exception", error: str = "No.", frame: str = "main.py in run"
    ) -> str:
        return signature_of(skill=skill, error_code=code, error=error, frame=frame).key

    keys = {key(), key(skill="b"), key(code="timeout"), key(error="Yes."), key(frame="main.py in other")}
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("trace", "frame"),
    [
        (TRACE, "skills/report/sums.py in total"),
        ("ValueError: x\n", ""),
        ("", ""),
        (TRACE.replace("line 7", "line 8"), "skills/report/sums.py in total"),
    ],
)
def test_place_is_the_innermost_frame_without_its_line(trace: str, frame: str) -> None:
    assert innermost_frame(trace) == frame
