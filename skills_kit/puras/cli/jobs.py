"""The commands for jobs, such as `run`, `jobs`, `job`, `logs`, `spans`, `model-call`, `steps`, `replay` and `fork`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from puras.cli import approvals, exits, inputs, local, model_calls, printing, waterfall
from puras.cli.exits import UsageProblem
from puras.cli.live_text import LiveText
from puras.cli.session import Session, command, of_a_skillpack, of_an_environment
from puras.client import Client, Job, JobTimeout
from puras.client.messages import new_key
from puras.client.shapes import ENDS

_QUIET: Final = frozenset({"queued", "started", "succeeded", "sandbox", "function_start"})
"""Events that `run` does not print, since its last line has the same information."""
_SORTS: Final = tuple(
    f"{sign}{name}" for name in ("created_at", "duration", "cost", "status") for sign in ("", "-")
)


def add(commands: Any) -> None:
    """Add the commands."""
    _add_run(commands)
    jobs = command(
        commands, "jobs", _jobs, "List the jobs of the project, newest first.", "puras jobs --status failed"
    )
    jobs.add_argument(
        "--status",
        help="only jobs with this status: queued, running, waiting, succeeded, failed or cancelled",
    )
    jobs.add_argument("--skill", help="only jobs of this skill")
    jobs.add_argument("--source", help="only jobs from this source, for example api, cli or schedule")
    of_an_environment(jobs, "only jobs of this environment")
    jobs.add_argument(
        "--since", metavar="TIME", help="only jobs created after this time, for example 2026-05-01T12:00:00Z"
    )
    jobs.add_argument(
        "--error", metavar="SIGNATURE", help="only jobs with this error signature, from `puras failures`"
    )
    jobs.add_argument(
        "-q", "--search", metavar="TEXT", help="only jobs with this text in ID, skill, error or metadata"
    )
    jobs.add_argument(
        "--sort",
        choices=_SORTS,
        metavar="ORDER",
        help="created_at, duration, cost or status; with - before it descending (--sort=-cost); default: newest first",
    )
    jobs.add_argument("--limit", type=int, default=25, help="maximum number of jobs; default: %(default)s")
    job = command(commands, "job", _job, "Show the status, cost and result of a job.", "puras job JOB_ID")
    logs = command(commands, "logs", _logs, "Print the events of a job.", "puras logs -f JOB_ID")
    logs.add_argument("-f", "--follow", action="store_true", help="print new events until the job has ended")
    logs.add_argument(
        "--deltas", action="store_true", help="with -f: print the text of the model while it is written"
    )
    spans = command(
        commands, "spans", _spans, "Show the time of each part of a job as a waterfall.", "puras spans JOB_ID"
    )
    model_call = command(
        commands,
        "model-call",
        _model_call,
        "Print the input of a model call as it was sent, and the reply.",
        "puras model-call JOB_ID 2",
    )
    steps = command(
        commands,
        "steps",
        _steps,
        "List the steps of a flow, or the durable steps of a function.",
        "puras steps JOB_ID --step each",
    )
    steps.add_argument("--step", metavar="NAME", help="only this step; with for_each, its elements")
    steps.add_argument("--status", help="only steps or elements with this status, for example failed")
    steps.add_argument("--limit", type=int, default=200, help="maximum number of lines; default: %(default)s")
    cancel = command(
        commands,
        "cancel",
        _cancel,
        "Cancel a job: immediately while it is queued, within seconds while it runs.",
        "puras cancel JOB_ID",
    )
    replay = command(
        commands,
        "replay",
        _replay,
        "Submit the inputs of a job again as a new job.",
        "puras replay JOB_ID --version 4",
    )
    replay.add_argument("--version", type=int, help="number of the version; default: the version of the job")
    fork = command(
        commands,
        "fork",
        _fork,
        "Start a new job with the stored steps of a job, which cost nothing.",
        "puras fork JOB_ID --step sign",
    )
    fork.add_argument(
        "--step",
        metavar="STEP",
        help="of a flow: the first step that runs again; default: the first failed one. Otherwise the number of the "
        "last step to copy",
    )
    fork.add_argument("--inputs", metavar="JSON", help="new inputs; `@FILE` reads a file, `-` reads stdin")
    fork.add_argument(
        "--result",
        action="append",
        default=[],
        metavar="STEP=JSON",
        help="another result of an earlier step of a flow; `STEP=@FILE` reads a file",
    )
    fork.add_argument(
        "--keep-elements",
        action="store_true",
        help="with for_each: elements that have succeeded do not run again",
    )
    fork.add_argument("--model", help="another model for an agent")
    fork.add_argument("--version", type=int, help="number of the version; default: the version of the job")
    feedback = command(
        commands,
        "feedback",
        _feedback,
        "Rate the result of a job.",
        'puras feedback JOB_ID --down -c "Too long"',
    )
    thumb = feedback.add_mutually_exclusive_group(required=True)
    thumb.add_argument("--up", dest="rating", action="store_const", const=1, help="good result")
    thumb.add_argument("--down", dest="rating", action="store_const", const=-1, help="bad result")
    feedback.add_argument("-c", "--comment", help="reason for the rating")
    feedback.add_argument("--end-user", metavar="ID", help="ID of the user of your app who gave the rating")
    for parser in (job, logs, spans, model_call, steps, cancel, replay, fork, feedback):
        parser.add_argument("job_id", help="ID of the job")
    model_call.add_argument("step", type=int, help="number of the step of the agent, from 1")


def _add_run(commands: Any) -> None:
    run = command(
        commands, "run", _run, "Run a skill or a prompt and print the result.", "puras run greet -i name=Ada"
    )
    run.add_argument("skill", nargs="?", help="name of the skill")
    run.add_argument(
        "-p", "--prompt", help="a prompt to run instead of a skill; `@FILE` reads a file, `-` reads stdin"
    )
    run.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one input, as JSON or text; `@FILE` uploads a file to the drive",
    )
    run.add_argument(
        "--inputs",
        metavar="JSON",
        help="all inputs as one JSON object; `@FILE` reads a file, `-` reads stdin",
    )
    run.add_argument(
        "--json",
        nargs="?",
        const=True,
        default=False,
        metavar="INPUTS",
        help="print the job as JSON; a JSON object after it sets the inputs",
    )
    of_a_skillpack(run)
    run.add_argument("--version", type=int, help="number of the version; default: the active version")
    run.add_argument("--model", help="another model for an agent")
    run.add_argument("--cap", type=float, metavar="USD", help="maximum cost of the job")
    run.add_argument(
        "--metadata", action="append", default=[], metavar="NAME=VALUE", help="metadata to store with the job"
    )
    run.add_argument(
        "--key",
        metavar="KEY",
        help="idempotency key: the same request with this key creates one job within 24 hours",
    )
    run.add_argument(
        "--async", dest="is_async", action="store_true", help="print the ID of the job and do not wait"
    )
    run.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="S",
        help="seconds to wait for the end; default: %(default)s",
    )
    run.add_argument(
        "--local", action="store_true", help="start an instance on this host and run the skills of --dir"
    )
    run.add_argument(
        "--dir",
        default=".",
        metavar="FOLDER",
        help="with --local: folder of the skillpack; default: the current folder",
    )


def _run(arguments: Namespace, session: Session) -> int:
    if (arguments.skill is None) == (arguments.prompt is None):
        raise UsageProblem(
            "Pass either the name of a skill, or a prompt with -p. List the skills with: puras skills"
        )
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
    return _until_end(client, job, arguments, session)


def _until_end(client: Client, job: Job, arguments: Namespace, session: Session) -> int:
    try:
        if not session.as_json and sys.stderr.isatty():
            _follow(client, job["id"], is_local=arguments.local)
        job = approvals.ended(client, job["id"], arguments.timeout, is_local=arguments.local)
    except JobTimeout as late:
        printing.say(f"{late} Follow it with: puras logs -f {job['id']}")
        session.show(late.job, lambda: None)
        return exits.FAILED
    except KeyboardInterrupt:
        printing.say(f"\nThe job continues: puras logs -f {job['id']}, or puras cancel {job['id']}")
        raise
    return _print_end(client, job, session)


def _follow(client: Client, job_id: str, *, is_local: bool) -> None:
    printed = set[str]()
    with client.stream(job_id) as events:
        for event in events:
            if event["type"] == "waiting":
                printed |= approvals.print_pending(client, job_id, printed, is_local=is_local)
            if event["type"] not in _QUIET:
                printing.say(printing.event(event))


def _print_end(client: Client, job: Job, session: Session) -> int:
    has_result = job["status"] == "succeeded"
    if session.as_json:
        printing.answer_json(job)
    else:
        cost = printing.dollars(job.get("cost_micros", 0))
        printing.say(f"{printing.colored(job['status'], job['status'])}  {cost}  {client.url(job)}")
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
        "environment": arguments.environment,
        "since": arguments.since,
        "error_signature": arguments.error,
        "q": arguments.search,
        "sort": arguments.sort,
        "limit": max(1, min(arguments.limit, 200)),
    }
    jobs = list(session.client.pages("/v1/jobs", query=query, max_entries=arguments.limit))
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
            f"status   {printing.colored(job['status'], job['status'])}  {job.get('waiting_reason') or ''}"
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
    live = LiveText()
    with client.stream(arguments.job_id, deltas=arguments.deltas) as stream:
        for event in stream:
            if session.as_json:
                printing.answer_line(event)
            elif event["type"] == "delta":
                text, is_new_line = live.rest(event["payload"])
                sys.stdout.write("\n" * is_new_line + printing.plain_lines(text))
            else:
                printing.answer(printing.event(event))
            sys.stdout.flush()
    return exits.OK if client.get(arguments.job_id)["status"] == "succeeded" else exits.FAILED


def _spans(arguments: Namespace, session: Session) -> int:
    path = f"/v1/jobs/{quote(arguments.job_id, safe='')}/spans"
    spans = session.client.request("GET", path)
    session.show(spans, lambda: printing.answers(waterfall.lines(spans)))
    return exits.OK


def _model_call(arguments: Namespace, session: Session) -> int:
    call = session.client.model_call(arguments.job_id, arguments.step)
    session.show(call, lambda: printing.answers(model_calls.lines(call)))
    return exits.OK


def _steps(arguments: Namespace, session: Session) -> int:
    query = {
        "step": arguments.step,
        "status": arguments.status,
        "limit": max(1, min(arguments.limit, 200)),
    }
    path = f"/v1/jobs/{quote(arguments.job_id, safe='')}/steps"
    steps = list(session.client.pages(path, query=query, max_entries=arguments.limit))
    rows = [
        (
            f"{step['name']}[{step['item']}]" if step.get("item") is not None else step["name"],
            step["kind"],
            f"{step['status']} (copied)" if step.get("is_copied") else step["status"],
            printing.dollars(step["cost_micros"]) if step.get("cost_micros") else "",
            step.get("child_job_id") or "",
            printing.shortened(step["error"] or _elements(step), 60),
        )
        for step in steps
    ]
    head = ("STEP", "KIND", "STATUS", "COST", "JOB", "DETAILS")
    session.show(steps, lambda: printing.table(head, rows, status=2))
    return exits.OK


def _elements(step: Mapping[str, Any]) -> str:
    counts = step.get("elements") or {}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def _fork(arguments: Namespace, session: Session) -> int:
    step = arguments.step
    job = session.client.fork(
        arguments.job_id,
        int(step) if step is not None and step.isdecimal() else step,
        edits=[_edit(text) for text in arguments.result],
        keep_elements=arguments.keep_elements,
        inputs=None if arguments.inputs is None else inputs.json_object(arguments.inputs),
        model=arguments.model,
        version=arguments.version,
    )
    session.show(
        job, lambda: printing.answer(f"The new job is {job['id']}. Follow it with: puras logs -f {job['id']}")
    )
    return exits.OK


def _edit(text: str) -> dict[str, Any]:
    step, has_result, result = text.partition("=")
    if not (step and has_result):
        raise UsageProblem(f"{text!r} has no `=`. Write it as STEP=JSON, for example: --result 'each=[1, 2]'")
    try:
        return {"step": step, "result": json.loads(inputs.text(result))}
    except ValueError as error:
        raise UsageProblem(f"The result of the step {step!r} is not valid JSON: {error}") from error


def _cancel(arguments: Namespace, session: Session) -> int:
    job = session.client.cancel(arguments.job_id)
    session.show(job, lambda: printing.answer(f"Job {job['id']}: {_after_cancel(job)}"))
    return exits.OK


def _after_cancel(job: Job) -> str:
    return job["status"] if job["status"] in ENDS else f"{job['status']}. It ends within seconds"


def _replay(arguments: Namespace, session: Session) -> int:
    path = f"/v1/jobs/{quote(arguments.job_id, safe='')}/replay"
    query = {"version": arguments.version}
    job = session.client.request("POST", path, query=query, idempotency_key=new_key())
    session.show(
        job, lambda: printing.answer(f"The new job is {job['id']}. Follow it with: puras logs -f {job['id']}")
    )
    return exits.OK


def _feedback(arguments: Namespace, session: Session) -> int:
    rating = session.client.feedback(
        arguments.job_id, rating=arguments.rating, comment=arguments.comment, end_user_id=arguments.end_user
    )
    session.show(rating, lambda: printing.answer("Saved the rating."))
    return exits.OK
