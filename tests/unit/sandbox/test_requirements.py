"""Lines that a requirements.txt may contain, and the errors for other lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.sandbox.packages import requirements
from workers.sandbox.packages.errors import RequirementsRefused


def _read(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "requirements.txt"
    file.write_text(text, encoding="utf-8")
    return requirements.read(file)


@pytest.mark.parametrize(
    ("line", "normal"),
    [
        ("Pillow", "pillow"),
        ("pillow>=10,<12", "pillow>=10,<12"),
        ("Zope.Interface == 5.*", "zope-interface==5.*"),
        ("requests[socks, security] ~= 2.31 # why", "requests[socks,security]~=2.31"),
        ('tomli>=2 ; python_version < "3.11"', 'tomli>=2 ; python_version < "3.11"'),
        ("six==1.17.0 --hash=sha256:" + "a" * 64, "six==1.17.0 --hash=sha256:" + "a" * 64),
        ("six === 1.17 --hash=sha256:" + "a" * 64, "six===1.17 --hash=sha256:" + "a" * 64),
        ("six \\\n  ==1.17", "six==1.17"),
        ("torch==2.1.0+cpu", "torch==2.1.0+cpu"),
        ("# only a comment\n\n", None),
    ],
)
def test_package_requirements_are_normalized(tmp_path: Path, line: str, normal: str | None) -> None:
    assert _read(tmp_path, line) == ([normal] if normal else [])


def test_order_case_and_duplicates_do_not_change_the_environment(tmp_path: Path) -> None:
    assert _read(tmp_path, "b\nA_x==1\n") == _read(tmp_path, "a-x == 1\nB\nb\n")


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "-r other.txt",
        "--index-url https://example.org/simple",
        "--extra-index-url=https://example.org",
        "--find-links /etc",
        "-f .",
        "--pre",
        "git+https://example.org/x.git",
        "x @ https://example.org/x-1.0-py3-none-any.whl",
        "x@file:///etc/passwd",
        "https://example.org/x.whl",
        "./x",
        "/srv/x",
        "../x.whl",
        "x.whl",
        "x==${SECRET}",
        "x; $(id)",
        "x --config-settings=a=b",
        "x==1 --global-option=y",
        "x --hash=md5:" + "a" * 32,
        "x; python_version > '3' --index-url https://example.org",
        "x; python_version > '3' -r other.txt",
        "x; python_version > '3' \\ ",
        "x; python_version > ' --index-url https://example.org '",
        "x==1;\\ ",
        "x; " + "(" * 1000 + "os_name == 'posix'" + ")" * 1000,
        "x; os",
        "x y",
        "http:x",
        "ä",
    ],
)
def test_other_lines_are_rejected_with_their_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(RequirementsRefused) as caught:
        _read(tmp_path, f"six\n{line}\n")
    if line == "x.whl":
        assert "path" in caught.value.detail
    assert caught.value.problems[0].line == 2
    assert "line 2" in caught.value.detail


@pytest.mark.parametrize("versions", ["", ">=1", "~=1.0", "==1.*", "==1.0,>0", "!=1", "; os_name == 'posix'"])
def test_hash_without_an_exact_version_is_rejected(tmp_path: Path, versions: str) -> None:
    with pytest.raises(RequirementsRefused, match=r"no exact version.*name==1\.2 --hash"):
        _read(tmp_path, f"six{versions} --hash=sha256:{'a' * 64}\n")


def test_huge_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RequirementsRefused, match="bytes"):
        _read(tmp_path, "six\n" * 100_000)
