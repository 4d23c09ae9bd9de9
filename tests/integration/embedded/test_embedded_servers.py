"""The embedded PostgreSQL and Valkey: they start, are reused, survive a kill and stay private."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from backend.embedded import engine, memory, postgres, process, valkey
from backend.embedded import home as homes
from backend.embedded.account import servers_account
from backend.embedded.errors import HomeUnusable, ServerDidNotStart, WrongServerVersion

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another account")


def test_servers_start_and_are_reused(home: Path) -> None:
    assert postgres.attach(home) is None
    assert valkey.attach(home) is None
    database_url, redis_url = postgres.start(home), valkey.start(home)
    assert (postgres.attach(home), valkey.attach(home)) == (database_url, redis_url)
    pid = postgres_pid(home)
    assert postgres.start(home) == database_url
    assert postgres_pid(home) == pid
    with psycopg.connect(database_url) as connection:
        assert connection.info.server_version >= 180000
        assert connection.execute("select lower('ÄÖ'), current_setting('synchronous_commit')").fetchone() == (
            "äö",
            "on",
        )
        cache = "select pg_size_bytes(current_setting('shared_buffers')) / 1024 / 1024"
        assert connection.execute(cache).fetchone() == (memory.shared_buffers_mb(memory.total_bytes()),)


def test_stopped_servers_keep_their_data(home: Path) -> None:
    write(postgres.start(home), valkey.start(home))
    postgres.stop(home)
    valkey.stop(home)
    assert postgres.attach(home) is None
    assert valkey.attach(home) is None
    assert read(postgres.start(home), valkey.start(home)) == (1, b"kept")


def test_killed_servers_restart_with_their_data(home: Path) -> None:
    write(postgres.start(home), valkey.start(home))
    time.sleep(1.1)  # Valkey writes its file once per second, and newer data may be lost
    os.kill(postgres_pid(home), signal.SIGKILL)
    os.kill(valkey_pid(home), signal.SIGKILL)
    assert process.wait_until(lambda: postgres.attach(home) is None and valkey.attach(home) is None, 10)
    assert read(postgres.start(home), valkey.start(home)) == (1, b"kept")


def test_stale_pid_file_of_another_process_is_ignored(home: Path) -> None:
    postgres.start(home)
    postgres.stop(home)
    stale = home / "postgres" / "data" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n", encoding="ascii")
    assert postgres.attach(home) is None
    assert postgres.start(home)


def test_start_succeeds_after_a_killed_first_start(home: Path) -> None:
    account = servers_account()
    real = homes.prepare(home, account)
    (homes.folder_of(real / "postgres") / "data.new").mkdir()
    (real / "postgres" / "data.new" / "PG_VERSION").write_text("18\n", encoding="ascii")
    assert postgres.start(home)


def test_two_homes_run_side_by_side(home: Path, open_folder: Path) -> None:
    other = open_folder / "other"
    try:
        write(postgres.start(home), valkey.start(home))
        with psycopg.connect(postgres.start(other)) as connection:
            assert connection.execute("select to_regclass('facts')").fetchone() == (None,)
        with redis.Redis.from_url(valkey.start(other)) as client:
            assert client.get("fact") is None
        postgres.stop(other)
        assert postgres.attach(home) is not None
    finally:
        postgres.stop(other)
        valkey.stop(other)


@pytest.mark.parametrize("name", ["long-" * 30, "with a comma, and 'quotes'", "ünïcode"])
def test_home_may_have_any_path(open_folder: Path, name: str) -> None:
    home = open_folder / name
    try:
        write(postgres.start(home), valkey.start(home))
        assert read(postgres.start(home), valkey.start(home)) == (1, b"kept")
        assert (home / "run").is_symlink()
    finally:
        postgres.stop(home)
        valkey.stop(home)
        homes.remove_short_folder(home)
    assert not (home / "run").exists()


def test_data_and_sockets_are_private(home: Path) -> None:
    postgres.start(home)
    valkey.start(home)
    for private in ("postgres/data", "valkey/data", "run/postgres", "run/valkey"):
        assert stat.S_IMODE((home / private).stat().st_mode) == 0o700
    account = servers_account()
    assert Path(f"/proc/{postgres_pid(home)}").stat().st_uid == account.uid
    assert Path(f"/proc/{valkey_pid(home)}").stat().st_uid == account.uid


def test_unreadable_valkey_data_is_renamed(home: Path) -> None:
    valkey.start(home)
    valkey.stop(home)
    manifest = next((home / "valkey" / "data" / "appendonlydir").glob("*.manifest"))
    manifest.write_text("nonsense\n", encoding="ascii")
    with redis.Redis.from_url(valkey.start(home)) as client:
        assert client.ping()
    assert list((home / "valkey").glob("data.unreadable-*"))


def test_database_of_another_version_is_rejected_with_both_versions(home: Path) -> None:
    postgres.start(home)
    postgres.stop(home)
    (home / "postgres" / "data" / "PG_VERSION").write_text("16\n", encoding="ascii")
    with pytest.raises(WrongServerVersion, match=r"PostgreSQL 16.* runs 18"):
        postgres.start(home)


def test_failed_start_shows_the_end_of_the_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.start(home)
    postgres.stop(home)
    with (home / "postgres" / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("no_such_setting = on\n")
    monkeypatch.setattr(postgres, "START_TIMEOUT_S", 0.1)
    with pytest.raises(ServerDidNotStart, match="no_such_setting"):
        postgres.start(home)


@as_root
def test_private_parent_folder_is_rejected_and_not_changed(open_folder: Path) -> None:
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(HomeUnusable, match=rf"chmod o\+x {private}"):
        postgres.start(private / "home")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_programs_that_the_account_cannot_read_are_copied(open_folder: Path) -> None:
    account = servers_account()
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    installed = engine.postgres_programs(open_folder, account).parent
    shutil.copytree(installed, private / "wheel", ignore=shutil.ignore_patterns("include"))
    (private / "wheel" / "share").chmod(0o700)
    found = engine.reachable(private / "wheel", open_folder / "copy", account, program="bin/postgres")
    version = subprocess.run(
        [found / "bin" / "postgres", "--version"],
        capture_output=True,
        check=True,
        **process.identity(account),
    )
    assert version.stdout.startswith(b"postgres (PostgreSQL) 18")
    assert account.blocked_at(found / "share") is None
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_home_of_another_user_is_rejected(open_folder: Path) -> None:
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    with pytest.raises(HomeUnusable, match="belongs to user ID 65534"):
        postgres.start(home)


@as_root
def test_servers_run_for_an_unprivileged_user(open_folder: Path) -> None:
    open_folder.chmod(0o777)
    home = open_folder / "home"

    def as_other_user() -> None:
        write(postgres.start(home), valkey.start(home))
        try:
            assert read(postgres.start(home), valkey.start(home)) == (1, b"kept")
            assert home.stat().st_uid == os.geteuid()
            assert stat.S_IMODE(home.stat().st_mode) == 0o700
        finally:
            postgres.stop(home)
            valkey.stop(home)

    assert run_as("nobody", as_other_user) == 0


def run_as(name: str, act: Callable[[], None]) -> int:
    """Run `act` as another user in a forked child process, and return its exit code."""
    user = pwd.getpwnam(name)
    with warnings.catch_warnings():
        # pytest may have threads, of which the child uses none.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def write(database_url: str, redis_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("create table facts as select 1 as fact")
    with redis.Redis.from_url(redis_url) as client:
        client.set("fact", "kept")


def read(database_url: str, redis_url: str) -> tuple[int, bytes]:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select fact from facts").fetchone()
    with redis.Redis.from_url(redis_url) as client:
        value = client.get("fact")
    assert row is not None
    assert isinstance(value, bytes)
    return row[0], value


def postgres_pid(home: Path) -> int:
    pid = process.read_pid(home / "postgres" / "data" / "postmaster.pid")
    assert pid is not None
    return pid


def valkey_pid(home: Path) -> int:
    pid = process.read_pid(home / "valkey" / "data" / "valkey.pid")
    assert pid is not None
    return pid
