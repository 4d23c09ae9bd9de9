"""Write the frozen contracts from the current code: `python -m tests.contract.frozen.freeze [CONTRACT...]`.

Run this only for a release. It makes the current contracts the ones that later changes are compared with. With names of
contracts it writes these alone; use that for a contract that is described for the first time.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from puras_mcp import starters

from backend.authoring.drafts import templates
from tests.contract.clients import skills
from tests.contract.documents import blocks
from tests.contract.frozen.current import BUNDLES, CONTRACTS, CURRENT
from tests.contract.public_client import conftest as public_client

_PATH = re.compile(r"# (skills/[\w-]+/[\w.]+)")
_PACK_FILE = """\
title: Examples
description: Uses every key of puras.yaml.
slug: examples
skillpack_id: 1b4e28ba-2fa1-41d2-883f-0016d3cca427
marketing:
  keywords: [examples]
  features: [{title: Complete, body: Every key is there.}]
  personas: [{title: Developers, body: They read it.}]
  comparison:
    competitor_label: Others
    rows: [{dimension: Keys, competitor: some, puras: all}]
  faq: [{q: Is it complete?, a: It is.}]
"""


def main(names: Sequence[str] = ()) -> int:
    """Write the contracts, all unless some are named; all includes the example skillpacks of today."""
    if unknown := sorted(set(names) - CURRENT.keys()):
        sys.stderr.write(f"Unknown contracts: {', '.join(unknown)}. Known: {', '.join(CURRENT)}.\n")
        return 2
    if not names:
        BUNDLES.mkdir(parents=True, exist_ok=True)
        for example, files in examples():
            archive(BUNDLES, example, as_yaml(files))
    for name in names or CURRENT:
        text = json.dumps(CURRENT[name](), indent=1, sort_keys=True, ensure_ascii=False)
        (CONTRACTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return 0


def archive(folder: Path, name: str, text: str) -> None:
    """Write a skillpack, unless it is there; one of an earlier release with the same name stays alongside it."""
    earlier = [path for path in folder.glob(f"{name}.*yaml") if path.name.split(".")[0] == name]
    if any(path.read_text(encoding="utf-8") == text for path in earlier):
        return
    suffix = f".{len(earlier) + 1}" if earlier else ""
    (folder / f"{name}{suffix}.yaml").write_text(text, encoding="utf-8")


def as_yaml(files: dict[str, str]) -> str:
    """Return a skillpack as one document whose texts are readable blocks."""
    text: str = yaml.dump(files, Dumper=_Blocks, allow_unicode=True, width=1000)
    return text


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _block)


def examples() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the skillpacks of templates, documentation and clients by their names."""
    for template in templates.all_():
        contents = templates.files_of(template.name)
        texts = {path: one.data for path, one in contents.items() if b"\0" not in one.data}
        yield f"template-{template.name}", {path: text.decode() for path, text in texts.items()}
    for kind, name in starters.NAMES.items():
        yield f"starter-{kind}", starters.files(kind, name)
    public = {"skill.yaml": public_client.SKILL_YAML, "main.py": public_client.MAIN_PY}
    yield "public-client", {f"skills/count/{path}": text for path, text in public.items()}
    yield (
        "public-client-scored",
        {f"skills/scored/{path}": text for path, text in public_client.SCORED.items()},
    )
    yield "clients", {f"skills/{path}": text for path, text in skills.FILES.items()}
    yield "every-key-of-puras-yaml", {"puras.yaml": _PACK_FILE, **starters.files("agent", "shorten")}
    for page in blocks.pages():
        files = {path[1]: block.code for block in blocks.of_page(page) if (path := _PATH.match(block.code))}
        if any("\nentrypoint:" in text for path, text in files.items() if path.endswith("/skill.yaml")):
            yield f"docs-{page.replace('/', '-')}", with_entrypoints(files)


def with_entrypoints(files: dict[str, str]) -> dict[str, str]:
    """Return the files of a page with those that its skills name and the page does not show."""
    missing = {}
    for path, text in files.items():
        if path.endswith("/skill.yaml"):
            entrypoint = yaml.safe_load(text)["entrypoint"]
            file, _, function = entrypoint.partition(":")
            content = f"def {function}(**inputs):\n    return {{}}\n" if function else "Do it.\n"
            missing[path.replace("skill.yaml", file)] = content
    return missing | files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
