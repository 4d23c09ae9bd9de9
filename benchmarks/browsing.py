"""A user who is signed in to the measured instance, in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks import commands
from benchmarks.chromium import whole_browser
from benchmarks.instance import Running, environment

EMAIL, PASSWORD = "measures@example.org", "a long and private password"
WATCH = """
window.late = [];
const seen = new Set();
new MutationObserver((changes) => {
  const now = Date.now();
  for (const change of changes) for (const added of change.addedNodes) {
    const stamp = /\\d+ stamp=(\\d+)/.exec(added.textContent ?? "");
    if (stamp && !seen.has(stamp[0])) { seen.add(stamp[0]); window.late.push(now - Number(stamp[1])); }
  }
}).observe(document, { childList: true, subtree: true });
"""
"""A script that records in `window.late` the delay in milliseconds of each row with a number and a timestamp, when it
is drawn for the first time: the virtual list of a log draws rows again when it is scrolled, or the job ends."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@dataclass(frozen=True, slots=True)
class UserSession:
    """A signed-in user and the project of this user."""

    url: str
    slug: str
    api_key: str
    cookies: dict[str, str]

    @property
    def project_url(self) -> str:
        """Return the URL of the first page of the project."""
        return f"{self.url}/p/{self.slug}"

    def context(self, browser: Browser) -> BrowserContext:
        """Return a new browser context with an empty cache, in which the user is signed in."""
        made = browser.new_context(viewport={"width": 1440, "height": 900})
        made.add_cookies([{"name": n, "value": v, "url": self.url} for n, v in self.cookies.items()])
        return made


def sign_in(running: Running) -> UserSession:
    """Create a user and a project, and sign in."""
    _operate(running, "user", "create", EMAIL, "--operator", "--password-stdin", stdin=f"{PASSWORD}\n")
    made = json.loads(_operate(running, "project", "create", "Measured", "--credit-usd", "100", "--json"))
    url = f"http://127.0.0.1:{running.port}"
    with httpx.Client(base_url=url, timeout=30) as client:
        form = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)
        if form is None:
            raise RuntimeError("the sign-in form has no token")
        fields = {"csrf": form[1], "next": "/", "email": EMAIL, "password": PASSWORD}
        if client.post("/sign-in", data=fields).status_code != 303:
            raise RuntimeError("the sign-in failed")
        cookies = {one.name: one.value or "" for one in client.cookies.jar}
    return UserSession(url, made["slug"], made["api_key"], cookies)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless Chromium: the installed one, otherwise that of Playwright."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=whole_browser(), args=QUIET)
        yield browser
        browser.close()


def _operate(running: Running, *arguments: str, stdin: str = "") -> str:
    done = commands.run(arguments, environment(running.home, running.port), given=stdin)
    if done.returncode != 0:
        raise RuntimeError(f"puras-studio {' '.join(arguments)}:\n{done.stderr}")
    return done.stdout
