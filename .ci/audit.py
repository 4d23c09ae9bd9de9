"""Check the dependencies: the lock file, the reason for each, their licenses, and known vulnerabilities.

    .ci/audit.py                                   what CI runs; needs no network
    .ci/audit.py --release                         also fails when a vulnerability service cannot be reached
    .ci/audit.py --release --without-vulnerability-data

The first three checks need no network. `uv audit` and `bun audit` ask their services about the locked versions of all
Python and JavaScript packages; the output reports a service that cannot be reached. `.ci/audit.toml` lists allowed
licenses and the exceptions. The exit code is 1 when a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
RULES: Final = ".ci/audit.toml"
_TIMEOUT_S: Final = 60
_SPDX: Final = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "gnu library or lesser general public license (lgpl)": "LGPL",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
"""Names of licenses in the metadata of packages that do not use SPDX identifiers, in lower case."""


class Finding(NamedTuple):
    """A known vulnerability of a locked package."""

    package: str
    version: str
    """Empty where the service does not name it."""
    identifiers: tuple[str, ...]
    """The first is the one to show; the others are aliases."""
    summary: str

    def __str__(self) -> str:
        """Return one line for the report."""
        return f"{self.package} {self.version}".rstrip() + f": {self.identifiers[0]}: {self.summary}"


class VulnerabilityException(NamedTuple):
    """A vulnerability that is accepted until a date, with the reason."""

    id: str
    package: str
    reason: str
    expires: date


class Rules(NamedTuple):
    """The content of `.ci/audit.toml`."""

    allowed_licenses: frozenset[str]
    license_exceptions: Mapping[str, str]
    """The license that a package may have although it is not allowed in general, by package."""
    vulnerability_exceptions: Sequence[VulnerabilityException]


class Unreachable(Exception):
    """A service did not return data; the text contains the reason."""


def read_rules(root: Path) -> Rules:
    """Read `.ci/audit.toml`.

    Raises:
        ValueError: an exception has no reason.
    """
    read = tomllib.loads((root / RULES).read_text(encoding="utf-8"))
    licenses, vulnerabilities = read.get("license_exception", []), read.get("vulnerability_exception", [])
    unexplained = [one["package"] for one in chain(licenses, vulnerabilities) if not one.get("reason")]
    if unexplained:
        raise ValueError(f"{RULES}: the exceptions for {', '.join(unexplained)} have no reason.")
    return Rules(
        frozenset(read["allowed_licenses"]),
        {one["package"]: one["license"] for one in licenses},
        [VulnerabilityException(**one) for one in vulnerabilities],
    )


# The lock file and the reasons.


def lock_problems(root: Path, uv: str) -> list[str]:
    """Return why `uv.lock` does not match the `pyproject.toml` files; nothing when it does."""
    command = [uv, "lock", "--check", "--offline", "--project", str(root)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode == 0:
        return []
    return [f"uv.lock does not match pyproject.toml. Run `uv lock`. {_last_line(done.stderr)}"]


def reason_problems(root: Path) -> list[str]:
    """Return the differences between the direct dependencies and those that `docs/dependencies.md` explains."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project.get("dependency-groups", {}).values()
    extras = project["project"].get("optional-dependencies", {}).values()
    lines = chain(project["project"]["dependencies"], *extras, *groups)
    named = {re.split(r"[\[<>=;~! ]", line, maxsplit=1)[0] for line in lines} - {project["project"]["name"]}
    page = (root / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, flags=re.MULTILINE))
    return [
        *(
            f"{name}: docs/dependencies.md does not say why it is needed."
            for name in sorted(named - explained)
        ),
        *(
            f"{name}: docs/dependencies.md explains it, and pyproject.toml does not name it."
            for name in sorted(explained - named)
        ),
    ]


# Licenses.


def locked_packages(root: Path) -> list[str]:
    """Return the names of the packages in `uv.lock`, without those of this repository."""
    packages = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    return sorted({one["name"] for one in packages if "registry" in one["source"]})


