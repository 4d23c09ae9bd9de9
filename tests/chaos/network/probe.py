"""Run the attacker under the real runner on a host with a simulated internet, and print one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from backend.execution.events.types import JobEvent
from tests.chaos.network import internet
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Entrypoint, RunLimits, Success

UID: Final = 41_020 if os.geteuid() == 0 else None
LIMITS: Final = RunLimits(timeout_s=60, memory_mb=512, disk_mb=64, output_mb=4, processes=32)
OWN: Final = "93.184.216.1"
OWN_PRIVATE: Final = "10.9.9.9"
OUR_SERVERS: Final = (("127.0.0.1", 8000), ("127.0.0.1", 5432), (OWN, 80), (OWN, 5432), (OWN_PRIVATE, 80))
TRAPS: Final = ((internet.INTRANET, 80), (internet.METADATA, 80), *OUR_SERVERS)
LISTED: Final = [
    "api.example.org", "api.example.org:8443", "rebinding.example.org", "mixed.example.org", "own.example.org:5432",
    "inside.example.org:5432", "local.example.org:6379", f"{internet.WEB}:8443",
]  # fmt: skip
"""A skill can list any host, but the list gives no access to addresses that are not public."""
CLIENT: Final = ("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "typing_extensions")

_URLS: Final = (
    *("http://api.example.org/a", "https://api.example.org/b", "http://API.example.org./c"),
    *(
        "http://inside.example.org/",
        "https://inside.example.org/",
        "http://metadata.example.org/latest/meta-data/",
    ),
    *("http://local.example.org/", "http://own.example.org/", f"http://{OWN}/", f"http://{OWN_PRIVATE}/"),
    *("http://mixed.example.org/", "http://mapped.example.org/", "http://translated.example.org/"),
    *(
        "http://localhost/",
        "http://localhost:8000/",
        "http://api.example.org:5432/",
        "http://api.example.org:8443/",
    ),
    *(
        f"http://{internet.METADATA}/latest/meta-data/",
        f"http://{internet.INTRANET}/",
        "http://10.0.0.5.:80/",
    ),
    *("http://[::1]/", "http://[::ffff:10.0.0.5]/", "http://[64:ff9b::a00:5]/", "http://[fd00:ec2::254]/"),
    *("http://167772165/", "http://0xa000005/", "http://012.0.0.5/", "http://10.5/", "http://0x0a.0.0.5/"),
    *(f"http://api.example.org{path}" for path in internet.REDIRECTS),
    *("http://unknown.example.org/", "http://rebinding.example.org/1", "http://rebinding.example.org/2"),
)
_TEXTS: Final = (
    "CONNECT 127.0.0.1:5432 HTTP/1.1\r\n\r\n",
    "CONNECT localhost:6379 HTTP/1.1\r\n\r\n",
    "CONNECT own.example.org:5432 HTTP/1.1\r\n\r\n",
    "CONNECT inside.example.org:5432 HTTP/1.1\r\n\r\n",
    "CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
    "CONNECT [::ffff:127.0.0.1]:443 HTTP/1.1\r\n\r\n",
    "CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n",
    "CONNECT api.example.org:443@10.0.0.5:80 HTTP/1.1\r\n\r\n",
    "GET http://api.example.org@10.0.0.5/ HTTP/1.1\r\n\r\n",
    "GET http://10.0.0.5#@api.example.org/ HTTP/1.1\r\n\r\n",
    "GET http://10.0.0.5\\@api.example.org/ HTTP/1.1\r\n\r\n",
    "GET http://api.example.org%0d%0aX:y/ HTTP/1.1\r\n\r\n",
    "GET http://api.example.org\x00.10.0.0.5/ HTTP/1.1\r\n\r\n",
    "GET http://api.example.org\r\nHost: 10.0.0.5\r\n\r\n",
    "GET http://api.example.org\n/ HTTP/1.1\r\nHost: 10.0.0.5\r\n\r\n",
    "GET http://api.example.org/ HTTP/1.1\r\nHost: api.example.org\r\n X: y\r\n\r\n",
    "GET http://127.0.0.1:8000/v1/jobs HTTP/1.1\r\n\r\n",
    "GET /v1/jobs HTTP/1.1\r\nHost: localhost:8000\r\n\r\n",
    "POST http://api.example.org/ HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET http://api.example.org/one HTTP/1.1\r\n\r\nGET http://10.0.0.5/two HTTP/1.1\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: 10.0.0.5\r\n\r\n",
    "\x05\x01\x00\r\n\r\n",
)


class _EventLog:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.events if name == kind]


def main(folder: Path, *, six: bool) -> None:
    """Run the attacks and print the results."""
    heard = _our_servers()
    sys.stdout.write(json.dumps(asyncio.run(_probe(folder, six=six, heard=heard))) + "\n")


async def _probe(folder: Path, *, six: bool, heard: list[str]) -> dict[str, Any]:
    runner = DeterministicRunner(
        SandboxRuntime(
            folder / "home", sandbox="auto", api_base="http://127.0.0.1:8000", idle_s=60, pool_mb=512
        )
    )
    public = _assignment(folder, "public")
    listed = replace(public, network=LISTED, deployment_id=uuid4())
    found: dict[str, Any] = {
        "layers": runner.layers,
        "uid": os.geteuid(),
        "six": six,
        "from the host": {f"{host} {port}": _reach(host, port) for host, port in TRAPS},
    }
    heard.clear()
    urls = [*_URLS, *(["http://six.example.org/", f"http://[{internet.WEB_6}]/"] if six else [])]
    try:
        for name, assignment in (("public", public), ("listed", listed)):
            found[name] = await _attack(runner, assignment, urls)
        found["good"] = await _permitted_uses(runner, public)
        found["silent"] = await _run(runner, public, {"do": "fetch", "urls": ["http://silent.example.org/"]})
    finally:
        await runner.close()
    found["heard"] = heard
    found["queries"] = sorted(set((folder / "queries").read_text().split()))
    return found


async def _attack(runner: DeterministicRunner, assignment: Assignment, urls: list[str]) -> dict[str, Any]:
    addresses = [list(address) for address in (*TRAPS, (internet.WEB, 80), (internet.NAME_SERVER, 53))]
    found = {"direct": await _run(runner, assignment, {"do": "direct", "addresses": addresses})}
    # One job for each URL, so that the events of that job must contain every rejection.
    for url in urls:
        found[url] = await _run(runner, assignment, {"do": "fetch", "urls": [url]})
    for text in _TEXTS:
        found[text] = await _run(runner, assignment, {"do": "send_raw", "texts": [text]})
    return found


async def _permitted_uses(runner: DeterministicRunner, assignment: Assignment) -> dict[str, Any]:
    """Run permitted uses of a network."""
    urls = [
        "http://api.example.org/x",
        "https://api.example.org/x",
        "http://inside.example.org/",
        "https://inside.example.org/",
    ]
    runs: dict[str, dict[str, Any]] = {
        "kit": {
            "do": "kit",
            "urls": ["http://api.example.org/bulk", "https://api.example.org/bulk", *urls[2:]],
        },
        "client": {"do": "client", "urls": urls},
        "post": {"do": "post", "url": "http://api.example.org/", "bytes": 2_000_000},
    }
    if shutil.which("curl", path="/usr/bin:/bin"):
        runs["program"] = {"do": "program", "url": "https://api.example.org/x"}
    return {name: await _run(runner, assignment, inputs) for name, inputs in runs.items()}


async def _run(runner: DeterministicRunner, assignment: Assignment, inputs: dict[str, Any]) -> dict[str, Any]:
    events = _EventLog()
    outcome = await runner.run(replace(assignment, inputs=inputs, job_id=uuid4(), token=str(uuid4())), events)
    return {
        "value": outcome.value if isinstance(outcome, Success) else f"{outcome.code}: {outcome.message}",
        "refused": [[one["host"], one["port"], one["reason"]] for one in events.of("network_refused")],
        "network": events.of("network"),
        "sandbox": events.of("sandbox"),
    }


def _reach(host: str, port: int) -> str:
    """Return the response of a trap to a connection from the host, where each trap is open."""
    with socket.create_connection((host, port), timeout=5) as one:
        one.sendall(b"GET / HTTP/1.0\r\n\r\n")
        response = b""
        while data := one.recv(4096):
            response += data
    return response.decode("latin-1")


def _our_servers() -> list[str]:
    """Start stand-ins for the API, the database and other services of the host; return who has connected."""
    heard: list[str] = []

    def serve(server: socket.socket, name: str) -> None:
        while True:
            connection, _ = server.accept()
            heard.append(name)
            with connection:
                connection.settimeout(2)
                connection.recv(1024)
                connection.sendall(internet.SECRET.encode())

    for host, port in OUR_SERVERS:
        server = socket.create_server((host, port))
        threading.Thread(target=serve, args=(server, f"{host} {port}"), daemon=True).start()
    return heard


def _assignment(folder: Path, network: str) -> Assignment:
    bundle = folder / "bundle"
    skill = bundle / "skills/attack"
    skill.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("attacks.py"), skill / "main.py")
    shutil.copy(folder / "authority.pem", skill / "authority.pem")
    for name in CLIENT:
        _copy_package(name, skill)
    drive = folder / "drive"
    drive.mkdir(mode=0o700)
    if UID is not None:
        os.chown(drive, UID, UID)
    return Assignment(
        job_id=uuid4(),
        attempt=1,
        project_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="attack",
        entrypoint=Entrypoint("skills/attack", "main.py", "run"),
        declared_inputs=frozenset(),
        inputs={},
        limits=LIMITS,
        bundle_dir=bundle,
        requirements=None,
        drive_dir=drive,
        sandbox_uid=UID,
        secrets={},
        secrets_version="1",
        token="",
        network=network,
    )


def _copy_package(name: str, skill: Path) -> None:
    """Copy an installed package into the bundle, as authors do with packages of their own."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"the package {name} is not installed")
    origin = Path(spec.origin)
    if origin.name == "__init__.py":
        shutil.copytree(origin.parent, skill / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(origin, skill / origin.name)


if __name__ == "__main__":
    os.umask(0o022)
    main(Path(sys.argv[1]), six=sys.argv[2] == "six")
