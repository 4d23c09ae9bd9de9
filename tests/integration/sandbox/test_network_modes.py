"""The network of functions for each `network:` of a skill; the tests connect to nothing outside of this host."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from backend.core.metrics.instruments import REGISTRY
from backend.core.net.egress.errors import Reason
from tests.integration.sandbox.conftest import EventRecorder, open_runner, until
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.egress.network_use import MAX_RECORDED, NetworkUse
from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.layers import Layers
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]
ROOT = Path(__file__).resolve().parents[3]
PROBED = sandbox_layers.probe("auto")
NEEDS_NAMESPACE = pytest.mark.skipif(PROBED.bwrap is None, reason="this host has no network namespaces")
REACH = """
    import os, socket
    def reach(family, kind, place):
        try:
            with socket.socket(family, kind) as one:
                one.settimeout(2)
                one.connect(place)
                one.send(b"x")
                return "reached"
        except OSError as error:
            return type(error).__name__
    def run(inputs):
        return {
            "direct": reach(socket.AF_INET, socket.SOCK_STREAM, ("1.1.1.1", 443)),
            "loopback": reach(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", %d)),
            "udp": reach(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", %d)),
            "local": reach(socket.AF_UNIX, socket.SOCK_STREAM, %r),
            "proxies": sorted(name for name in os.environ if name.lower().endswith("_proxy")),
        }
    """
ASK = """
    import os, urllib.request
    def ask(url):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status
        except OSError as error:
            return f"{type(error).__name__}: {error}"
    def run(inputs):
        return {
            "http": ask("http://localhost:8000/"),
            "https": ask("https://db.example.org:5432/"),
            "proxies": sorted(name for name in os.environ if name.lower().endswith("_proxy")),
        }
    """


class Outside(NamedTuple):
    """The code of a function, and a socket that must receive nothing from it."""

    code: str
    udp: socket.socket


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """Yield a function that attempts every kind of socket, and open the sockets that it attempts to reach."""
    path = tmp_path / "database.sock"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as local,
    ):
        udp.bind(("127.0.0.1", 0))
        local.bind(str(path))
        path.chmod(0o777)
        local.listen()
        udp.setblocking(False)
        yield Outside(REACH % (tcp.getsockname()[1], udp.getsockname()[1], str(path)), udp)


@NEEDS_NAMESPACE
@pytest.mark.parametrize("network", ["none", []])
async def test_network_none_has_no_gateway(
    runner: DeterministicRunner, skill: Skill, recorder: Any, network: Any
) -> None:
    outcome = await runner.run(skill(ASK, network=network), recorder)
    assert isinstance(outcome, Success), outcome
    assert outcome.value["proxies"] == []
    assert all(outcome.value[way].startswith("URLError") for way in ("http", "https"))
    assert recorder.of("sandbox")[0]["network"] == "none"
    assert {name for name, _ in recorder.events} == {"sandbox", "function_start"}
    assert runner.proxy.pid is None


@NEEDS_NAMESPACE
@pytest.mark.parametrize("network", ["public", ["api.example.org"]])
async def test_denied_requests_are_returned_to_the_function_and_recorded(
    runner: DeterministicRunner, skill: Skill, recorder: Any, network: Any
) -> None:
    before = _refused_total()
    outcome = await runner.run(skill(ASK, network=network), recorder)
    assert isinstance(outcome, Success), outcome
    assert "403: localhost is a name of this host" in outcome.value["http"]
    assert "403 " in outcome.value["https"]
    assert "'db.example.org:5432'" in outcome.value["https"]
    assert "network: in skill.yaml" in outcome.value["https"]
    assert len(outcome.value["proxies"]) == 8
    first, second = recorder.of("network_refused")
    assert (first["host"], first["port"], first["reason"]) == ("localhost", 8000, "address_not_public")
    assert (second["host"], second["port"]) == ("db.example.org", 5432)
    assert second["reason"] in ("port_not_allowed", "host_not_listed")
    assert recorder.of("network") == [{"connections": 0, "refused": 2, "sent_bytes": 0, "received_bytes": 0}]
    assert recorder.of("sandbox")[0]["network"] == network
    assert _refused_total() == before + 2


def _refused_total() -> float:
    reasons = [{"reason": reason} for reason in get_args(Reason)]
    return sum(REGISTRY.get_sample_value("puras_network_refused_total", one) or 0 for one in reasons)


@NEEDS_NAMESPACE
async def test_denied_requests_are_recorded_with_their_own_job(
    runner: DeterministicRunner, skill: Skill
) -> None:
    assignment = skill(
        """
        import urllib.request
        def run(inputs):
            try:
                urllib.request.urlopen(f"http://{inputs['host']}/", timeout=10)
            except OSError as error:
                return str(error)
        """,
        network=["api.example.org"],
    )
    recorders = [EventRecorder() for _ in range(8)]
    outcomes = await asyncio.gather(
        *(
            runner.run(replace(assignment, inputs={"host": f"of-{number}.example"}), recorder)
            for number, recorder in enumerate(recorders)
        )
    )
    assert all(isinstance(outcome, Success) for outcome in outcomes)
    for number, recorder in enumerate(recorders):
        assert [event["host"] for event in recorder.of("network_refused")] == [f"of-{number}.example"]


@NEEDS_NAMESPACE
async def test_events_of_denied_requests_are_limited_and_all_are_counted(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import urllib.request
        def run(inputs):
            for number in range(300):
                try:
                    urllib.request.urlopen(f"http://n{number}.example/", timeout=10)
                except OSError:
                    pass
        """,
        network=["api.example.org"],
    )
    assert isinstance(await runner.run(assignment, recorder), Success)
    assert len(recorder.of("network_refused")) == MAX_RECORDED
    assert recorder.of("network")[0]["refused"] == 300


@NEEDS_NAMESPACE
async def test_denied_requests_of_an_import_are_recorded_with_the_first_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import urllib.request
        try:
            urllib.request.urlopen("http://at-import.example/", timeout=10)
        except OSError as error:
            SAID = str(error)
        def run(inputs):
            return SAID
        """,
        network=["api.example.org"],
    )
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Success)
    assert "add 'at-import.example' to network:" in outcome.value
    assert [event["host"] for event in recorder.of("network_refused")] == ["at-import.example"]


@NEEDS_NAMESPACE
async def test_killed_proxy_is_replaced_and_the_job_continues(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import http.client, os, time, urllib.parse
        def ask():
            place = urllib.parse.urlsplit(os.environ["http_proxy"])
            line = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
            line.request("GET", "http://other.example/")
            return line.getresponse().status
        def run(inputs):
            place = urllib.parse.urlsplit(os.environ["http_proxy"])
            held = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
            held.connect()
            first = ask()
            open("drive/ready", "w").close()
            try:
                cut = held.sock.recv(1)
            except OSError:
                cut = b""
            return [first, cut == b"", ask()]
        """,
        network=["api.example.org"],
    )
    running = asyncio.create_task(runner.run(assignment, recorder))
    await until((assignment.drive_dir / "ready").exists)
    first = runner.proxy.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    outcome = await running
    assert isinstance(outcome, Success), outcome
    assert outcome.value == [403, True, 403]
    assert runner.proxy.pid not in (None, first)


