"""Run the attacker under the real runner and print the results of its attempts as one JSON object.

A separate program, so that it can run as another user: `python escape_probe.py FOLDER [prepared]`. With `prepared`, the
first jobs get a sandbox that was prepared, with the folder mounted, before they were known.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.bare_runner import DiscardingRecorder, assignment_of, open_runner, prepare_sandbox
from tests.integration.sandbox.packages import wheel
from workers.runners.deterministic import DeterministicRunner
from workers.types import Assignment, Outcome, RunLimits, Success

UID = 41_010 if os.geteuid() == 0 else None
LIMITS = RunLimits(timeout_s=30, memory_mb=256, disk_mb=16, output_mb=1, processes=32)
BOMBS = (
    *("bomb_forks", "bomb_memory", "bomb_sockets", "bomb_tables"),
    *("bomb_disk", "bomb_depth", "kill_everyone"),
)


def main(folder: Path, *, is_prepared: bool) -> None:
    """Run the attacks and print the results."""
    (folder / "index").mkdir()
    wheel(folder / "index")
    settings = f'[pip]\nno-index = true\nfind-links = ["{folder / "index"}"]\n'
    (folder / "uv.toml").write_text(settings, encoding="utf-8")
    os.environ["UV_CONFIG_FILE"] = str(folder / "uv.toml")
    os.environ["DATABASE_URL"] = "postgresql://the-worker-s-own"
    with _listeners(folder) as listeners:
        sys.stdout.write(json.dumps(asyncio.run(_probe(folder, listeners, is_prepared=is_prepared))) + "\n")


async def _probe(folder: Path, listeners: dict[str, Any], *, is_prepared: bool) -> dict[str, Any]:
    home = folder / "home"
    runner = open_runner(home)
    if is_prepared:
        await prepare_sandbox(runner, folder)
    (home / "keys").mkdir()
    (home / "keys/secrets.key").write_text("the key of all secrets")
    drive, other_drive = _drive(folder, "drive"), _drive(folder, "other-drive")
    (other_drive / "private.txt").write_text("of another project")
    paths = [home, home / "jobs", home / "keys/secrets.key", other_drive / "private.txt", other_drive, folder]
    paths += map(
        Path,
        ("/host", "/root", "/home", "/var/lib", "/etc/shadow", "/boot", "/run", "/dev/mem", "/srv", "/opt"),
    )
    facts = {
        **listeners,
        "worker": os.getpid(),
        "paths": [str(path) for path in paths if not Path(sys.base_prefix).is_relative_to(path)],
        "drive": "drive",
        "other_drive": str(other_drive),
    }
    assignment = _assignment(folder, drive, facts)
    try:
        attacks, victim = await _attack(runner, assignment, drive, facts)
        poison = [_shown(await _run(runner, assignment, {"do": "poison"})) for _ in range(2)]
        poisoned = [_shown(await _run(runner, assignment, {"do": "poisoned"})) for _ in range(2)]
        bombs = {name: await _bomb(runner, assignment, name) for name in BOMBS}
    finally:
        await runner.close()
    left = sorted(path.name for path in (home / "jobs").iterdir())
    return {
        "layers": runner.layers,
        "attacks": attacks,
        "victim": victim,
        "poison": poison,
        "poisoned": poisoned,
        "bombs": bombs,
        "left": left,
        "uid": os.geteuid(),
    }


async def _attack(
    runner: DeterministicRunner, assignment: Assignment, drive: Path, facts: dict[str, Any]
) -> tuple[Any, Any]:
    """Attack while a neighbor of the same skill runs; return the results and the state of the neighbor."""
    victim = asyncio.create_task(_run(runner, assignment, {"do": "victim"}))
    async with asyncio.timeout(20):
        while not ((drive / "victim").exists() and (drive / "victim").read_text()) and not victim.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    attacks = await _run(runner, assignment, {"do": "attack", **facts})
    (drive / "stop").touch()
    return _shown(attacks), _shown(await victim)


async def _bomb(runner: DeterministicRunner, assignment: Assignment, name: str) -> dict[str, Any]:
    """Exhaust a resource while a neighbor runs, and run another job afterwards."""
    neighbor = asyncio.create_task(_run(runner, replace(assignment, skill_name="other"), {"do": "fine"}))
    ended = await _run(runner, assignment, {"do": name})
    after = await _run(runner, assignment, {"do": "fine"})
    return {
        "ended": _shown(ended),
        "took_s": round(ended.measured.wall_s, 2),
        "neighbor": _shown(await neighbor),
        "after": _shown(after),
        "left": _left_running(),
    }


async def _run(runner: DeterministicRunner, assignment: Assignment, inputs: dict[str, Any]) -> Outcome:
    return await runner.run(
        replace(assignment, inputs=inputs, job_id=uuid4(), token=str(uuid4())), DiscardingRecorder()
    )


def _shown(outcome: Outcome) -> Any:
    return (
        outcome.value if isinstance(outcome, Success) else {"code": outcome.code, "message": outcome.message}
    )


def _assignment(folder: Path, drive: Path, facts: dict[str, Any]) -> Assignment:
    bundle = folder / "bundle"
    (bundle / "skills/attack").mkdir(parents=True)
    code = (Path(__file__).parent / "escape_attacks.py").read_text(encoding="utf-8")
    shutil.copy(Path(__file__).parent / "escape_deep.py", bundle / "skills/attack/deep.py")
    (bundle / "skills/attack/way-out").symlink_to("/etc/shadow")
    (bundle / "skills/attack/way-home").symlink_to(folder / "home")
    (bundle / "requirements.txt").write_text("tiny-wheel\n", encoding="utf-8")
    at_import = {**facts, "drive": "/drive"}
    (bundle / "skills/attack/main.py").write_text(f"FACTS = {at_import!r}\n{code}", encoding="utf-8")
    return assignment_of(
        folder,
        "attack",
        drive=drive,
        uid=UID,
        limits=LIMITS,
        requirements=bundle / "requirements.txt",
    )


def _drive(folder: Path, name: str) -> Path:
    drive = folder / name
    drive.mkdir(mode=0o700)
    if UID is not None:
        uid = UID if name == "drive" else UID + 1
        os.chown(drive, uid, uid)
    return drive


def _left_running() -> int:
    """Return the number of processes of the attacker's user, without zombies."""
    if UID is None:
        return 0
    count = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                count += (
                    folder.stat().st_uid == UID
                    and "Z" not in (folder / "stat").read_text().split(") ")[1][:1]
                )
            except OSError:
                continue
    return count


@contextmanager
def _listeners(folder: Path) -> Iterator[dict[str, Any]]:
    """Open the sockets of a database and a queue: a TCP port, a socket in a folder, an abstract socket."""
    path, abstract = folder / "database.sock", f"puras-probe-{uuid4().hex}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        unix.bind(str(path))
        path.chmod(0o777)
        unix.listen()
        hidden.bind("\0" + abstract)
        hidden.listen()
        yield {"tcp": tcp.getsockname()[1], "unix": str(path), "abstract": abstract}


if __name__ == "__main__":
    main(Path(sys.argv[1]), is_prepared=sys.argv[2:] == ["prepared"])
