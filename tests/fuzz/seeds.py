"""The seeds of the mutations: valid input of each entry point, and known attacks."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Final
from uuid import UUID

from backend.core.clock import now
from backend.data.drive import signing
from backend.identity.auth import job_tokens
from backend.skills.archives.pack import pack_files
from tests.fuzz.bounds import CANARY
from tests.fuzz.entry_points import MAIN, PLAIN, PROJECT_ID, VAULT

_TOUCH: Final = str(CANARY).encode()
_EVIL: Final = b"open('" + _TOUCH + b"', 'w').close()\n"
_SKILL: Final = b"""\
entrypoint: main.py:run
description: Resizes.
network: [api.example.org, "*.example.org:8443"]
retries: {max: 2, on: [timeout], backoff: {initial_s: 1, factor: 2, max_s: 9}}
limits: {memory_mb: 256}
input_schema: {type: object, properties: {n: {type: integer, default: 1}}}
output_schema: {type: object, properties: {n: {type: integer}}}
examples: [{inputs: {n: 1}, output: {n: 2}}]
"""
_BOMB: Final = b"a: &a [x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (97 + i, 97 + i, *(4 * [96 + i])) for i in range(1, 25)
)
_TIMESTAMP: Final = "2026-01-01T00:00:00+00:00"
_CURSORS: Final[list[object]] = [
    *(["7"], [_TIMESTAMP, str(PROJECT_ID)], ["a"], ["a", "b"]),
    *({}, [[]], [_TIMESTAMP, []], [_TIMESTAMP, 7], [[], str(PROJECT_ID)]),
]
_FILES: Final = {
    "skills/a/skill.yaml": _SKILL,
    "skills/a/main.py": _EVIL + MAIN,
    "skills/a/requirements.txt": b"x==1\n",
}


def _cursor(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode())


def _token() -> bytes:
    until = now() + timedelta(days=9)
    return job_tokens.mint(
        VAULT, project_id=PROJECT_ID, job_id=UUID(int=8), attempt=1, expires_at=until
    ).encode()


SEEDS: Final[dict[str, list[bytes]]] = {
    "bundle": [pack_files(_FILES), pack_files({"a/SKILL.md": PLAIN}), b"PK\x05\x06" + bytes(18)],
    "skill_yaml": [
        _SKILL,
        b"!!python/object/apply:os.system ['touch " + _TOUCH + b"']\n",
        b"entrypoint: !!python/name:os.system\ntools: !!python/object/new:open ['" + _TOUCH + b"', 'w']\n",
        _BOMB,
        b"entrypoint: SKILL.md\ntools: [{name: t, entrypoint: main.py:run, input_schema: {}}]\n",
    ],
    "flow_yaml": [
        b"steps:\n- id: e\n  for_each: ${{ inputs.l }}\n  skill: tally\n  inputs: {w: '${{ item }}'}\n"
        b"- {id: s, approval: {message: 'Post ${{ size(steps.e) }}?'}}\noutput: {n: '${{ steps.e[0].total }}'}\n",
        b"steps:\n- {id: s, switch: [{when: '${{ true }}', steps: [{id: w, wait: {duration: 2h}}]}]}\n"
        b"- {id: p, parallel: [{steps: [{id: m, emit: {type: x}}]}]}\n",
        _BOMB,
        b"steps: &a [{id: a, parallel: [{steps: *a}]}]\n",
    ],
    "expression": [
        b"inputs.rows.filter(r, r.a % 2 == 0).map(r, {'b': r.b + string(r.a)})",
        b"inputs.rows.all(x, inputs.rows.exists(y, x.a == y.a && y.b.matches('^(x+)+$')))",
        b"inputs.text.split('a').map(p, inputs.text + p).join(inputs.text)",
        b'has(inputs.z) ? [1, 2.5, "\\u00e9"][0] : -inputs.rows[1]["a"] / 3',
        b"((((1 + 2)))) // comment",
    ],
    "skill_md": [
        PLAIN,
        b"---\n" + _BOMB + b"---\nx",
        b"---\nname: !!python/name:os.system\n---\n",
        b"---\n" * 9,
    ],
    "requirements": [
        b"pillow==11.0\n",
        b"a [b , c] >= 1 , < 2 ; python_version > '3' --hash=sha256:00\n",
        b"-e .\n",
    ],
    "schema": [
        b'{"schema": {"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}}, "value": {"a": "aaaaaaaaaaaa!"}}',
        b'{"schema": {"$defs": {"x": {"anyOf": [{"items": {"$ref": "#/$defs/x"}}, {"items": {"$ref": "#/$defs/x"}}]}}, '
        b'"$ref": "#/$defs/x"}, "value": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}',
        b'{"schema": {"type": "array", "uniqueItems": true, "items": {"enum": [1, 2.5]}}, "value": [1, 1.0]}',
        b'{"schema": {"multipleOf": 1e-300, "maximum": 1e308}, "value": 1e308}',
    ],
    "hosts": [
        b"*.example.org:8443",
        b"[::ffff:127.0.0.1]:80",
        b"0x7f.1",
        b"GET http://example.org:80/a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nProxy-Authorization: Basic am9\xe9OjE=\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nProxy-Authorization: Basic am9iOjE=\r\n\r\n",
    ],
    "step_request": [
        b'{"type":"request","id":1,"operation":"begin","branch":"1.2/1.0","position":3,"name":"load","occurrence":1,'
        b'"kind":"step","once":false}',
        b'{"id":2,"operation":"finish","branch":"","position":1,"name":"x","occurrence":1,"kind":"step","result":"1",'
        b'"failure":{"type":"E","message":"\\ud800"},"tries":1,"duration_s":0.5}',
        b'{"id":3,"operation":"wait","branch":"","position":1,"name":"x","occurrence":1,"kind":"event",'
        b'"match":{"a.b":NaN},"after_s":1' + b"0" * 400 + b',"until":"2026-01-01T00:00:00+00:00"}',
        b'{"id":4,"operation":"emit","event_id":"e","data":"[1]","waits":[1,true]}',
        b'{"id":5,"operation":"suspend","waits":' + b"[" * 2_000,
        b'{"id":6,"operation":"finish","failure":{"a":' + b"[" * 900 + b"]" * 900 + b"}}",
    ],
    "output": [
        b'{"type": "log", "level": "info", "text": "x", "fields": {"a": [1, NaN, "\\u0000\\ud800"]}}\n',
        b'{"type": "progress", "fraction": 1e999, "text": "\xff"}\nplain\r\n\x00',
        b'{"type": "log", "fields": ' + b"[" * 2_000 + b"\n",
    ],
    "control": [b'{"kind": "spawned", "pid": 1, "text": "x"}', b"[" * 3_000, b"[]", b"1e999"],
    "drive_path": [
        b"drive/a/b.txt",
        b"../../etc/passwd",
        b"a//./b",
        "drive/e\u0301/\u202e".encode(),
        b"a\\..\\b",
    ],
    "cursor": [
        *(_cursor(value) for value in _CURSORS),
        *(base64.urlsafe_b64encode(text) for text in (b"[Infinity]", b"[" * 900, b'["\\ud800"]', b"[1e400]")),
    ],
    "job_token": [_token(), b"puras_job_" + b"A" * 90],
    "signed_address": [
        signing.signed_url(VAULT, "", project_id=PROJECT_ID, path="a.txt", ttl_s=10**6)
        .split("/")[-2]
        .encode(),
        b"A" * 100,
    ],
    "byte_range": [b"bytes=0-99", b"bytes=-5", b"bytes=5-", b"bytes=999-1000000"],
    "frame": [b"a\r\nid: 9\n\ndata: x", "a\u2028b\u2029c\u0085".encode(), b"\x00\xff: "],
}
