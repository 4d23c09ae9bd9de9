"""Applications that use the public client work after a change of the API URL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.contract.public_client.conftest import Developer, Ran

EVAL = ("eval", "scored", "--threshold", "90", "--interval", "0.3", "--timeout", "90", "--json")


def test_whoami_shows_the_balance_and_only_the_prefix_of_the_key(developer: Developer) -> None:
    output = developer.ok("whoami").output
    assert "$5.00" in output
    assert developer.key not in output
    assert developer.key.split(".")[0] in output


def test_invalid_key_is_rejected_with_a_message(developer: Developer) -> None:
    wrong = developer.key[:-4] + "0000"
    output = developer.run_python(
        f"wrong = puras.Client({wrong!r}, 'counting', api_base={developer.address!r})\n"
        "try:\n    wrong.submit('tally')\nexcept puras.PurasAPIError as error:\n    print(json.dumps(str(error)))"
    )
    assert "key" in output


def test_deploy_activate_and_pull_transfer_versions(developer: Developer, tmp_path: Path) -> None:
    before = developer.ok("deployments").output
    assert "v1" in before
    pushed = developer.ok("deploy", "--no-activate", "--notes", "second").output
    assert "not active" in pushed
    assert "Activated v2" in developer.ok("activate", "2").output
    assert "v2       active" in developer.ok("deployments").output

    developer.ok("pull", "--out", str(tmp_path))
    assert (tmp_path / "tally" / "main.py").read_bytes() == (
        developer.folder / "tally" / "main.py"
    ).read_bytes()
    assert "counting" in developer.ok("skillpacks").output


def test_run_waits_for_the_result(developer: Developer) -> None:
    ran = developer.ok("run", "tally", "-i", "upto=4")
    assert "succeeded" in ran.output
    assert '"total": 4' in ran.output


def test_prompt_runs_without_a_skillpack(developer: Developer) -> None:
    ran = developer.ok("run", "-p", "Greet the owl by its name.", "-i", "name=Strix")
    assert "succeeded" in ran.output
    job = developer.run_python(f"print(json.dumps(client.get({ran.job_id!r})))")
    assert (job["skill_name"], job["prompt"], job["deployment_id"]) == (
        "@inline",
        "Greet the owl by its name.",
        None,
    )
    assert job["inputs"] == {"name": "Strix"}
    assert "new job" in developer.ok("replay", ran.job_id).output


def test_failed_job_shows_its_error_and_fails_the_command(developer: Developer) -> None:
    ran = developer.puras("run", "tally", "--json", '{"fail": true}')
    assert ran.code == 1
    assert "asked to fail" in ran.output


def test_invalid_input_is_named(developer: Developer) -> None:
    ran = developer.puras("run", "tally", "-i", "upto=many")
    assert ran.code == 1
    assert "upto" in ran.output


def test_logs_show_all_sixty_events_in_order(developer: Developer) -> None:
    job_id = developer.ok("run", "tally", "-i", "upto=60").job_id
    output = developer.ok("logs", job_id).output
    positions = [output.index(f"counted {number}\n") for number in range(60)]
    assert positions == sorted(positions)
    assert "succeeded" in output


def test_spans_show_the_duration_of_each_part(developer: Developer) -> None:
    job_id = developer.ok("run", "tally").job_id
    assert "tally" in developer.ok("spans", job_id).output
    spans = json.loads(developer.ok("spans", job_id, "--json").output)
    assert {"run", "queue", "attempt"} <= {span["kind"] for span in spans}


def test_feedback_and_replay_of_a_job(developer: Developer) -> None:
    job_id = developer.ok("run", "tally", "-i", "upto=2").job_id
    developer.ok("feedback", job_id, "--up", "--comment", "as it should be")
    again = developer.ok("replay", job_id, "--version", "1").output
    assert "new job" in again


def test_secrets_are_set_listed_and_deleted_but_never_shown(developer: Developer) -> None:
    developer.ok("secrets", "set", "TALLY_TOKEN=not-to-be-seen")
    listed = developer.ok("secrets", "ls").output
    assert "TALLY_TOKEN" in listed
    assert "not-to-be-seen" not in listed
    developer.ok("secrets", "rm", "TALLY_TOKEN")
    assert "TALLY_TOKEN" not in developer.ok("secrets", "ls").output


def test_eval_suite_is_run_reported_and_compared(developer: Developer) -> None:
    ran = developer.puras(*EVAL, "--repeat", "2")
    suite = json_of(ran)
    assert (ran.code, suite["gate_passed"]) == (1, False)
    assert (suite["status"], suite["completed_runs"], suite["total_runs"]) == ("succeeded", 4, 4)
    again = developer.puras("eval-report", suite["id"], "--json")
    report = json_of(again)
    assert again.code == 1  # because the suite has not passed its gate
    assert (report["skill_name"], report["pass_rate_pct"], report["mean_score"]) == ("scored", 50.0, 75.0)
    assert [grader["name"] for grader in report["graders"]] == ["right", "even"]

    better = json_of(developer.ok(*EVAL, "--case", "one"))
    assert (better["total_runs"], better["gate_passed"]) == (1, True)
    arguments = ("eval-diff", "scored", "--json", "--base")
    compared = developer.ok(*arguments, suite["id"], "--head", better["id"])
    assert json_of(compared)["deltas"]["pass_rate_pct"] == 50.0
    worse = developer.puras(*arguments, better["id"], "--head", suite["id"])
    assert (worse.code, json_of(worse)["regressed"]) == (1, True)


def json_of(ran: Ran) -> Any:
    """Return the JSON that follows the progress messages of a command."""
    return json.loads(ran.output[ran.output.index("{") :])


def test_unsupported_operation_is_reported(developer: Developer) -> None:
    ran = developer.puras("hindsight-list")
    assert ran.code == 1
    assert "501" in ran.output


def test_client_class_runs_waits_reads_and_rates(developer: Developer) -> None:
    output = developer.run_python(
        "job = client.submit('tally', {'upto': 3})\n"
        "done = client.wait(job['id'], poll_interval=0.05)\n"
        "print(json.dumps({\n"
        "    'ran': client.run('tally', {'upto': 2}, poll_interval=0.05),\n"
        "    'waited': client.submit('tally', {'upto': 4}, wait=True)['result'],\n"
        "    'pinned': client.submit('tally', version=1, wait=True)['deployment_version'],\n"
        "    'status': done['status'],\n"
        "    'read': client.get(job['id'])['result'],\n"
        "    'rated': client.feedback(job['id'], rating=1, comment='good')['rating'],\n"
        "}))"
    )
    assert output == {
        "ran": {"total": 2},
        "waited": {"total": 4},
        "pinned": 1,
        "status": "succeeded",
        "read": {"total": 3},
        "rated": 1,
    }


def test_client_class_raises_its_documented_errors(developer: Developer) -> None:
    output = developer.run_python(
        "try:\n    client.run('tally', {'fail': True}, poll_interval=0.05)\n"
        "except puras.JobError as error:\n    failed = str(error)\n"
        "try:\n    client.run('taly')\n"
        "except puras.PurasAPIError as error:\n    missing = str(error)\n"
        "print(json.dumps([failed, missing]))"
    )
    assert "asked to fail" in output[0]
    assert "tally" in output[1]
