"""Properties of expressions: no text crashes them, checked ones do not fail with a type, and Google's CEL agrees."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any, Final

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.skills.flows.cel.budget import EvaluationError
from backend.skills.flows.cel.check import Scope, check
from backend.skills.flows.cel.evaluate import evaluate
from backend.skills.flows.cel.parser import parse
from backend.skills.flows.cel.syntax import ExpressionError
from backend.skills.flows.cel.types import type_of_value
from backend.skills.flows.templates import read_template

VARIABLES: Final[dict[str, Any]] = {
    "n": 7,
    "f": 2.5,
    "s": "héllo",
    "t": True,
    "none": None,
    "l": [3, 1, 2],
    "texts": ["a", "b", ""],
    "o": {"a": 1, "b": {"c": [1, {"d": "x"}]}},
    "rows": [{"a": 1, "x": "p"}, {"a": 2, "x": "q"}],
}
OTHER: Final = cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))

_atoms = st.sampled_from(
    [
        *VARIABLES,
        *("1", "0", "-3", "9223372036854775807", "2.5", "0.0", "'a'", "''", "true", "false", "null"),
        *("o.a", "o.b.c", "rows[0].a", "rows[1].x", "l[0]", "o.nothing", "[]", "{}", "i", "j"),
    ]
)
_binary = st.sampled_from(["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "&&", "||"])
_methods = st.sampled_from(["contains", "startsWith", "endsWith", "matches"])
_macros = st.sampled_from(["all", "exists", "exists_one", "map", "filter"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, _binary, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("!({} == {})".format, inner, inner),
        st.builds("-({})".format, inner),
        st.builds("size({})".format, inner),
        # The other implementation also converts booleans, which the specification does not require.
        st.builds("{}({} + {})".format, st.sampled_from(["int", "double"]), inner, inner),
        st.builds("({}).{}({})".format, inner, _methods, inner),
        st.builds("({}).{}(i, {})".format, inner, _macros, inner),
        st.builds("({}).map(j, {}, {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'a': {}, 'b': {}}}".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("has(o.{})".format, st.sampled_from(["a", "z"])),
    )


expressions = st.recursive(_atoms, _larger, max_leaves=12)


def of_other(text: str) -> tuple[bool, Any]:
    """Return whether Google's CEL has a value for an expression, and the value."""
    try:
        result = OTHER.compile(text, disable_check=True).eval(data=VARIABLES)
    except RuntimeError:
        return False, None
    return result.type() != cel.Type.ERROR, result.plain_value() if result.type() != cel.Type.ERROR else None


def of_ours(text: str) -> tuple[bool, Any]:
    """Return whether ours has a value, and the value."""
    try:
        return True, evaluate(parse(text), VARIABLES)
    except ExpressionError:
        return False, None


def is_beyond_json(value: Any) -> bool:
    """Return whether a value of the other implementation has no counterpart in JSON."""
    if isinstance(value, list | dict):
        return any(map(is_beyond_json, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and (value != value or value in (float("inf"), float("-inf")))


@given(expressions)
@settings(max_examples=1_500, deadline=None)
def test_values_agree_with_the_reference_implementation(text: str) -> None:
    """Where both have a value, it is the same, with the same types; and ours has one wherever the other has one."""
    theirs, their_value = of_other(text)
    ours, our_value = of_ours(text)
    if theirs and ours:
        assert json.dumps(our_value, sort_keys=True) == json.dumps(their_value, sort_keys=True)
    elif theirs:
        assert is_beyond_json(their_value) or "0.0" in text, f"only theirs: {their_value!r}"
    else:
        assert not ours, f"only ours: {our_value!r}"


@given(expressions)
@settings(max_examples=800, deadline=None)
def test_checked_expressions_have_values_of_their_types(text: str) -> None:
    node = parse(text)
    kind, findings = check(node, Scope({name: type_of_value(one) for name, one in VARIABLES.items()}))
    if findings:
        return
    try:
        value = evaluate(node, VARIABLES)
    except EvaluationError:
        return  # division by zero, an index that does not exist, a part of unknown type
    given_kind = type_of_value(value).kind
    is_null = value is None and kind.is_nullable
    is_number = kind.kind == "number" and given_kind in ("int", "double")
    assert kind.kind == "dyn" or given_kind == kind.kind or is_null or is_number, (str(kind), value)


@given(st.text(max_size=200) | st.text("${}'\"\\()[]+.,?: abint0", max_size=400))
@settings(max_examples=600, deadline=None)
def test_any_text_is_read_or_rejected(text: str) -> None:
    started = time.process_time()
    for source in (text, "${{ " + text + " }}", text * 20):
        try:
            for expression in read_template(source).expressions:
                check(expression.node, Scope({}))
            evaluate(parse(source), {})
        except ExpressionError:
            pass
    assert time.process_time() - started < 2


@given(expressions, st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_evaluation_over_large_values_is_bounded(text: str, size: int) -> None:
    large = {
        **VARIABLES,
        "l": list(range(size * 100)),
        "s": "a" * (size * 1_000),
        "rows": [VARIABLES["o"]] * size * 10,
    }
    started = time.process_time()
    with suppress(EvaluationError):
        evaluate(parse(text), large)
    assert time.process_time() - started < 3


@pytest.mark.parametrize("text", ["9223372036854775807 + 1", "-(-9223372036854775807 - 1)", "1 / 0", "5 % 0"])
def test_both_reject(text: str) -> None:
    assert of_other(text)[0] is of_ours(text)[0] is False
