"""Run the command `puras` against an instance."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.clients.conftest import Place, Puras, environment
from tests.integration.agents.test_eval_gates import GATED, WORST

ROOT = Path(__file__).parents[3]


def test_login_saves_the_key_only_for_its_owner_and_shows_its_prefix(
    puras: Puras, place: Place, tmp_path: Path
) -> None:
    kept = tmp_path / ".puras" / "config.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["api_key"] == place.key
    who = puras("whoami").out
    assert place.key.partition(".")[0] in who
    assert "Clients" in who
    assert "$" in who
    assert puras("whoami", "--json").json["kind"] == "secret_key"
    puras("logout")
    assert not kept.exists()
    assert "puras login" in puras("whoami", code=3).err


def test_login_does_not_save_an_invalid_key(puras: Puras, place: Place, tmp_path: Path) -> None:
    wrong = place.key[:-4] + "0000"
    before = (tmp_path / ".puras" / "config.json").read_text()
    assert "key" in puras("login", "--key", wrong, "--api-base", place.address, code=3).err
    assert (tmp_path / ".puras" / "config.json").read_text() == before


def test_run_prints_only_the_result_to_stdout(puras: Puras) -> None:
    ran = puras("run", "tally", "-i", "upto=4")
    assert ran.json == {"total": 4}
    assert "succeeded" in ran.err
    whole = puras("run", "tally", "--inputs", '{"upto": 2}', "--metadata", "order=7", "--json").json
    assert (whole["result"], whole["metadata"], whole["source"]) == ({"total": 2}, {"order": 7}, "cli")
    assert puras("run", "tally", "--json", '{"upto": 5}').json == {"total": 5}
    assert puras("run", "tally", "--inputs", "-", given='{"upto": 6}').json == {"total": 6}


def test_exit_codes_distinguish_kinds_of_problems(puras: Puras, place: Place) -> None:
    assert "asked to fail" in puras("run", "tally", "-i", "fail=true", code=1).err
    assert puras("run", "tally", "-i", "fail=true", "--json", code=1).json["status"] == "failed"
    assert "inputs.upto" in puras("run", "tally", "-i", "upto=many", code=2).err
    assert "NAME=VALUE" in puras("run", "tally", "-i", "upto", code=2).err
    assert "skill" in puras("run", code=2).err
    puras("nonsense", code=2)
    assert puras("job", "00000000-0000-0000-0000-000000000000", "--json", code=4).json["status"] == 404
    puras("run", "taly", code=4)
    puras("whoami", "--api-base", "http://127.0.0.1:9", code=3)  # the saved key is for the other instance
    late = puras("run", "tally", "-i", "wait_s=4", "--timeout", "1", code=1)
    assert "continues" in late.err


def test_errors_name_commands_and_not_routes(puras: Puras) -> None:
    missing = puras("activate", "99", code=4).err
    assert "`puras deployments` lists all" in missing
    assert "/v1/" not in missing
    nothing = puras("eval-diff", "tally", code=4).err
    assert "`puras eval`" in nothing
    assert "/v1/" not in nothing
    assert "GET /v1/deployments lists all" in puras("activate", "99", "--json", code=4).json["detail"]


def test_missing_money_and_a_missing_server_have_exit_codes(place: Place, tmp_path: Path) -> None:
    def run(key: str, base: str) -> int:
        mine = environment(tmp_path) | {"PURAS_API_KEY": key, "PURAS_API_BASE": base}
        words = [sys.executable, "-m", "puras.cli", "run", "-p", "Say hello."]
        return subprocess.run(words, env=mine, capture_output=True, timeout=60, check=False).returncode

    assert run(place.new_key("Penniless", credit_usd="0"), place.address) == 5
    assert run(place.key, "http://127.0.0.1:9") == 6


def test_a_file_in_the_inputs_is_uploaded(puras: Puras, tmp_path: Path) -> None:
    (tmp_path / "owl.txt").write_bytes(b"hoot")
    assert puras("run", "weigh", "-i", f"first=@{tmp_path / 'owl.txt'}").json == {"bytes": [4]}
    assert "does not exist" in puras("run", "weigh", "-i", "first=@none.txt", code=2).err


def test_jobs_are_listed_shown_cancelled_replayed_and_rated(puras: Puras) -> None:
    job_id = puras("run", "tally", "-i", "wait_s=60", "--async").out.strip()
    assert job_id in puras("jobs", "--limit", "5").out
    assert [job["id"] for job in puras("jobs", "--limit", "1", "--skill", "tally", "--json").json] == [job_id]
    assert "tally" in puras("job", job_id).out
    puras("cancel", job_id)
    assert "cancelled" in puras("logs", "-f", job_id, code=1).out.splitlines()[-1]
    done = puras("run", "tally", "-i", "upto=2", "--json").json["id"]
    again = puras("replay", done, "--json").json
    assert again["id"] != done
    assert puras("logs", "-f", again["id"]).out.count("counted") == 2
    puras("feedback", done, "--up", "-c", "as it should be")


def test_share_prints_a_link_with_a_key_for_one_skill_and_a_daily_cap(puras: Puras) -> None:
    shared = puras("share", "tally", "--daily-cap", "0.5", "--json").json
    assert (shared["skill"], shared["daily_cap_micros"]) == ("tally", 500_000)
    assert "/share#skill=tally&key=puras_pub_" in shared["url"]
    assert "There is no skill" in puras("share", "nothing", code=4).err
    assert "not an amount of dollars" in puras("share", "tally", "--daily-cap", "much", code=2).err


def test_logs_are_the_events_in_order_and_lines_of_json_when_followed(puras: Puras) -> None:
    job_id = puras("run", "tally", "-i", "upto=60", "--json").json["id"]
    said = puras("logs", job_id).out
    places = [said.index(f"counted {number}\n") for number in range(60)]
    assert places == sorted(places)
    followed = [json.loads(line) for line in puras("logs", "-f", job_id, "--json").out.splitlines()]
    assert followed == puras("logs", job_id, "--json").json
    assert [event["id"] for event in followed] == list(range(1, len(followed) + 1))


def test_spans_are_a_waterfall(puras: Puras) -> None:
    job_id = puras("run", "tally", "--json").json["id"]
    lines = puras("spans", job_id).out.splitlines()
    assert len(lines) == len(puras("spans", job_id, "--json").json)
    assert "█" in lines[0]
    assert all(len(line) <= 120 for line in lines)
    assert lines[1].startswith("  ")


def test_init_validate_deploy_activate_rollback_and_pull(puras: Puras, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    puras("init", "mine", "--slug", "mine", "--name", "My own", cwd=work)
    mine = work / "mine"
    assert (mine / "skills" / "greet" / "skill.yaml").is_file()
    assert "already exists" in puras("init", "mine", cwd=work, code=2).err
    assert "Valid: 3 skills" in puras("validate", cwd=mine).out

    assert "v1 of mine is active" in puras("deploy", "--notes", "first", cwd=mine).out
    assert puras("run", "greet", "-i", "name=Ada", cwd=mine).json["greeting"]
    assert "no previously active version" in puras("rollback", cwd=mine, code=2).err
    (mine / "skills" / "triage").mkdir()
    for name in ("skill.yaml", "main.py"):
        (mine / "skills" / "triage" / name).write_bytes((mine / "skills" / "greet" / name).read_bytes())
    assert "v2 of mine" in puras("deploy", cwd=mine).out
    shutil.rmtree(mine / "skills" / "triage")
    refused = puras("deploy", cwd=mine, typed="n\n", code=2).err
    assert "1 skill of mine is missing in this folder: triage. Remove it? [y/N]" in refused
    assert len(puras("deployments", "--json", cwd=mine).json) == 2
    assert "Removed skills: triage" in puras("deploy", "--yes", cwd=mine, typed="n\n").err
    (mine / "skills" / "greet" / "main.py").write_text("def greet(**given): return {'greeting': 'v2'}\n")
    assert puras("deploy", "--no-activate", "--json", cwd=mine).json["is_active"] is False
    assert "Activated v4" in puras("activate", "4", cwd=mine).out
    assert [one["is_active"] for one in puras("deployments", "--json", cwd=mine).json] == [
        True,
        False,
        False,
        False,
    ]
    assert "first" in puras("deployments", cwd=mine).out
    assert "Activated v3" in puras("rollback", cwd=mine).out
    assert "Activated v4" in puras("rollback", cwd=mine).out  # a second rollback returns to the newer version
    assert "Activated v3" in puras("rollback", cwd=mine).out

    puras("pull", "4", "--out", str(tmp_path / "pulled"), cwd=mine)
    assert (tmp_path / "pulled" / "skills" / "greet" / "main.py").read_text().endswith("'v2'}\n")
    assert "--force" in puras("pull", "1", "--out", str(tmp_path / "pulled"), cwd=mine, code=2).err
    puras("pull", "1", "--force", "--out", str(tmp_path / "pulled"), cwd=mine)
    assert "v2'" not in (tmp_path / "pulled" / "skills" / "greet" / "main.py").read_text()
    assert "mine" in puras("skillpacks").out
    assert "greet" in puras("skills").out


def test_problems_of_a_skillpack_are_printed_with_their_location(puras: Puras, tmp_path: Path) -> None:
    bad = tmp_path / "bad" / "tally"
    bad.mkdir(parents=True)
    (bad / "skill.yaml").write_text("entrypoint: none.py:run\ninputs_schema: {}\noutput_schema: {}\n")
    for command in ("validate", "deploy"):
        said = puras(command, cwd=bad.parent, code=2).err
        assert "tally/skill.yaml" in said
        assert "none.py" in said
        assert "inputs_schema" in said
    assert {error["path"] for error in puras("validate", "--json", cwd=bad.parent, code=2).json["errors"]}


def test_a_problem_is_printed_once(puras: Puras, tmp_path: Path) -> None:
    skill = tmp_path / "skills" / "count"
    skill.mkdir(parents=True)
    (skill / "skill.yaml").write_text(
        "entrypoint: main.py:run\ntitel: Counting\ninput_schema: {}\noutput_schema: {}\n"
    )
    for words in (["validate"], ["deploy"]):
        lines = puras(*words, cwd=tmp_path, code=2).err.splitlines()
        assert sum("main.py" in line for line in lines) == 1, lines
        assert sum("titel" in line for line in lines) == 1, lines
        assert lines[-1] == "puras: 2 problems to fix."
    lines = puras("run", "tally", "-i", "upto=many", code=2).err.splitlines()
    assert sum("inputs.upto" in line for line in lines) == 1, lines
    assert lines[-1] == "puras: 1 problem to fix."


def test_drive_commands_copy_list_and_delete_files(puras: Puras, tmp_path: Path) -> None:
    (tmp_path / "a b.bin").write_bytes(b"\x00" * 70_000)
    assert "drive:cli/a b.bin" in puras("drive", "cp", str(tmp_path / "a b.bin"), "drive:cli/").out
    listed = puras("drive", "ls", "cli", "--json").json
    assert [(one["path"], one["size_bytes"]) for one in listed] == [("cli/a b.bin", 70_000)]
    assert "cli/" in puras("drive", "ls").out
    puras("drive", "cp", "drive:cli/a b.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == b"\x00" * 70_000
    puras("drive", "rm", "drive:cli/a b.bin")
    puras("drive", "cp", "drive:cli/a b.bin", str(tmp_path / "back2.bin"), code=4)
    puras("drive", "cp", "a", "b", code=2)


def test_secrets_are_set_listed_and_removed_and_never_shown(puras: Puras) -> None:
    puras("secrets", "set", "TALLY_TOKEN", given="not-to-be-seen\n")
    assert "TALLY_TOKEN" in puras("secrets", "ls").out
    assert "not-to-be-seen" not in puras("secrets", "ls", "--json").out
    puras("secrets", "rm", "TALLY_TOKEN")
    assert puras("secrets", "ls", "--json").json == []
    puras("secrets", "rm", "TALLY_TOKEN", code=4)


def test_a_suite_is_run_reported_and_compared(puras: Puras) -> None:
    words = ("eval", "scored", "--interval", "0.2", "--timeout", "90")
    failed = puras(*words, "--threshold", "90", "--json", code=1).json
    assert (failed["completed_runs"], failed["gate_passed"]) == (2, False)
    assert "right" in puras("eval-report", failed["id"], code=1).out
    better = puras(*words, "--case", "one", "--json").json
    sides = ("eval-diff", "scored", "--base", better["id"], "--head", failed["id"])
    assert "Regressions" in puras(*sides, code=1).out
    puras("eval-diff", "scored", "--base", failed["id"], "--head", better["id"], "--json")


def test_activation_waits_for_its_gate(puras: Puras, tmp_path: Path) -> None:
    words = ("--skillpack", "gated")
    for path, content in GATED.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert "v1 of gated is active" in puras("deploy", *words, cwd=tmp_path).out
    (tmp_path / "skills/double/main.py").write_bytes(WORST["skills/double/main.py"])
    puras("deploy", "--no-activate", *words, cwd=tmp_path)
    waiting = puras("activate", "2", "--no-wait", *words).out
    assert "v2 becomes active when the suites of its gate pass." in waiting
    rejected = puras("activate", "2", *words, code=1)
    assert "The eval suites of v2 are running." in rejected.err
    assert "v2 of gated is not active: " in rejected.out
    assert (
        "Activated v2 of gated in staging." in puras("activate", "2", "--environment", "staging", *words).out
    )


def test_output_of_a_job_cannot_control_the_terminal(puras: Puras, place: Place) -> None:
    job = place.client().submit("tally", {"upto": 0}, metadata={"x": 1}, source="\x1b[2Jsteer"[4:], wait=True)
    listed = puras("jobs", "--source", "steer").out
    assert job["id"] in listed
    assert "\x1b" not in listed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(puras: Puras, shell: str, tmp_path: Path) -> None:
    script = puras("completion", shell).out
    program = shutil.which(shell)
    assert "deployments" in script
    if program is None:
        pytest.skip(f"{shell} is not installed, so its script was not run")
    (tmp_path / "script").write_text(script)
    checked = subprocess.run(
        [program, "-n", tmp_path / "script"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    if shell == "bash":
        asked = f"source {tmp_path / 'script'}"
        for words, place in (("puras drive c", 2), ("puras dep", 1)):
            asked += f"; COMP_WORDS=({words}); COMP_CWORD={place}; _puras; echo ${{COMPREPLY[@]}}"
        offered = subprocess.run([program, "-c", asked], capture_output=True, text=True, check=True).stdout
        assert offered.split() == ["cp", "deploy", "deployments"]


def test_serve_without_puras_studio_reports_what_to_install(place: Place, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "python").symlink_to(sys.executable)
    mine = environment(tmp_path) | {"PATH": str(bare), "PYTHONPATH": str(ROOT / "skills_kit")}
    words = [str(bare / "python"), "-S", "-m", "puras.cli", "serve"]
    done = subprocess.run(
        words, cwd=place.folder, env=mine, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "puras-studio" in done.stderr


STEPS = """
from pathlib import Path

