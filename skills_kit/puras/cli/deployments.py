"""The commands for skillpacks: `puras validate`, `deploy`, `activate`, `rollback`, `pull` and lists."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from puras import bundles
from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import (
    Session,
    command,
    confirmed,
    of_a_skillpack,
    of_an_environment,
    pack_of,
)
from puras.client import Conflict, NotFound, PurasAPIError
from puras.client.files import counted
from puras.client.forms import bundle
from puras.client.messages import new_key

_GATE_S: Final = 1.0
_DEFAULT_ENVIRONMENT: Final = "where it becomes active; default: the environment of the key"
_NOTHING_BEFORE: Final = "There is no previously active version. Select one with: puras activate VERSION"
_FORBIDDEN: Final = 403
_INVALID: Final = 422


def add(commands: Any) -> None:
    """Add the commands."""
    validate = command(
        commands,
        "validate",
        _validate,
        "Report all problems of a skillpack without running its code.",
        "puras validate my-skills",
    )
    validate.add_argument("path", nargs="?", default=".", help="the folder; default: the current folder")
    deploy = command(
        commands,
        "deploy",
        _deploy,
        "Push a folder as a new version and activate it.",
        'puras deploy --notes "Shorter greeting"',
    )
    deploy.add_argument("path", nargs="?", default=".", help="the folder; default: the current folder")
    of_a_skillpack(deploy)
    of_an_environment(deploy, _DEFAULT_ENVIRONMENT)
    deploy.add_argument("--no-activate", action="store_true", help="store the version without activating it")
    deploy.add_argument("--notes", help="release notes of the version")
    deploy.add_argument(
        "--yes",
        action="store_true",
        help="do not ask before skills that are missing in the folder are removed",
    )
    without_waiting(deploy)
    for name, handler, summary, example in (
        ("deployments", _deployments, "List the versions, newest first.", "puras deployments --limit 5"),
        (
            "activate",
            _activate,
            "Activate a version. Running jobs continue with their version.",
            "puras activate 3",
        ),
        ("rollback", _rollback, "Activate the previously active version.", "puras rollback"),
        ("pull", _pull, "Write the files of a version into a folder.", "puras pull 3 --out version-3"),
    ):
        parser = command(commands, name, handler, summary, example)
        of_a_skillpack(parser)
        if name == "deployments":
            parser.add_argument(
                "--limit", type=int, default=25, help="maximum number of versions; default: %(default)s"
            )
            parser.add_argument(
                "--search",
                metavar="TEXT",
                help="only versions with this text in their notes or names of skills",
            )
            parser.add_argument(
                "--state",
                choices=("active", "inactive"),
                help="only versions that are active, or that are not",
            )
            parser.add_argument(
                "--sort",
                choices=("version", "-version", "size", "-size"),
                help="the order; `-` for descending, as in --sort=-size; default: newest first",
            )
        if name in ("activate", "pull"):
            many = "?" if name == "pull" else None
            parser.add_argument(
                "version", nargs=many, help="number or ID" + ("; default: the active version" if many else "")
            )
        if name in ("activate", "rollback"):
            of_an_environment(parser, _DEFAULT_ENVIRONMENT if name == "activate" else "default: production")
        if name == "activate":
            parser.add_argument(
                "--force", action="store_true", help="activate although the eval gate has not passed"
            )
        if name in ("activate", "rollback"):
            without_waiting(parser)
        if name == "pull":
            parser.add_argument("--out", default=".", help="the folder; default: the current folder")
            parser.add_argument("--force", action="store_true", help="overwrite files that differ")
    command(commands, "skills", _skills, "List the skills that you can run.", "puras skills")
    command(commands, "skillpacks", _skillpacks, "List the skillpacks of the project.", "puras skillpacks")


def without_waiting(parser: ArgumentParser) -> None:
    """Add the option of commands that activate a version."""
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the eval gate")


def _validate(arguments: Namespace, session: Session) -> int:
    body = bundle(_packed(arguments.path))
    response = session.client.request("POST", "/v1/deployments/validate", body=body, is_repeatable=True)

    def text() -> None:
        _warn(response)
        names = [skill["name"] for skill in response["manifest"]["skills"]]
        printing.answer(
            f"Valid: {_counted(names, 'skill')} ({', '.join(names)}), {printing.size(response['size_bytes'])}"
        )

    session.show(response, text)
    return exits.OK


def _deploy(arguments: Namespace, session: Session) -> int:
    content = _packed(arguments.path)
    pack = pack_of(Path(arguments.path))
    slug = arguments.skillpack or (pack.slug if pack else None)
    if slug:
        _ensure_skillpack(session, slug, (pack.title if pack else None) or slug)
    is_of_production = arguments.environment in (None, "production")
    if not arguments.yes and not arguments.no_activate and is_of_production:
        _confirm_removal(session, content, slug)
    fields = {"activate": "false" if arguments.no_activate else "true"}
    if arguments.environment:
        fields["environment"] = arguments.environment
    if arguments.notes:
        fields["notes"] = arguments.notes
    body = bundle(content, **fields)
    progress = printing.Progress("Uploading", body.size_bytes)
    path = f"/v1/skillpacks/{quote(slug, safe='')}/deployments" if slug else "/v1/deployments"
    try:
        response = session.client.request(
            "POST", path, body=counted(body, progress), idempotency_key=new_key()
        )
    finally:
        progress.end()
    if not arguments.no_activate and not arguments.no_wait:
        response = _after_its_gate(session, path, response)
    session.show(response, lambda: _print_deployed(response))
    return exits.FAILED if _is_rejected(response) else exits.OK


def _confirm_removal(session: Session, content: bytes, slug: str | None) -> None:
    """Ask before a push removes skills of the active version."""
    try:
        checked = session.client.request(
            "POST",
            "/v1/deployments/validate",
            body=bundle(content),
            query={"skillpack": slug},
            is_repeatable=True,
        )
    except PurasAPIError as error:
        if error.status in (
            _FORBIDDEN,
            _INVALID,
        ):  # the key can only push, or the push itself reports the problems
            return
        raise
    names = [printing.plain(name) for name in checked.get("removed_skills") or ()]
    if names:
        confirmed(
            f"{_counted(names, 'skill')} of {slug or 'the default skillpack'} "
            f"{'is' if len(names) == 1 else 'are'} missing in this folder: {', '.join(names)}. "
            f"Remove {'it' if len(names) == 1 else 'them'}?",
            yes=False,
        )


def _ensure_skillpack(session: Session, slug: str, name: str) -> None:
    try:
        session.client.request("GET", f"/v1/skillpacks/{quote(slug, safe='')}")
    except NotFound:
        body = {"slug": slug, "name": name}
        session.client.request("POST", "/v1/skillpacks", body=body, idempotency_key=new_key())
        printing.say(f"Created the skillpack {printing.plain(slug)}.")


def _after_its_gate(session: Session, path: str, response: Any) -> Any:
    """Wait for the eval gate and return the version."""
    is_printed = False
    while (response.get("gate") or {}).get("state") == "gating":
        if not is_printed:
            printing.say(
                f"The eval suites of v{response['version']} are running. It becomes active when they pass…"
            )
            is_printed = True
        time.sleep(_GATE_S)
        response = {**response, **session.client.request("GET", f"{path}/{response['id']}")}
    return response


def _print_deployed(response: Any) -> None:
    _warn(response)
    if response.get("removed_skills"):
        printing.say(f"Removed skills: {', '.join(map(printing.plain, response['removed_skills']))}")
    names = [skill["name"] for skill in response["manifest"]["skills"]]
    places = response.get("environments") or []
    state = "active" if response["is_active"] else "not active"
    if places and not response["is_active"]:
        state = f"active in {' and '.join(places)}"
    if _is_rejected(response):
        state = f"not active: {printing.plain(response['gate']['reason']).removesuffix('.')}"
    elif (response.get("gate") or {}).get("state") == "gating":
        state = "not active yet: its eval suites are running"
    printing.answer(
        f"v{response['version']} of {printing.plain(response['skillpack'])} is {state}. "
        f"{_counted(names, 'skill')} ({', '.join(names)}), {printing.size(response['size_bytes'])}"
    )


def _is_rejected(response: Any) -> bool:
    return not response["is_active"] and (response.get("gate") or {}).get("state") == "refused"


def _deployments(arguments: Namespace, session: Session) -> int:
    query = {
        "limit": max(1, arguments.limit),
        "q": arguments.search,
        "state": arguments.state,
        "sort": arguments.sort,
    }
    response = session.client.request("GET", session.route("/deployments"), query=query)
    rows = [
        (
            f"v{one['version']}",
            _state(one),
            one["created_at"][:16].replace("T", " "),
            printing.size(one["size_bytes"]),
            one["created_by"],
            printing.shortened(one["notes"], 60),
        )
        for one in response
    ]
    head = ("VERSION", "STATE", "CREATED", "SIZE", "BY", "NOTES")
    session.show(response, lambda: printing.table(head, rows, status=1))
    return exits.OK


def _state(version: Any) -> str:
    """Return where a version is active; only `active` for production, the only environment of many projects."""
    others = [name for name in version.get("environments") or () if name != "production"]
    return ", ".join([*(["active"] if version["is_active"] else []), *others])


def _activate(arguments: Namespace, session: Session) -> int:
    version = quote(arguments.version.removeprefix("v"), safe="")
    query = {"force": arguments.force or None, "environment": arguments.environment}
    response = session.client.request(
        "POST", session.route(f"/deployments/{version}/activate"), query=query, is_repeatable=True
    )
    return finish_activation(arguments, session, response, arguments.environment)


def _rollback(arguments: Namespace, session: Session) -> int:
    environment = arguments.environment or "production"
    path = session.route(f"/environments/{environment}/rollback")
    try:
        response = session.client.request("POST", path, idempotency_key=new_key())
    except NotFound:
        if arguments.environment:
            raise
        response = _rollback_without_environments(session)
    except Conflict as error:
        if error.code != "nothing_before":
            raise
        raise UsageProblem(_NOTHING_BEFORE) from error
    return finish_activation(arguments, session, response, arguments.environment)


def _rollback_without_environments(session: Session) -> Any:
    """Roll back on an instance of a release that has no environments."""
    pack = session.client.request("GET", f"/v1/skillpacks/{quote(session.skillpack or 'default', safe='')}")
    previous = pack["previous_deployment_id"]
    if previous is None:
        raise UsageProblem(_NOTHING_BEFORE)
    path = session.route(f"/deployments/{quote(previous, safe='')}/activate")
    return session.client.request("POST", path, is_repeatable=True)


def finish_activation(arguments: Namespace, session: Session, response: Any, environment: str | None) -> int:
    """Wait for the eval gate of an activation if it has one, print its result, and return the exit code."""
    is_gated = (response.get("gate") or {}).get("state") == "gating"
    if is_gated and not arguments.no_wait:
        response = _after_its_gate(session, session.route("/deployments"), response)
    is_active = not is_gated or response["is_active"]
    session.show(response, lambda: _print_activated(response, environment, is_active=is_active))
    return exits.FAILED if is_gated and _is_rejected(response) else exits.OK


def _print_activated(response: Any, environment: str | None, *, is_active: bool) -> None:
    name = f"v{response['version']} of {printing.plain(response['skillpack'])}"
    gate = response.get("gate") or {}
    if is_active:
        printing.answer(f"Activated {name}{f' in {environment}' if environment else ''}.")
    elif gate.get("state") == "gating":
        printing.answer(f"v{response['version']} becomes active when the suites of its gate pass.")
    else:
        printing.answer(f"{name} is not active: {printing.plain(str(gate.get('reason'))).removesuffix('.')}.")


def _pull(arguments: Namespace, session: Session) -> int:
    version = arguments.version
    if version is None:
        versions = session.client.request("GET", session.route("/deployments"))
        version = next((one["id"] for one in versions if one["is_active"]), None)
        if version is None:
            raise UsageProblem("There is no active version. Select one with: puras pull VERSION")
    path = session.route(f"/deployments/{quote(version.removeprefix('v'), safe='')}/bundle")
    try:
        names = bundles.unpack(session.client.content(path), Path(arguments.out), force=arguments.force)
    except bundles.BundleError as error:
        raise UsageProblem(str(error)) from error
    response = {"folder": arguments.out, "files": names}
    session.show(response, lambda: printing.answer(f"Wrote {_counted(names, 'file')} to {arguments.out}."))
    return exits.OK


def _skills(arguments: Namespace, session: Session) -> int:
    response = session.client.request("GET", "/v1/skills")
    rows = [
        (
            one["name"],
            one["skillpack"],
            f"v{one['version']}",
            one["type"],
            printing.shortened(one["description"], 70),
        )
        for one in response
    ]
    session.show(
        response, lambda: printing.table(("SKILL", "SKILLPACK", "VERSION", "TYPE", "DESCRIPTION"), rows)
    )
    return exits.OK


def _skillpacks(arguments: Namespace, session: Session) -> int:
    response = session.client.request("GET", "/v1/skillpacks")
    rows = [
        (one["slug"], one["name"], f"v{one['last_version']}" if one["last_version"] else "", one["id"])
        for one in response
    ]
    session.show(response, lambda: printing.table(("SLUG", "NAME", "NEWEST", "ID"), rows))
    return exits.OK


def _packed(path: str) -> bytes:
    folder = Path(path)
    if not folder.is_dir():
        raise UsageProblem(
            f"The folder {path!r} does not exist. Use the folder with puras.yaml or skill.yaml."
        )
    try:
        for one in bundles.left_out_of(folder):
            printing.say(
                f"{printing.plain(one)}: left out, since no file of its skill contains the name of this notebook"
            )
        return bundles.pack(folder)
    except bundles.BundleError as error:
        raise UsageProblem(str(error)) from error


def _warn(response: Any) -> None:
    for one in response["warnings"]:
        place = one["path"] if one.get("line") is None else f"{one['path']}:{one['line']}"
        printing.say(f"{printing.plain(place)}: warning: {printing.plain(one['message'])}")


def _counted(names: list[str], noun: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}"
