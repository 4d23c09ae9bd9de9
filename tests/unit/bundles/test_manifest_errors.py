"""skill.yaml: each error names its line and the fix, and all errors are reported together."""

from __future__ import annotations

import pytest

from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.findings import BundleInvalid
from backend.skills.manifest.job_ceilings import JobCeilings
from backend.skills.manifest.types import Skill

FUNCTION = """\
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}}}
output_schema: {type: object}
"""
AGENT = FUNCTION.replace("main.py:run", "SKILL.md")
FILES = {"main.py": b"def run(n=1):\n    return {}\n", "SKILL.md": b"Do it."}


def read(text: str, **files: bytes) -> Skill:
    """Return the skill of a bundle with this skill.yaml."""
    return read_bundle(bundle(text, **files)).manifest.skills[0]


def problems(text: str, **files: bytes) -> list[str]:
    """Return its errors as `line: message`."""
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(bundle(text, **files))
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def warnings(text: str, **files: bytes) -> list[str]:
    """Return its warnings."""
    return [warning.message for warning in read_bundle(bundle(text, **files)).warnings]


def bundle(text: str, **files: bytes) -> bytes:
    """Return the ZIP archive of one skill called `it`."""
    contents = {
        **FILES,
        **{name.replace("__", "/").replace("_", ".", 1): data for name, data in files.items()},
    }
    skill = {f"skills/it/{name}": data for name, data in contents.items()}
    return pack_files({**skill, "skills/it/skill.yaml": text.encode()})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("titel: x", "4: A skill does not have a key 'titel'. Did you mean 'title'?"),
        ("title: 3", "4: 'title' must be text, not 3. Quote it."),
        ("timeout_s: 0", "4: 'timeout_s' must be a number above 0"),
        ("timeout_s: yes", "4: 'timeout_s' must be a number"),
        ("lane: GPU 1", "4: 'GPU 1' is not a valid lane"),
        ("retries: {max: -1}", "4: 'max' must be an integer from 0 to 100, not -1."),
        (
            "retries: {on: [errors]}",
            "4: 'errors' is not one of 'worker_lost', 'timeout', 'error'. Did you mean 'error'?",
        ),
        (
            "retries: {backoff: {inital_s: 1}}",
            "4: 'backoff' does not have a key 'inital_s'. Did you mean 'initial_s'?",
        ),
        ("retries: 3", "4: 'retries' must be a mapping, not 3."),
        ("limits: {memory_mb: 1}", "4: 'memory_mb' must be an integer from 64"),
        ("network: sometimes", "4: 'network' must be one of 'none', 'public', not 'sometimes'."),
        ("network: ['https://x.org']", "4: 'https://x.org' is not a valid host."),
        ("network: ['127.0.0.1']", "4: '127.0.0.1' is not a valid host."),
        ("network: ['x.org:99999']", "4: 'x.org:99999' is not a valid host."),
        ("network: ['*.1.1.1.1']", "4: '*.1.1.1.1' is not a valid host."),
        (f"network: [{', '.join(f'h{n}.org' for n in range(201))}]", "4: 'network' lists 201 hosts"),
        (
            "model: claude/sonnet-4-6",
            "4: 'model' is only for agents, and this skill is a function. Remove it.",
        ),
        ("tools: [{mcp: 'https://x.org'}]", "4: 'tools' is only for agents"),
        ("disable_bash: true", "4: 'disable_bash' is only for agents"),
        ("examples: [{input: {}}]", "4: 'inputs' is required. Add it."),
        (
            "examples: [{inputs: {n: x}}]",
            "4: Example 1 is not valid for input_schema: inputs.n: This must be an integer",
        ),
        (
            "examples: [{inputs: {m: 1}}]",
            "4: Example 1 is not valid for input_schema: inputs.m: The skill does not declare",
        ),
        ("marketing: {faq: [{q: x}]}", "4: 'a' is required. Add it."),
        ("evals: [{name: a, kind: rubric}]", "4: 'criteria' is required. Add it."),
        ("evals: {gate: {threshold: 80}}", "4: A gate requires cases. Add 'dataset'."),
        ("evals: {dataset: cases.jsonl}", "4: 'cases.jsonl' is not in the skill's folder."),
        ("title: a\ntitle: b", "5: The key 'title' occurs twice. Remove one of them."),
        ("tab:\n\tx: 1", "5: This is not valid YAML"),
    ],
)
def test_errors_name_their_line_and_fix(more: str, said: str) -> None:
    assert any(found.startswith(said) for found in problems(FUNCTION + more)), problems(FUNCTION + more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("model: claude/sonet-4-6", "Did you mean 'claude/sonnet-4-6'?"),
        ("model: anthropic:claude-x", "contains a provider"),
        ("model: claude/opus-4-8\ntext_model: gpt/5", "two names of one key and have different values"),
        ("routing: {}", "'escalate_to' is required"),
        ("model: [gpt/5, gpt/6000]", "'gpt/6000' is not in the catalog"),
        ("model: [gpt/5, gpt/5]", "1 to 5 different models"),
        ("model: []", "1 to 5 different models"),
        ("model: gpt/5\nrouting: {escalate_to: gpt/5}", "the skill's own model"),
        ("routing: {escalate_to: gpt/5, on: [nonsense]}", "'nonsense' is not one of 'schema_fail'."),
        ("tools: [{name: My Tool, skill: it}]", "Write 'my-tool'."),
        ("tools: [{name: t, skill: other}]", "The bundle has no skill 'other'."),
        ("tools: [{name: t, skill: it, input_schema: {}}]", "gets 'input_schema' from that skill"),
        ("tools: [{name: t, skill: a/b}]", "has a '/'"),
        (
            "tools: [{name: t, entrypoint: 'main.py:rum', input_schema: {}, output_schema: {}}]",
            "Did you mean 'run'?",
        ),
        (
            "tools: [{name: t, entrypoint: '../x.py:f', input_schema: {}, output_schema: {}}]",
            "leads out of the skill",
        ),
        ("tools: [{name: t, skill: it}, {name: t, skill: it}]", "Two tools have the name 't'."),
        ("tools: [{builtin: pyton}]", "Did you mean 'python'?"),
        ("tools: [{builtin: }]", "Write 'builtin: python'."),
        ("tools: [{builtin: python, read_only: true}]", "A built-in tool does not have a key 'read_only'."),
        ("tools: [{builtin: python}, {builtin: python}]", "Two tools have the name 'python'."),
        ("tools: [{mcp: 'https://me:pw@x.org'}]", "contains a password"),
        ("tools: [{mcp: 'http://[x'}]", "is not the URL of an MCP server"),
        ("tools: [{mcp: 'https://x.org', header: {}}]", "Did you mean 'headers'?"),
        (
            "tools: [{mcp: 'https://x.org', headers: {Authorization: Bearer abc}}]",
            "contains a credential in plaintext",
        ),
        ("tools: [{mcp: 'https://x.org', headers: {X: '${secrets:KEY}'}}]", "Write '${secret:KEY}'"),
        ("tools: [{mcp: 'https://x.org', headers: {X: '${KEY}'}}]", "Write '${secret:KEY}'"),
        ("tools: [{mcp: 'https://x.org', headers: {X: '${secret:key}'}}]", "is not a valid name of a secret"),
        ("tools: [{mcp: 'https://x.org', headers: {X: '${secret:KEY'}}]", "is not a valid placeholder"),
        ("tools: [{mcp: 'http://x.org', headers: {X: '${secret:KEY}'}}]", "only over HTTPS"),
        ("tools: [{mcp: 'https://x.org', headers: {Host: y}}]", "is set by the protocol"),
        ("tools: [{mcp: 'https://x.org', headers: {'X Y': y}}]", "is not a valid header name"),
        ('tools: [{mcp: "https://x.org", headers: {X: "a\\r\\nb"}}]', "printable ASCII in one line"),
        ("tools: [{mcp: 'https://x.org', headers: [a]}]", "must be a mapping"),
        ("tool_limits: {bash: true}", "'bash' must be an integer from 1"),
        ("cache_ttl: 2h", "'cache_ttl' must be one of '5m', '1h', not '2h'."),
        ("rails: [{name: r, on: input}]", "exactly one of 'pattern', 'pii', 'words', 'schema', 'entrypoint'"),
        ("rails: [{name: r, on: input, criteria: x}]", "Models do not evaluate guardrails on this instance."),
        (
            "rails: [{name: r, on: input, schema: {type: object}, action: redact}]",
            "Only a guardrail with a 'pattern', 'pii' or 'words' can redact.",
        ),
        ("rails: [{name: r, on: [inputs], pattern: x}]", "Did you mean 'input'?"),
        ("rails: [{name: r, on: input, pattern: '(?=x)'}]", "look-around"),
        ("image_model: google/nano-bananas", "Did you mean 'google/nano-banana'?"),
    ],
)
def test_errors_of_an_agent_are_reported(more: str, said: str) -> None:
    assert any(said in found for found in problems(AGENT + more)), problems(AGENT + more)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The file must be a mapping"),
        ("- a\n- b", "The file must be a mapping"),
        ("title: x", "'entrypoint' is required. Add it."),
        (FUNCTION.replace("main.py:run", "main.py"), "is not a valid entrypoint. Write 'SKILL.md'"),
        (FUNCTION.replace("main.py:run", "gone.py:run"), "'gone.py' is not in the skill's folder."),
        (FUNCTION.replace("main.py:run", "mian.py:run"), "Did you mean 'main.py'?"),
        (FUNCTION.replace("main.py:run", "../main.py:run"), "leads out of the skill's folder"),
        (
            FUNCTION.replace("main.py:run", "main.py:rum"),
            "'main.py' has no function 'rum'. Did you mean 'run'?",
        ),
        (AGENT.replace("SKILL.md", "PROMPT.md"), "'PROMPT.md' is not in the skill's folder."),
        (
            FUNCTION.replace("{type: integer}", "{type: image, default: 3}"),
            "The default is not valid: inputs.n",
        ),
        (
            FUNCTION.replace("type: object, properties", "type: array, properties"),
            "Inputs are always an object.",
        ),
        (
            FUNCTION.replace("integer", "intiger"),
            "The type 'intiger' does not exist. Did you mean 'integer'?",
        ),
        (
            FUNCTION.replace("{type: integer}", "{$ref: 'file:///etc/passwd'}"),
            "does not exist in this schema",
        ),
        (
            FUNCTION.replace("{type: integer}", "{type: integer, required: true}"),
            "'required' is a list of names",
        ),
    ],
)
def test_errors_of_the_whole_file_are_reported(text: str, said: str) -> None:
    assert any(said in found for found in problems(text)), problems(text)


