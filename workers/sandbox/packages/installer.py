"""Run the installer, uv, in a sandbox as the user of the project that needs the packages.

It reads untrusted archives, and it starts the interpreter of the environment that it fills, which reads what
these archives wrote. Nothing of that happens outside of a sandbox.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import uv
from packaging.utils import canonicalize_name

from backend.storage.removal import remove
from workers.sandbox.guest.filters import AF_INET, AF_INET6, AF_UNIX
from workers.sandbox.guest.install import Plan
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.mounts import bound_in_place, readable
from workers.sandbox.isolation.paths import (
    BASE_PYTHON,
    INSIDE_JOBS,
    INSIDE_PACKAGES,
    readable_by_installer,
    writable_by_steps,
)
from workers.sandbox.isolation.watchdog import Watchdog
from workers.sandbox.packages.errors import EnvironmentFailed, WheelsMissing
from workers.sandbox.packages.redaction import Hidden

from .build_log import BuildLog
from .package_sandbox import MAX_OUTPUT_BYTES, PackageSandbox, Step, StepLimits
from .requirements import hashes_of, with_hashes
from .slots import Threads
from .verification import EnvironmentBounds, Skeleton, reject_depth, skeleton, verify

_INHERITED: Final = ("UV_", "SSL_", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "LANG")
_NOT_INHERITED: Final = (
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_CACHE_DIR",
    "UV_TARGET",
    "UV_PREFIX",
    "UV_SYSTEM_PYTHON",
    "UV_VENV",
    "UV_LINK_MODE",
    "UV_COMPILE_BYTECODE",
    "UV_NO_BUILD",
    "UV_NO_BINARY",
    "UV_PUBLISH",
)
_AS_OPTIONS: Final = {
    "UV_DEFAULT_INDEX": ("--default-index", None),
    "UV_INDEX": ("--index", None),
    "UV_INDEX_URL": ("--index-url", None),
    "UV_EXTRA_INDEX_URL": ("--extra-index-url", None),
    "UV_FIND_LINKS": ("--find-links", ","),
}
"""Variables that hold URLs, often with passwords, and what separates them. uv replaces `${NAME}` in metadata of
packages, so it has as few variables as possible under names in capital letters."""
_WITHOUT_WHEELS: Final = (
    re.compile(r"Wheels are required for `([A-Za-z0-9._-]{1,200})`"),
    # A name with extras and versions; it starts where no other name continues, and each part is bounded, so
    # that no text makes it slow.
    re.compile(
        r"(?<![^\s`])([A-Za-z0-9][A-Za-z0-9._-]{0,200})(?:\[[^\]\s]{0,1000}\])?(?:[=<>!~]\S{1,200})? has no "
        r"(?:usable )?wheels"
    ),
)
_VERSION: Final = re.compile(r"[0-9][0-9._-]*")
_LOCAL_PATH: Final = re.compile(r"(?:file://)?(/[^\s\"',#]+)")
_PORT: Final = re.compile(r"://[^/\s\"']*?:(\d{1,5})(?=[/\s\"']|$)")
_PORTS_OF_INDEXES: Final = (80, 443)
_PORTS_OF_NAMES: Final = (53,)
_ENVIRONMENT: Final = "environment"
_CACHE: Final = "cache"
_INSTALLER: Final = f"{INSIDE_PACKAGES}/uv"
_CONFIGURATION: Final = f"{INSIDE_PACKAGES}/uv.toml"
_WHEELS: Final = f"{INSIDE_PACKAGES}/wheels"
_SHARE_OF_CACHE: Final = 3
"""The work folder contains what was downloaded, unpacked and installed."""


@dataclass(frozen=True, slots=True)
class InstallLimits:
    """The limits of one installation."""

    bounds: EnvironmentBounds = field(default_factory=EnvironmentBounds)
    memory_mb: int = 4_096
    processes: int = 512


class Source(NamedTuple):
    """The location of the source of a package."""

    name: str
    version: str
    url: str
    sha256: str | None
    """SHA-256 in the index."""
    hashes: tuple[str, ...] = ()
    """Hashes of which it must have one, as `sha256:…`; none if the requirements name no hash."""


@dataclass(frozen=True, slots=True)
class Installer:
    """The installer for one user, in one folder that only this user and the worker can access."""

    layers: Layers
    watchdog: Watchdog
    limits: InstallLimits
    threads: Threads
    uid: int | None
    work: Path
    """Contains the downloads and the environment that is being created; belongs to the user."""
    log: BuildLog

    async def install(self, target: Path, requirements: list[str], *, wheels: Sequence[Path] = ()) -> None:
        """Create the environment `target` with the requirements in it, only from wheels.

        The wheels are those of the index and the given ones.

        Raises:
            WheelsMissing: Packages would have to be built.
            EnvironmentFailed: It cannot be made, or is not what an environment should be.
        """
        fresh = self.work / _ENVIRONMENT
        await self.threads.run(remove, fresh)
        paths = self._paths(())
        venv = ["venv", "--no-project", "--relocatable", "--python", str(BASE_PYTHON), paths.environment]
        await self._uv(paths, [venv])
        skeleton_before = await self.threads.run(skeleton, fresh)
        paths = self._paths(wheels)
        install = ["pip", "install", "--python", f"{paths.environment}/bin/python"]
        install += _options()
        install += ["--no-build", "--no-compile-bytecode", "--link-mode", "hardlink"]
        install += [part for wheel_dir in paths.wheels for part in ("--find-links", wheel_dir)]
        install += ["--requirements", "-"]
        text = "\n".join(requirements) + "\n"
        try:
            await self._uv(
                paths, [install] if requirements else [], text=text, compiled=f"{paths.environment}/lib"
            )
        except WheelsMissing:
            raise
        except EnvironmentFailed:
            await self.threads.run(reject_depth, fresh)  # the reason, if there is one
            raise
        await self.threads.run(self._finish, fresh, skeleton_before, target)

    async def find_source(self, name: str, requirements: list[str]) -> Source:
        """Return the source archive of the newest version of a package that satisfies its own requirements.

        Raises:
            EnvironmentFailed: There is none.
        """
        output = await self._uv(
            self._paths(()),
            [
                [
                    *("pip", "compile", "--quiet", "--no-deps", "--no-header", "--format", "pylock.toml"),
                    *("--python", str(BASE_PYTHON), "--no-binary", name, *_options(), "-"),
                ]
            ],
            text="\n".join([with_hashes(line) for line in requirements] or [name]) + "\n",
            is_logged=False,
        )
        source = _source(name, output)
        if source is None:
            raise EnvironmentFailed(
                f"{name} has no wheel for this Python and platform, and the index has no source of it"
            )
        hashes = sorted({found for line in requirements for found in hashes_of(line)})
        return source._replace(hashes=tuple(hashes))

    def _finish(self, fresh: Path, skeleton_before: Skeleton, target: Path) -> None:
        """Verify the environment and move it to a folder that its user cannot access."""
        as_root = os.geteuid() == 0
        if as_root:  # otherwise its user could replace it by another folder in the meantime
            os.chown(self.work, 0, 0)
        try:
            # A hard link into the cache would be a second name, under which its user could change a file.
            remove(self.work / _CACHE)
            verify(fresh, skeleton_before, self.limits.bounds)
            fresh.rename(target)
        finally:
            if as_root and self.uid is not None:
                os.chown(self.work, self.uid, self.uid)

    async def _uv(
        self,
        paths: _Paths,
        commands: list[list[str]],
        *,
        text: str = "",
        compiled: str = "",
        is_logged: bool = True,
    ) -> str:
        plan = Plan(
            commands=[[paths.installer, "--no-progress", "--color=never", *command] for command in commands],
            text=text,
            variables=_variables(paths),
            compiled=compiled,
        )
        sandbox = PackageSandbox(
            self.layers,
            self.watchdog,
            StepLimits(
                self.limits.memory_mb,
                self.limits.bounds.size_mb * _SHARE_OF_CACHE,
                self.limits.processes,
                self.limits.bounds.files * _SHARE_OF_CACHE,
            ),
            self.uid,
            self.log.write if is_logged else _ignore,
        )
        ended = await sandbox.run(
            Step(
                module="install",
                plan=plan._asdict(),
                work=self.work,
                home=paths.home,
                readable=paths.readable,
                writable=paths.writable,
                mounted=paths.mounted,
                descriptors=paths.descriptors,
                shares_network=True,
                connect_ports=paths.ports,
                families=[AF_UNIX, AF_INET, AF_INET6],
            )
        )
        output = self.log.clean(ended.output)
        if ended.excess is not None:
            raise EnvironmentFailed(f"the installation {ended.excess}", output)
        if ended.code != 0:
            names = _without_wheels(ended.output)
            if names:
                raise WheelsMissing(names, output)
            raise EnvironmentFailed(_tail(output) or f"uv ended with exit code {ended.code}", output)
        if not is_logged and not ended.is_complete:
            raise EnvironmentFailed(f"uv printed more than {MAX_OUTPUT_BYTES >> 20} MiB", output)
        return ended.output

    def _paths(self, wheels: Sequence[Path]) -> _Paths:
        """Return the paths that one step sees.

        Short names in its own mounts, without mounts those of the host.
        """
        installer = Path(uv.find_uv_bin()).resolve()
        configuration = _configuration()
        local = [path for path in _local_paths(configuration) if path.exists()]
        ports = sorted({*_PORTS_OF_INDEXES, *_PORTS_OF_NAMES, *_ports(configuration)})
        if self.layers.bwrap is None:
            shown = [installer, *wheels, *local, *([configuration] if configuration else [])]
            return _Paths(
                home=str(self.work),
                installer=str(installer),
                configuration=str(configuration or ""),
                wheels=[str(path) for path in wheels],
                readable=readable_by_installer(mounted=False, more=map(str, shown)),
                writable=writable_by_steps(str(self.work), mounted=False),
                mounted=[],
                ports=ports,
                descriptors=[],
            )
        descriptors = []
        mounted = ["--bind", str(self.work), INSIDE_JOBS, "--ro-bind", str(installer), _INSTALLER]
        mounted += ["--perms", "0755", "--dir", _WHEELS]
        for number, path in enumerate(wheels):
            mounted += ["--ro-bind", str(path), f"{_WHEELS}/{number}"]
        if configuration is not None:
            # Its content: the user of the sandbox may not be able to read the file where it is.
            descriptors.append(readable(configuration.read_bytes()))
            mounted += ["--perms", "0644", "--ro-bind-data", str(descriptors[0]), _CONFIGURATION]
        return _Paths(
            home=INSIDE_JOBS,
            installer=_INSTALLER,
            configuration=_CONFIGURATION if configuration else "",
            wheels=[f"{_WHEELS}/{number}" for number in range(len(wheels))],
            readable=readable_by_installer(mounted=True, more=map(str, local)),
            writable=writable_by_steps(INSIDE_JOBS, mounted=True),
            mounted=[*mounted, *bound_in_place(local)],
            ports=ports,
            descriptors=descriptors,
        )


@dataclass(frozen=True, slots=True)
class _Paths:
    """The names under which a step knows its files."""

    home: str
    installer: str
    configuration: str
    wheels: list[str]
    readable: list[str]
    writable: list[str]
    mounted: list[str]
    ports: list[int]
    descriptors: list[int]
    """Descriptors for one step, which closes them."""

    @property
    def environment(self) -> str:
        return f"{self.home}/{_ENVIRONMENT}"


def _ignore(_: str) -> None:
    """Discard the output of a step that is only for the worker."""


def _without_wheels(output: str) -> list[str]:
    """Return the normalized names of the packages that would have to be built."""
    found = {name for pattern in _WITHOUT_WHEELS for name in pattern.findall(output)}
    return sorted({str(canonicalize_name(name)) for name in found if not _VERSION.fullmatch(name)})


def _tail(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " ".join(line for line in lines[-6:] if not line.startswith("Using "))[-1500:]


def _source(name: str, lock: str) -> Source | None:
    try:
        packages = tomllib.loads(lock).get("packages", [])
    except tomllib.TOMLDecodeError:
        return None
    for package in packages:
        sdist = package.get("sdist", {})
        if package.get("name") == name and sdist.get("url"):
            sha256 = sdist.get("hashes", {}).get("sha256")
            return Source(name, str(package.get("version", "")), sdist["url"], sha256)
    return None


def _configuration() -> Path | None:
    """Return the operator's settings of the installer."""
    named = os.environ.get("UV_CONFIG_FILE")
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())
    for path in [Path(named)] if named else [folder / "uv/uv.toml"]:
        if path.is_file():
            return path.resolve()
    return None


