"""Each check of the structure can fail, and its message names the problem and the remedy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import structure
from banned_words import banned_words, locate_banned_words
from job_status import is_owner, sql_writes_status, writes_job_status
from structure import Limits

from tests.unit.structure import checks

RECORDED = Limits({"backend": 3}, [("backend.execution.alpha", "backend.integrations.beta")])
UPWARD = ("backend.execution.alpha", "backend.integrations.gamma")


@pytest.mark.parametrize(
    ("check", "measured", "expected"),
    [
        (checks.larger_cycles, RECORDED._replace(largest_cycle={"backend": 4}), "backend has 4 members"),
        (
            checks.larger_cycles,
            RECORDED._replace(largest_cycle={"workers.agent": 2}),
            "workers.agent has 2 members",
        ),
        (
            checks.new_upward_imports,
            RECORDED._replace(upward=[*RECORDED.upward, UPWARD]),
            "backend.integrations.gamma",
        ),
        (
            checks.stale_entries,
            RECORDED._replace(upward=[]),
            '"backend.execution.alpha -> backend.integrations.beta" no longer exists',
        ),
        (checks.hints, RECORDED._replace(largest_cycle={"backend": 2}), "from 3 to 2"),
        (checks.hints, RECORDED._replace(largest_cycle={}), "backend has fallen from 3 to 1"),
    ],
)
def test_check_reports_a_change(check: object, measured: Limits, expected: str) -> None:
    assert callable(check)
    assert check(RECORDED, RECORDED) == []
    (message,) = check(RECORDED, measured)
    assert expected in message


def test_unmapped_module_is_reported() -> None:
    (message,) = checks.unmapped_entries(["backend.novelty"])
    assert "backend.novelty belongs to no layer" in message


def test_writer_of_job_status_is_reported() -> None:
    (message,) = checks.status_writers(["backend/execution/jobs/finish.py"])
    assert "backend/execution/jobs/finish.py writes jobs.status" in message


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("backend/execution/jobs/transitions.py", True),
        ("backend/execution/jobs/sql/finish.sql", True),
        ("backend/execution/jobs/sql/finish.py", False),
        ("backend/execution/jobs/finish.sql", False),
        ("workers/backend/execution/jobs/transitions.py", False),
    ],
)
def test_owner_of_job_status(path: str, *, expected: bool) -> None:
    assert is_owner(path) is expected


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return the root of a package of three folders, two of which form a cycle."""
    files = {
        "__init__.py": "",
        "money/__init__.py": "",
        "money/ledger.py": "from sample_structure.jobs import queries\n",
        "jobs/__init__.py": "",
        "jobs/queries.py": "def read():\n    from sample_structure.money import ledger\n    return ledger\n",
        "core/__init__.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import sample_structure.jobs\n",
        "app.py": "from sample_structure import core, jobs\n",
    }
    for name, text in files.items():
        path = tmp_path / "sample_structure" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_imports_of_a_package(package: Path) -> None:
    imports = structure.between_entries(
        structure.imports_of(["sample_structure"], package), "sample_structure"
    )
    assert imports == [
        ("sample_structure.app", "sample_structure.core"),
        ("sample_structure.app", "sample_structure.jobs"),
        ("sample_structure.core", "sample_structure.jobs"),  # under TYPE_CHECKING
        ("sample_structure.jobs.queries", "sample_structure.money.ledger"),  # within a function
        ("sample_structure.money.ledger", "sample_structure.jobs.queries"),
    ]
    assert structure.cycles(imports) == {
        "sample_structure": [["sample_structure.jobs", "sample_structure.money"]]
    }
    rank = structure.ranks([("top", "app"), ("execution", "jobs"), ("money", "money"), ("core", "core")])
    assert structure.upward_imports(imports, rank) == [
        ("sample_structure.core", "sample_structure.jobs"),
        ("sample_structure.money.ledger", "sample_structure.jobs.queries"),
    ]


def test_cycles_are_strongly_connected_components() -> None:
    edges = ["ab", "bc", "ca", "cd", "de", "ed", "ef", "gg"]
    imports = [(f"p.{edge[0]}.x", f"p.{edge[1]}.y") for edge in edges]
    assert structure.cycles(imports) == {"p": [["p.a", "p.b", "p.c"], ["p.d", "p.e"]]}
    assert structure.largest(structure.cycles(imports)["p"]) == 3
    assert structure.largest([]) == 1


