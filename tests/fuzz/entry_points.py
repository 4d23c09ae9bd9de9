"""The entry points of untrusted bytes: each accepts any bytes, and raises only errors of the product."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.fernet import Fernet

from backend.core.clock import now
from backend.core.db.paging import Page
from backend.core.errors import Invalid, PurasError
from backend.core.net.egress import rules
from backend.core.net.egress.errors import Malformed
from backend.core.net.host_patterns import parse_host
from backend.core.vault.vault import Vault
from backend.data.drive import ranges, signing
from backend.data.drive.ranges import UnsatisfiableRangeError
from backend.execution.events import follow
from backend.execution.events.schemas import EventRead
from backend.execution.events.types import JobEvent
from backend.identity.auth import job_tokens
from backend.identity.auth.errors import InvalidJobToken
from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from backend.skills.flows.cel.check import Scope, check
from backend.skills.flows.cel.evaluate import evaluate
from backend.skills.flows.cel.parser import parse
from backend.skills.flows.cel.syntax import ExpressionError
from backend.skills.flows.cel.types import type_of_value
from backend.skills.manifest.yaml_document import read_document
from backend.skills.schemas.rules import schema_flaws
from backend.skills.schemas.schema_dialect import to_json_schema
from backend.skills.schemas.value_schemas import InputSchema, OutputSchema
from backend.storage.file_errors import BadDrivePath, BadSignature
from backend.storage.paths import parse_drive_path, parse_folder_path
from workers.sandbox.egress import request
from workers.sandbox.guest import wire
from workers.sandbox.host.zygotes.output import MAX_STORED_BYTES, Output
from workers.sandbox.packages.requirements import read as read_requirements
from workers.steps.records import started, step_of
from workers.steps.requests import BadRequest, Request
from workers.types import Recorder

VAULT: Final = Vault([Fernet.generate_key().decode()])
PROJECT_ID: Final = UUID(int=7)
MAIN: Final = b"def run(**inputs):\n    return inputs\n"
PLAIN: Final = b"---\nname: a\ndescription: Says hello.\n---\nSay hello.\n"


def bundle(data: bytes) -> None:
    """Read a pushed ZIP archive."""
    with suppress(PurasError):
        read_bundle(data)


def skill_yaml(data: bytes) -> None:
    """Read the manifest of a skill."""
    bundle(pack_files({"a/skill.yaml": data, "a/main.py": MAIN, "a/SKILL.md": b"x"}))


def flow_yaml(data: bytes) -> None:
    """Read the steps of a flow."""
    tally = (
        b"entrypoint: main.py:run\ninput_schema: {}\noutput_schema: {properties: {total: {type: integer}}}\n"
    )
    post = tally.replace(b"main.py:run", b"flow.yaml")
    files = {
        "tally/skill.yaml": tally,
        "tally/main.py": MAIN,
        "post/skill.yaml": post,
        "post/flow.yaml": data,
    }
    bundle(pack_files(files))


def expression(data: bytes) -> None:
    """Read, check and evaluate an expression over large values."""
    rows = [{"a": number, "b": "x" * 50} for number in range(500)]
    variables = {"inputs": {"rows": rows, "text": "a" * 20_000}}
    with suppress(ExpressionError):
        node = parse(data.decode("utf-8", "replace"))
        check(node, Scope({name: type_of_value(value) for name, value in variables.items()}))
        json.dumps(evaluate(node, variables), allow_nan=False)


def skill_md(data: bytes) -> None:
    """Read a plain Agent Skill with its front matter."""
    bundle(pack_files({"a/SKILL.md": data}))


def requirements(data: bytes) -> None:
    """Read the requirements of a skill, as the API and as the builder of the environment do."""
    bundle(pack_files({"a/SKILL.md": PLAIN, "a/requirements.txt": data}))
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(PurasError):
            read_requirements(Path(file.name))


def schema(data: bytes) -> None:
    """Validate a value against a schema: `{"schema": …, "value": …}`."""
    document = read_document("x", data)
    body = document.value
    if document.problems or not isinstance(body, dict) or not isinstance(body.get("schema"), dict):
        return
    to_json_schema(body["schema"])
    if not schema_flaws(body["schema"]).errors:
        OutputSchema(body["schema"]).check(body.get("value"))
        InputSchema(body["schema"]).check(body.get("value"))


def hosts(data: bytes) -> None:
    """Parse an entry of `network:`, and a request of a job to the egress proxy."""
    text = data.decode("latin-1")
    pattern = parse_host(text)
    assert pattern is None or pattern.host == pattern.host.lower()
    request.named_host(data)
    request.label_of(data)
    with suppress(Malformed):
        rules.read_target(text, default_port=80)
    with suppress(Malformed):
        parsed = request.read_request(data)
        assert parsed.forwarded_head.count(b"\r\n\r\n") <= 1, "two requests in one"


def step_request(data: bytes) -> None:
    """Read a request of a durable step, which code of a tenant sends to its worker."""
    with suppress(BadRequest):
        request = Request(data)
        for read in (
            *(lambda: started(request), lambda: step_of(request, status="finished"), lambda: request.until),
            *(lambda: request.seconds("after_s"), lambda: request.match, lambda: request.data),
            *(
                lambda: request.failure,
                lambda: request.result,
                lambda: request.waits,
                lambda: request.event_id,
            ),
        ):
            with suppress(BadRequest):
                read()


def output(data: bytes) -> None:
    """Process the output of a job and the messages of its `puras` package."""
    recorder = _EventLog()
    collected = Output()
    collected.text("stdout", data)
    collected.attach(recorder)
    for start in range(0, len(data), 97):
        collected.kit(data[start : start + 97])
    collected.kit(b"\n")
    collected.finish()
    text = json.dumps(recorder.events, allow_nan=False, ensure_ascii=False)
    assert len(text.encode()) < 8 * MAX_STORED_BYTES, "half of a character, or too much"
    assert not any("\0" in one for one in _texts(recorder.events))


def control(data: bytes) -> None:
    """Receive a message of a zygote, which has run untrusted code."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
    with ours, theirs:
        theirs.send(data[: wire.MAX_CONTROL_BYTES])
        assert isinstance(wire.receive(ours).body, dict)


