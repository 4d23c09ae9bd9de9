"""Expressions have the values that the specification of CEL gives them; integers stay integers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from backend.skills.flows.cel.budget import BudgetExceededError, EvaluationError
from backend.skills.flows.cel.parser import parse
from backend.skills.flows.templates import read_template
from tests.unit.flows.expressions import value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7 / -2", -3),
        ("7.0 / 2.0", 3.5),
        ("0x1F", 31),
        ("-9223372036854775808", -9223372036854775808),
        ("'a' + \"b\"", "ab"),
        ("'\\u00e9\\n'", "é\n"),
        (r"r'\n'", "\\n"),
        ("'''a'b'''", "a'b"),
        ("[1] + [2]", [1, 2]),
        ("{'a': 1, 'b': [true, null]}", {"a": 1, "b": [True, None]}),
        ("{'a': 1}.a", 1),
        ("{'a': 1}['a']", 1),
        ("[1, 2, 3][1]", 2),
        ("1 < 1.5", True),
        ("1 == 1.0", True),
        ("true == 1", False),
        ("[1, {'a': 2}] == [1.0, {'a': 2}]", True),
        ("'b' > 'a'", True),
        ("2 in [1, 2]", True),
        ("true in [1]", False),
        ("'a' in {'a': 1}", True),
        ("has({'a': null}.a)", True),
        ("has({}.a)", False),
        ("true ? 1 : 1 / 0", 1),
        ("false && 1 / 0 == 1", False),
        ("1 / 0 == 1 && false", False),
        ("1 / 0 == 1 || true", True),
        ("!(1 == 2)", True),
        ("[1, 2].all(x, x > 0)", True),
        ("[0, 1].all(x, 1 / x > 5)", False),
        ("[1, 2].exists(x, x == 2)", True),
        ("[0, 2].exists(x, 4 / x == 2)", True),
        ("[1, 2, 2].exists_one(x, x == 2)", False),
        ("[1, 2, 3].filter(x, x % 2 == 1)", [1, 3]),
        ("[1, 2].map(x, x * x)", [1, 4]),
        ("[1, 2].map(x, x > 1, x * x)", [4]),
        ("{'a': 1}.map(k, k)", ["a"]),
        ("[[1, 2], [3]].map(x, x.map(y, y + size(x)))", [[3, 4], [4]]),
        ("size('é') + size([1]) + size({'a': 1})", 3),
        ("'abc'.size()", 3),
        ("string(3.0) + string(true) + string(-2) + string(1.5)", "3true-21.5"),
        ("int('12') + int(2.9) + int(-2.9)", 12),
        ("double('1e3')", 1000.0),
        ("bool('true')", True),
        ("'Hello'.lowerAscii() + 'É'.lowerAscii()", "helloÉ"),
        ("' a '.trim()", "a"),
        ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("['a', 'b'].join('-')", "a-b"),
        ("'banana'.replace('a', 'o', 2)", "bonona"),
        ("'banana'.substring(1, 3)", "an"),
        ("'banana'.indexOf('n')", 2),
        ("'banana'.matches('^b.*a$') && 'x'.startsWith('x') && 'xy'.endsWith('y')", True),
        ("[1, 2, 3].sum() + [3, 1].max() + [3, 1].min()", 10),
        ("[1, 2.5].sum()", 3.5),
        ("[1, 1.0, true, 'a', 'a', {}].distinct()", [1, True, "a", {}]),
        ("[[1], [2, 3]].flatten()", [1, 2, 3]),
        ("1 + // a comment\n 2", 3),
    ],
)
def test_value(text: str, value: Any) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


def test_integers_of_json_stay_integers() -> None:
    large = 9007199254740993  # not a double
    assert value_of("inputs.n + 1", inputs={"n": large}) == large + 1
    assert value_of("inputs.n", inputs={"n": 10**30}) == 10**30
    assert type(value_of("inputs.n", inputs={"n": 2.0})) is float


def test_values_are_not_copied() -> None:
    rows = [{"a": 1}]
    assert value_of("inputs.rows", inputs={"rows": rows}) is rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9223372036854775807 + 1", "64 bits"),
        ("inputs.large + 1", "64 bits"),
        ("1 / 0", "Division by zero."),
        ("1 + 1.0", "'+' does not mix integers and decimal numbers. Convert with double(…)."),
        ("1 + 'a'", "'+' is not defined for an integer and text."),
        ("true + true", "'+' is not defined for a boolean and a boolean."),
        ("[1][1]", "The list has 1 elements; there is no [1]."),
        ("inputs.nothing", "The object has no field 'nothing'."),
        ("inputs.large.a", "An integer has no field 'a'."),
        ("1 ? 2 : 3", "A condition is true or false, not an integer."),
        ("'a' < 1", "have no order"),
        ("1.0e308 * 10.0", "not a finite number"),
        ("int('1_0')", "is not an integer"),
        ("double('nan')", "'nan' is not a number"),
        ("{1: 2}", "The key of an object is text, not an integer."),
        ("size(1)", "size() does not accept an integer."),
        ("'a'.matches('(?=a)')", "cannot be used"),
        ("'ab'.substring(1, 9)", "the text has only 2 characters"),
        ("[].max()", "needs a list with elements"),
        ("unknown", "There is no variable 'unknown'."),
        ("unknown(1)", "There is no function 'unknown'."),
    ],
)
def test_error(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        value_of(text, inputs={"large": 10**30})
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "inputs.rows.map(x, inputs.rows.map(y, inputs.rows.map(z, x + y + z)))",
        "inputs.rows.all(x, inputs.rows.all(y, x + y >= 0))",
        "inputs.rows.map(x, inputs.text + inputs.text)",
        "inputs.rows.map(x, inputs.rows + inputs.rows)",
        "inputs.rows.exists(x, inputs.rows == inputs.rows && false)",
        "inputs.rows.map(x, inputs.rows.map(y, [y])).distinct()",
        "inputs.rows.all(x, !inputs.text.matches('(b+)+$'))",
        "inputs.text.split('').map(x, inputs.text.replace('a', inputs.text))",
        "inputs.rows.exists(x, inputs.rows.exists(y, 1 / 0 == 1))",
    ],
)
def test_evaluation_is_bounded(text: str) -> None:
    variables = {"rows": list(range(2_000)), "text": "a" * 100_000}
    started = time.process_time()
    with pytest.raises(BudgetExceededError):
        value_of(text, inputs=variables)
    assert time.process_time() - started < 3


def test_trees_of_long_texts_are_not_kept_in_memory() -> None:
    for count, is_kept in ((10, True), (1_000, False)):
        text = f"[{', '.join(['1'] * count)}]"
        assert (parse(text) is parse(text)) == is_kept
        assert (read_template(f"${{{{ {text} }}}}") is read_template(f"${{{{ {text} }}}}")) == is_kept