def test_cycles_are_found_at_any_depth() -> None:
    imports = [
        ("p.a.low.x", "p.a.high"),
        ("p.a.high", "p.a.low.y"),
        ("p.a.low.y", "p.b"),
        ("p.a", "p.a.low.y"),  # a package and its own modules are not siblings
        ("p.a.low.y", "p.a"),
        ("q.a.low.x", "p.a.low.x"),
        ("p.a.low.x", "q.a.low.x"),
    ]
    assert structure.cycles(imports) == {"p.a": [["p.a.high", "p.a.low"]]}


def test_upward_imports_ignore_modules_without_a_layer() -> None:
    assert (
        structure.upward_imports([("p.unknown", "p.app"), ("p.core", "p.unknown")], {"app": 0, "core": 1})
        == []
    )


def test_no_name_is_in_two_layers() -> None:
    names = [name for _, line in structure.LAYERS for name in line.split()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "sql",
    [
        "insert into jobs (id) values (1)",
        "update jobs set status = 'queued'",
        "UPDATE jobs AS j\nSET attempt = j.attempt + (select max(n) from x where y = 1), status = 'running' from t",
        'update only jobs j set "status" = :status where id = 1',
        "update jobs set (status, error) = (:status, null)",
        "with x as (update jobs set a = 1 returning 1) update jobs set status = 'failed'",
        "update jobs set is_new = a is distinct from b, status = 'failed'",
        "update jobs set attempt = 1, {more_columns} where id = 1",
    ],
)
def test_sql_writes_status(sql: str) -> None:
    assert sql_writes_status(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "insert into jobs_archive (id) values (1)",
        "insert into job_queue (id) values (1)",
        "update jobs set attempt = 1 where status = 'running'",
        "update jobs set attempt = 1 from t where j.id = t.id and status = 'queued'",
        "with x as (update jobs set a = 1), y as (select 1 as b, status = 'queued' from jobs) select 1",
        "update workers set status = 'gone'",
        "update jobs set reserved = case when status = 'running' then 1 else 0 end, at_status = 2",
        "delete from jobs where status = 'failed'",
    ],
)
def test_sql_does_not_write_status(sql: str) -> None:
    assert not sql_writes_status(sql)


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("job.status = 'failed'", True),
        ("self.parent_job.status, x = 'failed', 1", True),
        ("setattr(job, 'status', 'failed')", True),
        ("session.execute(update(Job).where(Job.id == 1).values(status='failed'))", True),
        ("session.execute(insert(Job).values(id=1))", True),
        ("SQL = f'update jobs {alias} set {more}, status = {value}'", True),
        ("SQL = 'update '\\\n  'jobs set status = 1'", True),
        ("suite.status = 'running'", False),
        ("if job.status == 'failed': pass", False),
        ("session.execute(update(Job).values(attempt=1))", False),
        ("session.execute(update(Suite).values(status='running'))", False),
        ("job.attempt = 1", False),
    ],
)
def test_code_writes_status(tmp_path: Path, code: str, *, writes: bool) -> None:
    file = tmp_path / "code.py"
    file.write_text(code)
    assert writes_job_status(file) is writes


def test_sql_file_writes_status(tmp_path: Path) -> None:
    file = tmp_path / "finish.sql"
    file.write_text("-- name: finish\nupdate jobs set status = :status where id = :id;")
    assert writes_job_status(file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# It cannot be had\n    # again.", [(1, "be had")]),
        ("\n# It cannot be\n    # had.", [(2, "be had")]),
        ("class WarmDoorbell: ...", [(1, "doorbell")]),
        ("MOST_BYTES = 1; _MOST_ROWS = most_rows(ALMOST_NONE)", [(1, "most_")] * 3),
        ("'puras/rehearsal'; rehearsal = 1", [(1, "rehearsal")]),
        ("'nobody'\n# nobody is told apart", [(2, "nobody"), (2, "told apart")]),
        ("media_too_dear, too_dear, recommended, amended", [(1, "dear")]),
        ("for good reasons; gone for good", [(1, "for good")]),
        ("update admissions a set parked = a.parked + 1", []),
        ("select q.suspect, count(*) as parked", [(1, "parked")]),
        ("a parked job; parked = 1; [losses for losses in rows]", [(1, "parked")] * 2 + [(1, "losses")] * 2),
        ("most_price_micros, most_price; beat_at, last_beat", [(1, "most_"), (1, "beat")]),
    ],
)
def test_banned_words(text: str, expected: list[tuple[int, str]]) -> None:
    assert banned_words(text) == expected