def test_all_errors_are_reported_together() -> None:
    found = problems(FUNCTION.replace("run", "rum") + "titel: x\ntimeout_s: soon\nretries: {max: x}\n")
    assert len(found) == 4


def test_invalid_key_does_not_hide_errors_of_other_keys() -> None:
    text = """\
routing: {escalate_to: gpt/5, after: 0}
model: gpt/5
rails:
  - {name: R 1, on: [input, tool], pattern: x, action: blok, timeout_s: 99, nmae: 1}
  - {name: r, on: output, pii: [emial, card]}
  - 3
  - {name: r, on: retrieval, pattern: '(', action: approve}
memory: {digest: 1, keys: [m]}
evals: {gate: {repeat: 0}, graders: [{name: g, kind: rubric, levels: {high: x}}]}
"""
    assert problems(AGENT + text) == [
        "4: 'gpt/5' is the skill's own model. Choose a stronger one.",
        "4: 'after' must be an integer from 1 to 1,000, not 0.",
        "7: 'R 1' is not a valid name of a guardrail. Write 'r-1'.",
        "7: 'action' must be one of 'block', 'redact', 'approve', 'flag', not 'blok'. Did you mean 'block'?",
        "7: 'timeout_s' must be a number above 0 up to 60, not 99.",
        "7: A guardrail does not have a key 'nmae'. Did you mean 'name'?",
        "8: 'emial' is not one of 'email', 'phone', 'iban', 'card', 'us_ssn', 'uk_nino', 'es_nif', 'fr_nir', "
        "'pl_pesel', 'br_cpf', 'de_steuer_id', 'it_cf'. Did you mean 'email'?",
        "9: 'rails' must contain only guardrails, each a mapping, not 3.",
        "10: Two guardrails have the name 'r'. Rename one of them.",
        "10: The pattern '(' is not supported: missing ): (.",
        "10: The result of a tool cannot be approved. Require an approval of the call: 'on: tool'.",
        "11: 'digest' must be true or false, not 1.",
        "11: There is no input 'm'. Name a property of 'input_schema'.",
        "12: 'threshold' is required. Add a number from 0 to 100.",
        "12: A gate requires cases. Add 'dataset'.",
        "12: 'repeat' must be an integer from 1 to 20, not 0.",
        "12: 'criteria' is required. Add it.",
        "12: A level consists of a score and a text, like '1.0: complete and correct'.",
    ]


