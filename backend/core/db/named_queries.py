"""Load SQL statements from files that are packaged with the code.

A file has the suffix `.sql` and contains queries, each under its name and a description:

    -- name: find_invoice
    -- Return an invoice with its amounts.
    select id, {amounts} from invoices where id = :id

`{amounts}` is replaced by the part of that name, which a file of the same folder defines under the header
`-- part: amounts`, or by a constant of the code that loads the folder. Nothing else is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Final, NamedTuple

from sqlalchemy import TextClause, text

_HEADER: Final = re.compile(r"^-- (name|part): *(\S*)[ \t]*$", re.MULTILINE)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_DESCRIPTION: Final = re.compile(r"(?:--[^\n]*\n)+")
_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_COMMENTS: Final = re.compile(r"\s*(?:--[^\n]*\s*)*")


class QueryFileError(ValueError):
    """A file of queries does not have the form that this module describes."""


class Entry(NamedTuple):
    """A query, or a part of queries, as a file contains it."""

    kind: str
    """`name` of a query, or `part`."""
    name: str
    sql: str


def load_queries(package: str, folder: str, constants: Mapping[str, str]) -> dict[str, TextClause]:
    """Return the queries of all files in a folder of a package, by name.

    Args:
        package: The package that contains the folder.
        folder: The name of the folder.
        constants: SQL that replaces placeholders, by name.

    Raises:
        QueryFileError: A file does not have the right form, a name exists twice, or a part or a constant is unknown or
            not used.
    """
    paths = sorted(files(package).joinpath(folder).iterdir(), key=lambda path: path.name)
    sources = {path.name: path.read_text(encoding="utf-8") for path in paths if path.name.endswith(".sql")}
    entries = [entry for file, source in sources.items() for entry in read_entries(file, source)]
    return {name: text(sql) for name, sql in complete_queries(entries, constants).items()}


def read_entries(file: str, source: str) -> Iterator[Entry]:
    """Yield the queries and parts of a file.

    Raises:
        QueryFileError: The file does not have the right form.
    """
    headers = list(_HEADER.finditer(source))
    start = headers[0].start() if headers else len(source)
    if not headers or not _COMMENTS.fullmatch(source[:start]):
        raise QueryFileError(f"{file} does not begin with comments and a header `-- name: …`.")
    ends = [header.start() for header in headers[1:]] + [len(source)]
    for header, end in zip(headers, ends, strict=True):
        body = source[header.end() + 1 : end]
        description = _DESCRIPTION.match(body)
        sql = body[description.end() :].strip() if description else ""
        if not _NAME.fullmatch(header[2]) or not description or not sql:
            raise QueryFileError(
                f"{file}: `{header[0]}` needs a name in lower case, a description as a comment below it, and SQL."
            )
        yield Entry(header[1], header[2], sql)


def complete_queries(entries: Iterable[Entry], constants: Mapping[str, str]) -> dict[str, str]:
    """Return the SQL of each query with its placeholders replaced.

    Raises:
        QueryFileError: A name exists twice, or a part or a constant is unknown or not used.
    """
    known: dict[str, str] = dict(constants)
    queries: list[str] = []
    for entry in entries:
        if entry.name in known:
            raise QueryFileError(f"The name {entry.name} exists twice.")
        known[entry.name] = entry.sql
        if entry.kind == "name":
            queries.append(entry.name)
    replaceable = {name: sql for name, sql in known.items() if name not in queries}
    used: set[str] = set()
    completed = {name: _complete(known[name], replaceable, constants, used) for name in queries}
    if unused := sorted(replaceable.keys() - used):
        raise QueryFileError(f"No query uses {', '.join(unused)}.")
    return completed


def _complete(sql: str, replaceable: Mapping[str, str], constants: Mapping[str, str], used: set[str]) -> str:
    """Replace the placeholders of a text and of the parts in it, and add their names to `used`."""

    def replacement(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if name not in replaceable:
            raise QueryFileError(f"There is no part and no constant for the placeholder {placeholder[0]}.")
        used.add(name)
        if name in constants:
            return constants[name]
        # A part cannot contain itself.
        others = {other: value for other, value in replaceable.items() if other != name}
        return _complete(replaceable[name], others, constants, used)

    return _PLACEHOLDER.sub(replacement, sql)
