"""Where bytes of strangers come in: each door takes any bytes, and lets out nothing but our own errors."""

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
from workers.types import Recorder

VAULT: Final = Vault([Fernet.generate_key().decode()])
NOBODY: Final = UUID(int=7)
MAIN: Final = b"def run(**inputs):\n    return inputs\n"
PLAIN: Final = b"---\nname: a\ndescription: Says hello.\n---\nSay hello.\n"


def bundle(data: bytes) -> None:
    """A zip that somebody pushes."""
    with suppress(PurasError):
        read_bundle(data)


def skill_yaml(data: bytes) -> None:
    """The manifest of a skill."""
    bundle(pack_files({"a/skill.yaml": data, "a/main.py": MAIN, "a/SKILL.md": b"x"}))


def skill_md(data: bytes) -> None:
    """A plain Agent Skill with its front matter."""
    bundle(pack_files({"a/SKILL.md": data}))


def requirements(data: bytes) -> None:
    """The packages of a skill, as the one who is pushed to reads them, and the one who builds."""
    bundle(pack_files({"a/SKILL.md": PLAIN, "a/requirements.txt": data}))
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(PurasError):
            read_requirements(Path(file.name))


def schema(data: bytes) -> None:
    """A schema, and the values that are checked against it: `{"schema": …, "value": …}`."""
    document = read_document("x", data)
    body = document.value
    if document.problems or not isinstance(body, dict) or not isinstance(body.get("schema"), dict):
        return
    to_json_schema(body["schema"])
    if not schema_flaws(body["schema"]).errors:
        OutputSchema(body["schema"]).check(body.get("value"))
        InputSchema(body["schema"]).check(body.get("value"))


def hosts(data: bytes) -> None:
    """An entry of `network:`, and what a job asks the egress proxy for."""
    text = data.decode("latin-1")
    pattern = parse_host(text)
    assert pattern is None or pattern.host == pattern.host.lower()
    request.named_host(data)
    request.label_of(data)
    with suppress(Malformed):
        rules.read_target(text, default_port=80)
    with suppress(Malformed):
        asked = request.read_request(data)
        assert asked.forwarded_head.count(b"\r\n\r\n") <= 1, "two requests in one"


def output(data: bytes) -> None:
    """What a job prints, and the lines of its kit."""
    recorded = _Recorded()
    collected = Output()
    collected.text("stdout", data)
    collected.attach(recorded)
    for start in range(0, len(data), 97):
        collected.kit(data[start : start + 97])
    collected.kit(b"\n")
    collected.finish()
    text = json.dumps(recorded.events, allow_nan=False, ensure_ascii=False)
    assert len(text.encode()) < 8 * MAX_STORED_BYTES, "half of a character, or too much"
    assert not any("\0" in one for one in _texts(recorded.events))


def control(data: bytes) -> None:
    """A message of a warm parent, which has run code of strangers."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
    with ours, theirs:
        theirs.send(data[: wire.MAX_CONTROL_BYTES])
        assert isinstance(wire.receive(ours).body, dict)


def drive_path(data: bytes) -> None:
    """A path in a drive."""
    for parse in (parse_drive_path, parse_folder_path):
        with suppress(BadDrivePath):
            parse(data.decode("utf-8", "surrogateescape"))


def cursor(data: bytes) -> None:
    """The place where a page begins."""
    page = Page(cursor=data.decode("latin-1"))
    for read in (page.number, page.time_position, page.text, partial(page.texts, 2)):
        with suppress(Invalid):
            read()


def job_token(data: bytes) -> None:
    """The credential of a job: whatever is taken was made by us."""
    with suppress(InvalidJobToken):
        told = job_tokens.verify(VAULT, data.decode("latin-1"))
        assert told.project_id == NOBODY


def signed_address(data: bytes) -> None:
    """The address of one file: whatever opens one was made by us."""
    with suppress(BadSignature):
        assert signing.verify(VAULT, data.decode("latin-1"), "a.txt").project_id == NOBODY


def byte_range(data: bytes) -> None:
    """The part of a file that is asked for: never more than there is."""
    with suppress(UnsatisfiableRangeError):
        part = ranges.parse(data.decode("latin-1"), 1_000)
        assert part is None or (part.start >= 0 and 0 < part.length <= 1_000 - part.start)


def frame(data: bytes) -> None:
    """An event whose words are a stranger's: one frame, whatever they are."""
    text = data.decode("utf-8", "replace")
    event = EventRead(id=1, job_id=NOBODY, ts=now(), type="log", payload={"text": text, text: [text]})
    sent = follow.frame(event).decode()
    assert sent.endswith("\n\n")
    assert [line.partition(":")[0] for line in sent.split("\n")] == ["id", "event", "data", "", ""]
    assert "\r" not in sent


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(inner)


class _Recorded(Recorder):
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))


DOORS: Final[dict[str, Callable[[bytes], None]]] = {
    door.__name__: door
    for door in (
        *(bundle, skill_yaml, skill_md, requirements, schema, hosts, output, control),
        *(drive_path, cursor, job_token, signed_address, byte_range, frame),
    )
}
