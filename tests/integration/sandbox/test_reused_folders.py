"""Folders of ended jobs are reused if the jobs have left nothing in them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.conftest import open_runner, until
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.guest import wire
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.reused_folders import ReusedFolders
from workers.types import Assignment, Success

Skill = Callable[..., Assignment]
LAYERS = sandbox_layers.probe("auto")
needs_confinement = pytest.mark.skipif(
    LAYERS.landlock_abi == 0 or not LAYERS.seccomp or LAYERS.bwrap is None,
    reason="folders are reused only with bubblewrap, Landlock and seccomp, which this host lacks",
)

LOOK = """
import json, os
def run(inputs):
    with open("_inputs.json") as file:
        read = json.load(file)
    entries = [os.path.join(at, name) for at, folders, files in os.walk(".") for name in (*folders, *files)]
    return [os.getcwd(), os.stat(".").st_ino, read, sorted(entries), oct(os.stat("tmp").st_mode)]
"""
"""Returns the folder, its inode, the inputs in the file, all entries, and the permissions of `tmp`."""


async def _run(runner: DeterministicRunner, assignment: Assignment, recorder: Any, **inputs: Any) -> Any:
    outcome = await runner.run(replace(assignment, inputs=inputs), recorder)
    assert isinstance(outcome, Success), outcome
    return outcome.value


@needs_confinement
async def test_folder_is_reused_and_looks_like_a_new_one(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(LOOK)
    seen = []
    for number in range(8):
        seen.append(await _run(runner, assignment, recorder, number=number))
        await asyncio.sleep(0.05)  # the folder is kept when the processes of the job have ended
    assert [value[2] for value in seen] == [{"number": number} for number in range(8)]
    assert len({(value[0], value[1]) for value in seen}) < 5, "each job had a folder of its own"
    assert len({(*value[3], value[4]) for value in seen}) == 1, "a reused folder differs from a new one"
    assert seen[0][4] == "0o40700"


LEAVE: dict[str, str] = {
    "file": "open('left', 'w').close()",
    "temporary file": "open('tmp/left', 'w').close()",
    "permissions": "os.chmod('tmp', 0o777)",
    "second link": "os.link('main.py', 'left', follow_symlinks=False)",
    "replaced link": "os.unlink('data.txt'); os.symlink('/deployment', 'data.txt')",
    "missing link": "os.unlink('data.txt')",
    "folder in place of the inputs": "os.unlink('_inputs.json'); os.mkdir('_inputs.json')",
    "link in place of the temporary folder": "os.rmdir('tmp'); os.symlink('drive', 'tmp')",
}


@pytest.mark.parametrize("what", LEAVE)
async def test_job_that_left_something_is_not_followed_by_another_in_its_folder(
    runner: DeterministicRunner, skill: Skill, recorder: Any, what: str
) -> None:
    assignment = skill(
        f"{LOOK}\nlook = run\ndef run(inputs):\n    seen = look(inputs)\n"
        f"    if inputs.get('leave'):\n        {LEAVE[what]}\n    return seen"
    )
    before = await _run(runner, assignment, recorder)
    for _ in range(3):  # the spare process that already waits, and the folders that are kept
        left_in = await _run(runner, assignment, recorder, leave=True)
        await asyncio.sleep(0.05)
        for _ in range(3):
            after = await _run(runner, assignment, recorder)
            assert after[0] != left_in[0]
            assert after[3:] == before[3:]


@needs_confinement
async def test_descriptors_that_a_job_passes_to_another_show_nothing_of_later_jobs(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import os, socket, time
        def error_of_opening(path, folder=None):
            try:
                os.open(path, os.O_RDONLY, dir_fd=folder)
            except OSError as error:
                return error.strerror
        def until_exists(path):
            while not os.path.exists(path):
                time.sleep(0.01)
        def run(inputs):
            if inputs["act"] == "receive":
                listener = socket.socket(socket.AF_UNIX)
                listener.bind("drive/socket")
                listener.listen()
                _, (inputs_file, folder), _, _ = socket.recv_fds(listener.accept()[0], 16, 2)
                until_exists("drive/running")
                names = os.listdir(folder)
                read = os.pread(inputs_file, 1000, 0).decode()
                error = error_of_opening(os.readlink("drive/running"))
                open("drive/end", "w").close()
                return [read, names, error]
            if inputs["act"] == "pass":
                with socket.socket(socket.AF_UNIX) as sender:
                    sender.connect("drive/socket")
                    descriptors = [os.open(path, os.O_RDONLY) for path in ("_inputs.json", "tmp")]
                    socket.send_fds(sender, [b"x"], descriptors)
            else:
                open("tmp/secret", "w").close()
            if inputs["act"] == "run":
                os.symlink(os.path.realpath("_inputs.json"), "drive/running")
                until_exists("drive/end")
            os.path.exists("tmp/secret") and os.unlink("tmp/secret")
            return os.getcwd()
        """
    )
    receiver = asyncio.create_task(_run(runner, assignment, recorder, act="receive"))
    await until(lambda: (assignment.drive_dir / "socket").exists())
    passed = await _run(runner, assignment, recorder, act="pass")
    later = []
    for _ in range(8):
        await asyncio.sleep(0.05)
        later.append(await _run(runner, assignment, recorder, act="return"))
    assert len(set(later)) < 8, "no folder was reused"
    assert passed not in later
    assert await _run(runner, assignment, recorder, act="run") != passed
    assert await receiver == ['{"act": "pass"}', [], "Permission denied"]


