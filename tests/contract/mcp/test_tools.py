"""Check errors, limits and descriptions of the tools."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from mcp import MCPError
from tests.contract.mcp.conftest import SKILL, Project, call, refusal

NAMES = {
    *("configure", "show_config", "push", "list_deployments", "activate_deployment", "delete_deployment"),
    *("list_environments", "review_promotion", "promote_deployment"),
    *("submit_job", "get_job", "list_jobs", "tail_job", "cancel_job", "list_skills", "get_skill", "validate"),
    *("list_failures", "set_failure_state", "get_prompts"),
    *(
        "set_secret",
        "list_secrets",
        "delete_secret",
        "drive_upload",
        "drive_list",
        "drive_url",
        "get_balance",
    ),
    *(
        "get_usage",
        "replay_job",
        "fork_job",
        "get_steps",
        "get_spans",
        "get_model_call",
        "approve",
        "send_event",
        "run_eval",
        "init_project",
        "docs",
    ),
    *("send_message", "read_messages", "list_sessions"),
}


async def test_every_tool_describes_its_arguments_and_results(project: Project) -> None:
    async with project.over_stdio() as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == NAMES
    for tool in tools:
        assert len(tool.description or "") > 40, tool.name
        assert all((tool.title, tool.annotations, tool.output_schema)), tool.name
        for name, argument in tool.input_schema["properties"].items():
            assert argument.get("description"), f"{tool.name}.{name}"


async def test_the_hosted_server_has_all_tools_except_configure(
    project: Project,
) -> None:
    async with project.over_http() as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == NAMES - {"configure"}


async def test_a_version_is_reviewed_and_promoted(project: Project) -> None:
    async with project.over_http() as client:
        newest = (await call(client, "list_deployments"))["deployments"][0]["version"]
        found = (await call(client, "list_environments"))["environments"]
        # Other tests of this project activate older versions.
        version = next(one["active"]["version"] for one in found if one["environment"] == "production")
        target = {"environment": "staging", "source": "production"}
        review = await call(client, "review_promotion", **target)
        assert (review["head"]["version"], review["base"]) == (version, None)
        await refusal(client, "promote_deployment", **target, version=newest + 1)
        assert (await call(client, "promote_deployment", **target, version=version))["version"] == version
        found = (await call(client, "list_environments"))["environments"]
        assert [one["active"] and one["active"]["version"] for one in found] == [None, version, version]


async def test_a_key_is_saved_only_for_its_owner_and_its_prefix_shown(project: Project) -> None:
    async with project.over_stdio(environment=project.environment) as client:
        assert "configure" in await refusal(client, "list_skills")
        wrong = await refusal(client, "configure", api_base=project.address, api_key="puras_live_x")
        assert "key" in wrong.lower()
        done = await call(client, "configure", api_base=project.address, api_key=project.key)
        shown = await call(client, "show_config")
    file = project.home / ".puras" / "config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["api_key"] == project.key
    for answer in (done, shown):
        assert (answer["project_id"], answer["source"]) == (project.id, "file")
        assert project.key not in json.dumps(answer)
        assert project.key.startswith(answer["key"].rstrip("…"))
    file.chmod(0o644)
    async with project.over_stdio(environment=project.environment) as client:
        assert "chmod 600" in await refusal(client, "list_skills")
    file.unlink()


async def test_a_saved_key_is_not_sent_to_the_url_of_the_environment(project: Project) -> None:
    """A URL of the environment without a key is not combined with the saved key."""
    async with project.over_stdio(environment=project.environment) as client:
        await call(client, "configure", api_base=project.address, api_key=project.key)
    lured = project.environment | {"PURAS_API_BASE": "http://127.0.0.1:9"}
    async with project.over_stdio(environment=lured) as client:
        assert (await call(client, "show_config"))["api_base"] == project.address
    (project.home / ".puras" / "config.json").unlink()


async def test_the_key_of_puras_login_is_enough(project: Project, saved_key: Path) -> None:
    """The file of the MCP server of Puras is read only if there is no other key."""
    of_puras = project.home / ".purasbackend" / "config.json"
    of_puras.parent.mkdir()
    of_puras.write_text(json.dumps({"api_base": "http://127.0.0.1:9", "api_key": "puras_live_old.x"}))
    of_puras.chmod(0o600)
    async with project.over_stdio(environment=project.environment) as client:
        shown = await call(client, "show_config")
        assert (shown["api_base"], shown["project_id"]) == (project.address, project.id)
    saved_key.rename(of_puras)
    async with project.over_stdio(environment=project.environment) as client:
        shown = await call(client, "show_config")
        assert (shown["source"], shown["project_id"]) == ("file", project.id)
    of_puras.unlink()


async def test_errors_list_all_problems_and_the_next_step(project: Project) -> None:
    async with project.over_stdio() as client:
        inputs = await refusal(client, "submit_job", skill="tally", inputs={"upto": -1, "log": 5})
        assert "upto" in inputs
        assert "log" in inputs
        assert "list_skills" in await refusal(client, "submit_job", skill="nothing-like-it")
        assert "list_jobs" in await refusal(client, "get_job", job_id="00000000-0000-4000-8000-000000000000")
    broken = {"skills/bad/skill.yaml": "entrypoint: main.py:run\ninputs_schema: {}\n"}
    async with project.over_http() as client:
        said = await refusal(client, "push", files=broken)
        assert "inputs_schema" in said
        assert "skill.yaml" in said


async def test_a_push_uses_the_skillpack_in_puras_yaml(project: Project) -> None:
    skill = "entrypoint: main.py:run\ninput_schema: {type: object}\noutput_schema: {}\n"
    files = {
        "puras.yaml": "slug: named\ntitle: Named\n",
        "skills/nap/skill.yaml": skill,
        "skills/nap/main.py": "def run(inputs):\n    return {}\n",
    }
    async with project.over_http() as client:
        assert (await call(client, "push", files=files))["skillpack"] == "named"
        versions = await call(client, "list_deployments", skillpack="named")
        assert [one["version"] for one in versions["deployments"]] == [1]


async def test_a_long_result_is_shortened_and_readable_by_its_path(project: Project) -> None:
    async with project.over_stdio() as client:
        job = await call(client, "submit_job", skill="tally", inputs={"long": 50_000}, wait=True, timeout=50)
        assert job["status"] == "succeeded"
        (cut,) = job["cuts"]
        assert (cut["path"], cut["total"]) == ("/result/text", 50_000)
        assert len(json.dumps(job)) < 20_000
        read, offset = "", 0
        while offset is not None:
            part = (await call(client, "get_job", job_id=job["id"], path=cut["path"], offset=offset))["part"]
            read, offset = read + part["value"], part["next_offset"]
        assert read == "x" * 50_000
        assert "JSON Pointer" in await refusal(client, "get_job", job_id=job["id"], path="/result/none")


async def test_a_tail_continues_from_its_cursor_without_gap_or_repeat(project: Project) -> None:
    async with project.over_http() as client:
        job = await call(client, "submit_job", skill="tally", inputs={"upto": 250}, wait=True, timeout=50)
        seen: list[int] = []
        after, timed_out = 0, True
        while timed_out:
            tail = await call(client, "tail_job", job_id=job["id"], after=after, max_seconds=30)
            seen += [event["id"] for event in tail["events"]]
            after, timed_out = tail["next_cursor"], tail["timed_out"]
        assert seen == list(range(1, len(seen) + 1))
        assert tail["events"][-1]["type"] == "succeeded"


async def test_a_failed_job_reports_its_error_and_is_replayed(project: Project) -> None:
    async with project.over_stdio() as client:
        job = await call(client, "submit_job", skill="tally", inputs={"fail": True}, wait=True, timeout=50)
        assert job["status"] == "failed"
        assert "asked to fail" in job["error"]
        assert "get_spans" in job["next"]
        again = await call(client, "replay_job", job_id=job["id"])
        assert again["id"] != job["id"]
        failed = await call(client, "list_jobs", status="failed", limit=1)
        assert len(failed["jobs"]) == 1


async def test_secrets_files_and_money(project: Project, tmp_path: Path) -> None:
    async with project.over_stdio() as client:
        await call(client, "set_secret", name="TOKEN", value="something long and secret")
        listed = await client.call_tool("list_secrets", {})
        assert "TOKEN" in str(listed)
        assert "something long" not in str(listed)
        await call(client, "delete_secret", name="TOKEN")
        assert "list_secrets" in await refusal(client, "delete_secret", name="TOKEN")
        file = tmp_path / "cat.txt"
        file.write_text("meow")
        uploaded = await call(client, "drive_upload", file=str(file), path="pets/cat.txt")
        assert uploaded["drive_path"].endswith("pets/cat.txt")
        entries = (await call(client, "drive_list", prefix="pets/"))["entries"]
        assert [entry["path"] for entry in entries] == ["pets/cat.txt"]
        signed = await call(client, "drive_url", path="pets/cat.txt", ttl=60)
        assert signed["signed_url"].startswith("http")
        assert (await call(client, "get_balance"))["balance_usd"] > 4
        assert (await call(client, "get_usage", group_by="skill"))["rows"] is not None


async def test_a_hosted_upload_accepts_bytes(project: Project) -> None:
    async with project.over_http() as client:
        given = base64.b64encode(b"\x00\xff").decode()
        assert (await call(client, "drive_upload", path="raw.bin", content_base64=given))["size_bytes"] == 2
        assert "base64" in await refusal(client, "drive_upload", path="raw.bin", content_base64="%")
        assert "either" in await refusal(client, "drive_upload", path="raw.bin")


async def test_deployed_skills_are_tools_with_their_own_schema(project: Project) -> None:
    async with project.over_stdio("--skills-as-tools") as client:
        tool = next(one for one in (await client.list_tools()).tools if one.name == "skill_tally")
        assert tool.input_schema["properties"]["upto"]["maximum"] == 1000
        done = await call(client, "skill_tally", upto=2)
        assert (done["status"], done["result"]) == ("succeeded", {"total": 2, "text": ""})
        assert "asked to fail" in await refusal(client, "skill_tally", fail=True)
        assert "uptoo" in await refusal(client, "skill_tally", uptoo=2)
        long = await call(client, "skill_tally", long=40_000)
        assert "get_job" in long["next"]


async def test_the_documentation_is_listed_searched_and_read(project: Project) -> None:
    async with project.over_http() as client:
        names = {page["name"] for page in (await call(client, "docs"))["pages"]}
        assert {"concepts/drive", "concepts/money", "reference/settings"} <= names
        found = (await call(client, "docs", query="fencing ledger"))["pages"]
        assert all(page["text"] for page in found)
        page = (await call(client, "docs", page="settings"))["pages"][0]
        assert page["text"].startswith("# Settings")
        assert "does not exist" in await refusal(client, "docs", page="nowhere")
        assert "not a valid ID or name" in await refusal(client, "docs", page="../README")


async def test_an_unknown_tool_is_an_error(project: Project) -> None:
    async with project.over_stdio() as client:
        try:
            result = await client.call_tool("rm_rf", {})
        except MCPError as error:
            assert "rm_rf" in str(error)
        else:
            assert result.is_error


@pytest.mark.parametrize("place", ["~/.ssh/id_rsa", "/", "~", ""])
async def test_hidden_files_and_home_folders_are_not_packed_or_uploaded(project: Project, place: str) -> None:
    (project.home / ".ssh").mkdir(exist_ok=True)
    (project.home / ".ssh" / "id_rsa").write_text("private")
    async with project.over_stdio() as client:
        for tool, argument in (
            ("push", "project_dir"),
            ("validate", "project_dir"),
            ("drive_upload", "file"),
        ):
            await refusal(client, tool, **{argument: place})


async def test_links_and_paths_outside_of_the_root_are_rejected(project: Project, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside.txt", tmp_path / "inside"
    outside.write_text("not yours")
    inside.mkdir()
    (inside / "skill.yaml").write_text("entrypoint: SKILL.md\n")
    (inside / "link.txt").symlink_to(outside)
    async with project.over_stdio() as client:
        assert "outside of the folder" in await refusal(client, "validate", project_dir=str(inside))
    rooted = project.with_key | {"PURAS_MCP_ROOT": str(inside)}
    async with project.over_stdio(environment=rooted) as client:
        for path in (outside, inside / "link.txt"):
            assert "PURAS_MCP_ROOT" in await refusal(client, "drive_upload", file=str(path))
        assert "PURAS_MCP_ROOT" in await refusal(client, "init_project", project_dir=str(tmp_path / "new"))


async def test_an_event_is_sent_once(project: Project) -> None:
    async with project.over_stdio() as client:
        arguments = {"type": "invoice.paid", "data": {"n": 1}, "id": "one"}
        first = await call(client, "send_event", **arguments)
        assert await call(client, "send_event", **arguments) == first
        assert (first["id"], first["type"]) == ("one", "invoice.paid")
        assert await refusal(client, "send_event", **{**arguments, "data": 2})


AGENT = """\
entrypoint: prompt.md
model: puras/rehearsal
input_schema: {type: object, properties: {question: {type: text}}, required: [question]}
output_schema: {type: object, properties: {answer: {type: text}}}
examples: [{inputs: {question: What is an owl?}, outputs: {answer: A bird of the night.}}]
"""


async def test_a_conversation_with_an_agent(project: Project, neighbour: Project) -> None:
    files = {"puras.yaml": "slug: birds\n", "skills/talk/skill.yaml": AGENT, "skills/talk/prompt.md": "Talk."}
    async with project.over_http() as client:
        await call(client, "push", files=files)
        first = await call(client, "send_message", skill="birds/talk", message="What is an owl?")
        assert (first["status"], first["turn"], first["reply"]["text"]) == (
            "succeeded",
            1,
            "A bird of the night.",
        )
        session = first["session_id"]
        later = await call(client, "send_message", session_id=session, message="Again?", timeout=0)
        assert later["turn"] == 2
        assert later["reply"] is None or later["reply"]["turn"] == 2
        await call(client, "send_message", session_id=session, message="Once more?")
        read = await call(client, "read_messages", session_id=session, after_turn=1, limit=1)
        assert [(one["turn"], one["role"]) for one in read["messages"]] == [(2, "user"), (2, "assistant")]
        assert read["next_after_turn"] == 2
        listed = await call(client, "list_sessions", search="night")
        assert [(one["id"], one["message_count"]) for one in listed["sessions"]] == [(session, 3)]
        assert "skill" in await refusal(client, "send_message", message="x")
        assert "list_skills" in await refusal(client, "send_message", skill="nothing-like-it", message="x")
        assert "function" in await refusal(client, "send_message", skill="tally", message="x")
        assert len((await call(client, "list_sessions"))["sessions"]) == 1
    async with neighbour.over_http() as client:
        for tool in ("send_message", "read_messages"):
            arguments = {"message": "x"} if tool == "send_message" else {}
            assert "list_sessions" in await refusal(client, tool, session_id=session, **arguments)


FLOW = {
    "skills/pair/skill.yaml": """\
