"""Folders of skills in a bundle, and Agent Skills with only a SKILL.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.skills.archives.pack import pack, pack_files
from backend.skills.bundles.read import ReadBundle, read_bundle
from backend.skills.manifest.findings import BundleInvalid

SKILL = b"entrypoint: SKILL.md\ninput_schema: {}\noutput_schema: {}\n"
AGENT_SKILL = b"---\nname: pdf\ndescription: Reads PDF files.\nlicense: MIT\n---\n\nRead it.\n"
STARTER = Path(__file__).parents[3] / "skills_kit" / "templates" / "starter"


def skill(folder: str) -> dict[str, bytes]:
    """Return a skill in that folder."""
    return {f"{folder}/skill.yaml": SKILL, f"{folder}/SKILL.md": b"Do it."}


def read(*parts: dict[str, bytes], **files: bytes) -> ReadBundle:
    """Return the bundle of these files."""
    return read_bundle(pack_files({**{name: data for part in parts for name, data in part.items()}, **files}))


def problems(*parts: dict[str, bytes]) -> list[str]:
    """Return the errors of the bundle of these files."""
    with pytest.raises(BundleInvalid) as caught:
        read(*parts)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def names(bundle: ReadBundle) -> list[str]:
    """Return the names of the skills of the bundle."""
    return [one.name for one in bundle.manifest.skills]


def test_both_layouts_are_read_and_other_folders_ignored() -> None:
    assert names(read(skill("skills/b"), skill("skills/a"), {"docs/x/y.md": b""})) == ["a", "b"]
    flat = read(skill("b"), skill("a"), {"docs/y.md": b"", "README.md": b""})
    assert names(flat) == ["a", "b"]
    assert [one.path for one in flat.manifest.skills] == ["a", "b"]


def test_mixed_layouts_are_rejected() -> None:
    assert any("both below 'skills/'" in one for one in problems(skill("skills/a"), skill("b")))


def test_subskills_belong_to_their_parent() -> None:
    bundle = read(skill("skills/report"), skill("skills/report/subskills/draft"))
    assert names(bundle) == ["report", "report/draft"]
    assert [one.parent_skill for one in bundle.manifest.skills] == [None, "report"]
    assert [one.name for one in bundle.manifest.submittable] == ["report"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "The bundle has no skills. Add a folder 'skills/<name>/'"),
        ({"README.md": b""}, "The bundle has no skills."),
        (
            skill("my-pack/skills/a"),
            "Everything is inside the folder 'my-pack'. Create the ZIP from its content",
        ),
        ({"skill.yaml": SKILL}, "A skill requires a separate folder."),
        (skill("skills/My Skill"), "Rename the folder to 'my-skill'."),
        (skill("skills/" + "a" * 65), "at most 64 characters"),
        (skill("skills/a/subskills/b"), "The parent 'skills/a' has no skill.yaml."),
        (skill("a") | {"a/subskills/b/x.md": b""}, "needs a skill.yaml"),
        (
            skill("a") | skill("a/subskills/b") | skill("a/subskills/b/subskills/c"),
            "A subskill cannot have subskills.",
        ),
    ],
)
def test_misplaced_files_are_reported(files: dict[str, bytes], said: str) -> None:
    assert any(said in one for one in problems(files)), problems(files)


def test_misspelled_file_causes_a_warning() -> None:
    bundle = read(skill("a"), {"b/skill.yml": SKILL})
    assert [warning.path for warning in bundle.warnings] == ["b/skill.yml"]


def test_requirements_of_the_skill_override_those_of_the_bundle() -> None:
    bundle = read(
        skill("skills/a"),
        skill("skills/b"),
        skill("skills/c"),
        {
            "requirements.txt": b"pillow>=11\n",
            "skills/a/requirements.txt": b"httpx[http2]==0.28.1 ; python_version > '3.10'  # why\n",
            "skills/b/requirements.txt": b"# nothing yet\n",
        },
    )
    assert [one.requirements for one in bundle.manifest.skills] == [
        "skills/a/requirements.txt",
        "requirements.txt",
        "requirements.txt",
    ]


@pytest.mark.parametrize(
    "line", ["-e .", "--index-url x", "git+https://x/y", "./x.whl", "x @ https://y", "-r other.txt"]
)
def test_invalid_requirements_are_reported_with_their_line(line: str) -> None:
    with pytest.raises(BundleInvalid) as caught:
        read(skill("skills/a"), {"requirements.txt": b"pillow\n" + line.encode()})
    [problem] = caught.value.problems
    assert (problem.path, problem.line) == ("requirements.txt", 2)


def test_agent_skills_are_deployed_unchanged() -> None:
    bundle = read(
        {
            "skills/pdf/SKILL.md": AGENT_SKILL,
            "skills/pdf/scripts/x.py": b"",
            "skills/pdf/references/y.md": b"",
        }
    )
    [found] = bundle.manifest.skills
    assert (found.name, found.origin, found.is_agentic) == ("pdf", "agent_skill", True)
    assert found.description == "Reads PDF files."
    assert found.inputs.check({"prompt": "go"}).problems == []


def test_bundle_of_one_agent_skill_is_accepted() -> None:
    [found] = read({"SKILL.md": AGENT_SKILL, "scripts/x.py": b""}).manifest.skills
    assert (found.name, found.path) == ("pdf", "")


def test_agent_skills_and_other_skills_share_a_bundle() -> None:
    assert sorted(names(read(skill("skills/a"), {"skills/pdf/SKILL.md": AGENT_SKILL}))) == ["a", "pdf"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# Hello", "The file has no front matter."),
        (b"---\nname: pdf\n---\n", "'description' is required."),
        (b"---\nname: [a\n---\n", "This is not valid YAML"),
        (b"---\n- a\n---\n", "must be a mapping"),
    ],
)
def test_errors_of_an_agent_skill_are_reported(content: bytes, said: str) -> None:
    assert any(said in one for one in problems({"skills/pdf/SKILL.md": content}))


def test_starter_has_no_errors_or_warnings() -> None:
    bundle = read_bundle(pack(STARTER))
    assert names(bundle) == ["greet", "summarize", "thumbnail"]
    assert bundle.warnings == ()


def test_skillpack_file_names_the_skillpack() -> None:
    bundle = read(
        skill("a"), {"puras.yaml": b"slug: x\nskillpack_id: y\ntitle: My Pack\ndescription: Does it.\n"}
    )
    assert (bundle.manifest.title, bundle.manifest.description) == ("My Pack", "Does it.")


def test_claude_plugin_repository_is_deployed_and_unused_folders_are_named() -> None:
    market = read(
        {
            ".claude-plugin/marketplace.json": b"{}",
            "plugins/office/.claude-plugin/plugin.json": b"{}",
            "plugins/office/skills/pdf/SKILL.md": AGENT_SKILL,
            "plugins/office/skills/pdf/scripts/x.py": b"import json\n",
            "plugins/art/skills/draw/SKILL.md": AGENT_SKILL.replace(b"pdf", b"draw"),
            "tools/.claude-plugin/plugin.json": b"{}",
            "tools/skills/grep/SKILL.md": AGENT_SKILL.replace(b"pdf", b"grep"),
        }
    )
    assert {one.name: one.path for one in market.manifest.skills} == {
        "draw": "plugins/art/skills/draw",
        "pdf": "plugins/office/skills/pdf",
        "grep": "tools/skills/grep",
    }
    twice = problems(
        {"plugins/a/skills/pdf/SKILL.md": AGENT_SKILL, "plugins/b/skills/pdf/SKILL.md": AGENT_SKILL}
    )
    assert any("'plugins/a/skills/pdf'" in one and "'plugins/b/skills/pdf'" in one for one in twice)
    own = read(skill("skills/a"), {"plugins/b/skills/pdf/SKILL.md": AGENT_SKILL})
    assert names(own) == ["a"]
    assert any("plugins/b/skills/pdf/SKILL.md" in one.path for one in own.warnings)
    [elsewhere] = problems(
        {"packages/x/deep/pdf/SKILL.md": AGENT_SKILL, "y/z/w/SKILL.md": b"", "README.md": b""}
    )
    assert "'packages/x/deep/pdf/SKILL.md'" in elsewhere
    assert "'y/z/w/SKILL.md'" in elsewhere


def test_unsupported_features_of_puras_cause_warnings() -> None:
    used = b"""
