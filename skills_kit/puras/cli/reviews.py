"""The commands `puras annotations …`, `puras comment`, `puras comments` and `puras activity`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, group


def add(commands: Any) -> None:
    """Add the commands."""
    queues = group(
        commands, "annotations", "Review the results of jobs in annotation queues.", "puras annotations ls"
    )
    command(queues, "ls", _list, "List the annotation queues with their progress.", "puras annotations ls")
    create = command(
        queues,
        "create",
        _create,
        "Create an annotation queue.",
        'puras annotations create "Failed reports" --score Quality --filter skill=report --filter status=failed',
    )
    create.add_argument("name", help="name of the queue")
    create.add_argument(
        "--score", action="append", default=[], metavar="LABEL", help="a criterion from 0 to 1; repeatable"
    )
    create.add_argument(
        "--yes-no",
        action="append",
        default=[],
        metavar="LABEL",
        help="a criterion with yes or no; repeatable",
    )
    create.add_argument(
        "--category",
        action="append",
        default=[],
        metavar="LABEL=A,B",
        help="a criterion with categories; repeatable",
    )
    create.add_argument("--instructions", default="", help="what reviewers should know, as Markdown")
    create.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="add ended jobs that match, such as skill=report; repeatable",
    )
    added = command(
        queues,
        "add",
        _add,
        "Add jobs that have ended to a queue.",
        "puras annotations add QUEUE_ID JOB_ID JOB_ID",
    )
    added.add_argument("queue", help="ID of the queue")
    added.add_argument("jobs", nargs="+", metavar="JOB", help="IDs of jobs")
    export = command(
        queues,
        "export",
        _export,
        "Export the annotations of a queue.",
        "puras annotations export QUEUE_ID --format csv --output annotations.csv",
    )
    export.add_argument("queue", help="ID of the queue")
    export.add_argument("--format", choices=("csv", "jsonl"), default="jsonl", help="default: %(default)s")
    export.add_argument("--output", type=Path, metavar="FILE", help="file to write; default: stdout")
    cases = command(
        queues,
        "eval-cases",
        _cases,
        "Save reviewed jobs as eval cases, with the corrected outputs as the expected ones.",
        "puras annotations eval-cases QUEUE_ID --tag reviewed",
    )
    cases.add_argument("queue", help="ID of the queue")
    cases.add_argument("--tag", action="append", default=[], help="a tag of the cases; repeatable")
    cases.add_argument(
        "--include-uncorrected", action="store_true", help="also jobs without a corrected output"
    )
    comment = command(
        commands, "comment", _comment, "Comment on a job.", 'puras comment JOB_ID "Wrong order, @ada"'
    )
    comment.add_argument("job", help="ID of the job")
    comment.add_argument("body", help="the comment, as Markdown; `-` reads stdin")
    comment.add_argument("--step", help="the step that it is about")
    comments = command(
        commands, "comments", _comments, "List the comments on a job.", "puras comments JOB_ID"
    )
    comments.add_argument("job", help="ID of the job")
    activity = command(
        commands, "activity", _activity, "List what happened in the project.", "puras activity --limit 20"
    )
    activity.add_argument("--category", help="only entries of this category, such as publishing")
    activity.add_argument("--actor", help="only what this actor did, such as user:ada@example.org")
    activity.add_argument(
        "--limit", type=int, default=25, help="maximum number of entries; default: %(default)s"
    )


def _list(_: Namespace, session: Session) -> int:
    found = session.client.annotation_queues.list()
    rows = [(one["id"], one["name"], one["pending"], one["done"], one["skipped"]) for one in found]
    head = ("QUEUE", "NAME", "PENDING", "DONE", "SKIPPED")
    session.show(found, lambda: printing.table(head, rows))
    return exits.OK


def _create(arguments: Namespace, session: Session) -> int:
    rubric = [
        *({"label": label, "kind": "score"} for label in arguments.score),
        *({"label": label, "kind": "yes_no"} for label in arguments.yes_no),
        *(_category(text) for text in arguments.category),
    ]
    if not rubric:
        raise UsageProblem("A queue needs a criterion: add --score, --yes-no or --category.")
    conditions = dict(_pair(text, "--filter") for text in arguments.filter)
    created = session.client.annotation_queues.create(
        arguments.name,
        [{**one, "key": _key(str(one["label"]), number)} for number, one in enumerate(rubric, 1)],
        instructions=arguments.instructions,
        filter=conditions or None,
    )
    session.show(created, lambda: printing.answer(created["id"]))
    return exits.OK


def _add(arguments: Namespace, session: Session) -> int:
    added = session.client.annotation_queues.add(arguments.queue, arguments.jobs)
    text = f"{added} of {len(arguments.jobs)} added; the others are in the queue already."
    session.show({"added": added}, lambda: printing.answer(text))
    return exits.OK


def _export(arguments: Namespace, session: Session) -> int:
    content = session.client.annotation_queues.export(arguments.queue, format=arguments.format)
    if arguments.output is None:
        sys.stdout.write(content.decode())
    else:
        arguments.output.write_bytes(content)
        written = {"file": str(arguments.output), "bytes": len(content)}
        session.show(
            written, lambda: printing.say(f"Wrote {printing.size(len(content))} to {arguments.output}.")
        )
    return exits.OK


def _cases(arguments: Namespace, session: Session) -> int:
    made = session.client.annotation_queues.save_eval_cases(
        arguments.queue, tags=arguments.tag, include_uncorrected=arguments.include_uncorrected
    )

    def text() -> None:
        printing.answer(
            f"{made['created']} saved, {made['existing']} saved before, {made['uncorrected']} without a correction"
        )
        for one in made["rejected"]:
            printing.answer(f"{one['job_id']}: {printing.plain(one['detail'])}")

    session.show(made, text)
    return exits.FAILED if made["rejected"] else exits.OK


def _comment(arguments: Namespace, session: Session) -> int:
    body = sys.stdin.read() if arguments.body == "-" else arguments.body
    written = session.client.comment(arguments.job, body, step=arguments.step)
    session.show(written, lambda: printing.answer(written["id"]))
    return exits.OK


def _comments(arguments: Namespace, session: Session) -> int:
    found = session.client.comments(arguments.job)

    def text() -> None:
        for one in found:
            step = f"  step {printing.plain(one['step'])}" if one["step"] else ""
            at = one["created_at"][:16].replace("T", " ")
            printing.answer(printing.colored(f"{printing.plain(one['created_by'])}  {at}{step}", "dim"))
            printing.answer(printing.plain_lines(one["body"]))
            printing.answer()

    session.show(found, text)
    return exits.OK


def _activity(arguments: Namespace, session: Session) -> int:
    found = session.client.activity(
        category=arguments.category, actor=arguments.actor, max_entries=arguments.limit
    )
    rows = [
        (one["at"][:19].replace("T", " "), one["actor"], printing.shortened(one["summary"], 120))
        for one in found
    ]
    session.show(found, lambda: printing.table(("AT", "ACTOR", "WHAT"), rows))
    return exits.OK


def _category(text: str) -> dict[str, Any]:
    label, categories = _pair(text, "--category")
    return {"label": label, "kind": "category", "categories": [one.strip() for one in categories.split(",")]}


def _pair(text: str, option: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise UsageProblem(f"{option} {json.dumps(text)} is not NAME=VALUE.")
    return name, value


def _key(label: str, number: int) -> str:
    plain = "".join(one if one.isascii() and one.isalnum() else "_" for one in label.lower()).strip("_")
    return plain[:40] if plain[:1].isalpha() else f"criterion_{number}"
