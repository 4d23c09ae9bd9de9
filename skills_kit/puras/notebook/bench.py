"""The state of a notebook: its skills, the instance, and the files of the draft that it has written."""

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
        """Revisions of the files of the draft that this kernel has written, by path."""

    @property
    def instance(self) -> Instance:
        """Return the instance of this notebook.

        Raises:
            PurasAPIError: There is no API key.
        """
        if self._instance is None:
            self._instance = connect()
        return self._instance

    def use(self, instance: Instance) -> None:
        """Select another instance."""
        self._instance = instance
        self._written = {}

    def skill(self, name: str) -> CellSkill:
        """Return a skill of this notebook.

        Raises:
            CellRefused: No cell has defined the skill.
        """
        found = self.skills.get(name) or self.skills.get(name.replace("_", "-"))
        if found is None:
            known = ", ".join(sorted(self.skills)) or "none"
            raise CellRefused(
                f"No cell has defined the skill {name!r} (defined: {known}). Run its %%skill cell."
            )
        return found

    def add_file(self, name: str, path: str, text: str) -> None:
        """Add a file to a skill, in addition to those of its cell.

        Raises:
            CellRefused: The path leads out of the folder of the skill.
        """
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise CellRefused(
                f"{path!r} is not a path in the folder of the skill. Use a relative path, such as references/style.md."
            )
        self._more.setdefault(name, {})[str(PurePosixPath(path))] = text

    def files(self, skill: CellSkill) -> dict[str, str]:
        """Return all files of a skill by their paths in its folder."""
        return {**self._more.get(skill.name, {}), **skill.files}

    def bundle(self, skill: CellSkill) -> bytes:
        """Return a bundle that contains only this skill."""
        return zipped({f"skills/{skill.name}/{path}": text for path, text in self.files(skill).items()})

    def provenance(self, skill: CellSkill) -> dict[str, str]:
        """Return the notebook and the cell of a skill, as metadata."""
        notebook = os.environ.get("JPY_SESSION_NAME") or ""
        return {
            "cell_sha256": skill.digest,
            **({"notebook": PurePosixPath(notebook).name} if notebook else {}),
        }

    def put(self, skill: CellSkill, *, replace: bool = False) -> None:
        """Write the files of the skill to the draft, and delete outdated files that this kernel has written.

        Raises:
            CellRefused: Another user has changed one of the files.
            PurasAPIError: The instance rejected the request.
        """
        instance = self.instance
        stored = _by_path(instance.ask("GET", instance.pack("/drafts")))
        root = f"skills/{skill.name}/"
        wanted = {f"{root}{path}": text for path, text in self.files(skill).items()}
        for path, text in wanted.items():
            self._put_file(path, text.encode(), stored.get(path), replace=replace)
        for path in [path for path in self._written if path.startswith(root) and path not in wanted]:
            if path in stored:
                self._remove(path, stored[path])

    def run_draft(self, skill: CellSkill, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> str:
        """Submit a job that runs the present draft, and return its ID."""
        body = {
            "skill": skill.name,
            "inputs": dict(inputs),
            "source": "notebook",
            "metadata": {"notebook": self.provenance(skill)},
            **options,
        }
        response = self.instance.ask("POST", self.instance.pack("/drafts/run"), body, headers=once())
        return str(response["job_id"])

    def _put_file(self, path: str, data: bytes, stored: Mapping[str, Any] | None, *, replace: bool) -> None:
        instance = self.instance
        route = instance.pack(f"/drafts/files/{quote(path)}")
        revision = None if stored is None else int(stored["revision"])
        if stored is not None and not stored.get("is_deleted"):
            if instance.ask("GET", route, raw=True) == data:
                self._written[path] = int(stored["revision"])
                return
            is_ours = (
                self._written.get(path) == revision or stored["updated_by"] == instance.project()["label"]
            )
            if not is_ours and not replace:
                raise CellRefused(
                    f"The file {path} of the draft was changed by {stored['updated_by']} at "
                    f"{stored['updated_at'][:16].replace('T', ' ')}. Compare it in the studio, or overwrite it with "
                    "%skill_publish --replace or run(replace=True)."
                )
        headers = {"If-Match": str(revision)} if revision is not None else {}
        written = instance.ask("PUT", route, data, headers=headers)
        self._written[path] = int(written["revision"])

    def _remove(self, path: str, stored: Mapping[str, Any]) -> None:
        route = self.instance.pack(f"/drafts/files/{quote(path)}")
        try:
            self.instance.ask("DELETE", route, headers={"If-Match": str(stored["revision"])})
        except PurasAPIError as error:
            if error.status != 404:
                raise
        del self._written[path]


def _by_path(draft: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in draft["files"]}
