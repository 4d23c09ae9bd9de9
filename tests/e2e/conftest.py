"""Fixtures: a complete instance of this checkout, started with `puras-studio up`, and Chromium."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from backend.core.release_files import ROOT
from backend.skills.archives.pack import pack_files
from benchmarks import chromium, commands, home_template
from benchmarks.instance import free_port
from studio import build

READY_WITHIN_S = 180.0
GREETING = re.compile(r"^\W*(Setup link|Sign in): ", re.MULTILINE)
ENDED_WITHIN_S = 30.0
SHOWN_WITHIN_MS = 20_000
"""The time in which an expected element appears; a busy host needs longer than an idle one."""
CHROMIUM = chromium.headless_shell()
EMAIL, PASSWORD = "grace@example.org", "a long and private passphrase"
COUNTING = b"""
import time
from puras import log, progress

def run(seconds):
    for second in range(seconds):
        log.info(f"counted {second + 1}")
        progress((second + 1) / seconds, "counting")
        time.sleep(1)
    return {"counted": seconds, "note": "<b>not markup</b>"}
"""
SKILLS = {
    "skills/count/main.py": COUNTING,
    "skills/count/skill.yaml": b"""
entrypoint: main.py:run
description: Counts the seconds.
network: none
input_schema: {type: object, required: [seconds], properties: {seconds: {type: integer, minimum: 0, maximum: 60}}}
output_schema: {type: object, properties: {counted: {type: integer}, note: {type: text}}}
""",
}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True, slots=True)
class RunningInstance:
    """A running instance with its command line."""

    url: str
    environment: dict[str, str] = field(repr=False)
    hook_port: int = 0
    """The port on this host to which webhooks may be sent, although it is not a public address."""
    up: int = 0
    """The ID of the parent process of all others."""

    def operate(self, *arguments: str, typed: str = "") -> str:
        """Run `puras-studio` with the arguments and the standard input, and return its output."""
        done = commands.run(arguments, self.environment, given=typed)
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass(frozen=True, slots=True)
class Settled:
    """A running instance with an owner, and a project with credit and skills."""

    running: RunningInstance
    slug: str
    api: httpx.Client
    """A client with an API key of the project."""
    _cookies: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """Return the URL of the project in the studio."""
        return f"{self.running.url}/p/{self.slug}"

    def sign_in(self, email: str, user_agent: str = "") -> httpx.Client:
        """Return an HTTP client in which a user is signed in; it sends the CSRF token that writes need."""
        client = httpx.Client(base_url=self.running.url, headers={"User-Agent": user_agent}, timeout=30)
        form = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)
        assert form
        typed = {"csrf": form[1], "next": "/", "email": email, "password": PASSWORD}
        assert client.post("/sign-in", data=typed).status_code == 303
        client.headers["X-CSRF-Token"] = client.get("/v1/me").json()["csrf_token"]
        return client

    def sign_in_page(self, page: Page, email: str) -> None:
        """Sign a user in to the browser of a page; an existing session is used, since sign-ins are rate-limited."""
        with httpx.Client(base_url=self.running.url, cookies=self._cookies.get(email), timeout=30) as known:
            is_in = email in self._cookies and known.get("/v1/me").status_code == 200
        if not is_in:
            with closing(self.sign_in(email)) as client:
                self._cookies[email] = {one.name: one.value or "" for one in client.cookies.jar}
        page.context.clear_cookies()
        page.context.add_cookies(
            [{"name": n, "value": v, "url": self.running.url} for n, v in self._cookies[email].items()]
        )


@pytest.fixture(scope="session")
def pages() -> None:
    """Build the pages of the studio from the current sources."""
    assert build.main([]) == 0


@pytest.fixture
def running(pages: None) -> Iterator[RunningInstance]:
    """Run a new instance without an owner."""
    with _instance() as running:
        yield running


@pytest.fixture(scope="session")
def settled(pages: None) -> Iterator[Settled]:
    """Run an instance for several tests, which has an owner, and a project with credit and skills."""
    with settled_instance() as settled:
        yield settled


@contextmanager
def settled_instance(**environment: str) -> Iterator[Settled]:
    """Run such an instance with additional environment variables."""
    with _instance(**environment) as running:
        running.operate("user", "create", EMAIL, "--operator", "--password-stdin", typed=f"{PASSWORD}\n")
        made = json.loads(running.operate("project", "create", "Atelier", "--credit-usd", "5", "--json"))
        api = httpx.Client(
            base_url=running.url, headers={"Authorization": f"Bearer {made['api_key']}"}, timeout=60
        )
        with api:
            pushed = api.post("/v1/deployments", files={"bundle": ("skills.zip", pack_files(SKILLS))})
            assert pushed.status_code == 201, pushed.text
            yield Settled(running, made["slug"], api)


@contextmanager
def _instance(**additional: str) -> Iterator[RunningInstance]:
    """Run a new instance until the end of the context."""
    # Outside of pytest's private folder, because the embedded database runs as another system user.
    with tempfile.TemporaryDirectory(prefix="pe-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        port, hook_port = free_port(), free_port()
        # The instance uses embedded databases, also if the other tests use those of the host.
        outside = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")
        }
        environment = outside | {
            "PURAS_HOME": f"{folder}/home",
            "PURAS_PORT": str(port),
            "PURAS_WEBHOOK_HOSTS": f"127.0.0.1:{hook_port}",
            "PURAS_COMPUTE_MICROS_PER_SECOND": "100",  # so that functions cost something
            "PURAS_DRAIN_S": "0",  # The results of jobs that still run are not needed.
            **additional,
        }
        home_template.fill(Path(folder, "home"), environment)
        log = Path(folder, "up.log")
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.operations.cli", "up"],
                cwd=ROOT,
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, log)
            yield RunningInstance(url, environment, hook_port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(ENDED_WITHIN_S)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a headless Chromium: that of the host, or that of Playwright."""
    expect.set_options(timeout=SHOWN_WITHIN_MS)
    with sync_playwright() as playwright:
        if CHROMIUM is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium on this host: install the package `chromium`")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, running: RunningInstance) -> Iterator[Page]:
    """Open a page of the new instance."""
    with _strict_page(browser, running) as page:
        yield page


