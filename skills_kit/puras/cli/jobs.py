"""`puras run`, `jobs`, `job`, `logs`, `spans`, `cancel`, `replay`, `feedback`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any, Final
from urllib.parse import quote

from puras.cli import approvals, exits, inputs, local, printing, waterfall
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, of_a_skillpack
from puras.client import Client, Job, JobTimeout
from puras.client.messages import new_key
from puras.client.shapes import ENDS

_QUIET: Final = frozenset({"queued", "started", "succeeded", "sandbox", "function_start"})
"""Events that `run` does not print: the line at its end says as much."""


def add(commands: Any) -> None:
    """Add these commands."""
    _add_run(commands)
    jobs = command(commands, "jobs", _jobs, "List the project's jobs, newest first.")
    jobs.add_argument("--status", help="queued, running, waiting, succeeded, failed or cancelled")
    jobs.add_argument("--skill", help="only those of this skill")
    jobs.add_argument("--source", help="only those that came from there")
    jobs.add_argument("--since", metavar="TIME", help="not older than this, as 2026-05-01T12:00:00Z")
    jobs.add_argument("-q", "--search", metavar="TEXT", help="found in id, skill, error or metadata")
    jobs.add_argument("--limit", type=int, default=25, help="how many; default: %(default)s")
    job = command(commands, "job", _job, "Show a job: its state, cost and result.")
    logs = command(commands, "logs", _logs, "Print what a job has told so far.")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until it has ended")
    logs.add_argument("--deltas", action="store_true", help="with -f: the model's words as they are written")
    spans = command(commands, "spans", _spans, "Show where a job's time went, as a waterfall.")
    cancel = command(
        commands, "cancel", _cancel, "End a job: at once while queued, within seconds while it runs."
    )
    replay = command(commands, "replay", _replay, "Run a job's inputs again, as a new job.")
    replay.add_argument("--version", type=int, help="default: the one that it ran")
    feedback = command(commands, "feedback", _feedback, "Say what you think of a job's result.")
    thumb = feedback.add_mutually_exclusive_group(required=True)
    thumb.add_argument("--up", dest="rating", action="store_const", const=1, help="good")
    thumb.add_argument("--down", dest="rating", action="store_const", const=-1, help="bad")
    feedback.add_argument("-c", "--comment", help="why")
    feedback.add_argument("--end-user", metavar="ID", help="in the name of a person in your app")
    for parser in (job, logs, spans, cancel, replay, feedback):
        parser.add_argument("job_id", help="id of the job")


def _add_run(commands: Any) -> None:
    run = command(commands, "run", _run, "Run a skill, or a prompt, and print its result.")
    run.add_argument("skill", nargs="?", help="name of the skill")
    run.add_argument(
        "-p", "--prompt", help="in the place of a skill: what to do; `@file` and `-` (stdin) are read"
    )
    run.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input: JSON, else text; `@file` uploads a file to the drive",
    )
    run.add_argument(
        "--inputs", metavar="JSON", help="all of them as one object; `@file` and `-` (stdin) are read"
    )
    run.add_argument(
        "--json",
        nargs="?",
        const=True,
        default=False,
        metavar="INPUTS",
        help="print the whole job as JSON; followed by an object, that is the inputs",
    )
    of_a_skillpack(run)
    run.add_argument("--version", type=int, help="default: the active one")
    run.add_argument("--model", help="another model, for an agent")
    run.add_argument("--cap", type=float, metavar="USD", help="most that the job may cost")
    run.add_argument(
        "--metadata", action="append", default=[], metavar="NAME=VALUE", help="given back with the job"
    )
    run.add_argument("--key", metavar="KEY", help="idempotency key: the same request with it runs once a day")
    run.add_argument(
        "--async", dest="is_async", action="store_true", help="print the job's id and do not wait"
    )
    run.add_argument(
        "--timeout", type=float, default=600.0, metavar="S", help="to wait; default: %(default)s"
    )
    run.add_argument(
        "--local", action="store_true", help="on an instance of its own, with the skills of --dir"
    )
    run.add_argument(
        "--dir", default=".", metavar="FOLDER", help="with --local: the skillpack; default: this folder"
    )


def _run(arguments: Namespace, session: Session) -> int:
    if (arguments.skill is None) == (arguments.prompt is None):
        raise UsageProblem("Name a skill, or give a prompt with -p. `puras skills` lists the skills.")
    if not arguments.local:
        return _run_on(session.client, arguments, session)
    with local.instance(arguments.dir, say=printing.say) as served:
        return _run_on(served.client, arguments, session)


def _run_on(client: Client, arguments: Namespace, session: Session) -> int:
    options: dict[str, Any] = {"source": "cli"}
    if arguments.model:
        options["model"] = arguments.model
    if arguments.cap is not None:
        options["limits"] = {"cost_usd": arguments.cap}
    if arguments.metadata:
        options["metadata"] = inputs.pairs(arguments.metadata)
    job = client.submit(
        arguments.skill,
        inputs.read(arguments),
        prompt=None if arguments.prompt is None else inputs.text(arguments.prompt),
        version=arguments.version,
        idempotency_key=arguments.key,
        **options,  # type: ignore[arg-type,unused-ignore]
    )
    if arguments.is_async:
        session.show(job, lambda: printing.answer(job["id"]))
        return exits.OK
    return _to_its_end(client, job, arguments, session)


def _to_its_end(client: Client, job: Job, arguments: Namespace, session: Session) -> int:
    try:
        if not session.as_json and sys.stderr.isatty():
            _follow(client, job["id"], is_local=arguments.local)
        job = approvals.ended(client, job["id"], arguments.timeout, is_local=arguments.local)
    except JobTimeout as late:
        printing.say(f"{late} See it with: puras logs -f {job['id']}")
        session.show(late.job, lambda: None)
        return exits.FAILED
    except KeyboardInterrupt:
        printing.say(f"\nThe job goes on: puras logs -f {job['id']}, or puras cancel {job['id']}")
        raise
    return _tell_end(client, job, session)


def _follow(client: Client, job_id: str, *, is_local: bool) -> None:
    told = set[str]()
    with client.stream(job_id) as events:
        for event in events:
            if event["type"] == "waiting":
                told |= approvals.tell(client, job_id, told, is_local=is_local)
            if event["type"] not in _QUIET:
                printing.say(printing.event(event))


def _tell_end(client: Client, job: Job, session: Session) -> int:
    has_result = job["status"] == "succeeded"
    if session.as_json:
        printing.answer_json(job)
    else:
        cost = printing.dollars(job.get("cost_micros", 0))
        printing.say(f"{printing.coloured(job['status'], job['status'])}  {cost}  {client.url(job)}")
        if job.get("simulation"):
            printing.say(f"puras: {job['simulation']}")
        if has_result:
            printing.answer_json(job["result"])
        else:
            printing.say(f"puras: {printing.plain_lines(job['error'] or job['status'])}")
    return exits.OK if has_result else exits.FAILED


def _jobs(arguments: Namespace, session: Session) -> int:
    query = {
        "status": arguments.status,
        "skill": arguments.skill,
        "source": arguments.source,
        "since": arguments.since,
        "q": arguments.search,
        "limit": max(1, min(arguments.limit, 200)),
    }
    jobs = list(session.client.pages("/v1/jobs", query=query, most=arguments.limit))
    rows = [
        (
            job["id"],
            f"{job['status']} (simulated)" if job.get("simulated") else job["status"],
            job["skill_name"],
            job["created_at"][:19].replace("T", " "),
            printing.dollars(job["cost_micros"]),
            printing.shortened(job["error"] or "", 60),
        )
        for job in jobs
    ]
    head = ("JOB", "STATUS", "SKILL", "CREATED", "COST", "ERROR")
    session.show(jobs, lambda: printing.table(head, rows, status=1))
    return exits.OK


def _job(arguments: Namespace, session: Session) -> int:
    job = session.client.get(arguments.job_id)

    def text() -> None:
        version = job.get("deployment_version")
        printing.answer(f"job      {job['id']}")
        printing.answer(f"skill    {printing.plain(job['skill_name'])}{f' v{version}' if version else ''}")
        printing.answer(
            f"status   {printing.coloured(job['status'], job['status'])}  {job.get('waiting_reason') or ''}"
        )
        if job.get("simulation"):
            printing.answer(f"note     {job['simulation']}")
        printing.answer(f"cost     {printing.dollars(job.get('cost_micros', 0))}")
        printing.answer(f"studio   {session.client.url(job)}")
        if job["error"]:
            printing.answer(f"error    {printing.plain_lines(job['error'])}")
        if job["result"] is not None:
            printing.answer(json.dumps(job["result"], indent=2, ensure_ascii=False))

    session.show(job, text)
    return exits.OK


def _logs(arguments: Namespace, session: Session) -> int:
    client = session.client
    if not arguments.follow:
        events = client.events(arguments.job_id)
        session.show(events, lambda: printing.answers(map(printing.event, events)))
        return exits.OK
    with client.stream(arguments.job_id, deltas=arguments.deltas) as stream:
        for event in stream:
            if session.as_json:
                printing.answer_line(event)
            elif event["type"] == "delta":
                sys.stdout.write(printing.plain_lines(event["payload"].get("text", "")))
            else:
                printing.answer(printing.event(event))
            sys.stdout.flush()
    return exits.OK if client.get(arguments.job_id)["status"] == "succeeded" else exits.FAILED


def _spans(arguments: Namespace, session: Session) -> int:
    path = f"/v1/jobs/{quote(arguments.job_id, safe='')}/spans"
    spans = session.client.request("GET", path)
    session.show(spans, lambda: printing.answers(waterfall.lines(spans)))
    return exits.OK


def _cancel(arguments: Namespace, session: Session) -> int:
    job = session.client.cancel(arguments.job_id)
    session.show(job, lambda: printing.answer(f"{job['id']} is {_after_cancel(job)}"))
    return exits.OK


def _after_cancel(job: Job) -> str:
    return job["status"] if job["status"] in ENDS else f"{job['status']}, and ends within seconds"


def _replay(arguments: Namespace, session: Session) -> int:
    path = f"/v1/jobs/{quote(arguments.job_id, safe='')}/replay"
    query = {"version": arguments.version}
    job = session.client.request("POST", path, query=query, idempotency_key=new_key())
    session.show(
        job, lambda: printing.answer(f"The new job is {job['id']}. See it with: puras logs -f {job['id']}")
    )
    return exits.OK


def _feedback(arguments: Namespace, session: Session) -> int:
    told = session.client.feedback(
        arguments.job_id, rating=arguments.rating, comment=arguments.comment, end_user_id=arguments.end_user
    )
    session.show(told, lambda: printing.answer("Noted."))
    return exits.OK
