"""The page of the drive: uploads, previews, moves, links and permissions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from backend.skills.archives.pack import pack_files
from tests.e2e.conftest import EMAIL, PASSWORD, page_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(360)]

WRITING = {
    "skills/scribe/main.py": b"from pathlib import Path\n\ndef run():\n"
    b"    Path('drive/scribed').mkdir(exist_ok=True)\n"
    b"    Path('drive/scribed/line.txt').write_text('a line')\n    return {}\n",
    "skills/scribe/skill.yaml": b"entrypoint: main.py:run\ndescription: Writes.\nnetwork: none\n"
    b"input_schema: {type: object, properties: {}}\noutput_schema: {type: object, properties: {}}\n",
}
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 400]>>endobj\ntrailer<</Root 1 0 R>>\n"
)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301"
    "0100c9fe92ef0000000049454e44ae426082"
)
DROP = """
([name, text]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], name, { type: "text/plain" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried });
    document.querySelector("main").dispatchEvent(event);
  }
}
"""


def test_files_are_uploaded_moved_shared_and_deleted(signed_in: Page, settled: Any, tmp_path: Path) -> None:
    signed_in.goto(f"{settled.url}/drive")
    expect(signed_in.get_by_text(re.compile(r"of [\d.]+ GB"))).to_be_visible()
    signed_in.get_by_role("button", name="New folder…").click()
    signed_in.get_by_role("textbox", name="Name").fill("travel")
    signed_in.get_by_role("button", name="Create folder").click()
    signed_in.get_by_role("link", name="travel").click()
    expect(signed_in.get_by_role("heading", name="This folder is empty")).to_be_visible()
    upload(signed_in, *(written(tmp_path, name, f"content of {name}") for name in ("one.txt", "two.txt")))
    expect(signed_in.get_by_text("2 files uploaded")).to_be_visible()
    signed_in.evaluate(DROP, ["three.txt", "dropped"])
    expect(row(signed_in, "three.txt")).to_be_visible()
    assert settled.api.get("/v1/drive/files/travel/three.txt").text == "dropped"

    row(signed_in, "one.txt").get_by_role("link", name="one.txt").click()
    expect(signed_in.get_by_label("Content")).to_contain_text("content of one.txt")
    signed_in.get_by_role("button", name="Share link…").click()
    signed_in.get_by_label("Expires after").select_option(label="1 day")
    signed_in.get_by_role("button", name="Create link").click()
    link = signed_in.get_by_label("Signed link").input_value()
    assert httpx.get(link).text == "content of one.txt"
    signed_in.get_by_role("button", name="Close", exact=True).click()

    signed_in.get_by_role("button", name="Rename or move…").click()
    signed_in.get_by_label("New path").fill("travel/two.txt")
    signed_in.get_by_role("button", name="Move file").click()
    expect(signed_in.get_by_role("dialog").get_by_role("alert")).to_be_visible()  # two.txt exists
    signed_in.get_by_label("New path").fill("travel/north/first.txt")
    signed_in.get_by_role("button", name="Move file").click()
    expect(signed_in).to_have_url(re.compile("folder=travel%2Fnorth%2F"))
    expect(signed_in.get_by_role("heading", name="first.txt")).to_be_visible()
    assert httpx.get(link).status_code == 404
    signed_in.get_by_role("button", name="Delete…").click()
    signed_in.get_by_role("button", name="Delete file").click()
    expect(signed_in.get_by_role("heading", name="This folder is empty")).to_be_visible()

    signed_in.get_by_role("navigation", name="Folder").get_by_role("link", name="Drive").click()
    row(signed_in, "travel").get_by_role("button", name="Delete…").click()
    signed_in.get_by_role("button", name="Delete folder").click()
    expect(row(signed_in, "travel")).to_have_count(0)
    assert settled.api.get("/v1/drive?prefix=drive/travel/").json() == []


def test_order_filter_and_preview_are_in_the_url_and_back_returns(signed_in: Page, settled: Any) -> None:
    for name, content in (("alpha.txt", b"a" * 2000), ("beta.txt", b"b"), ("gamma.csv", b"c,d\n")):
        put(settled, f"order/{name}", content)
    page = f"{settled.url}/drive?folder=order%2F"
    signed_in.goto(page)
    names = signed_in.get_by_role("table", name="Files").get_by_role("link")
    expect(names).to_have_text(["alpha.txt", "beta.txt", "gamma.csv"])
    header = signed_in.get_by_role("columnheader", name="Size")
    header.get_by_role("button").click()
    header.get_by_role("button").click()
    expect(names).to_have_text(["beta.txt", "gamma.csv", "alpha.txt"])
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(signed_in).to_have_url(f"{page}&sort=size")
    signed_in.get_by_label("Filter files").fill("TXT")
    expect(names).to_have_text(["beta.txt", "alpha.txt"])
    expect(signed_in).to_have_url(f"{page}&q=TXT&sort=size")
    signed_in.get_by_role("button", name="Views").click()
    signed_in.get_by_label("Name of the view").fill("Small texts")
    signed_in.get_by_role("button", name="Save view").click()
    view = signed_in.get_by_role("link", name="Small texts")
    expect(view).to_have_attribute("href", f"/p/{settled.slug}/drive?folder=order%2F&q=TXT&sort=size")
    signed_in.keyboard.press("Escape")
    row(signed_in, "beta.txt").get_by_role("link").click()
    expect(signed_in.get_by_role("region", name="Content")).to_have_text("b")
    signed_in.go_back()
    expect(signed_in.get_by_role("region", name="Content")).to_have_count(0)
    signed_in.reload()
    expect(names).to_have_text(["beta.txt", "alpha.txt"])
    signed_in.go_back()
    expect(header).to_have_attribute("aria-sort", "descending")
    signed_in.get_by_label("Filter files").fill("nothing")
    expect(signed_in.get_by_text("No files match this filter.")).to_be_visible()
    signed_in.get_by_role("button", name="Show all files").click()
    expect(names).to_have_text(["alpha.txt", "gamma.csv", "beta.txt"])


def test_selected_files_are_moved_and_deleted_together(signed_in: Page, settled: Any) -> None:
    for name in ("one.txt", "two.txt", "three.txt", "inner/four.txt"):
        put(settled, f"many/{name}", b"x")
    signed_in.goto(f"{settled.url}/drive?folder=many/")
    signed_in.get_by_role("button", name="Select…").click()
    for name in ("one.txt", "two.txt"):
        signed_in.get_by_role("checkbox", name=f"Select {name}").check()
    signed_in.get_by_role("button", name="Move…").click()
    dialog = signed_in.get_by_role("dialog", name="Move 2 entries")
    dialog.get_by_label("Folder").fill("many/inner")
    dialog.get_by_role("button", name="Move 2 entries").click()
    expect(dialog).to_contain_text("2 of 2")
    dialog.get_by_role("button", name="Done").click()
    expect(row(signed_in, "one.txt")).to_have_count(0)
    assert settled.api.get("/v1/drive/files/many/inner/one.txt").text == "x"
    signed_in.get_by_role("button", name="Select…").click()
    signed_in.get_by_role("checkbox", name="Select all").check()
    selection = signed_in.get_by_role("group", name="Selected files")
    expect(selection).to_contain_text("2 selected")
    selection.get_by_role("button", name="Delete…").click()
    dialog = signed_in.get_by_role("dialog", name="Delete 2 entries?")
    dialog.get_by_role("button", name="Delete 2 entries").click()
    dialog.get_by_role("button", name="Done").click()
    expect(signed_in.get_by_role("heading", name="This folder is empty")).to_be_visible()
    assert settled.api.get("/v1/drive?prefix=drive/many/").json() == []


def test_large_folder_is_shown_page_by_page(signed_in: Page, settled: Any) -> None:
    for at in range(101):
        put(settled, f"large/{at:03}.txt", b"x")
    signed_in.goto(f"{settled.url}/drive?folder=large/")
    rows = signed_in.get_by_role("table", name="Files").get_by_role("row")
    expect(rows).to_have_count(101)  # with the head
    signed_in.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(102)
    expect(signed_in.get_by_role("button", name="Show more")).to_have_count(0)


def test_existing_file_is_replaced_only_after_confirmation(
    signed_in: Page, settled: Any, tmp_path: Path
) -> None:
    put(settled, "kept/plan.txt", b"old")
    signed_in.goto(f"{settled.url}/drive?folder=kept/")
    expect(row(signed_in, "plan.txt")).to_be_visible()
    upload(signed_in, written(tmp_path, "plan.txt", "new"))
    signed_in.get_by_role("button", name="Keep existing file").click()
    assert settled.api.get("/v1/drive/files/kept/plan.txt").text == "old"
    upload(signed_in, written(tmp_path, "plan.txt", "new"))
    signed_in.get_by_role("button", name="Replace file").click()
    expect(signed_in.get_by_text("1 file uploaded")).to_be_visible()
    assert settled.api.get("/v1/drive/files/kept/plan.txt").text == "new"


def test_interrupted_upload_resumes_and_rejected_upload_shows_its_error(
    signed_in: Page, settled: Any, tmp_path: Path
) -> None:
    started: list[str] = []
    is_cut = True

    def cut(route: Route) -> None:
        if route.request.method == "POST":
            started.append(route.request.url)
        if route.request.method == "PATCH" and is_cut:
            route.abort("connectionreset")
        else:
            route.continue_()

    signed_in.route("**/v1/drive/uploads**", cut)
    signed_in.goto(f"{settled.url}/drive?folder=slow/")
    upload(signed_in, written(tmp_path, "long.txt", "long" * 1000), written(tmp_path, "nul", "x"))
    refused = signed_in.get_by_role("listitem").filter(has_text="slow/nul")
    expect(refused.get_by_role("alert")).to_contain_text("nul")
    lost = signed_in.get_by_role("listitem").filter(has_text="slow/long.txt")
    expect(lost.get_by_role("alert")).to_contain_text("The connection was lost", timeout=30_000)
    refused.get_by_role("button", name="Discard").click()
    is_cut = False
    lost.get_by_role("button", name="Try again").click()
    expect(row(signed_in, "long.txt")).to_be_visible()
    assert settled.api.get("/v1/drive/files/slow/long.txt").text == "long" * 1000
    assert len(started) == 2  # each file started once


def test_preview_shows_the_content_of_files(signed_in: Page, settled: Any) -> None:
    put(settled, "shown/table.csv", b'name,"a ""quoted"" one"\nAda,"1, 2"\n')
    put(settled, "shown/facts.json", json.dumps({"deep": {"er": 42}}).encode())
    put(settled, "shown/pixel.png", PIXEL)
    put(settled, "shown/paper.pdf", PDF)
    put(settled, "shown/bytes.bin", bytes(range(256)))
    content = signed_in.get_by_role("region", name="Content")
    open_file(signed_in, settled, "shown/table.csv")
    expect(content.get_by_role("columnheader", name='a "quoted" one')).to_be_visible()
    expect(content.get_by_role("cell", name="1, 2")).to_be_visible()
    open_file(signed_in, settled, "shown/facts.json")
    expect(content.locator(".tok-number")).to_have_text("42")
    open_file(signed_in, settled, "shown/pixel.png")
    expect(content.get_by_role("img", name="pixel.png")).to_be_visible()
    # An image element exists before its data is loaded.
    expect(content.get_by_role("img", name="pixel.png")).to_have_js_property("naturalWidth", 1)
    open_file(signed_in, settled, "shown/paper.pdf")
    expect(content.get_by_text("Page 1 of 1")).to_be_visible(timeout=20_000)
    open_file(signed_in, settled, "shown/bytes.bin")
    expect(content.get_by_text("No preview is available")).to_be_visible()


@pytest.mark.parametrize("name", ["evil.html", "evil.svg", "evil.txt"])
def test_hostile_file_runs_no_script(signed_in: Page, settled: Any, name: str) -> None:
    script = "parent.opened = window.opened = document.title = 'opened'"
    markup = f'<script>{script}</script><img src=x onerror="{script}">'
    put(
        settled,
        f"hostile/{name}",
        f'<svg xmlns="http://www.w3.org/2000/svg" onload="{script}">{markup}</svg>'.encode(),
    )
    open_file(signed_in, settled, f"hostile/{name}")
    expect(signed_in.get_by_role("region", name="Content")).to_contain_text("<script>")
    assert signed_in.evaluate("window.opened") is None
    address = f"/v1/drive/files/drive/hostile/{name}?project={settled.slug}"
    with signed_in.expect_download():  # a browser that opens the URL of the file downloads it
        signed_in.evaluate("address => { location.href = address }", address)
    assert signed_in.evaluate("window.opened") is None
    headers = settled.api.get(f"/v1/drive/files/drive/hostile/{name}").headers
    assert headers["content-disposition"].startswith("attachment")
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_preview_links_to_the_job_that_wrote_the_file(signed_in: Page, settled: Any) -> None:
    settled.api.post("/v1/skillpacks", json={"slug": "scribes", "name": "Scribes"})
    pushed = settled.api.post(
        "/v1/skillpacks/scribes/deployments", files={"bundle": ("skills.zip", pack_files(WRITING))}
    )
    assert pushed.status_code == 201, pushed.text
    job = settled.api.post("/v1/jobs?wait=true", json={"skill": "scribes/scribe", "inputs": {}}).json()
    assert job["status"] == "succeeded", job
    open_file(signed_in, settled, "scribed/line.txt")
    preview = signed_in.get_by_role("region", name="Preview of line.txt")
    preview.get_by_role("link", name=f"job {job['id'][-8:]}").click()
    expect(signed_in).to_have_url(f"{settled.url}/jobs/{job['id']}")


def test_file_without_a_session_leads_to_the_sign_in_form_and_back(signed_in: Page, settled: Any) -> None:
    put(settled, "session/note.txt", b"still here")
    signed_in.goto(f"{settled.url}/drive?folder=session/")
    file = row(signed_in, "note.txt").get_by_role("link")
    expect(file).to_be_visible()
    signed_in.context.clear_cookies()
    file.click()  # the preview requests the file
    expect(signed_in).to_have_url(re.compile(r"/sign-in\?next=.*drive.*note\.txt"))
    expect(signed_in.get_by_label("Password")).to_be_visible()
    back = signed_in.url
    url = f"{settled.running.url}/v1/drive/files/drive/session/note.txt?project={settled.slug}"
    signed_in.goto(url)
    expect(signed_in).to_have_url(re.compile(r"/sign-in\?next=%2Fv1%2Fdrive%2Ffiles%2F"))
    settled.sign_in_page(signed_in, EMAIL)
    signed_in.goto(back)
    expect(signed_in.get_by_role("region", name="Content")).to_contain_text("still here")


def test_drive_is_hidden_from_other_projects_and_read_only_for_viewers(
    browser: Browser, settled: Any
) -> None:
    put(settled, "private.txt", b"ours")
    for email in ("eve@example.org", "victor@example.org"):
        settled.running.operate("user", "create", email, "--password-stdin", typed=f"{PASSWORD}\n")
    other = json.loads(settled.running.operate("project", "create", "Other", "--json"))
    settled.running.operate("project", "member", other["slug"], "eve@example.org", "--role", "owner")
    settled.running.operate("project", "member", settled.slug, "victor@example.org", "--role", "viewer")
    with page_of(browser, settled, "eve@example.org") as eve:
        eve.goto(f"{settled.url}/drive?file=private.txt")
        expect(eve.get_by_text("There is no project")).to_be_visible()
        answer = eve.request.get(
            f"{settled.running.url}/v1/drive/files/drive/private.txt?project={settled.slug}"
        )
        assert answer.status == 404
        eve.goto(f"{settled.running.url}/p/{other['slug']}/drive?file=private.txt")
        expect(eve.get_by_role("heading", name="The drive is empty")).to_be_visible()
        assert "private.txt" not in eve.get_by_role("main").inner_text()
    with page_of(browser, settled, "victor@example.org") as victor:
        open_file(victor, settled, "private.txt")
        expect(victor.get_by_role("region", name="Content")).to_contain_text("ours")
        for act in ("Upload…", "New folder…", "Delete…", "Rename or move…"):
            expect(victor.get_by_role("button", name=act)).to_have_count(0)


def put(settled: Any, path: str, content: bytes) -> None:
    answer = settled.api.put(f"/v1/drive/files/drive/{path}", content=content)
    assert answer.status_code == 201, answer.text


def open_file(page: Page, settled: Any, path: str) -> None:
    folder = path[: path.rfind("/") + 1]
    page.goto(f"{settled.url}/drive?folder={quote(folder)}&file={quote(path)}")
    expect(page.get_by_role("heading", name=path.rpartition("/")[2])).to_be_visible()


def upload(page: Page, *files: Path) -> None:
    page.get_by_label("Files to upload").set_input_files(list(files))


def written(folder: Path, name: str, text: str) -> Path:
    folder.joinpath(name).write_text(text, encoding="utf-8")
    return folder / name


def row(page: Page, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
