"""The command `puras serve`, and `puras run --local`: a local instance, which `puras-studio` runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from puras import bundles
from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command
from puras.client import Client, Invalid, NotSignedIn, connecting
from puras.client.forms import bundle
from puras.client.messages import new_key

_HINT: Final = (
    "The program `puras-studio`, which runs a local instance, is not installed. Install the package `puras-studio` in "
    "the same environment as `puras-kit`, or use an instance that is running: puras login"
)
_PROJECT: Final = "Local"
_CREDIT_USD: Final = "10"
_START_S: Final = 180.0
_END_S: Final = 40.0
_INTERVAL_S: Final = 1.0
_FIRST_PORT: Final = "8787"

Say = Callable[[str], None]


class Served(NamedTuple):
    """An instance and the deployed bundle."""

    client: Client
    content: bytes


def add(commands: Any) -> None:
    """Add the command."""
    serve = command(
        commands,
        "serve",
        _serve,
        "Start an instance on this host, and deploy the skills of a folder when a file changes.",
        "puras serve --dir my-skills --port 8787",
    )
    serve.add_argument(
        "--dir", default=".", metavar="FOLDER", help="folder of the skillpack; default: the current folder"
    )
    serve.add_argument("--port", help=f"port of the instance; default: PURAS_PORT, otherwise {_FIRST_PORT}")
    serve.add_argument("--no-watch", action="store_true", help="deploy once, and not when a file changes")


def _serve(arguments: Namespace, session: Session) -> int:
    with instance(arguments.dir, say=printing.say, port=arguments.port) as (client, content):
        served = {"api_base": client.api_base, "skills": client.request("GET", "/v1/skills")}
        names = ", ".join(skill["name"] for skill in served["skills"])
        session.show(
            served, lambda: printing.answer(f"Serving {names} at {client.api_base}. Press Ctrl-C to stop.")
        )
        printing.say("In another terminal, in this folder: puras run --local NAME -i INPUT=VALUE")
        sys.stdout.flush()
        _watch(client, Path(arguments.dir), content, is_watching=not arguments.no_watch)
    return exits.OK


@contextmanager
def instance(folder: str, *, say: Say, port: str | None = None) -> Iterator[Served]:
    """Provide an instance with the skills of the folder. Start and stop it, unless it is running already.

    Raises:
        UsageProblem: The instance cannot be started on this host.
        PurasAPIError: The skills are invalid.
    """
    content = _packed(Path(folder))
    program = _program()
    environment = os.environ | {"PURAS_PORT": port or os.environ.get("PURAS_PORT") or _FIRST_PORT}
    base = f"http://127.0.0.1:{environment['PURAS_PORT']}"
    with _running(program, environment, base, say):
        client = _client(program, environment, base)
        deployed = client.request(
            "POST", "/v1/deployments", body=bundle(content, activate="true"), idempotency_key=new_key()
        )
        say(f"Deployed v{deployed['version']} at {base}")
        yield Served(client, content)


@contextmanager
def _running(program: str, environment: Mapping[str, str], base: str, say: Say) -> Iterator[None]:
    if _is_ready(base):
        say(f"Using the instance that is running at {base}")
        yield
        return
    log = connecting.path().with_name("local.log")
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    say(f"Starting an instance at {base}. Its log is {log}")
    before = signal.signal(signal.SIGTERM, _end)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [program, "up"],
            env=dict(environment),
            stdout=sink,
            stderr=sink,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
    try:
        _wait_ready(process, base, log)
        yield
    finally:
        _stop(process)
        signal.signal(signal.SIGTERM, before)


def _wait_ready(process: subprocess.Popen[bytes], base: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not _is_ready(base):
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            raise UsageProblem(
                f"The instance at {base} did not start. The last lines of its log {log}:\n" + "\n".join(lines)
            )
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def _client(program: str, environment: Mapping[str, str], base: str) -> Client:
    """Return a client with the saved key of an earlier run, otherwise with that of a new project."""
    file = connecting.path().with_name("local.json")
    home = f"{base} {environment.get('PURAS_HOME', '')}"
    saved = _saved(file)
    if key := saved.get(home):
        client = Client(str(key), api_base=base)
        try:
            client.request("GET", "/v1/me")
        except NotSignedIn:
            pass  # the instance was deleted and created again
        else:
            return client
    made = subprocess.run(
        [program, "project", "create", _PROJECT, "--credit-usd", _CREDIT_USD, "--json"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=_START_S,
    )
    if made.returncode != 0:
        raise UsageProblem(f"The project could not be created: {made.stderr.strip()}")
    key = json.loads(made.stdout)["api_key"]
    connecting.write_private(file, {**saved, home: key})
    return Client(str(key), api_base=base)


def running() -> Client:
    """Return a client of the instance that `puras serve` or `puras run --local` has started.

    Raises:
        UsageProblem: No such instance is running at the port.
    """
    base = f"http://127.0.0.1:{os.environ.get('PURAS_PORT') or _FIRST_PORT}"
    home = f"{base} {os.environ.get('PURAS_HOME', '')}"
    key = _saved(connecting.path().with_name("local.json")).get(home)
    if key is None or not _is_ready(base):
        raise UsageProblem(
            f"No local instance is running at {base}. Start one with `puras serve`, or set PURAS_PORT to its port."
        )
    return Client(str(key), api_base=base)


def _saved(file: Path) -> dict[str, Any]:
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}


def _watch(client: Client, folder: Path, before: bytes, *, is_watching: bool) -> None:
    """Deploy the folder after each change, until the user stops the command."""
    while True:
        time.sleep(_INTERVAL_S)
        if not is_watching or (content := _packed(folder)) == before:
            continue
        before = content
        try:
            body = bundle(content, activate="true")
            deployed = client.request("POST", "/v1/deployments", body=body, idempotency_key=new_key())
            printing.say(f"Deployed v{deployed['version']}")
        except Invalid as error:
            for one in error.errors:
                printing.say(printing.problem(one))
            printing.say(printing.plain_lines(error.detail))


def _packed(folder: Path) -> bytes:
    if not folder.is_dir():
        raise UsageProblem(
            f"The folder {str(folder)!r} does not exist. Set the folder of the skillpack with --dir."
        )
    try:
        return bundles.pack(folder)
    except bundles.BundleError as error:
        raise UsageProblem(str(error)) from error


def _program() -> str:
    neighbor = Path(sys.executable).with_name("puras-studio")
    program = shutil.which("puras-studio") or (str(neighbor) if neighbor.is_file() else None)
    if program is None:
        raise UsageProblem(_HINT)
    return program


def _is_ready(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/ready/workers", timeout=5):  # noqa: S310 - a URL of this host
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
