"""Read from the SQL of a statement which transitions of `jobs.status` it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

_COMMON_TABLE: Final = re.compile(r"(\w+)\s+as\s+(?:materialized\s+)?\(")
_UPDATE: Final = re.compile(r"\bupdate jobs(?: (?!set\b)\w+)? set (.*?)(?= from | where | returning |$)(.*)")
_INSERT: Final = re.compile(r"\binsert into jobs \(([^()]*)\) (.*)")
_LIST: Final = re.compile(r"\bin \(('\w+'(?:, '\w+')*)\)")
_STATUS: Final = re.compile(r"(?<![\w.])(?:\w+\.)?status (?:= '(\w+)'|in \[([^\]]*)\])")
_ASSIGNMENT: Final = re.compile(r"(?:^|, )status = (.*?)(?=, \w+ = |$)")
_CHOICE: Final = re.compile(r"case when [^']* then ('\w+') else ('\w+') end")
_CASE: Final = re.compile(r"case when .* then status else ('\w+') end")

Change = tuple[str | None, str]


class UnreadableSqlError(AssertionError):
    """The SQL does not show which statuses it changes to which."""


def transitions_of(sql: str, parameter: Iterable[str]) -> set[Change]:
    """Return the old and the new status of each change that a statement makes.

    Args:
        sql: A statement with or without common table expressions.
        parameter: The possible values of `:status`.

    Raises:
        UnreadableSqlError: A job's status is written from a status that the condition does not name.
    """
    clauses = dict(_clauses(" ".join(re.sub(r"--[^\n]*", " ", sql).lower().split())))
    found: set[Change] = set()
    for clause in clauses.values():
        if inserted := _INSERT.search(clause):
            found |= {(None, status) for status in _inserted_statuses(inserted[1], _flat(inserted[2]))}
        updated = _UPDATE.search(_flat(clause))
        assigned = _ASSIGNMENT.search(updated[1]) if updated else None
        if updated and assigned:
            targets = _targets(assigned[1].strip(), parameter)
            found |= {(source, target) for source in _sources(updated[2], clauses) for target in targets}
    return found


def _clauses(sql: str) -> Iterator[tuple[str, str]]:
    """Yield the common table expressions of a statement by name, and the statement without them as ``."""
    position = len("with ") if sql.startswith("with ") else 0
    while position and (head := _COMMON_TABLE.match(sql, position)):
        end = _closing(sql, head.end())
        yield head[1], sql[head.end() : end].strip()
        position = re.compile(r"[\s,]*").match(sql, end + 1).end()  # type: ignore[union-attr]  # it matches nothing, too
    yield "", sql[position:]


def _closing(sql: str, start: int) -> int:
    depth = 1
    for place, character in enumerate(sql[start:], start):
        depth += (character == "(") - (character == ")")
        if not depth:
            return place
    raise UnreadableSqlError(f"A parenthesis is not closed: {sql[start:]}")


def _flat(clause: str) -> str:
    """Return a clause with `#` for the content of parentheses; lists of words are in brackets instead."""
    clause = _LIST.sub(r"in [\1]", clause)
    while (shorter := re.sub(r" ?\([^()]*\)", " #", clause)) != clause:
        clause = shorter
    return " ".join(clause.split())


def _inserted_statuses(columns: str, select: str) -> set[str]:
    values = select.removeprefix("select ").partition(" from ")[0].split(",")
    names = [column.strip() for column in columns.split(",")]
    if len(names) != len(values):
        raise UnreadableSqlError(f"{len(names)} columns, but {len(values)} values: {select}")
    value = values[names.index("status")].strip()
    case = _CHOICE.fullmatch(value)
    return {_literal(one) for one in (case.groups() if case else (value,))}


def _targets(value: str, parameter: Iterable[str]) -> set[str]:
    if value == ":status":
        return set(parameter)
    case = _CASE.fullmatch(value)  # otherwise the status does not change
    return {_literal(case[1] if case else value)}


def _literal(value: str) -> str:
    if not re.fullmatch(r"'\w+'", value):
        raise UnreadableSqlError(f"The new status is not a word: {value}")
    return value.strip("'")


def _sources(rest: str, clauses: Mapping[str, str]) -> set[str]:
    """Return the statuses that the condition of an update names, or that of the rows it is joined with."""
    named = _named(rest)
    if named:
        return named
    for joined in re.findall(r"\b(?:from|join) (\w+)", rest):
        clause = _flat(clauses.get(joined, ""))
        named = _named(clause) if " for update" in clause else set()
        if named:
            return named
    raise UnreadableSqlError(f"No condition names the old status: {rest}")


def _named(clause: str) -> set[str]:
    condition = re.split(r" returning | order by | for update", clause.partition("where ")[2])[0]
    parts = [] if " or " in condition else condition.split(" and ")
    matches = [match for part in parts if (match := _STATUS.fullmatch(part.strip()))]
    return {word for match in matches for word in re.findall(r"\w+", match[1] or match[2])}