SOCKETS: dict[str, str] = {
    "process": "socket.socket(socket.AF_UNIX)",
    "thread": "make = threading.Thread(target=socket.socket, args=(socket.AF_UNIX,)); make.start(); make.join()",
    "program": "subprocess.run(['python3', '-c', 'import socket; socket.socket(socket.AF_UNIX)'], check=True)",
}


@pytest.mark.parametrize("maker", SOCKETS)
async def test_folder_of_a_job_that_has_created_a_unix_socket_is_not_reused(
    runner: DeterministicRunner, skill: Skill, recorder: Any, maker: str
) -> None:
    assignment = skill(
        f"""
        import os, socket, subprocess, threading
        def run(inputs):
            if inputs.get("socket"):
                {SOCKETS[maker]}
            return os.getcwd()
        """
    )
    used = []
    for number in range(12):
        folder = await _run(runner, assignment, recorder, socket=number % 2)
        assert folder not in used
        used += [folder] if number % 2 else []
        await asyncio.sleep(0.05)


async def test_job_may_create_many_sockets_and_a_skill_one_at_its_import(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import asyncio, socket
        socket.socket(socket.AF_UNIX).close()
        async def echo(reader, writer):
            writer.write(await reader.read(100))
            await writer.drain()
            writer.close()
        async def run(inputs):
            server = await asyncio.start_unix_server(echo, "socket")
            for number in range(inputs["sockets"]):
                reader, writer = await asyncio.open_unix_connection("socket")
                writer.write(b"%d" % number)
                writer.write_eof()
                assert await reader.read() == b"%d" % number
                writer.close()
            server.close()
            return number
        """
    )
    many, few = await asyncio.gather(
        _run(runner, assignment, recorder, sockets=300), _run(runner, assignment, recorder, sockets=1)
    )
    assert (many, few) == (299, 0)


def _folder_of_a_job(folder: Path) -> ReusedFolders:
    (folder / wire.PATTERNS).mkdir(mode=0o700)
    (folder / wire.PATTERNS / "main.py").symlink_to("/deployment/main.py")
    (folder / "1").mkdir(mode=0o700)
    (folder / "1" / wire.TEMPORARY).mkdir(mode=0o700)
    (folder / "1" / wire.INPUTS).symlink_to("/inputs/1")
    os.link(folder / wire.PATTERNS / "main.py", folder / "1/main.py", follow_symlinks=False)
    return ReusedFolders(folder)


def test_kept_folder_is_taken_once(tmp_path: Path) -> None:
    folders = _folder_of_a_job(tmp_path)
    assert folders.take() is None
    assert folders.keep("1")
    assert folders.take() == "1"
    assert folders.take() is None


def test_folder_with_another_link_to_inputs_is_not_kept(tmp_path: Path) -> None:
    folders = _folder_of_a_job(tmp_path)
    (tmp_path / "1" / wire.INPUTS).unlink()
    (tmp_path / "1" / wire.INPUTS).symlink_to("/inputs/2")
    assert not folders.keep("1")


def test_folder_that_is_still_as_large_as_with_many_files_is_not_kept(tmp_path: Path) -> None:
    folders, temporary = _folder_of_a_job(tmp_path), tmp_path / "1" / wire.TEMPORARY
    files = [temporary / f"{number:0200}" for number in range(1000)]
    for file in files:
        file.touch()
    for file in files:
        file.unlink()
    is_small = temporary.stat().st_size <= 64 << 10  # as on file systems other than ext4
    assert folders.keep("1") == is_small


async def test_skill_cannot_pretend_to_report_sockets(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import os, socket
        reading, writing = os.pipe()
        os.write(writing, b"x")
        control = socket.socket(fileno=os.dup(3))
        socket.send_fds(control, [b'{"type":"sockets"}'], [reading])
        control.close()
        os.close(reading)
        os.close(writing)
        def run(inputs):
            socket.socket(socket.AF_UNIX).close()
            return os.getcwd()
        """
    )
    folders = []
    for _ in range(5):
        folders.append(await _run(runner, assignment, recorder))
        await asyncio.sleep(0.05)
    assert len(set(folders)) == 5


