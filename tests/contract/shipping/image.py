"""Run the steps of a Dockerfile one by one where no container engine is available.

Each stage has its own copies of the folders that its steps may write. The programs of the host are mounted read-only;
its checkouts, home folders and caches are not mounted. Only the instructions of this Dockerfile are supported; any
other one is an error.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

WRITABLE = ("app", "build", "data", "opt", "etc", "tmp", "var")
"""Folders that belong to a stage; /etc starts as a copy of the host's, as a base image has one."""
READ_ONLY = ("usr", "bin", "sbin", "lib", "lib64")
INHERITED = re.compile(r"(PIP|UV)_[A-Z_]+|[A-Za-z]+_(proxy|PROXY)|SSL_CERT_(FILE|DIR)")


@dataclass
class Stage:
    """A root folder, and the settings from the instructions so far."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def command_line(self, argv: list[str], *, bwrap: str) -> list[str]:
        """Return the command line that runs a command in this stage, as its user."""
        uid, _, gid = self.user.partition(":")
        binds = [part for name in WRITABLE for part in ("--bind", str(self.root / name), f"/{name}")]
        for name in READ_ONLY:
            path = Path("/", name)
            if path.is_symlink():
                binds += ["--symlink", str(path.readlink()), str(path)]
            elif path.exists():
                binds += ["--ro-bind", str(path), str(path)]
        if not _system_python_has_pip():
            # Mount our Python where the official image has one; every user may run it.
            binds += ["--ro-bind", sys.base_prefix, "/usr/local"]
        for needed in _certificates_and_packages():
            binds += ["--ro-bind", needed, needed]
        drop = [] if uid == "0" else ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
        return [bwrap, *binds, "--bind", "/proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm",
                "--chdir", self.folder, "--die-with-parent", *drop, *argv]  # fmt: skip

    @property
    def whole_environment(self) -> dict[str, str]:
        """Return the variables of the image, a minimal PATH, and what this host needs to reach its package index."""
        bare = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp"}
        bare |= {name: value for name, value in os.environ.items() if INHERITED.fullmatch(name)}
        return bare | {name: value.replace("$PATH", bare["PATH"]) for name, value in self.environment.items()}


def build(dockerfile: Path, context: Path, work: Path, *, bwrap: str) -> Stage:
    """Run every instruction, and return the last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, rest in instructions(dockerfile.read_text(encoding="utf-8")):
        if instruction == "FROM":
            stage = _new_stage(work / str(len(stages)))
            stages[rest.split(" AS ")[-1]] = stage
            continue
        assert stage is not None, "the first instruction is FROM"
        if instruction == "COPY":
            _copy(stage, rest, context, stages)
        elif instruction == "RUN":
            _run(stage, rest, bwrap=bwrap)
        else:
            _apply(stage, instruction, rest)
    assert stage is not None
    return stage


def instructions(text: str) -> list[tuple[str, str]]:
    """Return each instruction with the rest of its line, without comments and with continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(head, rest.strip()) for head, _, rest in (line.partition(" ") for line in joined.splitlines())]


def _apply(stage: Stage, instruction: str, rest: str) -> None:
    match instruction:
        case "ENV":
            stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        case "WORKDIR":
            stage.folder = rest
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "STOPSIGNAL" | "ARG" | "LABEL":
            pass
        case _:
            raise AssertionError(f"The instruction {instruction} is not supported.")


def _new_stage(root: Path) -> Stage:
    for name in WRITABLE:
        (root / name).mkdir(parents=True)
    shutil.copytree("/etc", root / "etc", symlinks=True, dirs_exist_ok=True, ignore=_unreadable)
    (root / "tmp").chmod(0o1777)
    return Stage(root)


def _unreadable(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not os.access(Path(folder, name), os.R_OK)]


def _copy(stage: Stage, rest: str, context: Path, stages: dict[str, Stage]) -> None:
    words = shlex.split(rest)
    source_root = context
    if words[0].startswith("--from="):
        source_root = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    into = stage.root / Path(stage.folder, target).as_posix().lstrip("/")
    for source in sources:
        path = source_root / source.lstrip("/")
        if path.is_dir():
            shutil.copytree(path, into, symlinks=True, dirs_exist_ok=True)
        else:
            copied = into / path.name if target.endswith("/") else into
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copied)


def _run(stage: Stage, command: str, *, bwrap: str) -> None:
    completed = subprocess.run(
        stage.command_line(["/bin/sh", "-c", command], bwrap=bwrap),
        env=stage.whole_environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert completed.returncode == 0, f"{command}\n{completed.stdout[-3000:]}\n{completed.stderr[-3000:]}"


@lru_cache(maxsize=1)
def _system_python_has_pip() -> bool:
    code = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run(["/usr/bin/python3", "-I", "-c", code], check=False, timeout=30).returncode == 0
    except OSError:
        return False


def _certificates_and_packages() -> list[str]:
    """Return the paths in PIP_* and SSL_* variables that the stage would not contain otherwise."""
    paths = [os.environ.get(name, "") for name in ("PIP_CERT", "SSL_CERT_FILE", "PIP_FIND_LINKS")]
    return [
        path
        for path in dict.fromkeys(paths)
        if path.startswith("/") and Path(path).exists() and not path.startswith(("/usr", "/etc"))
    ]
