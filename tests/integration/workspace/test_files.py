"""The file tools and the to-do list of an agent: valid, invalid, too large and hostile input."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image

from tests.integration.workspace.conftest import UID, Agent, OpenAgent
from workers.agent.tools.file_read import MAX_CHARACTERS, FileRead
from workers.agent.types import ToolError

pytestmark = pytest.mark.asyncio(loop_scope="module")


def put(agent: Agent, name: str, content: bytes) -> None:
    """Write a file as code of the agent would."""
    path = agent.workspace.folder / name
    path.write_bytes(content)
    if UID is not None:
        os.chown(path, UID, UID)


def image_bytes(kind: str, size: tuple[int, int] = (3, 2)) -> bytes:
    """Return a valid image."""
    held = io.BytesIO()
    Image.new("RGB", size).save(held, kind)
    return held.getvalue()


def bomb(width: int) -> bytes:
    """Return the start of a PNG that declares a huge size."""
    head = struct.pack(">IIBBBBB", width, width, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def pages(count: int) -> bytes:
    """Return a PDF with empty pages."""
    writer, held = pypdf.PdfWriter(), io.BytesIO()
    for _ in range(count):
        writer.add_blank_page(100, 100)
    writer.write(held)
    return held.getvalue()


async def test_text_files_are_read_from_folder_drive_and_skill(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    await agent.bash("echo work > a.md; mkdir drive/sub; echo drive > drive/sub/b.md; ln -s a.md link.md")
    paths = [
        "a.md",
        "drive/sub/b.md",
        "references/style.md",
        f"{agent.workspace.path_inside}/a.md",
        "./drive/sub/b.md",
    ]
    result = await agent.use("file_read", paths=paths)
    assert [block["text"] for block in result.content] == [
        "a.md:\nwork\n",
        "drive/sub/b.md:\ndrive\n",
        "references/style.md:\nWrite plainly.",
        "a.md:\nwork\n",
        "drive/sub/b.md:\ndrive\n",
    ]
    assert result.details["count"] == 5


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_image_type_is_detected_from_the_content(open_agent: OpenAgent, kind: str) -> None:
    agent = await open_agent()
    put(agent, "photo.txt", image_bytes(kind))
    heading, block = (await agent.use("file_read", paths=["photo.txt"])).content
    assert heading == {"type": "text", "text": f"photo.txt (image/{kind.lower()}, 3 × 2):"}
    assert block["source"]["media_type"] == f"image/{kind.lower()}"
    assert base64.b64decode(block["source"]["data"]) == image_bytes(kind)
    without_vision = FileRead(vision=False, pdf=False)
    agent.tools["file_read"] = without_vision
    with pytest.raises(ToolError, match="cannot read images"):
        await agent.use("file_read", paths=["photo.txt"])


async def test_pdfs_are_returned_as_documents_or_as_text(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    put(agent, "paper.pdf", pages(3))
    heading, block = (await agent.use("file_read", paths=["paper.pdf"])).content
    assert heading["text"] == "paper.pdf (PDF, 3 pages):"
    assert (block["type"], block["title"]) == ("document", "paper.pdf")
    agent.tools["file_read"] = FileRead(vision=True, pdf=False)
    with pytest.raises(ToolError, match="contains no text"):
        await agent.use("file_read", paths=["paper.pdf"])


async def test_unreadable_files_are_reported_alongside_readable_ones(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    put(agent, "a.md", b"here")
    blocks = (await agent.use("file_read", paths=["a.md", "b.md"])).content
    assert [block["text"][:9] for block in blocks] == ["a.md:\nher", "ERROR: Th"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bomb(30_000), "30000 × 30000 pixels"),
        (bomb(0), "damaged image"),
        (image_bytes("JPEG")[:20], "damaged image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", "damaged image"),
        (pages(101), "101 pages; the limit is 100"),
        (pages(10_000), "the limit is 100"),
        (b"%PDF-1.7 nothing of the kind", "cannot be read as a PDF"),
        (b"\x7fELF\x00\x01", "not text, an image or a PDF"),
        (b"x" * (6 << 20), "the limit is 5 MB"),
    ],
)
async def test_unsupported_files_are_rejected_with_the_reason(
    open_agent: OpenAgent, content: bytes, expected: str
) -> None:
    agent = await open_agent()
    put(agent, "it", content)
    with pytest.raises(ToolError, match=expected):
        await agent.use("file_read", paths=["it"])


async def test_size_of_the_files_of_one_call_is_limited(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    for name in "abc":
        put(agent, name, image_bytes("PNG") + b"x" * (4 << 20))
    blocks = (await agent.use("file_read", paths=["a", "b", "c"])).content
    assert [block["type"] for block in blocks] == ["text", "image", "text", "image", "text"]
    assert "Read it in a separate call" in blocks[-1]["text"]


async def test_long_text_files_are_truncated(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    put(agent, "long", b"x" * (MAX_CHARACTERS + 5))
    (block,) = (await agent.use("file_read", paths=["long"])).content
    assert block["text"].endswith("x\n[cut here: 5 more characters, which a command like `tail -c` can show]")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x",
        "drive/../../x",
        "link/passwd",
        "away",
        "drive/away",
        "pipe",
        "tmp",
        "drive",
        "a\0b",
        "x" * 2000,
    ],
)
async def test_paths_and_links_cannot_leave_the_work_folder(
    open_agent: OpenAgent, path: str, tmp_path: Path
) -> None:
    agent = await open_agent()
    await agent.bash("ln -s /etc link; ln -s /etc/passwd away; ln -s /etc/passwd drive/away; mkfifo pipe")
    (agent.workspace.folder / "machine").symlink_to(tmp_path)
    for name, arguments in (
        ("file_read", {"paths": [path]}),
        ("file_edit", {"path": path, "old_string": "root", "new_string": "x"}),
    ):
        with pytest.raises(ToolError):
            await agent.use(name, **arguments)
    if path not in ("away", "drive/away", "pipe"):
        with pytest.raises(ToolError):
            await agent.use("file_write", path=path, content="x")
    with pytest.raises(ToolError, match="link"):
        await agent.use("file_write", path="machine/planted", content="x")
    assert not (tmp_path / "planted").exists()


async def test_write_replaces_a_link_and_does_not_follow_it(open_agent: OpenAgent, tmp_path: Path) -> None:
    agent = await open_agent()
    target = tmp_path / "of-the-machine"
    target.write_text("untouched", encoding="utf-8")
    (agent.workspace.folder / "tmp/notes.md").symlink_to(target)
    await agent.use("file_write", path="tmp/notes.md", content="mine")
    assert await agent.bash("cat tmp/notes.md") == "exit=0\nmine"
    assert target.read_text(encoding="utf-8") == "untouched"


async def test_written_files_have_the_user_of_the_agent_and_keep_their_mode(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    await agent.bash("printf '#!/bin/sh\\necho one' > run.sh; chmod 700 run.sh")
    result = await agent.use("file_write", path="drive/deep/er/notes.md", content="a\nb\n")
    assert result.details == {"drive_path": "deep/er/notes.md", "size_bytes": 4, "chars": 4, "lines": 2}
    await agent.use("file_edit", path="run.sh", old_string="one", new_string="two")
    assert (
        await agent.bash("./run.sh; echo more >> drive/deep/er/notes.md && rm -r drive/deep")
        == "exit=0\ntwo\n"
    )


@pytest.mark.parametrize(
    ("arguments", "after"),
    [
        ({"old_string": "two", "new_string": "2"}, "one\n2\nthree three\n"),
        ({"old_string": "three", "new_string": "3", "replace_all": True}, "one\ntwo\n3 3\n"),
        ({"start_line": 1, "end_line": 2, "new_string": "1"}, "1\nthree three\n"),
        ({"start_line": 2, "end_line": 3, "new_string": ""}, "one\n"),
    ],
)
async def test_edit_returns_the_difference(
    open_agent: OpenAgent, arguments: dict[str, Any], after: str
) -> None:
    agent = await open_agent()
    put(agent, "a.md", b"one\ntwo\nthree three\n")
    difference = str((await agent.use("file_edit", path="a.md", **arguments)).content)
    assert (agent.workspace.folder / "a.md").read_text(encoding="utf-8") == after
    assert any(line.startswith("-") for line in difference.split("\n"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"old_string": "four", "new_string": "4"}, "is not in 'a.md'"),
        ({"old_string": "three", "new_string": "3"}, "2 times"),
        ({"old_string": "one", "new_string": "one"}, "Nothing changes"),
        ({"old_string": "", "new_string": "x"}, "empty"),
        ({"new_string": "x"}, "Set either old_string"),
        ({"old_string": "one", "start_line": 1, "end_line": 1, "new_string": "x"}, "Set either old_string"),
        ({"start_line": 2, "end_line": 1, "new_string": "x"}, "start_line not after end_line"),
        ({"start_line": 2, "new_string": "x"}, "both"),
        ({"start_line": 4, "end_line": 9, "new_string": "x"}, "has 3 lines"),
    ],
)
async def test_ambiguous_edits_are_rejected(
    open_agent: OpenAgent, arguments: dict[str, Any], expected: str
) -> None:
    agent = await open_agent()
    put(agent, "a.md", b"one\ntwo\nthree three\n")
    with pytest.raises(ToolError, match=expected):
        await agent.use("file_edit", path="a.md", **arguments)
    assert (agent.workspace.folder / "a.md").read_bytes() == b"one\ntwo\nthree three\n"


async def test_difference_of_an_edit_is_limited(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    put(agent, "a.md", "\n".join(map(str, range(20_000))).encode())
    difference = str(
        (await agent.use("file_edit", path="a.md", old_string="1", new_string="x", replace_all=True)).content
    )
    assert len(difference.split("\n")) <= 83


async def test_edit_with_a_huge_result_is_rejected(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    put(agent, "a.md", b"a" * 1_000_000)
    with pytest.raises(ToolError, match="100,000,000,000 bytes"):
        await agent.use("file_edit", path="a.md", old_string="a", new_string="b" * 100_000, replace_all=True)


async def test_files_of_the_skill_are_read_only(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    for path in ("references/style.md", "SKILL.md", "/deployment/skills/helper/SKILL.md"):
        with pytest.raises(ToolError, match=r"belongs to the skill|outside"):
            await agent.use("file_write", path=path, content="x")


async def test_invalid_drive_names_are_rejected(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    with pytest.raises(ToolError, match="Windows"):
        await agent.use("file_write", path="drive/CON.txt", content="x")


async def test_todo_list_is_replaced_and_invalid_items_are_omitted(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    todos = [
        {"content": " read ", "status": "completed"},
        {"content": "write", "status": "in_progress"},
        {"content": "x" * 201, "status": "pending"},
        {"content": "later", "status": "someday"},
        "no item",
    ]
    result = await agent.use("todo_write", todos=todos)
    assert result.details["todos"] == [
        {"content": "read", "status": "completed"},
        {"content": "write", "status": "in_progress"},
    ]
    assert str(result.content).startswith("2 todos: 0 pending, 1 in_progress, 1 completed. 3 were omitted")
    with pytest.raises(ToolError, match="todos"):
        await agent.use("todo_write", todos="none")
