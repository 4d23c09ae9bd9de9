"""The first hour of a user: from the set-up link to the thumbnail of a photo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from backend.core.release_files import ROOT
from backend.skills.archives.pack import pack

STARTER = ROOT / "skills_kit" / "templates" / "starter"
INSTALLED_WITHIN_MS = 120_000  # the first run installs the skill's packages
EMAIL, PASSWORD = "ada@example.org", "a long and private passphrase"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Create a JPEG of 6 megapixels that is rotated by its EXIF orientation."""
    image = Image.new("RGB", (3000, 2000))
    draw = ImageDraw.Draw(image)
    for row in range(2000):
        draw.line([(0, row), (3000, row)], fill=(row * 255 // 2000, 90, 255 - row * 255 // 2000))
    draw.ellipse((900, 500, 2100, 1700), fill=(250, 210, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    path = tmp_path / "sunset.jpg"
    image.save(path, "JPEG", quality=88, exif=exif)
    return path


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    """Pack the starter skillpack into a ZIP archive that a user can upload."""
    path = tmp_path / "starter.zip"
    path.write_bytes(pack(STARTER))
    return path


def test_from_the_set_up_link_to_the_thumbnail_of_a_photo(
    page: Page, running: Any, starter: Path, photo: Path
) -> None:
    become_owner(page, running)
    sign_out_and_in_again(page)
    create_project(page)
    running.operate("topup", "darkroom", "5")
    publish(page, starter)
    run_in_playground(page, photo)
    see_job(page)


def become_owner(page: Page, running: Any) -> None:
    link = re.search(r"http://\S+/setup\?token=\S+", running.operate("setup-link"))
    assert link
    page.goto(link.group())
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create owner account").click()
    expect(page.get_by_text("Create your first project")).to_be_visible()


def sign_out_and_in_again(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Create your first project")).to_be_visible()


def create_project(page: Page) -> None:
    page.get_by_label("Name").fill("Darkroom")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Publish your first skills")).to_be_visible()
    expect(page.get_by_text("wallet is empty")).to_be_visible()


def publish(page: Page, starter: Path) -> None:
    page.get_by_label("Bundle").set_input_files(starter)
    expect(page.get_by_text("Version 1 is active.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("wallet is empty")).not_to_be_visible()
    page.get_by_role("link", name="thumbnail").click()


def run_in_playground(page: Page, photo: Path) -> None:
    form = page.get_by_role("region", name="Inputs")
    form.locator("input[type=file]").set_input_files(photo)
    expect(form.get_by_text("in the drive")).to_be_visible()
    form.get_by_role("button", name="Run").click()
    run = page.get_by_role("region", name="Run")
    expect(run.get_by_text("Succeeded").first).to_be_visible(timeout=INSTALLED_WITHIN_MS)
    expect_image(run.locator("img.media"))
    run.get_by_role("tab", name="Steps").click()
    for step in ("Queued", "Started", "Succeeded"):
        expect(run.get_by_role("log", name="Events")).to_contain_text(step)
    run.get_by_role("link", name="Open the job").click()


def see_job(page: Page) -> None:
    expect(page.get_by_role("heading", name="thumbnail")).to_be_visible()
    expect_image(page.locator("img.media"))
    for tab in ("Timeline", "Logs", "Inputs", "Result"):
        page.get_by_role("tab", name=tab).click()
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    row = page.get_by_role("table", name="Jobs").get_by_role("row").nth(1)
    expect(row).to_contain_text("Succeeded")
    expect(row).to_contain_text("thumbnail")


def expect_image(image: Any) -> None:
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", True)
    size = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert max(size) == 512, size
