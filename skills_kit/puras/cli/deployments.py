"""`puras validate`, `deploy`, `deployments`, `activate`, `rollback`, `pull`, `skills`, `skillpacks`."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from puras import bundles
from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, confirmed, of_a_skillpack, pack_of
from puras.client import NotFound, PurasAPIError
from puras.client.files import counted
from puras.client.forms import bundle
from puras.client.messages import new_key

_GATE_S: Final = 1.0
_FORBIDDEN: Final = 403
_INVALID: Final = 422


def add(commands: Any) -> None:
    """Add these commands."""
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
    deploy.add_argument("--no-activate", action="store_true", help="store the version without activating it")
    deploy.add_argument("--notes", help="release notes of the version")
    deploy.add_argument(
        "--yes",
        action="store_true",
        help="do not ask before skills are removed that the folder does not have",
    )
    deploy.add_argument("--no-wait", action="store_true", help="do not wait for the eval gate")
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
        if name in ("activate", "pull"):
            many = "?" if name == "pull" else None
            parser.add_argument(
                "version", nargs=many, help="number or ID" + ("; default: the active version" if many else "")
            )
        if name == "activate":
            parser.add_argument(
                "--force", action="store_true", help="activate although the eval gate is not passed"
            )
        if name == "pull":
            parser.add_argument("--out", default=".", help="the folder; default: the current folder")
            parser.add_argument("--force", action="store_true", help="overwrite files that differ")
    command(commands, "skills", _skills, "List the skills that you can run.", "puras skills")
    command(commands, "skillpacks", _skillpacks, "List the skillpacks of the project.", "puras skillpacks")


def _validate(arguments: Namespace, session: Session) -> int:
    body = bundle(_packed(arguments.path))
    told = session.client.request("POST", "/v1/deployments/validate", body=body, is_repeatable=True)

    def text() -> None:
        _warn(told)
        names = [skill["name"] for skill in told["manifest"]["skills"]]
        printing.answer(
            f"Good: {_counted(names, 'skill')} ({', '.join(names)}), {printing.size(told['size_bytes'])}"
        )

    session.show(told, text)
    return exits.OK


def _deploy(arguments: Namespace, session: Session) -> int:
    content = _packed(arguments.path)
    pack = pack_of(Path(arguments.path))
    slug = arguments.skillpack or (pack.slug if pack else None)
    if slug:
        _ensure_skillpack(session, slug, (pack.title if pack else None) or slug)
    if not arguments.yes and not arguments.no_activate:
        _confirm_removal(session, content, slug)
    fields = {"activate": "false" if arguments.no_activate else "true"}
    if arguments.notes:
        fields["notes"] = arguments.notes
    body = bundle(content, **fields)
    progress = printing.Progress("Uploading", body.size_bytes)
    path = f"/v1/skillpacks/{quote(slug, safe='')}/deployments" if slug else "/v1/deployments"
    try:
        told = session.client.request("POST", path, body=counted(body, progress), idempotency_key=new_key())
    finally:
        progress.end()
    if not arguments.no_activate and not arguments.no_wait:
        told = _behind_its_gate(session, path, told)
    session.show(told, lambda: _tell_deployed(told))
    return exits.FAILED if _is_refused(told) else exits.OK


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
        ):  # keys that only push; what is wrong is reported by the push
            return
        raise
    names = [printing.plain(name) for name in checked.get("removed_skills") or ()]
    if names:
        confirmed(
            f"{slug or 'The default skillpack'} has {_counted(names, 'skill')} that this folder lacks: "
            f"{', '.join(names)}. Remove {'it' if len(names) == 1 else 'them'}?",
            yes=False,
        )


def _ensure_skillpack(session: Session, slug: str, name: str) -> None:
    try:
        session.client.request("GET", f"/v1/skillpacks/{quote(slug, safe='')}")
    except NotFound:
        body = {"slug": slug, "name": name}
        session.client.request("POST", "/v1/skillpacks", body=body, idempotency_key=new_key())
        printing.say(f"Created the skillpack {printing.plain(slug)}.")


def _behind_its_gate(session: Session, path: str, told: Any) -> Any:
    """Wait for the eval gate and return the version."""
    is_said = False
    while (told.get("gate") or {}).get("state") == "gating":
        if not is_said:
            printing.say(
                f"v{told['version']} is stored. Its eval suites are running, and it becomes active when they pass…"
            )
            is_said = True
        time.sleep(_GATE_S)
        told = {**told, **session.client.request("GET", f"{path}/{told['id']}")}
    return told


def _tell_deployed(told: Any) -> None:
    _warn(told)
    if told.get("removed_skills"):
        printing.say(f"Removed skills: {', '.join(map(printing.plain, told['removed_skills']))}")
    names = [skill["name"] for skill in told["manifest"]["skills"]]
    state = "active" if told["is_active"] else "not active"
    if _is_refused(told):
        state = f"not active: {printing.plain(told['gate']['reason'])}"
    elif (told.get("gate") or {}).get("state") == "gating":
        state = "not active yet: its eval suites are running"
    printing.answer(
        f"v{told['version']} of {printing.plain(told['skillpack'])} is {state}. "
        f"{_counted(names, 'skill')} ({', '.join(names)}), {printing.size(told['size_bytes'])}"
    )


def _is_refused(told: Any) -> bool:
    return not told["is_active"] and (told.get("gate") or {}).get("state") == "refused"


def _deployments(arguments: Namespace, session: Session) -> int:
    query = {"limit": max(1, arguments.limit)}
    told = session.client.request("GET", session.route("/deployments"), query=query)
    rows = [
        (
            f"v{one['version']}",
            "active" if one["is_active"] else "",
            one["created_at"][:16].replace("T", " "),
            printing.size(one["size_bytes"]),
            one["created_by"],
            printing.shortened(one["notes"], 60),
        )
        for one in told
    ]
    head = ("VERSION", "STATE", "CREATED", "SIZE", "BY", "NOTES")
    session.show(told, lambda: printing.table(head, rows, status=1))
    return exits.OK


def _activate(arguments: Namespace, session: Session) -> int:
    return _make_active(session, arguments.version.removeprefix("v"), force=arguments.force)


def _rollback(arguments: Namespace, session: Session) -> int:
    pack = session.client.request("GET", f"/v1/skillpacks/{quote(session.skillpack or 'default', safe='')}")
    previous = pack["previous_deployment_id"]
    if previous is None:
        raise UsageProblem("There is no previously active version. Select one with: puras activate VERSION")
    return _make_active(session, previous, force=False)


def _make_active(session: Session, version: str, *, force: bool) -> int:
    path = session.route(f"/deployments/{quote(version, safe='')}/activate")
    told = session.client.request("POST", path, query={"force": force or None}, is_repeatable=True)

    def text() -> None:
        if told["is_active"]:
            printing.answer(f"Activated v{told['version']} of {printing.plain(told['skillpack'])}.")
        else:
            printing.answer(f"v{told['version']} becomes active when the suites of its gate pass.")

    session.show(told, text)
    return exits.OK


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
    told = {"folder": arguments.out, "files": names}
    session.show(told, lambda: printing.answer(f"Wrote {_counted(names, 'file')} to {arguments.out}."))
    return exits.OK


def _skills(arguments: Namespace, session: Session) -> int:
    told = session.client.request("GET", "/v1/skills")
    rows = [
        (
            one["name"],
            one["skillpack"],
            f"v{one['version']}",
            one["type"],
            printing.shortened(one["description"], 70),
        )
        for one in told
    ]
    session.show(told, lambda: printing.table(("SKILL", "SKILLPACK", "VERSION", "TYPE", "DESCRIPTION"), rows))
    return exits.OK


def _skillpacks(arguments: Namespace, session: Session) -> int:
    told = session.client.request("GET", "/v1/skillpacks")
    rows = [
        (one["slug"], one["name"], f"v{one['last_version']}" if one["last_version"] else "", one["id"])
        for one in told
    ]
    session.show(told, lambda: printing.table(("SLUG", "NAME", "NEWEST", "ID"), rows))
    return exits.OK


def _packed(path: str) -> bytes:
    folder = Path(path)
    if not folder.is_dir():
        raise UsageProblem(f"The folder {path!r} does not exist.")
    try:
        for one in bundles.left_out_of(folder):
            printing.say(f"{printing.plain(one)}: left out, since no file of its skill names this notebook")
        return bundles.pack(folder)
    except bundles.BundleError as error:
        raise UsageProblem(str(error)) from error


def _warn(told: Any) -> None:
    for one in told["warnings"]:
        place = one["path"] if one.get("line") is None else f"{one['path']}:{one['line']}"
        printing.say(f"{printing.plain(place)}: warning: {printing.plain(one['message'])}")


def _counted(names: list[str], noun: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}"
