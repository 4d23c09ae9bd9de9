"""Network attacks against the real sandbox, on a simulated host with a simulated internet.

Both are namespaces without other connections. The traps accept connections from the host itself, so that the test
detects each connection from a job to one of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.network import internet, probe

pytestmark = pytest.mark.chaos

ORDINARY_UID = 65_534
ROOT = Path(__file__).resolve().parents[2]
REACHED = {"http://api.example.org/a", "https://api.example.org/b", "http://API.example.org./c"}
REACHED_BY = {
    "public": REACHED | {"http://api.example.org/to-other", "http://rebinding.example.org/1", "http://six.example.org/",
                         f"http://[{internet.WEB_6}]/"},
    "listed": REACHED | {"http://api.example.org:8443/"},
}  # fmt: skip
UNRECORDED = {
    "http://unknown.example.org/": "has no address",  # a mistake, not a rejection
    "http://api.example.org/to-loopback": "Permission denied",  # clients use no proxy for loopback: Landlock
    "http://api.example.org/to-file": "not allowed",
}


@pytest.fixture(scope="module", params=["as the user of the tests", "as an ordinary user"])
def found(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Run the probe, and return the results of the attacks and of permitted clients."""
    python, uid = sys.executable, None
    if request.param == "as an ordinary user":
        if os.geteuid() != 0:
            pytest.skip("the tests already run as an ordinary user")
        python, uid = _ordinary_user_python(), ORDINARY_UID
    with tempfile.TemporaryDirectory(prefix="puras-net-", ignore_cleanup_errors=True) as folder:
        if uid is not None:
            os.chown(folder, uid, uid)
        yield _probe([python, "-m", "tests.chaos.network.namespaces", folder, *([str(uid)] if uid else [])])


def test_traps_are_reachable_from_the_host(found: dict[str, Any]) -> None:
    assert len(found["from the host"]) == len(probe.TRAPS)
    assert all(result.endswith(internet.SECRET) for result in found["from the host"].values())


@pytest.mark.parametrize("network", ["public", "listed"])
def test_internal_addresses_are_denied_and_recorded(found: dict[str, Any], network: str) -> None:
    attacks = {name: one for name, one in found[network].items() if name != "direct"}
    assert len(attacks) > 50
    reached = set()
    for name, one in attacks.items():
        (text,) = one["value"].values() if isinstance(one["value"], dict) else one["value"]
        assert internet.SECRET not in text, name
        if name in UNRECORDED and not one["refused"]:
            assert UNRECORDED[name] in text, (name, text)
        elif one["refused"]:
            assert any(f"{status} " in text for status in (400, 403)) or "200 OK" in text, (name, text)
            assert one["network"][0]["refused"] == len(one["refused"]) == 1, name
        else:
            reached.add(name)
    assert reached == {name for name in REACHED_BY[network] if name in attacks}


@pytest.mark.parametrize("network", ["public", "listed"])
def test_nothing_is_reachable_without_the_proxy(found: dict[str, Any], network: str) -> None:
    ways = found[network]["direct"]["value"]
    assert len(ways) == len(probe.TRAPS) + 3
    assert all(result.startswith("closed") for result in ways.values())


def test_internal_servers_and_search_domains_get_no_request(found: dict[str, Any]) -> None:
    assert found["heard"] == []
    # The search domain of the host is example.net.
    assert not [name for name in found["queries"] if name.endswith("example.net")]


def test_rebound_name_is_connected_at_its_checked_address(found: dict[str, Any]) -> None:
    first, second = (found["public"][f"http://rebinding.example.org/{turn}"] for turn in (1, 2))
    assert first["value"] == {"http://rebinding.example.org/1": "rebinding.example.org /1"}
    assert [reason for _, _, reason in second["refused"]] == ["address_not_public"]


def test_silent_name_server_results_in_504(found: dict[str, Any]) -> None:
    (text,) = found["silent"]["value"].values()
    assert text.startswith("504 ")


def test_puras_package_and_other_clients_can_connect(found: dict[str, Any]) -> None:
    good = found["good"]
    kit = good["kit"]["value"]
    assert [kit[f"{scheme}://api.example.org/bulk"] for scheme in ("http", "https")] == [
        internet.BULK_BYTES
    ] * 2
    assert all(
        "is not at a public address" in kit[f"{scheme}://inside.example.org/"] for scheme in ("http", "https")
    )
    assert good["kit"]["network"][0]["received_bytes"] > 2 * internet.BULK_BYTES
    client = good["client"]["value"]
    assert [client[f"{scheme}://api.example.org/x"] for scheme in ("http", "https")] == [
        ["api.example.org /x"] * 3
    ] * 2
    assert "403" in client["https://inside.example.org/"]
    assert good["post"]["value"] == "2000000"
    if "program" in good:
        assert good["program"]["value"] == "api.example.org /x"


def test_jobs_report_their_network(found: dict[str, Any]) -> None:
    assert found["public"]["direct"]["sandbox"][0]["network"] == "public"
    assert found["listed"]["direct"]["sandbox"][0]["network"] == probe.LISTED


def _probe(command: list[str]) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "PYTHONPATH": os.pathsep.join(_import_path()),
    }
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=100, check=False, cwd="/"
    )
    if done.returncode and "unshare: " in done.stderr:
        pytest.skip(f"this user cannot create namespaces here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "network namespace" not in result["layers"]:
        pytest.skip(f"this host has only these layers: {result['layers']}")
    return result


def _ordinary_user_python() -> str:
    """Return a Python that an ordinary user can run; that of the tests may be in a private folder."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        test = "import os, sys; sys.exit(not os.access(sys._base_executable, os.X_OK))"
        try:
            works = subprocess.run(
                [python, "-c", test],
                capture_output=True,
                check=False,
                cwd="/",
                user=ORDINARY_UID,
                group=ORDINARY_UID,
                extra_groups=[],
            )
        except OSError:
            continue
        if works.returncode == 0:
            return python
    pytest.skip(f"no Python 3.{sys.version_info.minor} that an ordinary user can run")


def _import_path() -> list[str]:
    """Return the import path of this process without the standard library, which may differ for the other user."""
    library = Path(os.__file__).parent
    others = [path for path in sys.path if path and not Path(path).resolve().is_relative_to(library)]
    return [str(ROOT), *others, *(path for path in sys.path if path.endswith("site-packages"))]