from puras import emit_event, sleep, step, wait_for_event


def load():
    with open("drive/loads.txt", "a") as file:
        file.write("x")
    return len(Path("drive/loads.txt").read_text())


def run():
    count = step("load", load)
    sleep(2.5)
    emit_event("counted", {"count": count})
    return {"count": count, "got": wait_for_event("counted", {"count": count}, timeout_s=30)["data"]["count"]}
"""


def test_serve_deploys_a_folder_and_its_changes_to_a_running_instance(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(place.folder, folder)
    mine = environment(tmp_path) | {
        "PURAS_PORT": str(place.up.port),
        "PURAS_HOME": str(place.up.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "puras.cli", "run", "tally", "-i", "upto=2", "--local"],
        cwd=folder, env=mine, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"total": 2}
    steps = tmp_path / "steps"
    (steps / "count").mkdir(parents=True)
    (steps / "count" / "skill.yaml").write_text(
        "entrypoint: main.py:run\ninput_schema: {type: object}\noutput_schema: {}\n"
    )
    (steps / "count" / "main.py").write_text(STEPS)
    ran = subprocess.run(
        [sys.executable, "-m", "puras.cli", "run", "count", "--local"],
        cwd=steps, env=mine, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"count": 1, "got": 1}
    serving = subprocess.Popen(
        [sys.executable, "-m", "puras.cli", "serve"],
        cwd=folder,
        env=mine,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stdout is not None
        assert serving.stderr is not None
        assert "Serving scored, talk, tally, twice, weigh" in serving.stdout.readline()
        (folder / "tally" / "main.py").write_text("def run(upto, fail, wait_s): return {'total': 99}\n")
        said = [serving.stderr.readline() for _ in range(4)]
        assert "puras run --local" in said[2]
        assert said[-1] == "Deployed v4\n", said
    finally:
        serving.terminate()
        serving.wait(30)
        serving.communicate()
    assert (tmp_path / ".puras" / "local.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("drive", "cp", "nowhere.png", "drive:x/"), 2, "usage"),
        (("job", "00000000-0000-4000-8000-000000000000"), 4, "job_not_found"),
        (("whoami", "--api-base", "http://127.0.0.1:9"), 3, "no_key"),
    ],
)
def test_errors_are_json_with_the_option_json(
    puras: Puras, words: tuple[str, ...], code: int, reason: str
) -> None:
    refused = puras(*words, "--json", code=code)
    assert (refused.json["code"], refused.err) == (reason, "")
    assert len(refused.json["detail"]) > 20
