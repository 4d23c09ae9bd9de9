"""Take the screenshots of the documentation, in both themes: `.venv/bin/python docs/images/take.py`.

The script starts an instance with demo data in a temporary folder, and opens every page in Chromium. `--width 390`
uses the screen of a phone, `--to` writes to another folder, and `--only home,job` takes only these screenshots.
`--stay` keeps the instance running until you press Enter.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import demo
import instance
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

HERE: Final = Path(__file__).parent
HEIGHTS: Final = {390: 844}
HEIGHT: Final = 800
COLORS: Final = 160
MAX_BYTES: Final = 4_000_000
"""The maximum size of all screenshots, since every clone of the repository contains them."""
PASSWORD: Final = "a long and private password"
SETTLE: Final = """async () => {
  await new Promise(requestAnimationFrame);
  const finite = document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < Infinity);
  await Promise.all(finite.map(one => one.finished.catch(() => null)));
}"""


class Screenshot(NamedTuple):
    """A page, and the actions on it before the screenshot."""

    name: str
    path: str
    text: str
    """A text that the page contains when it is complete."""
    prepare: Callable[[Page], None] | None = None


def main() -> None:
    """Take the screenshots."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="screenshots-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the embedded database runs as a separate user
        environment = _environment(folder, arguments.port)
        with instance.running(environment) as url:
            shown = demo.fill(url, environment)
            with sync_playwright() as playwright:
                chromium = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                _take(browser, shown, arguments)
                browser.close()
            if arguments.stay:
                input(f"{url} is running. Sign in as {EMAIL} with {PASSWORD!r}. Press Enter to stop it. ")
    total = sum(file.stat().st_size for file in arguments.to.glob("*.png"))
    print(f"{arguments.to}: {total / 1e6:.2f} MB in total.")
    if arguments.to == HERE and total > MAX_BYTES:
        raise SystemExit(f"The screenshots exceed the maximum of {MAX_BYTES / 1e6:.0f} MB.")


EMAIL: Final = "ada@example.org"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=HERE, help="folder to write to")
    parser.add_argument("--width", type=int, nargs="*", default=[1280], help="width of the screen, in pixels")
    parser.add_argument(
        "--only",
        type=lambda names: set(names.split(",")),
        default=set(),
        help="names, separated by commas",
    )
    parser.add_argument("--port", type=int, default=8230)
    parser.add_argument("--stay", action="store_true", help="keep the instance running until you press Enter")
    return parser.parse_args()


def _environment(folder: str, port: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return own | {
        "PURAS_HOME": f"{folder}/home",
        "PURAS_PORT": str(port),
        "PURAS_COMPUTE_MICROS_PER_SECOND": "4000",
        "PURAS_DRAIN_S": "0",
    }


def _take(browser: Browser, shown: demo.Demo, arguments: argparse.Namespace) -> None:
    link = re.search(r"http://\S+/setup\?token=\S+", instance.operate(shown.environment, "setup-link"))
    if link is None:
        raise SystemExit("The instance already has an owner.")
    context = browser.new_context(viewport={"width": 1280, "height": HEIGHT}, color_scheme="light")
    page = context.new_page()
    page.goto(link.group())
    arguments.to.mkdir(parents=True, exist_ok=True)
    if not arguments.only or "set-up" in arguments.only:
        _take_both_themes(page, "set-up", arguments)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create owner account").click()
    page.get_by_role("heading", name="Projects").first.wait_for()
    failed = []
    for screenshot in _screenshots(shown):
        if arguments.only and screenshot.name not in arguments.only:
            continue
        page.set_viewport_size({"width": 1280, "height": HEIGHT})
        page.goto(shown.url + screenshot.path)
        try:
            page.get_by_text(screenshot.text).first.wait_for(timeout=15_000)
            if screenshot.prepare:
                screenshot.prepare(page)
        except PlaywrightError as error:  # keep the old file instead of a wrong one, and continue
            failed.append(f"{screenshot.name}: {str(error).splitlines()[0]}")
            continue
        _take_both_themes(page, screenshot.name, arguments)
    context.close()
    if failed:
        raise SystemExit("Failed screenshots:\n" + "\n".join(failed))


def _take_both_themes(page: Page, name: str, arguments: argparse.Namespace) -> None:
    for width in arguments.width:
        page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, HEIGHT)})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(250)
            page.evaluate(SETTLE)
            suffix = "" if arguments.width == [1280] else f"-{width}"
            _write(page.screenshot(), arguments.to / f"{name}{suffix}-{theme}.png")
    page.emulate_media(color_scheme="light")


def _write(png: bytes, file: Path) -> None:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)


