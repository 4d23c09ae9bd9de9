"""Code snippets that call a skill or a route."""

from __future__ import annotations

import ast
import json
import shlex
from typing import Any

import pytest

from studio.code_snippets import of_route, of_skill
from studio.first_snippets import of_run
from studio.skills import ExampleView, SkillView

ORIGIN = "https://studio.example.org"


def skill(inputs: dict[str, object], *, skillpack: str = "") -> SkillView:
    return SkillView(name="greet", skillpack=skillpack, examples=[ExampleView("One", "", inputs)])


def argument(code: str, function: str, at: int) -> object:
    """Return the positional argument of a function call in Python code."""
    calls = [one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call)]
    found = next(one for one in calls if ast.unparse(one.func) == function)
    return ast.literal_eval(found.args[at])


def test_the_curl_snippet_quotes_all_inputs_for_the_shell() -> None:
    inputs = {"text": 'it\'s "quoted" $HOME `x` \\ end'}
    words = shlex.split(of_skill(ORIGIN, skill(inputs))["curl"].replace("\\\n", " "))
    assert words[1] == f"{ORIGIN}/v1/skills/greet/run"
    assert json.loads(words[-1]) == inputs


def test_python_snippet_sends_the_same_inputs_as_curl() -> None:
    inputs = {"name": "Ada", "loud": True, "more": None}
    assert argument(of_skill(ORIGIN, skill(inputs))["python"], "client.run_job", 1) == inputs


@pytest.mark.parametrize("language", ["curl", "python", "terminal", "typescript", "mcp", "openai", "page"])
def test_a_skill_of_another_skillpack_is_called_with_its_full_name(language: str) -> None:
    assert "birds/greet" in of_skill(ORIGIN, skill({}, skillpack="birds"))[language]


def test_skills_with_the_same_name_have_distinct_names_and_urls() -> None:
    own, others = skill({}), skill({}, skillpack="birds")
    assert (own.full_name, others.full_name) == ("greet", "birds/greet")
    assert (own.play, others.play) == ("greet", "greet?skillpack=birds")


def test_a_project_without_skills_shows_how_to_publish_skills() -> None:
    assert shlex.split(of_run(ORIGIN, [])["terminal"].splitlines()[-1]) == ["puras", "deploy"]
    assert "/v1/skills/greet/run" in of_run(ORIGIN, [skill({})])["curl"]


def test_all_snippets_of_a_route_send_the_same_request() -> None:
    body = {"name": "STRIPE_KEY", "value": "it's"}
    texts = of_route(ORIGIN, "PUT", "/v1/secrets", body, tool="set_secret", arguments=body)
    words = shlex.split(texts["curl"].replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "PUT", f"{ORIGIN}/v1/secrets"]
    assert json.loads(words[-1]) == body
    assert argument(texts["python"], "client.request", 1) == "/v1/secrets"
    assert json.loads(texts["mcp"].split("tool call of the agent\n")[1]) == {
        "name": "set_secret",
        "arguments": body,
    }
    assert set(of_route(ORIGIN, "POST", "/v1/webhooks", {})) == {"curl", "python", "typescript"}


def test_terminal_snippet_sends_the_same_inputs_as_curl() -> None:
    inputs = {"text": "it's $HOME"}
    words = shlex.split(of_skill(ORIGIN, skill(inputs))["terminal"].splitlines()[-1])
    assert words[:3] == ["puras", "run", "greet"]
    assert json.loads(words[-1]) == inputs


def test_openai_snippet_sends_the_text_input_as_the_message() -> None:
    schema = {
        "properties": {"question": {"type": "text"}, "count": {"type": "integer"}},
        "required": ["question"],
    }
    talk = SkillView(
        name="talk", input_schema=schema, examples=[ExampleView("One", "", {"question": "it's?", "count": 2})]
    )
    call = _completion(of_skill(ORIGIN, talk)["openai"])
    assert call == {
        "model": "talk",
        "messages": [{"role": "user", "content": "it's?"}],
        "extra_body": {"inputs": {"count": 2}},
    }
    [message] = _completion(of_skill(ORIGIN, skill({"n": 1}))["openai"])["messages"]
    assert json.loads(message["content"]) == {"n": 1}


def _completion(code: str) -> dict[str, Any]:
    """Return the arguments of the call of the SDK."""
    calls = [one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call)]
    found = next(one for one in calls if ast.unparse(one.func) == "client.chat.completions.create")
    return {str(one.arg): ast.literal_eval(one.value) for one in found.keywords}