def test_keys_without_a_value_have_defaults_and_empty_lists_stay_empty() -> None:
    text = """\
retries: {max: 1, on: }
tools: [{mcp: 'https://x.org', allow: , confirm: }]
rails: [{name: r, on: input, pattern: x, pii: , words: , action: }]
network:
memory:
"""
    skill = read(AGENT + text)
    assert (skill.retries.on, skill.tools[0].allow, skill.tools[0].confirm) == ((), (), False)
    assert (skill.rails[0].pii, skill.rails[0].action, skill.network, skill.memory) == (
        (),
        "block",
        "public",
        None,
    )


def test_only_declared_limits_are_compared_with_the_maximums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_ceilings, "_current", [JobCeilings(max_retries=1, max_timeout_s=60, max_steps=5)])
    assert read(FUNCTION + "retries: {on: [error]}\nlimits: {}\n").retries.max == 3
    found = problems(FUNCTION + "retries: {max: 2}\ntimeout_s: 61\nlimits: {steps: 6, tokens: 7}\n")
    assert [one[:14] for one in found] == ["4: 'max': 2 is", "5: 'timeout_s'", "6: 'steps': 6 "]


def test_every_key_is_read() -> None:
    text = """\
entrypoint: SKILL.md
title: It
description: Does it.
input_schema: {type: object, properties: {n: {type: integer, default: 1}}}
output_schema: {type: object, properties: {answer: {type: text}}}
text_model: claude/opus-4-8
image_model: nano-banana
disable_bash: true
tools:
  - {name: add, description: Adds., entrypoint: 'main.py:run', input_schema: {}, output_schema: {}, read_only: true}
  - {name: again, skill: it, confirm: true}
  - {mcp: https://mcp.example.org/mcp, allow: [search], headers: {Authorization: 'Bearer ${secret:KEY}'}}
allowed_tools: [bash, add, search]
tool_limits: {bash: 3}
cache_ttl: 1h
routing: {escalate_to: gpt/5, on: [schema_fail], after: 3}
rails: [{name: cards, on: [input, output], pattern: '[0-9]{16}', action: redact}]
examples: [{title: One, inputs: {n: 1}, outputs: {answer: yes it is}}]
evals:
  dataset: cases.jsonl
  graders: [{name: same, kind: exact_match, field: 'a.b[0]', weight: 2}]
  mocks: {web_search: {results: []}}
  gate: {threshold: 80, repeat: 3}
timeout_s: 30
retries: {max: 2, on: [error, timeout], backoff: {initial_s: 1, factor: 3, max_s: 9}}
limits: {steps: 5, tokens: 1000, cost_usd: 0.5, memory_mb: 256, output_mb: 2}
network: [api.example.org, '*.example.com', 'db.example.net:5432', '1.1.1.1']
lane: gpu
marketing: {headline: dropped, keywords: [a], faq: [{q: Q, a: A}]}
"""
    skill = read(text, cases_jsonl=b'# cases\n\n{"inputs": {"n": 1}, "expected": {}}\n')
    assert (skill.model, skill.image_model, skill.media_kinds) == (
        "claude/opus-4-8",
        "nano-banana",
        ("image",),
    )
    assert [tool.name for tool in skill.tools] == ["add", "again", None]
    assert skill.tools[2].allow == ("search",)
    assert (skill.routing is not None, skill.routing and skill.routing.after) == (True, 3)
    assert skill.rails[0].on == ("input", "output")
    assert (skill.eval_dataset, skill.evals[0].weight, skill.eval_gate and skill.eval_gate.repeat) == (
        "cases.jsonl",
        2,
        3,
    )
    assert [skill.retries.backoff.delay_s(number) for number in (0, 1, 2, 3)] == [1, 3, 9, 9]
    assert (skill.limits.cost_usd, skill.timeout_s, skill.lane) == (0.5, 30, "gpu")
    assert skill.network == ["api.example.org", "*.example.com", "db.example.net:5432", "1.1.1.1"]
    assert skill.marketing == {"keywords": ["a"], "faq": [{"q": "Q", "a": "A"}]}


