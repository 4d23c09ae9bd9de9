"""Build the release, install it into a new environment outside of the checkout, and run it there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.client import Client
from benchmarks.instance import free_port
from tests.integration.operations.instances import eventually

ROOT: Final = Path(__file__).parents[3]
UV: Final = (sys.executable, "-m", "uv")
READY_S: Final = 180.0  # the first start of an installation by uv compiles all modules
ORDINARY_UID: Final = 65_534
OTHER_VERSION: Final = "99.0"
SOCKETS_ONLY: Final = (400, '"Invalid transport"')
"""The response of Reflex to a signed-in user who does not open a socket."""
SKILL: Final = {
    "skills/which/skill.yaml": b"""\
entrypoint: main.py:run
description: Returns which kit it has imported.
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {kit: {type: string}, is_own: {type: boolean}}}
""",
    "skills/which/main.py": b"""\
import puras


def run():
    return {"kit": puras.__version__, "is_own": hasattr(puras, "JobError")}
""",
}


def build(folder: Path) -> None:
    """Build the wheels of all three packages into a folder."""
    run(*UV, "build", "--quiet", "--all-packages", "--wheel", "--no-sources", "--out-dir", folder, cwd=ROOT)


def write_locked_versions(folder: Path) -> None:
    """Write the versions of `uv.lock` of what the packages require."""
    locked = ("export", "--quiet", "--frozen", "--no-default-groups", "--all-extras", "--no-emit-workspace")
    run(*UV, *locked, "--no-hashes", "--output-file", folder / "locked.txt", cwd=ROOT)


def run(
    *command: str | Path, cwd: Path, user: Sequence[str] = (), given: str = "", **environment: str
) -> str:
    """Run a command, and return what it printed on stdout."""
    done = subprocess.run(
        [*user, *command],
        cwd=cwd,
        env=clean_environment() | environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Return the environment of these tests without what would lead to the checkout or to another instance."""
    hidden = ("PURAS_", "PYTHON", "VIRTUAL_ENV", "UV_PROJECT", "DATABASE_URL", "REDIS_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


def write_other_puras(folder: Path) -> Path:
    """Write a wheel of another project `puras`, with the package and the command that the kit has, and return it."""
    info = f"puras-{OTHER_VERSION}.dist-info"
    files = {
        "puras/__init__.py": f'__version__ = "{OTHER_VERSION}"\n',
        "puras/cli/__init__.py": "",
        "puras/cli/main.py": 'def main():\n    print("the other command")\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: puras\nVersion: {OTHER_VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\npuras = puras.cli.main:main\n",
    }
    return write_wheel(folder / f"puras-{OTHER_VERSION}-py3-none-any.whl", info, files)


def write_wheel(path: Path, info: str, files: dict[str, str]) -> Path:
    """Write a wheel with these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return path


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment outside of the checkout, with the release in it."""

    folder: Path
    dist: Path
    user: tuple[str, ...] = ()
    """The start of a command line that changes to the user of the instance."""

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def command(self) -> Path:
        return self.python.with_name("puras-studio")

    @property
    def work(self) -> Path:
        """The working directory, with packages that have the names of ours."""
        return self.folder / "work"

    def create(self, python: str = sys.executable) -> None:
        """Create the environment, without packages."""
        self.folder.chmod(0o755)
        for name in ("backend", "workers", "studio"):
            (self.work / name).mkdir(parents=True)
            (self.work / name / "__init__.py").write_text("raise SystemExit('a foreign package')\n")
        if self.user:
            os.chown(self.work, ORDINARY_UID, ORDINARY_UID)
        run(*UV, "venv", "--quiet", "--no-project", "--python", python, self.folder / "venv", cwd=self.folder)

    def install(self, *requirements: str | Path) -> None:
        """Install requirements in the versions of `uv.lock`; those of this release are from the folder of the build."""
        # An ordinary user cannot store compiled modules.
        compiled = ("--compile-bytecode",) if self.user else ()
        options = ("--quiet", *compiled, "--find-links", self.dist, "--constraint", self.dist / "locked.txt")
        own = [part for name in ("studio", "kit", "mcp") for part in ("--refresh-package", f"puras-{name}")]
        run(*UV, "pip", "install", *options, *own, "--python", self.python, *requirements, cwd=self.folder)

    def reuse_bytecode(self) -> None:
        """Copy the compiled modules of this environment into the new one, which saves half a minute of CPU time.

        Both were installed from the cache of uv. Python ignores the compiled modules of other files.
        """
        (target,) = self.folder.glob("venv/lib/python*/site-packages")
        source = Path(sysconfig.get_path("purelib"))
        for compiled in source.rglob("__pycache__/*.pyc"):
            copy = target / compiled.relative_to(source)
            if copy.parents[1].is_dir():
                copy.parent.mkdir(exist_ok=True)
                shutil.copy2(compiled, copy)

    def run(self, *arguments: str | Path, given: str = "") -> str:
        """Run a command of the environment as the user of the instance, and return what it printed."""
        return run(
            *arguments,
            cwd=self.work,
            user=self.user,
            given=given,
            PURAS_HOME=str(self.work / "home"),
            HOME=str(self.work),
        )

    def megabytes(self) -> float:
        """Return the size of all files in MB, without compiled modules, of which there are as many as were used.

        A file that the cache of uv shares counts too.
        """
        files = (
            path
            for path in (self.folder / "venv").rglob("*")
            if path.suffix != ".pyc" and path.is_file() and not path.is_symlink()
        )
        return sum(path.stat().st_size for path in files) / 1e6

    def release_files(self) -> set[Path]:
        """Return the files of the release that are not modules. A running instance may be unable to write them."""
        (folder,) = self.folder.glob("venv/lib/python*/site-packages/backend/release_files")
        return {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    @contextmanager
    def up(self) -> Iterator[Instance]:
        """Run `puras-studio up` in the working directory, and yield it when a worker is ready."""
        port = free_port()
        settings = {"PURAS_HOME": str(self.work / "home"), "PURAS_PORT": str(port), "HOME": str(self.work)}
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*self.user, self.command, "up"],
                cwd=self.work,
                env=clean_environment() | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        instance = Instance(self, process, port)
        try:
            eventually(
                lambda: instance.is_ready() or process.poll() is not None, READY_S, "the instance is ready"
            )
            assert process.poll() is None, instance.log[:6000] + instance.log[-6000:]
            yield instance
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Instance:
    """A running instance of an installed release."""

    installed: Installed
    process: subprocess.Popen[bytes]
    port: int

    @property
    def log(self) -> str:
        return (self.installed.folder / "log").read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Request a page without credentials, and return its status and text."""
        with Client(self.port, "") as client:
            response = client.request("GET", path)
        return response.status, response.body if isinstance(response.body, str) else json.dumps(response.body)

    def is_ready(self) -> bool:
        try:
            return self.get("/ready/workers")[0] == 200
        except OSError:
            return False

    def client(self) -> Client:
        """Create a project, and return a client with its key."""
        created = self.installed.run(
            self.installed.command, "project", "create", "Installed", "--credit-usd", "5", "--json"
        )
        key: str = json.loads(created)["api_key"]
        return Client(self.port, key)

    def open_page(self) -> tuple[int, str]:
        """Sign in as a new user, and return the response of the socket of pages, for which Reflex is loaded."""
        account, password = "ada@example.org", "correct horse battery"
        create = [self.installed.command, "user", "create", account, "--password-stdin"]
        self.installed.run(*create, given=f"{password}\n")
        url = f"http://127.0.0.1:{self.port}"
        with httpx.Client(base_url=url, headers={"Origin": url}) as browser:
            browser.get("/sign-in")
            (csrf,) = browser.cookies.values()
            form = {"email": account, "password": password, "csrf": csrf}
            signed_in = browser.post("/sign-in", data=form)
            assert signed_in.status_code == 303, signed_in.text
            opened = browser.get("/_event/?EIO=4&transport=polling", timeout=60)
        return opened.status_code, opened.text

    def run_job(self, client: Client) -> dict[str, Any]:
        """Push a skill, run it as a job over REST, and return its output."""
        client.push(SKILL)
        job = client.call("POST", "/v1/jobs?wait=true", {"skill": "which", "inputs": {}})
        assert job["status"] == "succeeded", job
        output: dict[str, Any] = job["result"]
        return output
