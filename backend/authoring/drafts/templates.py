"""Read the templates for new skillpacks: folders of the kit's `templates`, each described by its `README.md`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from backend.authoring.drafts.reading import Content, unpack
from backend.core.errors import Missing
from backend.core.release_files import TEMPLATES
from backend.skills.archives.pack import pack

_README: Final = "README.md"


class TemplateNotFound(Missing):
    """There is no template with this name."""

    code = "template_not_found"
    template: str

    def describe(self) -> str:
        """Return the message."""
        known = ", ".join(template.name for template in all_())
        return f"There is no template {self.template!r}. There are: {known}."


class Template(NamedTuple):
    """A template for a skillpack."""

    name: str
    title: str
    description: str
    skills: tuple[str, ...]


@lru_cache(maxsize=1)
def all_() -> tuple[Template, ...]:
    """Return all templates, ordered by name."""
    folders = sorted(folder for folder in TEMPLATES.iterdir() if (folder / _README).is_file())
    return tuple(_read(folder) for folder in folders)


def files_of(name: str) -> dict[str, Content]:
    """Return the files of a template.

    Raises:
        TemplateNotFound: There is no template with this name.
    """
    if not any(template.name == name for template in all_()):
        raise TemplateNotFound(name)
    return unpack(pack(TEMPLATES / name))


def _read(folder: Path) -> Template:
    title, _, rest = (folder / _README).read_text(encoding="utf-8").partition("\n")
    description = rest.strip().partition("\n\n")[0].replace("\n", " ").replace("`", "")
    skills = sorted(path.parent.name for path in folder.glob("skills/*/skill.yaml"))
    skills += sorted(path.parent.name for path in folder.glob("skills/*/SKILL.md"))
    return Template(folder.name, title.lstrip("# ").strip(), description, tuple(skills))