def test_built_in_tool_is_a_tool_of_the_skill() -> None:
    (tool,) = read(AGENT + "tools: [{builtin: python, confirm: true}]\nallowed_tools: [python]").tools
    assert (tool.name, tool.builtin, tool.confirm) == ("python", "python", True)


def test_key_on_is_not_a_boolean() -> None:
    skill = read(FUNCTION + "retries:\n  max: 1\n  on: [timeout]\n")
    assert skill.retries.on == ("timeout",)


def test_default_retries_only_lost_workers() -> None:
    rule = read(FUNCTION).retries
    assert (rule.max, rule.on) == (3, ("worker_lost",))


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        (b"async def run(n): ...", True),
        (b"from other import run", True),
        (b"from other import *", True),
        (b"import a.b as run", True),
        (b"run = print", True),
        (b"(walk, run) = a, b", True),
        (b"class run: ...", True),
        (b"if True:\n    try:\n        run = 1\n    except E:\n        pass", True),
        (b"try:\n    import x\nexcept E:\n    def run(n): ...", True),
        (b"def other():\n    def run(n): ...", False),
        (b"class A:\n    def run(n): ...", False),
        (b"run", False),
        (b"def run(:", False),
        (b"\xff\xfe", False),
        (b"x = '\\d'\nimport os; os.abort()\nrun = 1", True),
        (b"(" * 5_000, False),
        (b"-" * 200_000 + b"1", False),
    ],
)
def test_functions_are_found_without_importing_the_module(source: bytes, is_found: bool) -> None:
    if is_found:
        assert read(FUNCTION, main_py=source).function == "run"
    else:
        assert any("main.py" in found for found in problems(FUNCTION, main_py=source))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"def run(): ...", "no parameter 'n'"),
        (b"def run(n, m): ...", "The function requires 'm'"),
        (b"def run(n, /): ...", "positional-only"),
        (b"def run(inputs): ...", None),
        (b"def run(**inputs): ...", None),
        (b"def run(n, m=1): ...", None),
        (b"@wrapped\ndef run(): ...", None),
    ],
)
def test_call_that_would_fail_causes_a_warning(source: bytes, said: str | None) -> None:
    found = warnings(FUNCTION, main_py=source)
    assert (any(said in one for one in found), len(found)) == (True, 1) if said else found == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"def grade(output): ...", "it has no parameter 'inputs'"),
        (
            b"def grade(result): ...",
            "it requires 'result', which is not passed, it has no parameter 'inputs', it has no",
        ),
        (b"def grade(inputs, output, expected): ...", "it requires 'expected'"),
        (b"def grade(inputs, output, /): ...", "'inputs' is positional-only"),
        (b"def grade(inputs, output): ...", None),
        (b"async def grade(*, output, inputs, strict=False): ...", None),
        (b"def grade(output, **others): ...", None),
        (b"@wrapped\ndef grade(): ...", None),
    ],
)
def test_check_that_cannot_be_called_is_an_error(source: bytes, said: str | None) -> None:
    text = FUNCTION + "evals:\n  - {name: good, kind: check, entrypoint: 'checks.py:grade'}\n"
    if said is None:
        assert read(text, checks_py=source).evals[0].entrypoint == "checks.py:grade"
    else:
        (found,) = problems(text, checks_py=source)
        assert found.startswith("5: A check is called as grade(inputs=…, output=…), and ")
        assert said in found
        assert found.endswith("Write: def grade(inputs, output).")