import json, numpy.linalg, helper, puras, PIL.Image, yaml
from . import near
from lib.more import x
from requests import get
try:
    import uvloop
except ImportError:
    uvloop = None
if TYPE_CHECKING:
    import pandas
def late():
    import httpx
"""
    bundle = read(
        {
            "skills/pdf/SKILL.md": AGENT_SKILL.replace(b"Reads PDF files.", b"x" * 1_025),
            "skills/pdf/scripts/use.py": used,
            "skills/pdf/scripts/helper.py": b"",
            "skills/pdf/scripts/broken.py": b"import (",
            "skills/pdf/scripts/requirements.txt": b"numpy\n",
            "skills/pdf/lib/more.py": b"x = 1",
            "skills/met/SKILL.md": AGENT_SKILL.replace(b"pdf", b"met"),
            "skills/met/scripts/use.py": used,
            "skills/met/scripts/helper.py": b"",
            "skills/met/requirements.txt": b"Numpy>=2\nrequests\nPillow\npuras>=0.20\n",
            "skills/sum/skill.yaml": SKILL + b"allowed_tools: [bash, send_email,\n  web_screenshot]\n",
            "skills/sum/SKILL.md": b"Do it.",
        }
    )
    assert len(next(one for one in bundle.manifest.skills if one.name == "pdf").description) == 1_025
    said = {f"{one.path}:{one.line}": one.message for one in bundle.warnings}
    assert set(said) == {
        "skills/pdf/SKILL.md:3",
        "skills/pdf/scripts/requirements.txt:None",
        "skills/pdf/scripts/use.py:2",
        "skills/met/scripts/use.py:4",
        "skills/sum/skill.yaml:4",
        "skills/sum/skill.yaml:5",
    }, said
    assert "1,025" in said["skills/pdf/SKILL.md:3"]
    assert "'skills/pdf/requirements.txt'" in said["skills/pdf/scripts/requirements.txt:None"]
    lacking = said["skills/pdf/scripts/use.py:2"]
    assert all(name in lacking for name in ("numpy", "pillow", "pyyaml", "requests", "httpx"))
    assert not any(
        name in lacking for name in ("json", "helper", "'puras'", "near", "lib", "uvloop", "pandas")
    )
    assert "send_email" in said["skills/sum/skill.yaml:4"]
    assert "Remove it" in said["skills/sum/skill.yaml:4"]
    assert (
        "'web_screenshot' is a tool of Puras that is not available on this instance"
        in said["skills/sum/skill.yaml:5"]
    )
