"""The type checker finds wrong paths and types before an expression is evaluated."""

from __future__ import annotations

import pytest

from backend.skills.flows.cel.parser import parse
from backend.skills.flows.cel.syntax import ExpressionError
from tests.unit.flows.expressions import checked

ROW = {
    "type": "object",
    "properties": {"total": {"type": "integer"}, "name": {"type": "string"}, "price": {"type": "number"}},
}
SCHEMAS = {
    "rows": {"type": "array", "items": ROW},
    "row": {**ROW, "required": ["total"]},
    "open": {**ROW, "additionalProperties": True},
    "node": {
        "$ref": "#/$defs/n",
        "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}},
    },
    "maybe": {"type": ["string", "null"]},
    "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    "word": {"enum": ["a", "b"]},
    "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    "file": {"type": "image"},
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("rows[0].total + 1", "integer"),
        ("rows.map(r, r.name)", "list of text"),
        ("rows.filter(r, r.total > 1)[0].name", "text"),
        ("rows.exists(r, r.price > 1)", "boolean"),
        ("rows.map(r, r.total).sum()", "integer"),
        ("double(row.total) * 2.5", "decimal number"),
        ("row['total']", "integer"),
        ("open.anything.at.all", "any value"),
        ("node.next.next.next", "object"),
        ("maybe == null ? 'x' : maybe", "text or null"),
        ("either", "any value"),
        ("word == 'a'", "boolean"),
        ("counts['a'] + counts.b", "integer"),
        ("counts.map(k, k)", "list of text"),
        ("file", "any value"),
        ("{'a': [1, 2], 'b': 1}.a[0]", "integer"),
        ("true ? 1 : 2.5", "number"),
        ("[1, null]", "list of integer or null"),
        ("dyn(rows).whatever", "any value"),
    ],
)
def test_type(text: str, kind: str) -> None:
    assert checked(text, SCHEMAS) == (kind, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows[0].totl", "rows[0].totl: there is no field 'totl'. Did you mean 'total'?"),
        ("rows.map(r, r.nme)", "r.nme: there is no field 'nme'. Did you mean 'name'?"),
        ("row['totl']", "row[\"totl\"]: there is no field 'totl'. Did you mean 'total'?"),
        ("row.qqq", "row.qqq: there is no field 'qqq'. It has 'name', 'price', 'total'."),
        (
            "rows.total",
            "rows is a list without field 'total'. Take one element with [0], or all with .map(x, x.total).",
        ),
        ("rows['a']", "The index of a list is an integer, not text."),
        ("row.total.x", "row.total is integer, without field 'x'."),
        ("rws", "There is no variable 'rws'. Did you mean 'rows'?"),
        ("row.total + 'a'", "'+' is not defined for integer and text. Convert with string(…)."),
        (
            "row.total + 1.5",
            "'+' does not mix integers and decimal numbers: integer and decimal number. Write double(row.total).",
        ),
        (
            "rows[0].price * 2",
            "'*' does not mix integers and decimal numbers: number and integer. Write double(rows[0].price).",
        ),
        (
            "rows[0].price * rows[0].price",
            "'*' does not mix integers and decimal numbers: number and number. Write double(rows[0].price).",
        ),
        ("row.total == 'a'", "integer and text are never equal."),
        ("row.total == null", "integer and null are never equal."),
        ("row.total < 'a'", "integer and text have no order."),
        (
            "rows ? 1 : 2",
            "A condition is true or false, not list of object. Compare it, as in size(list) > 0.",
        ),
        ("!row.total", "A condition is true or false, not integer."),
        ("rows.filter(r, r.total)", "A condition is true or false, not integer."),
        ("sise(rows)", "There is no function 'sise'. Did you mean 'size'?"),
        ("size(1)", "size() does not accept integer."),
        ("size(rows, rows)", "size() takes 1 arguments, not 2."),
        ("contains('a', 'b')", "'contains' is called as text.contains(…)."),
        ("'a' in 'abc'", "'in' needs a list or an object, not text."),
        ("'a' in [1]", "The list contains no text, only integer."),
        ("rows.map(rows, 1)", "'rows' already is a variable. Use another name in map()."),
        ("row.total.all(x, true)", "all() needs a list, not integer."),
        ("{'a': 1, 'a': 2}", "The object has the key 'a' twice."),
        ("-rows[0].name", "'-' is not defined for text."),
        (
            "row.price == 1.0",
            "row.price may be missing, and the flow fails then. Write has(row.price) ? row.price : 0.",
        ),
    ],
)
def test_finding(text: str, message: str) -> None:
    assert checked(text, SCHEMAS)[1] == [message]


@pytest.mark.parametrize(
    "text",
    [
        "has(row.name) ? row.name : ''",
        "has(row.name) && row.name == 'a'",
        "!has(row.name) || row.name == 'a'",
        "!has(row.name) ? '' : row.name",
        "(has(row.name) && has(row.price)) ? row.name : ''",
    ],
)
def test_checked_fields_cause_no_warning(text: str) -> None:
    assert checked(text, SCHEMAS)[1] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression ends where a value is expected."),
        ("1 +", "The expression ends where a value is expected."),
        ("1 2", "There is '2' after the end of the expression."),
        ("a = 1", "The character '=' is not part of an expression. Compare with '=='."),
        ("'a", "The text has no closing '. Add it."),
        (r"'\q'", "is not a valid escape sequence"),
        (r"'\ud800'", "cannot be stored"),
        ("b'a'", "Bytes are not supported, since JSON has none."),
        ("1u", "Unsigned integers are not supported."),
        ("9223372036854775808", "has more than 64 bits"),
        ("1e999", "too large"),
        ("has(a)", "'has' needs one field"),
        ("a.map(1, 2)", "'map' needs a variable and an expression"),
        ("if", "'if' is a reserved word"),
        ("a.1", "after the end of the expression"),
        ("a.'b'", "where a name is expected after '.'"),
        ("(" * 200 + "1", "nested deeper than 32 levels"),
        ("!" * 200 + "true", "nested deeper than 32 levels"),
        (" + ".join(["1"] * 200), "too many parts in one chain"),
        ("a" * 5_000, "at most 4,000 are allowed"),
        ("[1, 2", "where ']' is expected"),
        ("{'a' 1}", "where ':' is expected"),
        ("true ? 1", "where ':' is expected"),
    ],
)
def test_syntax_error(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert message in caught.value.message