def _inherited() -> dict[str, str]:
    """Return the environment variables that an installer needs.

    They name the index, proxies and certificates, nothing else.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if (name.startswith(_INHERITED) or name.upper().endswith("_PROXY"))
        and not name.startswith(_NOT_INHERITED)
        and name != "UV_CONFIG_FILE"
    }


def _variables(paths: _Paths) -> dict[str, str]:
    variables = {"UV_CACHE_DIR": f"{paths.home}/{_CACHE}", "UV_PYTHON_DOWNLOADS": "never"}
    if paths.configuration:
        variables["UV_CONFIG_FILE"] = paths.configuration
    inherited = {
        # Programs also read the names of proxy variables in lower case.
        name.lower() if name.upper().endswith("_PROXY") else name: value
        for name, value in _inherited().items()
        if name not in _AS_OPTIONS
    }
    return {**inherited, **variables}


def _options() -> list[str]:
    """Return the variables that are passed as options."""
    options = []
    for name, (option, separator) in _AS_OPTIONS.items():
        for value in os.environ.get(name, "").split(separator):
            options += [f"{option}={value.strip()}"] if value.strip() else []
    return options


def hidden_settings() -> Hidden:
    """Return the parts of the operator's settings that the installer must not print."""
    configuration = _configuration()
    text = configuration.read_text(encoding="utf-8", errors="replace") if configuration else ""
    return Hidden({name: value for name, value in _inherited().items() if name != "LANG"}, text)


def _settings_text(configuration: Path | None) -> Iterable[str]:
    yield from _inherited().values()
    if configuration is not None:
        yield configuration.read_text(encoding="utf-8", errors="replace")


def _local_paths(configuration: Path | None) -> list[Path]:
    """Return folders and files that the operator's settings name: indexes on this host, certificates."""
    found = (match for text in _settings_text(configuration) for match in _LOCAL_PATH.findall(text))
    paths = (Path(path).resolve() for path in dict.fromkeys(found))
    return [path for path in paths if path.exists() and len(path.parts) > 2]


def _ports(configuration: Path | None) -> set[int]:
    """Return ports of indexes and proxies that the operator's settings name."""
    found = (match for text in _settings_text(configuration) for match in _PORT.findall(text))
    return {int(port) for port in found if int(port) < 1 << 16}
