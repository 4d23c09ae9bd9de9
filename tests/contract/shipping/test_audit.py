"""`make audit` evaluates real lock files and real metadata, with the tools that it runs in CI.

The vulnerability services are external, so a double speaks their protocols over a socket.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from email.message import Message
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.doubles.serving import serving

ROOT: Final = Path(__file__).parents[3]
BIN: Final = ROOT / ".venv" / "bin"
TODAY: Final = date(2026, 6, 1)
ID: Final = "GHSA-aaaa-bbbb-cccc"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit: Final[Any] = loaded()


class VulnerabilityServices:
    """Report one vulnerability of idna and one of cookie, as OSV and an npm registry do."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        if dict(scope["headers"]).get(b"content-encoding") == b"gzip":
            content = gzip.decompress(content)
        body = json.dumps(self.answer(scope["path"], content)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def answer(self, path: str, content: bytes) -> Any:
        if path == "/v1/querybatch":
            found = {"vulns": [{"id": ID, "modified": "2026-01-01T00:00:00Z"}]}
            names = [query["package"]["name"] for query in json.loads(content)["queries"]]
            return {"results": [found if name == "idna" else {} for name in names]}
        if path == f"/v1/vulns/{ID}":
            return {
                "id": ID,
                "summary": "Too slow.",
                "modified": "2026-01-01T00:00:00Z",
                "aliases": ["CVE-2026-1"],
                "affected": [{"package": {"name": "idna", "ecosystem": "PyPI"}, "versions": []}],
            }
        assert "cookie" in json.loads(content)
        advisory = {
            "id": 7,
            "url": f"https://example.org/{ID}",
            "title": "Wrong.",
            "vulnerable_versions": "<99",
        }
        return {"cookie": [advisory]}


@pytest.fixture
def services() -> Iterator[str]:
    with serving(VulnerabilityServices(), "vulnerability services") as url:
        yield url


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a project without dependencies, with its own lock file and the tools of this repository."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = []\n',
        encoding="utf-8",
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "dependencies.md").write_text("| Package | Why |\n|---|---|\n", encoding="utf-8")
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "audit.toml").write_text('allowed_licenses = ["MIT"]\n', encoding="utf-8")
    (tmp_path / "reflex.lock").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy2(BIN / "uv", tmp_path / ".venv" / "bin" / "uv")
    subprocess.run([BIN / "uv", "lock", "--offline", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def test_dependencies_of_this_repository_pass_the_offline_checks() -> None:
    checks = dict(audit.offline_checks(ROOT, str(BIN / "uv"), audit.read_rules(ROOT), date.today()))
    assert len(checks) == 4
    assert not [problem for problems in checks.values() for problem in problems]


def test_lock_file_without_a_dependency_is_reported(project: Path) -> None:
    assert audit.lock_problems(project, str(BIN / "uv")) == []
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(text.replace("= []", '= ["idna"]'), encoding="utf-8")
    (problem,) = audit.lock_problems(project, str(BIN / "uv"))
    assert problem.startswith("uv.lock does not match pyproject.toml. Run `uv lock`.")


def test_dependencies_and_reasons_must_match(project: Path) -> None:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(text.replace("= []", '= ["idna[all]>=3"]'), encoding="utf-8")
    with (project / "docs" / "dependencies.md").open("a", encoding="utf-8") as page:
        page.write("| `gone` | it was needed |\n")
    assert audit.reason_problems(project) == [
        "idna: docs/dependencies.md does not say why it is needed.",
        "gone: docs/dependencies.md explains it, and pyproject.toml does not name it.",
    ]


@pytest.mark.parametrize(
    ("fields", "license_"),
    [
        ({"License-Expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({"License": "Apache 2.0"}, "Apache-2.0"),
        ({"Classifier": "Topic :: Software Development"}, ""),
    ],
)
def test_license_is_read_from_the_metadata(fields: dict[str, str], license_: str) -> None:
    package = Message()
    for name, value in fields.items():
        package[name] = value
    assert audit.license_of(package) == license_


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND Zlib", True),
        ("(MIT OR GPL-3.0-only) AND Zlib", False),
        ("", False),
    ],
)
def test_license_expression_is_allowed_when_one_alternative_is(expression: str, is_allowed: bool) -> None:
    assert audit.is_allowed(expression, frozenset({"MIT", "Zlib"})) is is_allowed


def test_license_exception_must_name_the_license() -> None:
    rules = audit.Rules(frozenset({"MIT"}), {"changed": "GPL-3.0", "known": "GPL-3.0"}, ())
    problems = audit.license_problems(
        {"changed": "AGPL-3.0", "known": "GPL-3.0", "new": "GPL-3.0", "plain": "MIT"}, rules
    )
    assert [problem.partition(":")[0] for problem in problems] == ["changed", "new"]


def test_exception_without_a_reason_is_rejected(project: Path) -> None:
    with (project / ".ci" / "audit.toml").open("a", encoding="utf-8") as rules:
        rules.write('[[license_exception]]\npackage = "some"\nlicense = "GPL-3.0"\nreason = ""\n')
    with pytest.raises(ValueError, match=r"exceptions for some have no reason"):
        audit.read_rules(project)


def test_vulnerability_of_a_python_package_is_reported(services: str) -> None:
    (found,) = audit.python_findings(ROOT, str(BIN / "uv"), "--service-url", services)
    assert (found.package, found.identifiers) == ("idna", (ID, "CVE-2026-1"))
    assert "Too slow." in str(found)


def test_vulnerability_of_a_javascript_package_is_reported(
    services: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", services)
    (found,) = audit.javascript_findings(ROOT, str(BIN / "bun"))
    assert str(found) == f"cookie: {ID}: Wrong. (affected: <99)"


def test_exception_applies_by_id_or_alias_until_its_expiry_date() -> None:
    finding = audit.Finding("idna", "3", (ID, "CVE-2026-1"), "Too slow.")
    for identifier in finding.identifiers:
        exception = audit.VulnerabilityException(identifier, "idna", "Not reachable.", TODAY)
        assert audit.vulnerability_problems([finding], [exception], TODAY) == []
        assert audit.expired_exceptions([exception], TODAY) == []
        after = date(2026, 6, 2)
        assert len(audit.vulnerability_problems([finding], [exception], after)) == 1
        assert len(audit.expired_exceptions([exception], after)) == 1
        other = exception._replace(package="other")
        assert len(audit.vulnerability_problems([finding], [other], TODAY)) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 0), (("--release",), 1), (("--release", "--without-vulnerability-data"), 0)],
)
def test_missing_vulnerability_data_fails_a_release_unless_accepted(
    project: Path,
    arguments: tuple[str, ...],
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A proxy that rejects connections: the tools reach no service, whatever network this host has.
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert audit.main(arguments, project) == code
    out = capsys.readouterr().out
    assert "NOT CHECKED: vulnerabilities of JavaScript packages" in out
    assert "ok: uv.lock" in out


def test_expired_exception_fails_the_command_without_network(project: Path) -> None:
    with (project / ".ci" / "audit.toml").open("a", encoding="utf-8") as rules:
        rules.write(
            f'[[vulnerability_exception]]\nid = "{ID}"\npackage = "idna"\nreason = "Later."\nexpires = 2020-01-01\n'
        )
    code = f"import sys; sys.path.insert(0, {str(ROOT / '.ci')!r}); import audit; from pathlib import Path;"
    code += f"sys.exit(audit.main([], Path({str(project)!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, "expired on 2020-01-01" in done.stdout) == (1, True)
