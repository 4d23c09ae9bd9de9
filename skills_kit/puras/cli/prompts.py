"""The commands `puras prompts`: the versions of the prompt of an agent, their differences and labels."""

from __future__ import annotations

import difflib
from argparse import ArgumentParser, Namespace
from typing import Any

from puras.cli import exits, printing
from puras.cli.session import Session, command, group, of_a_skillpack


def add(commands: Any) -> None:
    """Add the commands."""
    prompts = group(
        commands, "prompts", "List, compare and label the versions of a prompt.", "puras prompts ls triage"
    )
    listed = command(
        prompts, "ls", _list, "List the versions of the prompt of an agent.", "puras prompts ls triage"
    )
    shown = command(prompts, "show", _show, "Print a version of a prompt.", "puras prompts show triage 3")
    compared = command(
        prompts, "diff", _diff, "Compare two versions of a prompt.", "puras prompts diff triage 2 3"
    )
    labeled = command(
        prompts,
        "label",
        _label,
        "Label a version of a prompt. Another version loses the label.",
        "puras prompts label triage approved 3",
    )
    unlabeled = command(
        prompts, "unlabel", _unlabel, "Delete a label of a prompt.", "puras prompts unlabel triage approved"
    )
    for one in (listed, shown, compared, labeled, unlabeled):
        _of_a_skill(one)
    shown.add_argument("number", type=int, help="number of the version, from `puras prompts ls`")
    compared.add_argument("base", type=int, help="number of the version before")
    compared.add_argument("head", type=int, help="number of the version after")
    labeled.add_argument("label", help="the label, such as `candidate`")
    labeled.add_argument("number", type=int, help="number of the version, from `puras prompts ls`")
    unlabeled.add_argument("label", help="the label")


def _of_a_skill(parser: ArgumentParser) -> None:
    parser.add_argument("skill", help="name of the agent")
    of_a_skillpack(parser)


def _list(arguments: Namespace, session: Session) -> int:
    found = session.client.prompts(arguments.skill, skillpack=arguments.skillpack)
    rows = [_row(one) for one in found["versions"]]
    head = ("NUMBER", "LABELS", "DEPLOYMENTS", "JOBS", "SUCCEEDED", "P50 COST", "SCORE", "CREATED")
    session.show(found, lambda: printing.table(head, rows))
    if not found["is_complete"] and not session.as_json:
        printing.say("More deployments are to be read. Run the command again to read them.")
    return exits.OK


def _show(arguments: Namespace, session: Session) -> int:
    found = session.client.prompt(arguments.skill, arguments.number, skillpack=arguments.skillpack)
    session.show(found, lambda: printing.answer(printing.plain_lines(_text(found))))
    return exits.OK


def _diff(arguments: Namespace, session: Session) -> int:
    pair = [
        session.client.prompt(arguments.skill, number, skillpack=arguments.skillpack)
        for number in (arguments.base, arguments.head)
    ]
    before, after = (_text(one).splitlines() for one in pair)
    base, head = (f"prompt {one['number']}" for one in pair)
    lines = difflib.unified_diff(before, after, base, head, lineterm="")
    session.show(pair, lambda: printing.answers(printing.plain(line) for line in lines))
    return exits.OK


def _label(arguments: Namespace, session: Session) -> int:
    made = session.client.label_prompt(
        arguments.skill, arguments.label, arguments.number, skillpack=arguments.skillpack
    )
    session.show(
        made,
        lambda: printing.answer(f"Prompt {made['number']} has the label {printing.plain(made['label'])}."),
    )
    return exits.OK


def _unlabel(arguments: Namespace, session: Session) -> int:
    session.client.unlabel_prompt(arguments.skill, arguments.label, skillpack=arguments.skillpack)
    session.show(None, lambda: printing.answer(f"Deleted the label {printing.plain(arguments.label)}."))
    return exits.OK


def _row(version: dict[str, Any]) -> tuple[str, ...]:
    statistics = version["statistics"] or {}
    rate, cost, score = (
        statistics.get("success_rate_pct"),
        statistics.get("p50_cost_micros"),
        version["eval_score"],
    )
    numbers = [f"v{one['version']}" if one["version"] else "draft" for one in version["deployments"]]
    return (
        str(version["number"]),
        ", ".join(version["labels"]),
        ", ".join(dict.fromkeys(numbers)),
        str(statistics.get("jobs", "")),
        "" if rate is None else f"{rate:g} %",
        "" if cost is None else f"${cost / 1e6:.4f}",
        "" if score is None else f"{score:g}",
        version["created_at"][:19].replace("T", " "),
    )


def _text(version: dict[str, Any]) -> str:
    text = version["text"]
    return "(not stored any more)" if text is None else str(text)