entrypoint: flow.yaml
input_schema: {type: object, properties: {upto: {type: integer}}, required: [upto]}
output_schema: {type: object, properties: {total: {type: integer}}}
""",
    "skills/pair/flow.yaml": """\
steps:
  - {id: first, skill: tally, inputs: {upto: "${{ inputs.upto }}"}}
  - {id: second, skill: tally, inputs: {upto: "${{ steps.first.total * 2 }}"}}
output: {total: "${{ steps.second.total }}"}
""",
}


async def test_the_steps_of_a_flow_are_read_and_run_again(project: Project) -> None:
    async with project.over_http() as client:
        await call(client, "push", files={"puras.yaml": "slug: pairs\n", **SKILL, **FLOW})
        job = await call(client, "submit_job", skill="pairs/pair", inputs={"upto": 2})
        await call(client, "tail_job", job_id=job["id"], max_seconds=50)
        steps = (await call(client, "get_steps", job_id=job["id"]))["steps"]
        assert [(one["name"], one["result"]["total"]) for one in steps] == [("first", 2), ("second", 4)]
        edits = [{"step": "first", "result": {"total": 5}}]
        fork = await call(client, "fork_job", job_id=job["id"], step="second", edits=edits)
        tail = await call(client, "tail_job", job_id=fork["id"], max_seconds=50)
        assert tail["job"]["result"] == {"total": 10}
        assert "first" in await refusal(client, "fork_job", job_id=job["id"], step="third")
