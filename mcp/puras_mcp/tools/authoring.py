"""Define the tools that create a skill and read the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from puras_mcp import places, starters
from puras_mcp.api import segments
from puras_mcp.cutting import MAX_CHARS
from puras_mcp.errors import CallRejected
from puras_mcp.offer import ADD, READ, Offer
from puras_mcp.shapes import Page, Pages, Starter
from puras_mcp.world import Call, api_of

KindOfSkill = Annotated[
    starters.Kind, Field(description="`function`: Python code. `agent`: a prompt for a language model.")
]
Name = Annotated[
    str,
    Field(
        description="Name of the skill: lower case letters, digits and hyphens; empty: a default name.",
        pattern=r"^([a-z][a-z0-9-]{0,62})?$",
    ),
]


async def init_project(
    project_dir: Annotated[
        str, Field(description="Absolute path of a folder, which is created if it does not exist.")
    ],
    kind: KindOfSkill = "function",
    name: Name = "",
) -> Starter:
    """Write a small working skill to a folder, as a template for your own skill.

    Existing files are not overwritten. Next: edit, `validate`, `push`, `submit_job`.
    """
    folder = places.new_folder(project_dir)
    made = starters.files(kind, name or starters.NAMES[kind])
    taken = [path for path in made if (folder / path).exists()]
    if taken:
        raise CallRejected(f"{folder} has {', '.join(taken)} already. Use another `name` or folder.")
    for path, text in made.items():
        _write(folder, path, text)
    return Starter(
        files=made,
        folder=str(folder),
        next=f"Edit them, then call `validate` and `push` with project_dir={folder}.",
    )


async def init_files(kind: KindOfSkill = "function", name: Name = "") -> Starter:
    """Return the files of a small working skill, as a template for your own skill.

    Nothing is stored: change the files, then pass them to `validate` and `push`.
    """
    made = starters.files(kind, name or starters.NAMES[kind])
    return Starter(files=made, folder="", next="Change them, then call `validate` and `push` with `files`.")


async def docs(
    call: Call,
    page: Annotated[
        str, Field(description="Name of a page, such as tutorials/quickstart; empty: list or search pages.")
    ] = "",
    query: Annotated[str, Field(description="Words to search for in all pages.")] = "",
    offset: Annotated[int, Field(description="`next_offset` of the previous response.", ge=0)] = 0,
) -> Pages:
    """Read the documentation of this instance: list the pages, search them, or read one.

    Read `reference/skill-yaml` before you write a skill.yaml, `guides/files-as-inputs` before you use files as inputs,
    and `troubleshooting` or `reference/errors` after an error.
    """
    api = api_of(call)
    if page:
        found = await api.get(f"/v1/docs/{segments(page)}")
        text: str = found["text"]
        end = offset + MAX_CHARS
        one = Page(**{**found, "text": text[offset:end]}, next_offset=end if end < len(text) else None)
        return Pages(pages=[one])
    return Pages(pages=[Page(**one) for one in await api.get("/v1/docs", q=query)])


def _write(folder: Path, path: str, text: str) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as out:
        out.write(text)


LOCAL = (Offer(init_project, "Create a skill", ADD), Offer(docs, "Read the documentation", READ))
HOSTED = (Offer(init_files, "Create a skill", READ), Offer(docs, "Read the documentation", READ))
