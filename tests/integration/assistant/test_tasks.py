"""Ten tasks of the assistant: each ends with a proposal whose draft has no problems and runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doubles.messages import Says, calls, says
from tests.integration.assistant.conftest import MODEL, Assistants

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT = f"""\
entrypoint: prompt.md
model: {MODEL}
input_schema: {{type: object, properties: {{text: {{type: text}}}}, required: [text]}}
output_schema: {{type: object, properties: {{summary: {{type: text}}}}, required: [summary]}}
limits: {{cost_usd: 0.2}}
"""
HALVE = """\
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: number}}, required: [n]}
output_schema: {type: object, properties: {half: {type: number}}}
"""
FLOW = """\
steps:
  - {id: first, skill: double, inputs: {n: "${{ inputs.n }}"}}
  - {id: second, skill: double, inputs: {n: "${{ steps.first.n }}"}}
output: {n: "${{ steps.second.n }}"}
"""
DOUBLE = "skills/double/main.py"
YAML = "skills/double/skill.yaml"
API = {
    "openapi": "3.0.0",
    "info": {"title": "Weather", "version": "1"},
    "servers": [{"url": "https://api.example.org"}],
    "paths": {
        "/today": {
            "get": {
                "operationId": "today",
                "summary": "The weather of a city",
                "parameters": [
                    {"name": "city", "in": "query", "required": True, "schema": {"type": "string"}}
                ],
            }
        }
    },
}


def done(summary: str = "Done.") -> Says:
    """Return the reply that submits the summary."""
    return says(calls("set_output", summary=summary))


def run(skill: str, **inputs: Any) -> Says:
    """Return the reply that runs a skill of the copy."""
    return says(calls("run_skill", skill=skill, inputs=inputs))


async def test_build_agent(assistants: Assistants) -> None:
    proposal = await assistants.proposal(
        says(
            calls("file_write", path="skills/summarize/skill.yaml", content=AGENT),
            calls("file_write", path="skills/summarize/prompt.md", content="You summarize texts.\n"),
        ),
        says(calls("validate")),
        run("summarize", text="Owls hunt at night."),
        says(calls("set_output", summary="Owls hunt.")),  # of the skill itself
        done(),
        task="Build a skill that summarizes a text.",
    )
    assert "Owls hunt." in assistants.results()[-1]
    assert [file["action"] for file in proposal["files"]] == ["create", "create"]
    await assistants.accept(proposal)
    assistants.upstream.restart(says(calls("set_output", summary="Bats too.")))
    assert (await assistants.try_draft("summarize", text="Bats do too."))["status"] == "succeeded"


async def test_build_function(assistants: Assistants) -> None:
    proposal = await assistants.proposal(
        says(
            calls("file_write", path="skills/halve/skill.yaml", content=HALVE),
            calls(
                "file_write", path="skills/halve/main.py", content="def run(n):\n    return {'half': n / 2}\n"
            ),
        ),
        run("halve", n=3),
        done(),
        task="Build a skill that halves a number.",
    )
    assert '"half": 1.5' in assistants.results()[-1]
    assert sorted(await assistants.draft()) == [DOUBLE, YAML]  # nothing is written before it is accepted
    await assistants.accept(proposal)
    assert (await assistants.try_draft("halve", n=5))["result"] == {"half": 2.5}


async def test_fix_problem_of_draft(assistants: Assistants) -> None:
    broken = (await _file(assistants, YAML)).replace("main.py:run", "main.py:start")
    await assistants.write({YAML: broken})
    proposal = await assistants.proposal(
        says(calls("validate")),
        says(calls("file_edit", path=YAML, old_string="main.py:start", new_string="main.py:run")),
        says(calls("validate")),
        done(),
        task="Fix this problem.",
        problem="The function start does not exist.",
        file=YAML,
    )
    first, _, last = assistants.results()
    assert YAML in first
    assert last == "No problems."
    await assistants.accept(proposal)
    assert (await assistants.try_draft("double", n=4))["result"] == {"n": 8}


async def test_fix_failing_function(assistants: Assistants) -> None:
    await assistants.write({DOUBLE: "def run(n):\n    return {'n': 2 * m}\n"})
    failed = await assistants.try_draft("double", n=1)
    assert failed["status"] == "failed"
    proposal = await assistants.proposal(
        says(calls("read_job", job_id=failed["id"]), calls("file_read", path=DOUBLE)),
        says(calls("file_edit", path=DOUBLE, old_string="2 * m", new_string="2 * n")),
        run("double", n=3),
        done(),
        task="Fix this.",
        job_id=failed["id"],
    )
    read, shown, _, ran = assistants.results()
    assert "NameError" in read
    assert "2\t    return {'n': 2 * m}" in shown
    assert '"n": 6' in ran
    (change,) = proposal["files"]
    assert (change["before"], change["after"]) == (
        "def run(n):\n    return {'n': 2 * m}\n",
        "def run(n):\n    return {'n': 2 * n}\n",
    )
    await assistants.accept(proposal)
    assert (await assistants.try_draft("double", n=3))["result"] == {"n": 6}


async def test_explain_failure_without_changes(assistants: Assistants) -> None:
    failed = await _failed(assistants)
    proposal = await assistants.proposal(
        says(calls("list_jobs", status="failed")),
        says(calls("read_job", job_id=failed)),
        done("It divides by zero."),
        task="Explain this failure.",
        job_id=failed,
    )
    assert failed in assistants.results()[0]
    assert (proposal["summary"], proposal["files"], proposal["problems"]) == ("It divides by zero.", [], [])


async def test_write_eval_cases(assistants: Assistants) -> None:
    job = await assistants.try_draft("double", n=21)
    case = json.dumps({"id": "half", "inputs": job["inputs"], "expected": job["result"]})
    proposal = await assistants.proposal(
        says(calls("list_jobs", skill="double")),
        says(calls("read_job", job_id=job["id"])),
        says(
            calls("file_write", path="skills/double/cases.jsonl", content=f"{case}\n"),
            calls(
                "file_write",
                path=YAML,
                content=(await _file(assistants, YAML))
                + "evals: {dataset: cases.jsonl, graders: [{name: same, kind: exact_match}]}\n",
            ),
        ),
        says(calls("validate")),
        done(),
        task="Write eval cases from the jobs of double.",
    )
    await assistants.accept(proposal)
    assert (await assistants.try_draft("double", n=1))["status"] == "succeeded"


async def test_make_tool_of_api(assistants: Assistants) -> None:
    source = json.dumps(API)
    proposal = await assistants.proposal(
        says(calls("make_api_tools", source=source)),
        says(calls("make_api_tools", source=source, operations=["today"], folder="skills/weather")),
        says(calls("validate")),
        done(),
        task="Make a tool for this API.",
    )
    assert "today: GET https://api.example.org/today" in assistants.results()[0]
    await assistants.accept(proposal)
    assert "today" in (await assistants.draft())["skills/weather/skill.yaml"]
    assistants.upstream.restart(says(calls("set_output", answer="It rains.")))
    job = await assistants.try_draft("weather", task="What is the weather in Rome?")
    assert job["status"] == "succeeded", job["error"]


async def test_add_input(assistants: Assistants) -> None:
    proposal = await assistants.proposal(
        says(calls("search_files", text="type: integer")),
        says(
            calls(
                "file_edit",
                path=YAML,
                old_string="{n: {type: integer}}, required",
                new_string="{n: {type: integer}, times: {type: integer, default: 2}}, required",
            )
        ),
        says(calls("file_write", path=DOUBLE, content="def run(n, times):\n    return {'n': times * n}\n")),
        run("double", n=2, times=5),
        done(),
        task="Add an input times.",
    )
    assert '"n": 10' in assistants.results()[-1]
    await assistants.accept(proposal)
    assert (await assistants.try_draft("double", n=2))["result"] == {"n": 4}


async def test_build_flow(assistants: Assistants) -> None:
    manifest = (await _file(assistants, YAML)).replace("main.py:run", "flow.yaml")
    proposal = await assistants.proposal(
        says(
            calls("file_write", path="skills/four/skill.yaml", content=manifest),
            calls("file_write", path="skills/four/flow.yaml", content=FLOW),
        ),
        run("four", n=3),
        done(),
        task="Build a flow that doubles twice.",
    )
    assert '"n": 12' in assistants.results()[-1]
    await assistants.accept(proposal)
    assert (await assistants.try_draft("four", n=5))["result"] == {"n": 20}


async def test_rename_skill(assistants: Assistants) -> None:
    before = await assistants.draft()
    proposal = await assistants.proposal(
        says(calls("file_move", path="skills/double/", to="skills/twice/")),
        says(calls("list_files")),
        run("twice", n=1),
        done(),
        task="Rename double to twice.",
    )
    assert {file["action"] for file in proposal["files"]} == {"create", "delete"}
    await assistants.accept(proposal)
    assert await assistants.draft() == {
        path.replace("double", "twice"): content for path, content in before.items()
    }
    assert (await assistants.try_draft("twice", n=1))["result"] == {"n": 2}


async def _file(assistants: Assistants, path: str) -> str:
    return (await assistants.project.http.get(f"/v1/drafts/files/{path}")).text


async def _failed(assistants: Assistants) -> str:
    await assistants.write({DOUBLE: "def run(n):\n    return {'n': n / 0}\n"})
    job = await assistants.try_draft("double", n=1)
    assert job["status"] == "failed"
    job_id: str = job["id"]
    return job_id
