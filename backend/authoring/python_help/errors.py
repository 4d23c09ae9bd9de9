"""Errors of the help for Python code."""

from __future__ import annotations

from backend.core.errors import Invalid, Unavailable


class PythonTooComplex(Invalid):
    """The analysis of the code exceeded its limits."""

    code = "python_too_complex"
    message = (
        "The code could not be analyzed within {cpu_s} s of CPU time and {memory_mib} MiB of memory. Split the file, "
        "or simplify deeply nested expressions."
    )
    cpu_s: int
    memory_mib: int


class PythonNotFormattable(Invalid):
    """The code has a syntax error."""

    code = "python_not_formattable"
    message = "The code cannot be formatted, since line {line} is not valid Python: {why}. Fix it first."
    line: int
    why: str


class PythonPositionInvalid(Invalid):
    """The text has no such position."""

    code = "python_position_invalid"
    message = "The text has no line {line} with a column {column}. Both start at 1."
    line: int
    column: int


class PythonNotRenamable(Invalid):
    """The name cannot be changed."""

    code = "python_not_renamable"
    message = "The name cannot be changed: {why}."
    why: str


class PythonHelpBusy(Unavailable):
    """Other requests are analyzed."""

    code = "python_help_busy"
    message = "The analysis of Python code is busy. Try again in a few seconds."


class PythonHelpUnavailable(Unavailable):
    """The process of the analysis does not start."""

    code = "python_help_unavailable"
    message = (
        "The process that analyzes Python code could not be started. The log of the API names the reason."
    )