def test_a_few_of_many_links_of_a_skill_are_read(tmp_path: Path) -> None:
    folders = _folder_of_a_job(tmp_path)
    for number in range(200):
        (tmp_path / wire.PATTERNS / str(number)).touch()
    assert not folders.keep("1")
    assert len(folders._links or ()) == 33


def test_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folders = _folder_of_a_job(tmp_path)
    (tmp_path / "1").rename(tmp_path / "elsewhere")
    (tmp_path / "1").symlink_to("elsewhere")
    assert not folders.keep("1")


INPUTS_SIZES = [0, (64 << 10) - 100, 200 << 10, 3 << 20]


@pytest.mark.parametrize("fill", ["", "open(os.path.realpath('_inputs.json'), 'ab').write(bytes(100 << 20))"])
async def test_inputs_of_all_sizes_are_in_the_file_also_if_a_job_has_filled_the_memory(
    runner: DeterministicRunner, skill: Skill, recorder: Any, fill: str
) -> None:
    assignment = skill(
        f"""
        import json, os, time
        def run(inputs):
            if inputs.get("fill"):
                try:
                    {fill or "pass"}
                except OSError:
                    pass
                open("drive/filled", "w").close()
                while not os.path.exists("drive/go"):
                    time.sleep(0.01)
            return json.load(open("_inputs.json")) == inputs
        """
    )
    filling = asyncio.create_task(_run(runner, assignment, recorder, fill=True))
    await until(lambda: (assignment.drive_dir / "filled").exists())
    for size in INPUTS_SIZES:
        assert await _run(runner, assignment, recorder, text="x" * size)
    (assignment.drive_dir / "go").touch()
    with suppress(AssertionError, ValueError):
        await filling


async def test_folders_are_removed_where_jobs_are_not_confined(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    runner = open_runner(tmp_path, sandbox="off")
    try:
        assignment = skill(LOOK)
        names = [(await _run(runner, assignment, recorder))[0] for _ in range(3)]
        assert len(set(names)) == 3
        await until(lambda: not [name for name in names if Path(name).exists()])
    finally:
        await runner.close()
