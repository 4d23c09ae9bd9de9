"""Build the documentation as a static site, with Zensical, when it has changed: `python -m backend.docs_site.build`.

The site needs no server of its own and loads nothing from other hosts: `studio/documentation.py` serves it at `/docs`,
and a copy of `.web/docs` can be published anywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from backend.core.http.content_security_policy import inline_script_hashes
from backend.core.release_files import DOCS_SITE, ROOT, WEB
from backend.docs_site import llms_txt, pages, palette
from backend.docs_site.contents import NOT_SEARCHED

WORK: Final = WEB / "docs-build"
"""The folder of the build: configuration, copies of the pages, log."""
SITE: Final = DOCS_SITE
SCRIPT_HASHES: Final = SITE / "script-hashes.json"
"""Sources of the content security policy for the inline scripts of each page, by the path of its file."""
URL_PATH: Final = "/docs"
_STAMP: Final = SITE / "sources.sha256"
_THEME: Final = Path(__file__).with_name("theme")
_ADDED: Final = {
    "SECURITY.md": "project/security-guards.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}
"""Pages that are not below `docs/`, where readers of a repository expect them, by their path in the site."""
_DIAGRAMS: Final = WEB / "node_modules" / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js"
_DIAGRAMS_URL: Final = re.compile(r'"https://unpkg\.com/mermaid@[^"]*"')
_LINE_ANCHOR: Final = re.compile(r'<a id="__codelineno-[^"]*" name="[^"]*" href="[^"]*"></a>')
"""Links of the generator before each line of code: they have no text, but can be focused with the Tab key."""
_LINK: Final = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
SCREENSHOT: Final = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)-light\.png\)")
_FRONT_MATTER_NOT_SEARCHED: Final = "---\nsearch:\n  exclude: true\n---\n"
_GENERATOR_MARK: Final = re.compile(r"^<!--.*?-->\n", re.MULTILINE)


class DocsBuildError(Exception):
    """The site could not be built; the message contains the output of the generator."""


def main() -> int:
    """Build the site unless it is current, and return the exit code."""
    fingerprint = _fingerprint()
    if _STAMP.is_file() and _STAMP.read_text(encoding="utf-8") == fingerprint:
        _report("Documentation ... unchanged\n")
        return 0
    _report("Documentation ... ")
    try:
        build(SITE)
    except DocsBuildError as error:
        _report(f"failed\n{error}\n")
        return 1
    _STAMP.write_text(fingerprint, encoding="utf-8")
    _report(f"built ({len(list(SITE.rglob('*.html')))} pages)\n")
    return 0


def build(site: Path) -> None:
    """Build the site into a folder, which is replaced only when the build succeeds.

    Raises:
        DocsBuildError: The generator failed, or a link has no target.
    """
    shutil.rmtree(WORK, ignore_errors=True)
    _copy_sources(WORK / "docs")
    (WORK / "zensical.toml").write_text(_configuration(), encoding="utf-8")
    command = (sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "zensical.toml")
    process = subprocess.run(
        command, cwd=WORK, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    if process.returncode:
        raise DocsBuildError(f"{process.stdout}{process.stderr}")
    built = WORK / "site"
    _root_at_url_path(built / "404.html")
    _bundle_diagrams(built)
    (built / llms_txt.NAME).write_text(index_for_models(), encoding="utf-8")
    for page in built.rglob("*.html"):
        page.write_text(_LINE_ANCHOR.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    palette.write(built)
    hashes = {
        page.relative_to(built).as_posix(): inline_script_hashes(page.read_text(encoding="utf-8"))
        for page in sorted(built.rglob("*.html"))
    }
    (built / SCRIPT_HASHES.name).write_text(json.dumps(hashes), encoding="utf-8")
    shutil.rmtree(site, ignore_errors=True)
    built.rename(site)


def index_for_models() -> str:
    """Return the text of `llms.txt`: all pages in the order of the table of contents, then decisions."""
    entries = [llms_txt.Entry(one.section, one.title, _url(one.name), one.text) for one in pages.all_()]
    for source, name in _ADDED.items():
        entries.append(_entry("Project", ROOT / source, name))
    for decision in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        entry = _entry(llms_txt.OPTIONAL, decision, f"decisions/{decision.name}")
        entries.append(entry._replace(text=entry.text.partition("\n## ")[2].partition("\n")[2]))
    return llms_txt.generate(entries)


def _entry(section: str, source: Path, name: str) -> llms_txt.Entry:
    text = source.read_text(encoding="utf-8")
    return llms_txt.Entry(section, pages.title(text, name), _url(name.removesuffix(".md")), text)


def _url(name: str) -> str:
    return f"{URL_PATH}/" if name == "index" else f"{URL_PATH}/{name}/"


def _root_at_url_path(page: Path) -> None:
    """Make the links of the page for unknown paths start with `/docs/`, since they cannot be relative."""
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(r'(["\'])/(?=[a-z".])', rf"\1{URL_PATH}/", text), encoding="utf-8")


def _bundle_diagrams(site: Path) -> None:
    """Make pages with diagrams load the library from the site instead of a public host, as the generator does.

    Raises:
        DocsBuildError: The studio's packages are not installed, or the generator loads the library differently.
    """
    if not _DIAGRAMS.is_file():
        raise DocsBuildError(
            f"{_DIAGRAMS} is missing. Build the pages of the studio first: `python -m studio.build`."
        )
    (script,) = (site / "assets" / "javascripts").glob("bundle.*.js")
    text, number = _DIAGRAMS_URL.subn('(__md_scope+"theme/mermaid.js")', script.read_text(encoding="utf-8"))
    if number != 1:
        raise DocsBuildError(f"{script.name} does not load the library for diagrams once. Adapt {__file__}.")
    script.write_text(text, encoding="utf-8")
    shutil.copyfile(_DIAGRAMS, site / "theme" / "mermaid.js")


def _copy_sources(target: Path) -> None:
    for document in pages.all_():
        text = _FRONT_MATTER_NOT_SEARCHED + document.text if document.name in NOT_SEARCHED else document.text
        write_page(target / f"{document.name}.md", text, ROOT / "docs" / f"{document.name}.md")
    for decision in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        write_page(target / "decisions" / decision.name, decision.read_text(encoding="utf-8"), decision)
    for source, name in _ADDED.items():
        write_page(target / name, (ROOT / source).read_text(encoding="utf-8"), ROOT / source)
    shutil.copytree(
        ROOT / "docs" / "images", target / "images", ignore=shutil.ignore_patterns("*.py", "__pycache__")
    )
    shutil.copytree(_THEME, target / "theme", ignore=shutil.ignore_patterns("*.toml"))


def write_page(file: Path, text: str, source: Path) -> None:
    """Write a page for the site: screenshots in both color schemes, and links to repository files as plain text."""
    in_site = _site_path(source)

    def link(match: re.Match[str]) -> str:
        label, target, anchor = match[1], match[2], match[3] or ""
        if re.match(r"[a-z]+:", target):
            return match[0]
        found = _site_path(Path(os.path.normpath(source.parent / target)))
        if found is None:
            return label if label.startswith("`") else f"{label} (`{_repository_path(source, target)}`)"
        return f"[{label}]({os.path.relpath(found, in_site.parent if in_site else '.')}{anchor})"

    def image(match: re.Match[str]) -> str:
        return "\n".join(
            f"![{match[1]}]({match[2]}-{scheme}.png#only-{scheme}){{ loading=lazy }}"
            for scheme in ("light", "dark")
        )

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SCREENSHOT.sub(image, _LINK.sub(link, _GENERATOR_MARK.sub("", text))), encoding="utf-8")


def _site_path(source: Path) -> Path | None:
    """Return the path in the site of a file of the repository, or None if the site does not contain it."""
    relative = source.relative_to(ROOT).as_posix() if source.is_relative_to(ROOT) else ""
    if relative in _ADDED:
        return Path(_ADDED[relative])
    if relative == "docs/decisions":
        return Path("decisions/0001-postgresql-as-source-of-truth.md")
    is_page = relative.startswith("docs/") and source.suffix in (".md", ".png")
    return Path(relative.removeprefix("docs/")) if is_page else None


def _repository_path(source: Path, target: str) -> str:
    return Path(os.path.normpath(source.parent / target)).relative_to(ROOT).as_posix()


def _configuration() -> str:
    return (
        (_THEME / "zensical.toml")
        .read_text(encoding="utf-8")
        .replace("nav = []", f"nav = [\n{_navigation()}\n]")
    )


def _navigation() -> str:
    """Return the table of contents in the syntax of the generator."""
    sections: dict[str, list[str]] = {}
    for document in pages.all_():
        sections.setdefault(document.section, []).append(
            f"{{{json.dumps(document.title, ensure_ascii=False)} = {json.dumps(document.name + '.md')}}}"
        )
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    project = [
        f"{{{json.dumps(Path(name).stem.replace('-', ' ').capitalize())} = {json.dumps(name)}}}"
        for name in _ADDED.values()
    ]
    project.append(
        f'{{"Decisions" = [{", ".join(json.dumps(f"decisions/{one.name}") for one in decisions)}]}}'
    )
    sections["Project"] = project
    return ",\n".join(
        f"  {{{json.dumps(title)} = [{', '.join(entries)}]}}" for title, entries in sections.items()
    )


def _fingerprint() -> str:
    digest = hashlib.sha256(version("zensical").encode())
    sources = [
        *sorted((ROOT / "docs").rglob("*")),
        *(ROOT / name for name in _ADDED),
        *sorted(Path(__file__).parent.rglob("*")),
    ]
    for source in sources:
        if source.is_file() and source.suffix != ".pyc":
            digest.update(
                f"{source.relative_to(ROOT)} {hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode()
            )
    return digest.hexdigest()


def _report(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