def test_misspelled_schema_keyword_causes_a_warning() -> None:
    found = warnings(FUNCTION.replace("{type: integer}", "{type: integer, minimun: 1}"))
    assert found == ["The keyword 'minimun' is not a keyword of schemas. Did you mean 'minimum'?"]


def test_invalid_cases_are_reported_with_their_line() -> None:
    cases = (
        b'{"inputs": {"n": 1}, "id": "a"}\nnonsense\n{"inputs": {"n": "x"}}\n{"inputs": {}, "id": "a"}\n[]\n'
    )
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(bundle(AGENT + "evals: {dataset: cases.jsonl}", cases_jsonl=cases))
    assert [(problem.path, problem.line) for problem in caught.value.problems] == [
        ("skills/it/cases.jsonl", line) for line in (2, 3, 4, 5)
    ]


def test_text_that_cannot_be_stored_is_reported() -> None:
    assert any("NUL" in found for found in problems(FUNCTION + 'description: "a\\0b"'))
    assert any("plain word" in found for found in problems(FUNCTION + 'marketing: {"a\\0b": 1}'))


def test_hostile_file_is_reported_briefly_and_quickly() -> None:
    keys = "\n".join(f"{'x' * 300}{number}: 1" for number in range(1_000))
    found = problems(FUNCTION + keys)
    assert len(found) <= 200
    assert max(len(one) for one in found) < 1_100
    schema = ", ".join(f"minimun{number}: 1" for number in range(20_000))
    assert len(problems(FUNCTION.replace("{type: integer}", "{type: intiger, " + schema + "}"))) <= 200
