"""How the first of something is made from code, as a page shows it that has none yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from studio.code_snippets import curl, fetch, mcp, of_route, of_skill, python, terminal
from studio.skills import SkillView

ANY_SKILL: Final = "any-skill"
"""Stands where the page puts the name of the skill that it shows."""
_GREET: Final = {
    "skills/greet/skill.yaml": "entrypoint: main.py:run\ndescription: Greets somebody.\n"
    "input_schema: {type: object, properties: {name: {type: string}}, required: [name]}\n"
    "output_schema: {type: object, properties: {greeting: {type: string}}}\n",
    "skills/greet/main.py": 'def run(name):\n    return {"greeting": f"Hello, {name}!"}\n',
}


def of_run(origin: str, skills: Sequence[SkillView]) -> dict[str, str]:
    """How the first of the skills is run; where there is none, how some are published."""
    return of_skill(origin, skills[0]) if skills else of_push(origin)


def of_push(origin: str, slug: str = "") -> dict[str, str]:
    """How a folder of skills becomes a version; of the default skillpack where none is named."""
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
console.log(await answer.json());""",
        "mcp": mcp(origin, "push", {"files": _GREET, **({"skillpack": slug} if slug else {})}),
    }


def of_suite(origin: str, pack: str, *, is_default: bool, skill: str = ANY_SKILL) -> dict[str, str]:
    """How the cases of a skill are run and judged."""
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


def of_listing(origin: str, skills: list[SkillView]) -> dict[str, str]:
    """How a skill is offered to the other projects: a draft, which is then published."""
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
            f'offer = client.request("PATCH", {then!r}, body={published!r})',
            'offer["slug"], offer["status"]',
        ),
        "typescript": texts["typescript"]
        + "\n\n"
        + fetch(origin + then, "PATCH", f"JSON.stringify({json.dumps(published)})", answer="offer")
        + "\nconsole.log(await offer.json());",
    }
