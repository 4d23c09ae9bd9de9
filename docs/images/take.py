"""Takes the pictures of the documentation anew, in both themes: `.venv/bin/python docs/images/take.py`.

Starts an instance with invented data in a folder of its own, opens every page in a Chromium, and ends both. `--width
390` shows a telephone's screen, `--to` writes elsewhere, `--only home,job` takes a few; `--stay` leaves the instance up
until Enter is pressed, for whoever wants to look around.
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
COLOURS: Final = 160
MAX_BYTES: Final = 4_000_000
"""Of all pictures together: whoever clones the repository gets them, too."""
PASSWORD: Final = "a long and private sentence"
SETTLE: Final = """async () => {
  await new Promise(requestAnimationFrame);
  const ending = document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < Infinity);
  await Promise.all(ending.map(one => one.finished.catch(() => null)));
}"""


class Picture(NamedTuple):
    """A page, and what is done on it before it is looked at."""

    name: str
    address: str
    sign: str
    """Text that is there once the page is."""
    act: Callable[[Page], None] | None = None


def main() -> None:
    """Take them."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="pictures-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the embedded database runs as a user of its own
        environment = _environment(folder, asked.port)
        with instance.running(environment) as url:
            shown = demo.fill(url, environment)
            with sync_playwright() as playwright:
                chromium = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                _take(browser, shown, asked)
                browser.close()
            if asked.stay:
                input(f"{url} is up: {EMAIL}, {PASSWORD!r}. Enter ends it. ")
    total = sum(file.stat().st_size for file in asked.to.glob("*.png"))
    print(f"{asked.to}: {total / 1e6:.2f} MB in all.")
    if asked.to == HERE and total > MAX_BYTES:
        raise SystemExit(f"They are to have {MAX_BYTES / 1e6:.0f} MB at most.")


EMAIL: Final = "ada@example.org"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=HERE, help="folder to write to")
    parser.add_argument("--width", type=int, nargs="*", default=[1280], help="of the screen, in pixels")
    parser.add_argument(
        "--only", type=lambda names: set(names.split(",")), default=set(), help="names, by commas"
    )
    parser.add_argument("--port", type=int, default=8230)
    parser.add_argument("--stay", action="store_true", help="leave the instance up until Enter")
    return parser.parse_args()


def _environment(folder: str, port: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return own | {
        "PURAS_HOME": f"{folder}/home",
        "PURAS_PORT": str(port),
        "PURAS_COMPUTE_MICROS_PER_SECOND": "4000",
        "PURAS_DRAIN_S": "0",
    }


def _take(browser: Browser, shown: demo.Demo, asked: argparse.Namespace) -> None:
    link = re.search(r"http://\S+/setup\?token=\S+", instance.operate(shown.environment, "setup-link"))
    if link is None:
        raise SystemExit("The instance has an owner already.")
    context = browser.new_context(viewport={"width": 1280, "height": HEIGHT}, color_scheme="light")
    page = context.new_page()
    page.goto(link.group())
    asked.to.mkdir(parents=True, exist_ok=True)
    if not asked.only or "set-up" in asked.only:
        _both(page, "set-up", asked)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create owner account").click()
    page.get_by_role("heading", name="Projects").first.wait_for()
    missed = []
    for picture in _pictures(shown):
        if asked.only and picture.name not in asked.only:
            continue
        page.set_viewport_size({"width": 1280, "height": HEIGHT})
        page.goto(shown.url + picture.address)
        try:
            page.get_by_text(picture.sign).first.wait_for(timeout=15_000)
            if picture.act:
                picture.act(page)
        except PlaywrightError as error:  # the old picture is better than a wrong one; the others are taken
            missed.append(f"{picture.name}: {str(error).splitlines()[0]}")
            continue
        _both(page, picture.name, asked)
    context.close()
    if missed:
        raise SystemExit("Not taken:\n" + "\n".join(missed))


def _both(page: Page, name: str, asked: argparse.Namespace) -> None:
    for width in asked.width:
        page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, HEIGHT)})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(250)
            page.evaluate(SETTLE)
            suffix = "" if asked.width == [1280] else f"-{width}"
            _write(page.screenshot(), asked.to / f"{name}{suffix}-{theme}.png")
    page.emulate_media(color_scheme="light")


def _write(png: bytes, file: Path) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def _pictures(shown: demo.Demo) -> Sequence[Picture]:
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
        Picture("home", "/", "Recent failures"),
        Picture("project", base, "From your code"),
        Picture("editor", f"{base}/editor", "Publish", _open_file),
        Picture("publish", f"{base}/editor", "Publish", _open_publish),
        Picture("notebook", f"{base}/notebook", "%%skill", _run_cells),
        Picture("play", f"{base}/play/thumbnail?from={jobs['thumbnail']}", "Examples"),
        Picture("columns", f"{base}/play/import-orders?from={jobs['orders']}", "Import orders", _run_columns),
        Picture("jobs", f"{base}/jobs", jobs["failed"][:8]),
        Picture("job", f"{base}/jobs/{jobs['asking']}", "Approve"),
        Picture("transcript", f"{base}/jobs/{jobs['agent']}?tab=transcript", "measure"),
        Picture("receipt", f"{base}/jobs/{jobs['agent']}?tab=receipt", "Receipt"),
        Picture("result", f"{base}/jobs/{jobs['thumbnail']}?tab=result", "Result"),
        Picture("sandbox", f"{base}/jobs/{jobs['thumbnail']}?tab=sandbox", "Sandbox"),
        Picture("failed", f"{base}/jobs/{jobs['failed']}", "Failed"),
        Picture("running", f"{base}/jobs/{jobs['running']}?tab=logs", "indexed"),
        Picture("fork", f"{base}/jobs/{jobs['agent']}", "Succeeded", _open_fork),
        Picture("deployments", f"{base}/deployments", "The first skills"),
        Picture("versions", f"{base}/deployments?base=2&head=3", "skills/triage/skill.yaml"),
        Picture("evals", f"{base}/evals?skill=triage", "Suites of triage"),
        Picture("drive", f"{base}/drive?folder=photos/&file=photos/lake.jpg", "lake.jpg"),
        Picture("usage", f"{base}/usage", "The month"),
        *[Picture(f"settings-{name}", f"{base}/settings/{name}", sign) for name, sign in settings.items()],
        Picture("schedule", f"{base}/settings/schedules?listing=month-in-figures", "09:00 UTC"),
        Picture("marketplace", f"{base}/marketplace", "Table statistics"),
        Picture("listing", f"{base}/marketplace/desk", "Publisher:"),
        Picture("memory", f"{base}/memory", "Acme wants it formal"),
        Picture("api", f"{base}/api?skill=triage", "Idempotency"),
        Picture("operator", "/operator", "Workers"),
        Picture("account", "/account", "Active sessions"),
        Picture("docs", "/docs/quickstart", "From a checkout to a skill"),
        Picture("palette", f"{base}/jobs", jobs["failed"][:8], _open_palette),
        Picture("components", "/_components", "Waterfall"),
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
