"""What a notebook is working on: its skills, the instance, and the files that it has put into the working copy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from puras.client.errors import PurasAPIError
from puras.notebook.cells import CellSkill
from puras.notebook.errors import CellRefused
from puras.notebook.instance import Instance, connect, once, zipped

__all__ = ["Bench"]


class Bench:
    """The state of one kernel."""

    def __init__(self) -> None:
        self.skills: dict[str, CellSkill] = {}
        self._more: dict[str, dict[str, str]] = {}
        self._instance: Instance | None = None
        self._written: dict[str, int] = {}
        """Revisions of the files of the working copy that this kernel has written, by path."""

    @property
    def instance(self) -> Instance:
        """The instance of this notebook.

        Raises:
            PurasAPIError: there is no key.
        """
        if self._instance is None:
            self._instance = connect()
        return self._instance

    def use(self, instance: Instance) -> None:
        """Work with another instance from now on."""
        self._instance = instance
        self._written = {}

    def skill(self, name: str) -> CellSkill:
        """A skill of this notebook.

        Raises:
            CellRefused: no cell has said what it is.
        """
        found = self.skills.get(name) or self.skills.get(name.replace("_", "-"))
        if found is None:
            known = ", ".join(sorted(self.skills)) or "none yet"
            raise CellRefused(
                f"No cell has defined the skill {name!r} (there are: {known}). Run its %%skill cell."
            )
        return found

    def add_file(self, name: str, path: str, text: str) -> None:
        """Add a file to a skill, beside those of its own cell.

        Raises:
            CellRefused: the path leads out of the skill's folder.
        """
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise CellRefused(
                f"{path!r} is no path in the skill's folder: write one like references/style.md."
            )
        self._more.setdefault(name, {})[str(PurePosixPath(path))] = text

    def files(self, skill: CellSkill) -> dict[str, str]:
        """Every file of a skill, by path in its folder."""
        return {**self._more.get(skill.name, {}), **skill.files}

    def bundle(self, skill: CellSkill) -> bytes:
        """The skill alone, as a bundle."""
        return zipped({f"skills/{skill.name}/{path}": text for path, text in self.files(skill).items()})

    def provenance(self, skill: CellSkill) -> dict[str, str]:
        """Which cell of which notebook it is."""
        notebook = os.environ.get("JPY_SESSION_NAME") or ""
        return {
            "cell_sha256": skill.digest,
            **({"notebook": PurePosixPath(notebook).name} if notebook else {}),
        }

    def put(self, skill: CellSkill, *, replace: bool = False) -> None:
        """Write the skill's files into the working copy, and take away those of it that this kernel had written.

        Raises:
            CellRefused: somebody else has changed one of them.
            PurasAPIError: the instance refuses.
        """
        instance = self.instance
        there = _by_path(instance.ask("GET", instance.pack("/drafts")))
        root = f"skills/{skill.name}/"
        wanted = {f"{root}{path}": text for path, text in self.files(skill).items()}
        for path, text in wanted.items():
            self._put_file(path, text.encode(), there.get(path), replace=replace)
        for path in [path for path in self._written if path.startswith(root) and path not in wanted]:
            if path in there:
                self._remove(path, there[path])

    def run_draft(self, skill: CellSkill, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> str:
        """Submit a job that runs the working copy as it stands; gives its id."""
        body = {
            "skill": skill.name,
            "inputs": dict(inputs),
            "source": "notebook",
            "metadata": {"notebook": self.provenance(skill)},
            **options,
        }
        answer = self.instance.ask("POST", self.instance.pack("/drafts/run"), body, headers=once())
        return str(answer["job_id"])

    def _put_file(self, path: str, data: bytes, there: Mapping[str, Any] | None, *, replace: bool) -> None:
        instance = self.instance
        route = instance.pack(f"/drafts/files/{quote(path)}")
        revision = None if there is None else int(there["revision"])
        if there is not None and not there.get("is_deleted"):
            if instance.ask("GET", route, raw=True) == data:
                self._written[path] = int(there["revision"])
                return
            is_ours = (
                self._written.get(path) == revision or there["updated_by"] == instance.project()["label"]
            )
            if not is_ours and not replace:
                raise CellRefused(
                    f"{path} of the working copy is not as this notebook left it: {there['updated_by']} changed it at "
                    f"{there['updated_at'][:16].replace('T', ' ')}. Look at it in the studio; --replace writes over it."
                )
        headers = {"If-Match": str(revision)} if revision is not None else {}
        written = instance.ask("PUT", route, data, headers=headers)
        self._written[path] = int(written["revision"])

    def _remove(self, path: str, there: Mapping[str, Any]) -> None:
        route = self.instance.pack(f"/drafts/files/{quote(path)}")
        try:
            self.instance.ask("DELETE", route, headers={"If-Match": str(there["revision"])})
        except PurasAPIError as error:
            if error.status != 404:
                raise
        del self._written[path]


def _by_path(draft: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in draft["files"]}
