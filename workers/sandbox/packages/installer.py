"""The installer, uv, run so that nothing of a package's own runs outside of a sandbox.

Starting the interpreter of an environment runs what its packages put into `.pth` files. So the environment's own
interpreter is asked only while the environment is empty, and sources are compiled by the bare one.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import uv

from ..errors import EnvironmentFailed, WheelsMissing
from ..places import BASE_PYTHON
from .build_log import BuildLog

_FROM_OUR_ENVIRONMENT: Final = ("UV_", "PIP_", "SSL_", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "LANG", "PATH")
_NOT_FROM_OURS: Final = (
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
)
_WITHOUT_WHEELS: Final = (
    re.compile(r"Wheels are required for `([A-Za-z0-9._-]+)`"),
    re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:[=<>!~]\S+)? has no (?:usable )?wheels"),
)
_COMPILE_MEMORY_BYTES: Final = 2 << 30
_COMPILE_CPU_S: Final = 300
_COMPILE: Final = f"""
import compileall, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({_COMPILE_MEMORY_BYTES},) * 2)
resource.setrlimit(resource.RLIMIT_CPU, ({_COMPILE_CPU_S},) * 2)
compileall.compile_dir(sys.argv[1], quiet=2)
"""


class Source(NamedTuple):
    """Where the source of a package is."""

    name: str
    version: str
    url: str
    sha256: str | None


class Installer:
    """One installation's calls of uv."""

    def __init__(self, cache: Path, log: BuildLog) -> None:
        self._cache = cache
        self._log = log

    async def install(
        self, folder: Path, requirements: list[str], *, wheels: list[Path] | None = None
    ) -> None:
        """Make the environment `folder` with the requirements in it, from wheels alone: the index's and the given ones.

        Raises:
            WheelsMissing: packages would have to be built.
            EnvironmentFailed: it cannot be made.
        """
        python = folder / "bin/python"
        await self._uv("venv", "--no-project", "--relocatable", "--python", str(BASE_PYTHON), str(folder))
        if requirements:
            await self._uv(
                *("pip", "install", "--python", str(python), "--no-build", "--no-compile-bytecode"),
                *(part for place in wheels or () for part in ("--find-links", str(place))),
                *("--requirements", "-"),
                text="\n".join(requirements) + "\n",
            )
        await self._compile(folder)

    async def find_source(self, name: str, requirements: list[str]) -> Source:
        """The source archive of the newest version of a package that fits its own requirements.

        Raises:
            EnvironmentFailed: there is none.
        """
        said = await self._uv(
            *("pip", "compile", "--quiet", "--no-deps", "--no-header", "--format", "pylock.toml"),
            *("--python", str(BASE_PYTHON), "--no-binary", name, "-"),
            text="\n".join(requirements or [name]) + "\n",
            is_told=False,
        )
        source = _source(name, said)
        if source is None:
            raise EnvironmentFailed(
                f"{name} has no wheel for this Python and machine, and the index has no source of it"
            )
        return source

    async def clear_cache(self) -> None:
        """Empty the cache, once nobody installs from it."""
        await self._uv("cache", "clean", is_told=False)

    async def _compile(self, folder: Path) -> None:
        """Compile the sources without running any of them; what cannot be compiled stays source."""
        command = [str(BASE_PYTHON), "-I", "-S", "-B", "-c", _COMPILE, str(folder / "lib")]
        await self._run(command, is_told=False)

    async def _uv(self, *arguments: str, text: str = "", is_told: bool = True) -> str:
        command = [uv.find_uv_bin(), "--no-progress", "--color=never", *arguments]
        ended = await self._run(command, text=text, is_told=is_told)
        if ended.code != 0:
            names = sorted({found for pattern in _WITHOUT_WHEELS for found in pattern.findall(ended.said)})
            if names:
                raise WheelsMissing(names, ended.said)
            raise EnvironmentFailed(_tail(ended.said) or f"uv ended with exit code {ended.code}", ended.said)
        return ended.said

    async def _run(self, command: list[str], *, text: str = "", is_told: bool) -> _Ended:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_variables(self._cache),
            cwd="/",  # where no project's own settings are found
            start_new_session=True,
        )
        said: list[str] = []
        try:
            assert process.stdin is not None  # noqa: S101 - asked for above
            assert process.stdout is not None  # noqa: S101 - asked for above
            process.stdin.write(text.encode())
            process.stdin.close()
            while data := await process.stdout.read(8192):
                said.append(data.decode("utf-8", "replace"))
                if is_told:
                    self._log.tell(said[-1])
            return _Ended(await process.wait(), self._log.clean("".join(said)))
        finally:
            if process.stdin is not None:
                process.stdin.close()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


class _Ended(NamedTuple):
    code: int
    said: str


def _tail(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
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


def _variables(cache: Path) -> dict[str, str]:
    """What an installer needs of our variables: index, proxy and certificates, nothing else."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if (name.startswith(_FROM_OUR_ENVIRONMENT) or name.upper().endswith("_PROXY"))
        and not name.startswith(_NOT_FROM_OURS)
    }
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "uv/uv.toml"
    if "UV_CONFIG_FILE" not in inherited and config.is_file():
        inherited["UV_CONFIG_FILE"] = str(config)
    return {**inherited, "HOME": str(cache), "UV_CACHE_DIR": str(cache), "UV_PYTHON_DOWNLOADS": "never"}