def _screenshots(shown: demo.Demo) -> Sequence[Screenshot]:
    base, jobs = f"/p/{shown.slug}", shown.jobs
    settings = {
        "general": "Slug",
        "members": "Role",
        "keys": "nightly",
        "secrets": "SHOP_TOKEN",
        "providers": "no key",
        "webhooks": "shop.example.org",
        "schedules": "Orders of the day",
        "limits": "Queued jobs",
        "audit": "schedule.created",
    }
    return [
        Screenshot("home", "/", "Recent failures"),
        Screenshot("project", base, "From your code"),
        Screenshot("editor", f"{base}/editor", "Publish", _open_file),
        Screenshot("publish", f"{base}/editor", "Publish", _open_publish),
        Screenshot("notebook", f"{base}/notebook", "%%skill", _run_cells),
        Screenshot("play", f"{base}/play/thumbnail?from={jobs['thumbnail']}", "Examples"),
        Screenshot(
            "columns", f"{base}/play/import-orders?from={jobs['orders']}", "Import orders", _run_columns
        ),
        Screenshot("jobs", f"{base}/jobs", jobs["failed"][-8:]),
        Screenshot("job", f"{base}/jobs/{jobs['asking']}", "Approve"),
        Screenshot("transcript", f"{base}/jobs/{jobs['agent']}?tab=transcript", "measure"),
        Screenshot("receipt", f"{base}/jobs/{jobs['agent']}?tab=receipt", "Receipt"),
        Screenshot("result", f"{base}/jobs/{jobs['thumbnail']}?tab=result", "Result"),
        Screenshot("sandbox", f"{base}/jobs/{jobs['thumbnail']}?tab=sandbox", "Sandbox"),
        Screenshot("failed", f"{base}/jobs/{jobs['failed']}", "Failed"),
        Screenshot("running", f"{base}/jobs/{jobs['running']}?tab=logs", "indexed"),
        Screenshot("fork", f"{base}/jobs/{jobs['agent']}", "Succeeded", _open_fork),
        Screenshot("deployments", f"{base}/deployments", "The first skills"),
        Screenshot("versions", f"{base}/deployments?base=2&head=3", "skills/triage/skill.yaml"),
        Screenshot("evals", f"{base}/evals?skill=triage", "Suites of triage"),
        Screenshot("drive", f"{base}/drive?folder=photos/&file=photos/lake.jpg", "lake.jpg"),
        Screenshot("usage", f"{base}/usage", "The month"),
        *[Screenshot(f"settings-{name}", f"{base}/settings/{name}", text) for name, text in settings.items()],
        Screenshot("schedule", f"{base}/settings/schedules?listing=month-in-figures", "09:00 UTC"),
        Screenshot("marketplace", f"{base}/marketplace", "Table statistics"),
        Screenshot("listing", f"{base}/marketplace/summaries", "Publisher:"),
        Screenshot("memory", f"{base}/memory", "Acme wants it formal"),
        Screenshot("api", f"{base}/api?skill=triage", "Idempotency"),
        Screenshot("operator", "/operator", "Workers"),
        Screenshot("account", "/account", "Active sessions"),
        Screenshot("palette", f"{base}/jobs", jobs["failed"][-8:], _open_palette),
        Screenshot("components", "/_components", "Waterfall"),
    ]


def _open_file(page: Page) -> None:
    page.get_by_role("textbox", name="skill.yaml").first.wait_for()
    page.get_by_role("button", name="Sales by month").click()
    page.get_by_role("button", name="Run", exact=False).first.click()
    page.get_by_role("region", name="Result").wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")


def _open_publish(page: Page) -> None:
    page.get_by_role("button", name="Publish").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="prompt.md").click()
    dialog.get_by_role("region", name="Lines of").wait_for()
    dialog.get_by_label("Notes").fill("The desk names orders by their numbers")


def _run_cells(page: Page) -> None:
    page.get_by_role("button", name="Run all").click()
    page.get_by_role("region", name="Skill tally").wait_for(timeout=60_000)


def _run_columns(page: Page) -> None:
    page.get_by_role("button", name="Compare…").click()
    page.get_by_label("Version of column 2").select_option("1")
    page.get_by_role("button", name="Run all").click()
    page.get_by_text(re.compile(r"^\d+ values? differs?$")).wait_for(timeout=60_000)


def _open_fork(page: Page) -> None:
    page.get_by_role("tab", name="Timeline").click()
    page.get_by_role("treeitem", name="Step 1", exact=False).first.click()
    page.get_by_role("button", name="Fork after this step…").click()
    page.get_by_role("dialog").get_by_label("Result of measure").wait_for()


def _open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("combobox").fill("th")


if __name__ == "__main__":
    main()
