"""What a worker tells a warm parent before it starts."""

from __future__ import annotations

from typing import Any, NamedTuple


class Plan(NamedTuple):
    """The skill of one warm parent, the places of its sandbox, and how far it is confined. Never in a command line."""

    skill_dir: str
    file: str
    function: str
    """Empty when each job names one, as the tools of agents do."""
    declared_inputs: list[str]
    jobs: str
    """Folder in which every job gets its own."""
    deployment: str
    drive: str
    """Empty when each job has one of its own, which the worker puts into its folder."""
    kit: str
    """Folder that holds the package `puras`."""
    environment: dict[str, str]
    """Variables of every job of this parent: the skill's secrets and the platform's own."""
    readable: list[str]
    writable: list[str]
    limits: dict[str, int]
    """Resource limits of the import, and the most that a job may have."""
    uid: int | None
    """User to become before anything of the tenant's is read."""
    prefix: str
    """Folder of the environment of packages whose interpreter the process becomes; empty for none."""
    cold: bool
    """Import in each child instead of here."""
    landlock: bool
    seccomp: bool
    families: list[int]
    namespaced: bool
    """It runs in namespaces of its own: only then is there a loopback for the doors, and code may be imported."""
    egress: bool
    """There is a door to the internet beside the one to the instance."""

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Plan:
        """The plan as the worker sent it."""
        return cls(**body)