def license_of(package: metadata.PackageMetadata) -> str:
    """Return the license of an installed package as an SPDX expression; empty when its metadata has none."""
    if expression := package.get("License-Expression"):
        return str(expression)
    classifiers = [one for one in package.get_all("Classifier", []) if one.startswith("License :: ")]
    names = [one.rpartition(" :: ")[2] for one in classifiers] or [(package.get("License") or "").strip()]
    identifiers = [_SPDX.get(name.lower(), name) for name in names if name != "DFSG approved"]
    return " OR ".join(identifiers)


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Return whether an SPDX expression is allowed; of alternatives one is enough, unless there are parentheses."""
    words = re.findall(r"[\w.+-]+(?:[ ]WITH[ ][\w.+-]+)?", expression)
    if "(" in expression:
        return all(word in allowed for word in words if word not in ("AND", "OR"))
    return any(
        all(part.strip() in allowed for part in one.split(" AND ")) for one in expression.split(" OR ")
    )


def license_problems(packages: Mapping[str, str], rules: Rules) -> list[str]:
    """Return the packages whose license is not allowed, and the exceptions that no longer apply."""
    found = []
    for name, expression in sorted(packages.items()):
        excepted = rules.license_exceptions.get(name)
        if excepted is None and not is_allowed(expression, rules.allowed_licenses):
            text = expression or "no license in its metadata"
            found.append(
                f"{name}: {text}. Replace the package, or add an exception with its reason to {RULES}."
            )
        elif excepted is not None and excepted != expression:
            found.append(
                f"{name}: the license is {expression or 'none'}; the exception in {RULES} says {excepted or 'none'}."
            )
    return found


def installed_licenses(names: Iterable[str]) -> dict[str, str]:
    """Return the licenses of those packages that are installed here; others are for other platforms or groups."""
    installed = {re.sub(r"[-_.]+", "-", one.name).lower(): one for one in metadata.distributions()}
    return {name: license_of(installed[name].metadata) for name in names if name in installed}


# Vulnerabilities.


def python_findings(root: Path, uv: str, *options: str) -> list[Finding]:
    """Return the known vulnerabilities of the locked Python packages.

    Raises:
        Unreachable: the service did not return data.
    """
    command = [uv, "audit", "--frozen", "--output-format", "json", "--project", str(root), *options]
    read = _json_of(command, root, {"UV_HTTP_RETRIES": "0", "UV_HTTP_CONNECT_TIMEOUT": "5"})
    if not isinstance(read.get("vulnerabilities"), list):
        raise Unreachable(
            "`uv audit` returned JSON without `vulnerabilities`; adapt .ci/audit.py to this version."
        )
    return [
        *(
            Finding(
                one["dependency"]["name"],
                one["dependency"]["version"],
                (one["id"], *one.get("aliases", ())),
                f"{one.get('summary') or 'no summary'} (fixed in: {', '.join(one.get('fix_versions') or ['none'])})",
            )
            for one in read["vulnerabilities"]
        ),
        *(
            # A package that its registry has archived, deprecated or put into quarantine.
            Finding(one.get("name", "unknown"), "", (one.get("status", "adverse-status"),), json.dumps(one))
            for one in read.get("adverse_statuses", ())
        ),
    ]


def javascript_findings(root: Path, bun: str) -> list[Finding]:
    """Return the known vulnerabilities of the locked JavaScript packages.

    Raises:
        Unreachable: the service did not return data.
    """
    read = _json_of([bun, "audit", "--json"], root / "reflex.lock", {})
    return [
        Finding(
            package,
            "",
            (str(one.get("url", "")).rpartition("/")[2] or str(one["id"]),),
            f"{one.get('title') or 'no title'} (affected: {one.get('vulnerable_versions', 'unknown')})",
        )
        for package, advisories in read.items()
        for one in advisories
    ]


def _json_of(command: Sequence[str], folder: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """Run a command and return the JSON object that it prints.

    Raises:
        Unreachable: the command printed no JSON object; the reason is its last line of errors.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        read = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreachable(str(error)) from error
    except ValueError:
        raise Unreachable(_last_line(done.stderr) or f"exit code {done.returncode}") from None
    if not isinstance(read, dict):
        raise Unreachable(f"`{' '.join(command[:2])}` printed no JSON object.")
    return read


def _last_line(text: str) -> str:
    lines = [re.sub(r"https?://\S+", "the service", line.strip()) for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), "")


def vulnerability_problems(
    findings: Sequence[Finding], exceptions: Sequence[VulnerabilityException], today: date
) -> list[str]:
    """Return the findings without a valid exception."""
    accepted = {(one.package, one.id) for one in exceptions if one.expires >= today}
    return [
        f"{one}. Upgrade it with `uv lock --upgrade-package`, or add an exception to {RULES}."
        for one in findings
        if not any((one.package, identifier) in accepted for identifier in one.identifiers)
    ]


def expired_exceptions(exceptions: Iterable[VulnerabilityException], today: date) -> list[str]:
    """Return the exceptions whose date has passed; they fail also where no service can be reached."""
    return [
        f"{one.package}: the exception for {one.id} expired on {one.expires}. Upgrade the package or decide again."
        for one in exceptions
        if one.expires < today
    ]


# The command.


def offline_checks(root: Path, uv: str, rules: Rules, today: date) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the problems of each check that needs no network."""
    yield "uv.lock", lock_problems(root, uv)
    yield "reasons", reason_problems(root)
    names = locked_packages(root)
    licenses = installed_licenses(names)
    yield f"licenses of {len(licenses)} of {len(names)} locked packages", license_problems(licenses, rules)
    yield "expiry of exceptions", expired_exceptions(rules.vulnerability_exceptions, today)


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Run all checks, print a line for each and the problems, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--release", action="store_true", help="fail without vulnerability data")
    parser.add_argument(
        "--without-vulnerability-data", action="store_true", help="with --release: accept that"
    )
    options = parser.parse_args(arguments)
    is_strict = options.release and not options.without_vulnerability_data
    rules, today = read_rules(root), datetime.now(UTC).date()
    uv, bun = (str(root / ".venv" / "bin" / name) for name in ("uv", "bun"))
    has_failed = False
    for name, problems in offline_checks(root, uv, rules, today):
        has_failed |= _report(name, problems)
    services = {
        "Python": lambda: python_findings(root, uv),
        "JavaScript": lambda: javascript_findings(root, bun),
    }
    for language, query in services.items():
        try:
            problems = vulnerability_problems(query(), rules.vulnerability_exceptions, today)
        except Unreachable as error:
            sys.stdout.write(f"NOT CHECKED: vulnerabilities of {language} packages: {error}\n")
            has_failed |= is_strict
        else:
            has_failed |= _report(f"vulnerabilities of {language} packages", problems)
    return 1 if has_failed else 0


def _report(name: str, problems: Sequence[str]) -> bool:
    """Print the result of a check and return whether it has failed."""
    sys.stdout.write(f"{'FAILED' if problems else 'ok'}: {name}\n")
    sys.stdout.writelines(f"  {problem}\n" for problem in problems)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
