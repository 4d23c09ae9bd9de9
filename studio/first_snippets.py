"""Code snippets that create the first item of a page that is still empty."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from studio.code_snippets import curl, fetch, mcp, of_route, of_skill, python, terminal
from studio.skills import SkillView

ANY_SKILL: Final = "any-skill"
"""A placeholder, which the page replaces with the name of the skill that it shows."""
_GREET: Final = {
    "skills/greet/skill.yaml": "entrypoint: main.py:run\ndescription: Greets a user by name.\n"
    "input_schema: {type: object, properties: {name: {type: string}}, required: [name]}\n"
    "output_schema: {type: object, properties: {greeting: {type: string}}}\n",
    "skills/greet/main.py": 'def run(name):\n    return {"greeting": f"Hello, {name}!"}\n',
}


def of_run(origin: str, skills: Sequence[SkillView]) -> dict[str, str]:
    """Return the code that runs the first of the skills, or that publishes skills if there are none."""
    return of_skill(origin, skills[0]) if skills else of_push(origin)


def of_push(origin: str, slug: str = "") -> dict[str, str]:
    """Return the code that publishes a folder of skills as a version; without a slug, of the default skillpack."""
    path = f"/v1/skillpacks/{slug}/deployments" if slug else "/v1/deployments"
    zipped = "python3 -m zipfile -c skills.zip skills"
    push = f'client.request("POST", "{path}", body=bundle(pack(Path(".")), activate="true"))'
    packing = (
        "from pathlib import Path\nfrom puras.bundles import pack\nfrom puras.client.forms import bundle\n"
    )
    sent = fetch(origin + path, "POST", "form", media_type="")
    return {
        "curl": f"{zipped}\ncurl {origin}{path} \\\n"
        '  -H "Authorization: Bearer $PURAS_API_KEY" \\\n  -F bundle=@skills.zip -F activate=true',
        "python": packing + python(origin, f"version = {push}", 'version["version"], version["is_active"]'),
        "terminal": terminal(origin, "deploy", *(("--skillpack", slug) if slug else ())),
        "typescript": f"""\
// {zipped}
import {{ readFile }} from "node:fs/promises";

const form = new FormData();
form.set("bundle", new Blob([await readFile("skills.zip")]), "skills.zip");
form.set("activate", "true");
{sent}
console.log(await response.json());""",
        "mcp": mcp(origin, "push", {"files": _GREET, **({"skillpack": slug} if slug else {})}),
    }


def of_suite(origin: str, pack: str, *, is_default: bool, skill: str = ANY_SKILL) -> dict[str, str]:
    """Return the code that runs and grades the eval cases of a skill."""
    named = {} if is_default else {"skillpack": pack}
    return of_route(
        origin,
        "POST",
        f"/v1/skillpacks/{pack}/evals",
        {"skill": skill},
        command=("eval", skill, *(() if is_default else ("--skillpack", pack))),
        tool="run_eval",
        arguments={"skill": skill, **named},
    )


def of_case(origin: str, job_id: str) -> dict[str, str]:
    """Return the code that saves a job as an eval case of its skill."""
    return of_route(origin, "POST", f"/v1/jobs/{job_id}/eval-case", {"tags": ["first"]})


def of_upload(origin: str, folder: str) -> dict[str, str]:
    """Return the code that uploads a file to a folder of the drive, which is empty or ends with a slash."""
    name = "photo.jpg"
    rooted = f"drive/{folder}{name}"
    path = rooted if folder.startswith("drive/") else folder + name
    url = f"{origin}/v1/drive/files/{quote(rooted)}"
    return {
        "curl": f'curl {url} \\\n  -H "Authorization: Bearer $PURAS_API_KEY" --upload-file {name}',
        "python": python(
            origin,
            f"path = client.upload({json.dumps(name)}, {json.dumps(path, ensure_ascii=False)})",
            "path",
        ),
        "terminal": terminal(origin, "drive", "cp", name, f"drive:{path}"),
        "typescript": f"""\
import {{ readFile }} from "node:fs/promises";

{fetch(url, "PUT", f'await readFile("{name}")', media_type="")}
console.log(await response.json());""",
        "mcp": mcp(origin, "drive_upload", {"path": f"{folder}hello.txt", "text": "Hello"}),
    }


def of_listing(origin: str, skills: list[SkillView]) -> dict[str, str]:
    """Return the code that lists a skill in the marketplace: it creates a draft and publishes it."""
    skill = skills[0] if skills else SkillView(name="my-skill")
    path = "/v1/marketplace/listings"
    body: dict[str, Any] = {
        "slug": skill.name,
        "skill": skill.full_name,
        "price_micros": 50_000,
        "follows_active": True,
    }
    published = {"status": "published"}
    texts, then = of_route(origin, "POST", path, body), f"{path}/{skill.name}"
    return {
        "curl": f"{texts['curl']}\n{curl(origin, 'PATCH', then, published)}",
        "python": python(
            origin,
            f'client.request("POST", {path!r}, body={body!r})\n'
            f'listing = client.request("PATCH", {then!r}, body={published!r})',
            'listing["slug"], listing["status"]',
        ),
        "typescript": texts["typescript"]
        + "\n\n"
        + fetch(origin + then, "PATCH", f"JSON.stringify({json.dumps(published)})", variable="listing")
        + "\nconsole.log(await listing.json());",
    }