@pytest.fixture
def signed_in(browser: Browser, settled: Settled) -> Iterator[Page]:
    """Open an empty page of the settled instance, in which the owner is signed in."""
    with page_of(browser, settled, EMAIL) as page:
        yield page


@contextmanager
def page_of(browser: Browser, settled: Settled, email: str) -> Iterator[Page]:
    """Open an empty page of the settled instance, in which a user is signed in."""
    with _strict_page(browser, settled.running) as page:
        settled.sign_in_page(page, email)
        yield page


@pytest.fixture
def as_viewer(settled: Settled) -> Callable[[Page], None]:
    """Return a function that signs a viewer of the project in to the browser of a page."""

    def sign_in(page: Page) -> None:
        email = "vera@example.org"
        add_member(settled, email, "viewer")
        settled.sign_in_page(page, email)

    return sign_in


def add_member(settled: Settled, email: str, role: str) -> None:
    """Create a user who is a member of the project, unless there is one."""
    with closing(settled.sign_in(EMAIL)) as owner:
        members = owner.get(f"/v1/projects/{settled.slug}/members").json()
        if not any(one["email"] == email for one in members):
            settled.running.operate("user", "create", email, "--password-stdin", typed=f"{PASSWORD}\n")
            _join(settled, owner, email, role)


def _join(settled: Settled, owner: httpx.Client, email: str, role: str) -> None:
    """Invite a user, and accept the invitation as them."""
    asked = {"email": email, "role": role}
    invited = owner.post(f"/v1/projects/{settled.slug}/members", json=asked)
    assert invited.status_code == 201, invited.text
    with closing(settled.sign_in(email)) as invitee:
        link = invited.json()["link"]
        csrf = re.search(r'name="csrf" value="([^"]+)"', invitee.get(link).text)
        assert csrf
        joined = invitee.post("/join", data={"csrf": csrf[1], "token": link.partition("=")[2]})
        assert joined.status_code == 303, joined.text


@contextmanager
def _strict_page(browser: Browser, running: RunningInstance) -> Iterator[Page]:
    """Open a page that fails the test at a script error, a policy violation, or a request to another origin."""
    # The frames of animations, which are rendered without a GPU, take much of the time of a test.
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"script error: {error}"))
    page.on("console", lambda message: errors.append(message.text) if _is_refusal(message.text) else None)
    page.on(
        "request", lambda request: errors.append(request.url) if _is_foreign(request.url, running) else None
    )
    yield page
    context.close()
    assert not errors


def _is_refusal(message: str) -> bool:
    return "Content Security Policy" in message


def _is_foreign(url: str, running: RunningInstance) -> bool:
    own = (running.url + "/", running.url.replace("http", "ws") + "/", "blob:", "data:")
    return not url.startswith(own)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-4000:]
        try:
            with urllib.request.urlopen(f"{url}/ready/workers", timeout=5):
                # The greeting contains the set-up link, which invalidates earlier links.
                if GREETING.search(log.read_text(encoding="utf-8", errors="replace")):
                    return
        except (urllib.error.URLError, TimeoutError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not ready within {READY_WITHIN_S} s:\n{log.read_text(encoding='utf-8')[-4000:]}")
