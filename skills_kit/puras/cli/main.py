"""The command `puras`: its parser, its errors and its exit codes."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence

from puras import __version__
from puras.cli import (
    account,
    approvals,
    assistant,
    chat,
    completion,
    deployments,
    drive,
    environments,
    estimates,
    evals,
    events,
    exits,
    failures,
    jobs,
    local,
    prices,
    printing,
    prompts,
    reviews,
    secrets,
    sharing,
    starting,
)
from puras.cli.exits import NoKey, UsageProblem
from puras.cli.hints import invalid_id, with_commands
from puras.cli.session import Session
from puras.client import JobError, Problem, PurasAPIError


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code. Print errors to stderr."""
    arguments = parser().parse_args(argv)
    session = Session(arguments)
    try:
        code: int = arguments.handle(arguments, session)
        sys.stdout.flush()
        return code
    except PurasAPIError as error:
        return _rejected(error, session)
    except NoKey as error:
        return _ended(str(error), "no_key", exits.AUTH, session)
    except (UsageProblem, OSError) as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has closed the pipe
            return exits.OK
        return _ended(str(error), "usage", exits.USAGE, session)
    except JobError as error:
        return _ended(str(error), error.error_code or "job_failed", exits.FAILED, session)
    except KeyboardInterrupt:
        return exits.INTERRUPTED


def parser() -> ArgumentParser:
    """Return the parser of all commands."""
    whole = ArgumentParser(
        prog="puras",
        description="Create, deploy and run the skills of a project.",
        epilog="example: puras run greet -i name=Ada\n\nexit codes:\n"
        + "\n".join(f"  {code}  {meaning}" for code, meaning in exits.MEANINGS.items()),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"puras {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for part in (
        account,
        starting,
        deployments,
        environments,
        jobs,
        failures,
        chat,
        assistant,
        approvals,
        events,
        local,
        drive,
        secrets,
        prices,
        prompts,
        estimates,
        sharing,
        evals,
        reviews,
    ):
        part.add(commands)
    completion.add(commands, parser)
    return whole


def _rejected(error: PurasAPIError, session: Session) -> int:
    code = exits.code_of(error)
    if session.as_json:
        printing.answer_json({"detail": error.detail, "status": error.status, **error.fields})
        return code
    problems = error.errors
    if text := invalid_id(problems):
        return _failed(text, code)
    for one in problems:
        printing.say(printing.problem(one))
    return _failed(
        _summary(problems) if _repeats(error.detail, problems) else with_commands(error.detail), code
    )


def _repeats(detail: str, problems: Sequence[Problem]) -> bool:
    """Return whether the detail states the first problem, which is printed with its location already."""
    return bool(problems) and problems[0].message.rstrip(".") in detail


def _summary(problems: Sequence[Problem]) -> str:
    return f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} to fix."


def _ended(text: str, reason: str, code: int, session: Session) -> int:
    if not session.as_json:
        return _failed(text, code)
    printing.answer_json({"detail": text, "code": reason})
    return code


def _failed(text: str, code: int) -> int:
    printing.say(f"puras: {printing.plain_lines(text)}")
    return code