def test_allowed_file_is_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "allowed.toml"
    recorded = RECORDED._replace(largest_cycle={"backend": 3, "backend.skills.manifest": 2})
    path.write_text(structure.allowed_text(recorded))
    assert structure.read_limits(path) == recorded


def test_contract_is_generated_between_the_comments() -> None:
    pyproject = "a = 1\n# Generated by .ci/structure.py: x\nold\n# End of the generated part.\n"
    text = structure.with_contract(pyproject, RECORDED.upward, ["execution", "app", "core"])
    assert 'layers = [\n  "app",\n  "execution",\n  "core",\n]' in text
    assert '"backend.execution.alpha -> backend.integrations.beta",' in text
    assert "old" not in text
    assert structure.with_contract(text, RECORDED.upward, ["execution", "app", "core"]) == text
    with pytest.raises(LookupError, match="lacks"):
        structure.with_contract("a = 1\n", [], [])


def test_unknown_argument_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert structure.main(["--jsn"]) == 2
    assert "--jsn" in capsys.readouterr().err


def test_command_measures_and_records_another_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in structure.PACKAGES.values():
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "backend" / "execution" / "jobs").mkdir(parents=True)
    (tmp_path / "backend" / "execution" / "jobs" / "finish.py").write_text(
        'SQL = "update jobs set status = 1"\n'
    )
    (tmp_path / "pyproject.toml").write_text(
        "# Generated by .ci/structure.py\n# End of the generated part.\n"
    )
    (tmp_path / structure.ALLOWED).parent.mkdir(parents=True)
    (tmp_path / structure.ALLOWED).write_text(structure.allowed_text(RECORDED))
    imports = [
        UPWARD,
        ("backend.integrations.gamma", "backend.execution.alpha"),
        ("backend.integrations.web", "backend.novelty"),
    ]
    monkeypatch.setattr(structure, "imports_of", lambda packages, root: imports)

    assert structure.main(["--write-allowed"], tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        "removed: backend.execution.alpha -> backend.integrations.beta",
        "removed: largest cycle of backend: 3",
        "added: backend.execution.alpha -> backend.integrations.gamma",
        "added: largest cycle of backend: 2",
        "added: largest cycle of puras: 1",
        "added: largest cycle of puras_mcp: 1",
        "added: largest cycle of studio: 1",
        "added: largest cycle of workers: 1",
    ]
    assert (
        '"backend.execution.alpha -> backend.integrations.gamma",'
        in (tmp_path / "pyproject.toml").read_text()
    )
    assert structure.read_limits(tmp_path / structure.ALLOWED).upward == [UPWARD]
    assert structure.main(["--write-allowed"], tmp_path) == 0
    assert capsys.readouterr().out == "Nothing has changed.\n"

    assert structure.main(["--json"], tmp_path) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["status_writers"] == ["backend/execution/jobs/finish.py"]
    assert report["unmapped"] == ["backend.novelty"]
    assert structure.main([], tmp_path) == 0
    assert "| … upward | 1 |" in capsys.readouterr().out


def test_banned_words_of_a_repository_are_located(tmp_path: Path) -> None:
    files = {
        "old.py": "fine = 1\nhouse = 2\n",
        "new.md": "most_rows\n",
        "ignored.py": "house = 2\n",
        "image.png": "house",
        "skills_kit/templates/desk/prompt.md": "Answer the ticket.\nWhoever reads it\n",
        "tests/contract/frozen/api.py": "house = 2\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "old.py"], cwd=tmp_path, check=True)
    assert locate_banned_words(tmp_path) == [
        "new.md:1: 'most_'; use: max_",
        "old.py:2: 'house'; use: runtime",
        "skills_kit/templates/desk/prompt.md:2: 'whoever'; use: anyone who",
    ]