def drive_path(data: bytes) -> None:
    """Parse a path of a drive."""
    for parse_path in (parse_drive_path, parse_folder_path):
        with suppress(BadDrivePath):
            parse_path(data.decode("utf-8", "surrogateescape"))


def cursor(data: bytes) -> None:
    """Parse the cursor of a page."""
    page = Page(cursor=data.decode("latin-1"))
    for read in (page.number, page.time_position, page.text, partial(page.texts, 2)):
        with suppress(Invalid):
            read()


def job_token(data: bytes) -> None:
    """Verify a job token: only tokens that this instance has issued are valid."""
    with suppress(InvalidJobToken):
        claims = job_tokens.verify(VAULT, data.decode("latin-1"))
        assert claims.project_id == PROJECT_ID


def signed_address(data: bytes) -> None:
    """Verify the signed URL of a file: only URLs that this instance has signed are valid."""
    with suppress(BadSignature):
        assert signing.verify(VAULT, data.decode("latin-1"), "a.txt").project_id == PROJECT_ID


def byte_range(data: bytes) -> None:
    """Parse the requested range of a file, which never exceeds the file."""
    with suppress(UnsatisfiableRangeError):
        part = ranges.parse(data.decode("latin-1"), 1_000)
        assert part is None or (part.start >= 0 and 0 < part.length <= 1_000 - part.start)


def frame(data: bytes) -> None:
    """Encode an event with an untrusted text: the result is always exactly one frame."""
    text = data.decode("utf-8", "replace")
    event = EventRead(id=1, job_id=PROJECT_ID, ts=now(), type="log", payload={"text": text, text: [text]})
    sent = follow.frame(event).decode()
    assert sent.endswith("\n\n")
    assert [line.partition(":")[0] for line in sent.split("\n")] == ["id", "event", "data", "", ""]
    assert "\r" not in sent


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(inner)


class _EventLog(Recorder):
    """Stores the recorded events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))


ENTRY_POINTS: Final[dict[str, Callable[[bytes], None]]] = {
    function.__name__: function
    for function in (
        *(bundle, skill_yaml, flow_yaml, expression, skill_md, requirements, schema, hosts, output, control),
        *(step_request,),
        *(drive_path, cursor, job_token, signed_address, byte_range, frame),
    )
}
