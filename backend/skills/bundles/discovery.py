"""Find the skills of a bundle.

They are in `skills/<name>/`, or `<name>/` at the root, and in `subskills/` below each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from backend.core.errors import Problem
from backend.core.names import MAX_NAME, as_name, is_name
from backend.skills.archives.archive import Archive
from backend.skills.manifest.agent_skills import AGENT_SKILL_FILE
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.skill_reader import SkillFolder

SKILL_FILE: Final = "skill.yaml"
PLUGIN_FILE: Final = ".claude-plugin/plugin.json"
MAX_SKILLS: Final = 500

_MISSPELLED: Final = frozenset({"skill.yml", "skills.yaml", "skill.json"})
_IGNORED: Final = frozenset({"__MACOSX", ".git", "node_modules"})


class Discovered(NamedTuple):
    """The skills of a bundle by the file that describes them, sorted by name, with parents first."""

    described: list[SkillFolder]
    """Skills with a skill.yaml."""
    plain: list[SkillFolder]
    """Agent Skills: only a SKILL.md."""


def discover(archive: Archive, findings: Findings) -> Discovered:
    """Find every skill, and report files in the wrong location."""
    seed = _folders(archive, "skills/", SKILL_FILE)
    flat = _folders(archive, "", SKILL_FILE)
    if seed and flat:
        findings.error(
            Problem(
                f"{flat[0]}/{SKILL_FILE}",
                f"Skills are both below 'skills/' ({seed[0].rpartition('/')[2]!r}) and at the root "
                f"({flat[0]!r}). Move all of them to one location.",
            )
        )
    described = [SkillFolder(path.rpartition("/")[2], path) for path in sorted({*seed, *flat})]
    plain = _agent_skills(archive, described, is_seed=bool(seed) or not flat)
    elsewhere = [path for path in archive if path.endswith(f"/{AGENT_SKILL_FILE}")]
    if not described and not plain:
        plain = _of_plugins(elsewhere, archive, findings)
    else:
        _warn_of_plugins(elsewhere, [*described, *plain], findings)
    subskills = [sub for skill in described for sub in _subskills(archive, skill, findings)]
    _orphans(archive, described, findings)
    found = Discovered([*described, *subskills], plain)
    _check_names(found, findings)
    if not described and not plain:
        findings.error(_no_skills(archive, elsewhere))
    return found


def _folders(archive: Archive, prefix: str, file: str) -> list[str]:
    """Return the folders directly below the prefix that contain the file."""
    depth = prefix.count("/") + 1
    return sorted(
        path.rpartition("/")[0]
        for path in archive
        if path.startswith(prefix) and path.count("/") == depth and path.endswith(f"/{file}")
    )


def _agent_skills(archive: Archive, described: list[SkillFolder], *, is_seed: bool) -> list[SkillFolder]:
    taken = {skill.path for skill in described}
    places = {*_folders(archive, "skills/", AGENT_SKILL_FILE)} if is_seed else set()
    if not any(path.startswith("skills/") for path in taken):
        places |= {*_folders(archive, "", AGENT_SKILL_FILE)}
    found = [SkillFolder(path.rpartition("/")[2], path) for path in sorted(places - taken)]
    if not found and not described and AGENT_SKILL_FILE in archive:
        return [SkillFolder("", "")]
    return found


def _of_plugins(files: list[str], archive: Archive, findings: Findings) -> list[SkillFolder]:
    """Return the Agent Skills of a repository of Claude plugins, each name once."""
    found: dict[str, SkillFolder] = {}
    for file in sorted(files):
        path = file.rpartition("/")[0]
        if not _is_in_plugin(path, archive):
            continue
        folder = SkillFolder(path.rpartition("/")[2], path)
        first = found.setdefault(folder.name, folder)
        if first is not folder:
            message = f"{first.path!r} and {path!r} are skills of the same name. Rename one of the folders."
            findings.error(Problem(path, message))
    return list(found.values())


def _is_in_plugin(path: str, archive: Archive) -> bool:
    """Return whether a folder is `<plugin>/skills/<name>`.

    A plugin is below `plugins/` or has a plugin file.
    """
    plugin, mark, name = path.rpartition("/skills/")
    is_plugin = plugin.count("/") == 1 and plugin.startswith("plugins/")
    return bool(mark) and "/" not in name and (is_plugin or f"{plugin}/{PLUGIN_FILE}" in archive)


def _warn_of_plugins(files: list[str], taken: list[SkillFolder], findings: Findings) -> None:
    paths = {folder.path for folder in taken}
    for file in files:
        if file.startswith("plugins/") and file.rpartition("/")[0] not in paths:
            message = (
                "This skill is ignored, since the bundle has skills outside of 'plugins/'. Move it to them."
            )
            findings.warn(Problem(file, message))


def _subskills(archive: Archive, parent: SkillFolder, findings: Findings) -> Iterator[SkillFolder]:
    prefix = f"{parent.path}/subskills/"
    names = sorted(
        {
            path[len(prefix) :].partition("/")[0]
            for path in archive
            if path.startswith(prefix) and "/" in path[len(prefix) :]
        }
    )
    for name in names:
        if f"{prefix}{name}/{SKILL_FILE}" in archive:
            yield SkillFolder(f"{parent.name}/{name}", f"{prefix}{name}", parent.name)
            if any(path.startswith(f"{prefix}{name}/subskills/") for path in archive):
                findings.error(
                    Problem(
                        f"{prefix}{name}/subskills",
                        "A subskill cannot have subskills. Move this one level up.",
                    )
                )
        else:
            findings.error(
                Problem(
                    f"{prefix}{name}",
                    f"A folder below 'subskills/' needs a {SKILL_FILE}. Add it, or move it.",
                )
            )


def _orphans(archive: Archive, described: list[SkillFolder], findings: Findings) -> None:
    """Report subskills whose parent is not a skill, and files that look like a misspelled skill.yaml."""
    taken = {skill.path for skill in described}
    for path in archive:
        folder, _, file = path.rpartition("/")
        parent, _, _ = folder.partition("/subskills/")
        if file == SKILL_FILE and "/subskills/" in folder and parent not in taken and parent.count("/") <= 1:
            findings.error(Problem(path, f"The parent {parent!r} has no {SKILL_FILE}. Add it."))
        is_near = file.lower() in _MISSPELLED or (file.lower() == SKILL_FILE and file != SKILL_FILE)
        if is_near and folder not in taken and folder.count("/") <= 1:
            findings.warn(
                Problem(
                    path, f"This file is ignored. The file of a skill is named {SKILL_FILE!r}; rename it."
                )
            )


def _check_names(found: Discovered, findings: Findings) -> None:
    skills = [*found.described, *found.plain]
    if len(skills) > MAX_SKILLS:
        findings.error(Problem("skills", f"The bundle has more than {MAX_SKILLS} skills. Split it."))
    for skill in skills:
        name = skill.name.rpartition("/")[2]
        if skill.path and not is_name(name):
            findings.error(
                Problem(
                    skill.path,
                    f"{name!r} is not a valid name of a skill: use a-z, 0-9, '_' and '-', at most "
                    f"{MAX_NAME} characters. Rename the folder to {as_name(name)!r}.",
                )
            )


def _no_skills(archive: Archive, elsewhere: list[str]) -> Problem:
    tops = {path.partition("/")[0] for path in archive if "/" in path} - _IGNORED
    roots = [path for path in archive if "/" not in path]
    if SKILL_FILE in archive:
        return Problem(SKILL_FILE, "A skill requires a separate folder. Move its files to 'skills/<name>/'.")
    if len(tops) == 1 and not roots:
        [top] = tops
        inner = any(path.endswith((f"/{SKILL_FILE}", f"/{AGENT_SKILL_FILE}")) for path in archive)
        if inner:
            return Problem(
                top,
                f"Everything is inside the folder {top!r}. Create the ZIP from its content, not from "
                "the folder itself.",
            )
    if elsewhere:
        shown = ", ".join(map(repr, sorted(elsewhere)[:10]))
        more = f" and {len(elsewhere) - 10} more" if len(elsewhere) > 10 else ""
        return Problem(
            "skills",
            f"No {AGENT_SKILL_FILE} is in a folder where skills are read; found: {shown}{more}. Move each "
            "folder to 'skills/<name>/', or to 'plugins/<plugin>/skills/<name>/'.",
        )
    return Problem(
        "skills",
        f"The bundle has no skills. Add a folder 'skills/<name>/' with a {SKILL_FILE}, or with a "
        f"{AGENT_SKILL_FILE}.",
    )
