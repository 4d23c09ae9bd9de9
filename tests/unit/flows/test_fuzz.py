"""Random expressions and random changes of a flow.yaml end with a value or a described problem, in bounded time."""

from __future__ import annotations

import random
import time
from typing import Final

import pytest

from backend.skills.flows.cel.syntax import ExpressionError
from backend.skills.manifest.findings import BundleInvalid
from tests.unit.flows.bundles import EXAMPLE, read
from tests.unit.flows.expressions import checked, value_of

ATOMS: Final = (
    "1",
    "2.5",
    "'a'",
    "true",
    "null",
    "inputs",
    "inputs.rows",
    "inputs.text",
    "x",
    "[]",
    "{}",
    "-9223372036854775808",
)
FORMS: Final = (
    "({0} + {1})", "{0} - {1}", "{0} * {1}", "{0} % {1}", "{0} == {1}", "{0} in {1}", "{0} && {1}", "{0} ? {1} : {0}",
    "!{0}", "[{0}, {1}]", "{{'k': {0}}}", "{0}[{1}]", "{0}.rows", "has({0}.text)", "size({0})", "string({0})",
    "{0}.map(x, {1})", "{0}.filter(x, {1})", "{0}.exists(x, {1})", "{0}.matches({1})", "{0}.split({1})",
)  # fmt: skip
NOISE: Final = (
    "(",
    "]",
    "'",
    "${{",
    "}}",
    "\\",
    "\0",
    "é",
    "&a",
    "*a",
    "!!",
    "- ",
    ": ",
    "\n",
    "  ",
    "steps",
    "9" * 30,
)


def expression(source: random.Random, depth: int) -> str:
    """Return a random expression, which may have no value."""
    if depth == 0 or source.random() < 0.1:
        return source.choice(ATOMS)
    return source.choice(FORMS).format(expression(source, depth - 1), expression(source, depth - 1))


def damaged(source: random.Random, text: str) -> str:
    """Return a text with a part that was replaced."""
    start = source.randrange(len(text))
    return text[:start] + source.choice(NOISE) + text[start + source.randrange(4) :]


def test_expressions() -> None:
    source = random.Random(20)
    variables = {"rows": list(range(300)), "text": "owl " * 500}
    schemas = {
        "inputs": {"type": "object", "properties": {"rows": {"type": "array"}, "text": {"type": "string"}}}
    }
    for _ in range(1_500):
        text = expression(source, source.randrange(1, 6))
        text = damaged(source, text) if source.random() < 0.2 else text
        started = time.process_time()
        for attempt in (
            lambda text=text: checked(text, schemas),
            lambda text=text: value_of(text, inputs=variables),
        ):
            try:
                attempt()
            except ExpressionError as error:
                assert error.message, text
        assert time.process_time() - started < 3, text


def test_flows() -> None:
    source = random.Random(20)
    for _ in range(150):
        flow = EXAMPLE
        for _ in range(source.randrange(1, 4)):
            flow = damaged(source, flow)
        started = time.process_time()
        try:
            read(flow)
        except BundleInvalid as error:
            assert error.problems, flow
        except Exception as error:  # noqa: BLE001 - the flow is part of the message
            pytest.fail(f"{type(error).__name__}: {error}: {flow!r}")
        assert time.process_time() - started < 3, flow