@NEEDS_NAMESPACE
async def test_proxy_process_has_no_data_of_the_instance(
    runner: DeterministicRunner, skill: Skill, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://of-the-worker")
    assert isinstance(await runner.run(skill(ASK, network="public"), recorder), Success)
    folder = Path(f"/proc/{runner.proxy.pid}")
    status = dict(
        line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line
    )
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    if os.geteuid() == 0:
        assert set(status["Uid"].split()) == {"65534"}
        assert "DATABASE_URL" not in (folder / "environ").read_text()
        assert {status[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}


@NEEDS_NAMESPACE
@pytest.mark.parametrize("network", ["none", "public", ["1.1.1.1"]])
async def test_programs_that_ignore_the_proxy_cannot_connect(
    runner: DeterministicRunner, skill: Skill, recorder: Any, network: Any, outside: Outside
) -> None:
    outcome = await runner.run(skill(outside.code, network=network), recorder)
    assert isinstance(outcome, Success), outcome
    assert "reached" not in {outcome.value[way] for way in ("direct", "loopback", "local")}
    with pytest.raises(BlockingIOError):  # the datagram stays in the empty network of the sandbox
        outside.udp.recv(1)
    assert recorder.of("network_refused") == []


async def test_without_a_namespace_there_is_no_network(
    tmp_path: Path, skill: Skill, recorder: Any, outside: Outside
) -> None:
    if not PROBED.seccomp:
        pytest.skip("this host has no system-call filter either")
    shared = Path(tempfile.gettempdir())
    for folder in (one for one in (tmp_path, *tmp_path.parents) if shared in one.parents):
        folder.chmod(0o755)  # the user of the job must be able to enter the real folders
    layers = Layers(None, PROBED.landlock_abi, seccomp=True, problems=("none",))
    runner = open_runner(tmp_path, layers=layers)
    try:
        outcome = await runner.run(skill(outside.code, network="public"), recorder)
    finally:
        await runner.close()
    assert isinstance(outcome, Success), outcome
    assert outcome.value.pop("proxies") == []
    assert set(outcome.value.values()) == {"OSError"}  # no socket of any family can be created
    assert recorder.of("sandbox")[0]["network"] == "none"
    assert "no network namespaces" in recorder.text("system")
    assert runner.proxy.pid is None


@NEEDS_NAMESPACE
async def test_import_cannot_open_more_gateways(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    code = """
        import array, json, os, socket
        control = socket.socket(fileno=os.dup(3))
        def send(kind):
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                listener.listen()
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener.fileno()]))
                control.sendmsg([json.dumps({"type": kind}).encode()], [rights])
        for _ in range(2):
            send("egress")
        control.close()
        def run(inputs):
            return 1
        """
    assert isinstance(await runner.run(skill(code, network="none"), recorder), Success)
    assert (runner.proxy.pid, runner.proxy.gateways) == (None, 0)
    assert isinstance(await runner.run(skill(code, network=["a.example"]), recorder), Success)
    assert runner.proxy.gateways == 1


@NEEDS_NAMESPACE
async def test_gateway_of_another_tenant_cannot_be_accessed(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    send = "import os\ndef run(inputs): return os.environ['http_proxy'].rpartition(':')[2]"
    theirs = await runner.run(skill(send, network="public"), recorder)
    assert isinstance(theirs, Success)
    outcome = await runner.run(
        skill(
            """
            import socket
            def knock(port):
                try:
                    with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as one:
                        # On an unused port, a connection may connect to itself.
                        return "open" if one.getsockname() != one.getpeername() else "ConnectionRefusedError"
                except OSError as error:
                    return type(error).__name__
            AT_IMPORT = [knock(port) for port in range(1024, 65536)]
            def run(inputs):
                return [sorted(set(AT_IMPORT)), AT_IMPORT.count("open"), knock(inputs["port"])]
            """,
            inputs={"port": theirs.value},
            network="none",
        ),
        recorder,
    )
    assert isinstance(outcome, Success), outcome
    # Only its own broker responds: the gateway of the other tenant is in another network.
    assert outcome.value[:2] == [["ConnectionRefusedError", "open"], 1]
    assert outcome.value[2] == "PermissionError"


@NEEDS_NAMESPACE
async def test_traffic_without_a_label_counts_for_the_only_running_job(
    runner: DeterministicRunner, skill: Skill
) -> None:
    assignment = skill(
        """
        import os, urllib.request
        OPENER = urllib.request.build_opener(urllib.request.ProxyHandler())  # reads the variables at import
        def run(inputs):
            for _ in range(3):
                try:
                    OPENER.open("http://other.example/", timeout=10)
                except OSError:
                    pass
        """,
        network=["api.example.org"],
    )
    for _ in range(2):
        recorder = EventRecorder()
        assert isinstance(await runner.run(assignment, recorder), Success)
        assert len(recorder.of("network_refused")) == 3
        assert recorder.of("network")[0]["refused"] == 3


@NEEDS_NAMESPACE
async def test_invalid_network_list_fails_the_job_with_its_entry(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    outcome = await runner.run(skill("def run(inputs): return 1", network=["https://x.org"]), recorder)
    assert isinstance(outcome, Failure)
    assert "'https://x.org' is not a host" in outcome.message
    assert runner.proxy.gateways == 0


def test_proxy_ends_with_its_worker() -> None:
    code = """
import asyncio, socket, sys
from workers.sandbox.egress.proxy import Proxy
async def main():
    proxy = Proxy()
    proxy.open(socket.create_server(("127.0.0.1", 0)), "public", tenant="one")
    print(proxy.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with worker:
        assert worker.stdout is not None
        proxy = Path(f"/proc/{int(worker.stdout.readline())}")
        assert proxy.exists()
        worker.kill()
    deadline = time.monotonic() + 10
    while proxy.exists():
        assert time.monotonic() < deadline, "the proxy still runs without its worker"
        time.sleep(0.01)


async def test_busy_proxy_gets_its_messages_later_and_a_stuck_one_is_replaced() -> None:
    proxy = Proxy()
    gateway = proxy.open(socket.create_server(("127.0.0.1", 0)), "public", tenant="one")
    first = proxy.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    try:
        for _ in range(2000):
            proxy.send({"type": "count", "gateway": 0, "job": 0, "alone": False, "last": False})
        assert proxy.pid == first
        os.kill(first, signal.SIGCONT)
        use = NetworkUse(recorder := EventRecorder())
        use.is_used = True
        async with asyncio.timeout(20):
            while not recorder.of("network"):  # a call times out soon, and the host may be busy
                await gateway.record_traffic(7, use)
        assert recorder.of("network") == [
            {"connections": 0, "refused": 0, "sent_bytes": 0, "received_bytes": 0}
        ]
        os.kill(first, signal.SIGSTOP)
        for _ in range(20_000):
            proxy.send({"type": "count", "gateway": 0, "job": 0, "alone": False, "last": False})
        await until(lambda: proxy.pid not in (None, first))
    finally:
        await proxy.close()
