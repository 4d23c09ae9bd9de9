"""`python -m studio.serve` as a process: pages, API and sockets on one port, and a quick stop."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from backend.core.db.engine import Database
from backend.core.release_files import ROOT, WEB
from backend.embedded import Servers
from backend.identity.api_keys import keys
from backend.identity.auth.accounts import sessions, users
from benchmarks.instance import free_port
from studio import build
from studio.sockets import RECHECK_INTERVAL_S, SIGNED_OUT
from tests.factories.tenants import make_job, make_skill, make_tenant

STARTS_WITHIN_S = 30.0
ENDS_WITHIN_S = 10.0


@pytest.fixture(scope="module", autouse=True)
def _pages() -> None:
    assert build.main([]) == 0


@dataclass(frozen=True)
class Serving:
    """A process of the server."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def events_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/_event/?EIO=4&transport=websocket"


@pytest.fixture(scope="module")
def serving(_pages: None, database_url: str, servers: Servers, tmp_path_factory: Any) -> Iterator[Serving]:
    """Run one server for the tests of this module, since its start takes as long as all of them."""
    with _run_server(database_url, servers.redis_url, tmp_path_factory.mktemp("serving")) as running:
        yield running


@contextmanager
def _run_server(database_url: str, redis_url: str, home: Path) -> Iterator[Serving]:
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PURAS_HOME": str(home),
        "PURAS_PORT": str(port),
    }
    # Started outside of the checkout, since the studio must locate its files itself.
    process = subprocess.Popen([sys.executable, "-m", "studio.serve"], cwd=home, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/health", process)
        yield Serving(process, port)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest_asyncio.fixture
async def stream(serving: Serving, database: Database) -> AsyncIterator[httpx.Response]:
    """Yield an open stream of a queued job."""
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        job_id = await make_job(session, tenant)
        made = await keys.create(session, None, project_id=tenant.project_id, kind="secret")
    headers = {"Authorization": f"Bearer {made.plaintext}"}
    async with (
        httpx.AsyncClient(base_url=serving.url, headers=headers, timeout=20) as client,
        client.stream("GET", f"/v1/jobs/{job_id}/stream") as response,
    ):
        yield response


@pytest_asyncio.fixture
async def cookie(serving: Serving, database: Database) -> dict[str, str]:
    """Return the cookie of a signed-in user as a header."""
    async with database.transaction() as session:
        user = await users.create(session, email="ada@example.org", password="three words make one")
        started = await sessions.start(session, user)
    return {"Cookie": f"{sessions.cookie_name(serving.url)}={started.token}"}


@pytest.mark.parametrize("name", ["bunfig.toml", ".npmrc"])
def test_the_served_pages_were_built_with_the_settings_of_the_checkout(name: str) -> None:
    """Reflex copies the files only once; an updated checkout must not keep using the older ones."""
    assert (WEB / name).read_bytes() == (ROOT / name).read_bytes()


def test_pages_and_api_come_from_one_port(serving: Serving, cookie: dict[str, str]) -> None:
    page = httpx.get(f"{serving.url}/p/any/jobs", headers=cookie)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    host = serving.url.removeprefix("http://")
    assert f"script-src {host}/assets/ 'sha256-" in page.headers["content-security-policy"]
    rejected = httpx.get(f"{serving.url}/v1/jobs")
    assert rejected.status_code == 401
    assert rejected.json()["code"] == "not_signed_in"


def test_no_part_of_the_port_serves_a_service_worker(serving: Serving, cookie: dict[str, str]) -> None:
    for path in ("/", "/assets/x.js", "/v1/drive/signed/x/x.js", "/mcp", "/sign-in"):
        response = httpx.get(f"{serving.url}{path}", headers={**cookie, "Service-Worker": "script"})
        assert response.status_code == 403, path


def test_other_origins_cannot_read_authenticated_responses(serving: Serving) -> None:
    for path in ("/", "/v1/me", "/sign-in"):
        response = httpx.get(
            f"{serving.url}{path}", headers={"Origin": "https://evil.example", "Cookie": "a=b"}
        )
        assert "access-control-allow-credentials" not in response.headers


def test_signed_out_users_get_the_sign_in_form_and_no_socket(serving: Serving) -> None:
    response = httpx.get(f"{serving.url}/p/any/jobs?status=failed")
    assert response.status_code == 303
    assert response.headers["location"] == "/sign-in?next=%2Fp%2Fany%2Fjobs%3Fstatus%3Dfailed"
    with pytest.raises(InvalidStatus, match="403"):
        connect(serving.events_url, origin=serving.url)


def test_a_page_of_another_origin_cannot_open_a_socket(serving: Serving, cookie: dict[str, str]) -> None:
    with connect(serving.events_url, origin=serving.url, additional_headers=cookie) as own:
        assert str(own.recv(timeout=5)).startswith("0{")
    with pytest.raises(InvalidStatus, match="403"):
        connect(serving.events_url, origin="http://127.0.0.1:1", additional_headers=cookie)


async def test_a_socket_closes_soon_after_the_end_of_its_session(
    serving: Serving, cookie: dict[str, str], database: Database
) -> None:
    with connect(serving.events_url, origin=serving.url, additional_headers=cookie) as own:
        own.recv(timeout=5)
        async with database.transaction() as session:
            user = await users.get_by_email(session, "ada@example.org")
            await sessions.revoke_all(session, user.id, by="operator")
        with pytest.raises(ConnectionClosed) as closed:
            own.recv(timeout=3 * RECHECK_INTERVAL_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == SIGNED_OUT


async def test_the_server_stops_soon_with_open_streams_and_sockets(
    serving: Serving, stream: httpx.Response, cookie: dict[str, str]
) -> None:
    """The last test of the shared server, which it stops."""
    chunks = stream.aiter_text()
    while "event: queued" not in await asyncio.wait_for(anext(chunks), 10):
        pass
    with connect(serving.events_url, origin=serving.url, additional_headers=cookie) as own:
        own.recv(timeout=5)
        serving.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(serving.process.wait, ENDS_WITHIN_S) in (0, -signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            while True:
                own.recv(timeout=5)
    with pytest.raises(httpx.RemoteProtocolError):
        async for _ in chunks:
            pass


def test_a_page_with_an_error_fails_the_build_with_the_cause(tmp_path: Path) -> None:
    for name in ("backend", "studio", "assets", "reflex.lock"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("rxconfig.py", "bunfig.toml", ".npmrc"):
        shutil.copy(ROOT / name, tmp_path / name)
    page = tmp_path / "studio" / "pages" / "home.py"
    page.write_text(
        page.read_text(encoding="utf-8").replace("def page()", "def mistyped()"), encoding="utf-8"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "studio.build"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert "module 'studio.pages.home' has no attribute 'page'" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1].endswith(f"Its output is in {tmp_path / '.web' / 'build.log'}.")


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(f"{url} did not answer within {STARTS_WITHIN_S} s")
