"""The attacker of networks against the real sandbox, on a machine with an internet of the test's own.

Both are namespaces that nothing leads out of. The traps are open from the machine itself, so that a way to one of
them from a job would be found.
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

NOBODY = 65_534
ROOT = Path(__file__).resolve().parents[2]
REACHED = {"http://api.example.org/a", "https://api.example.org/b", "http://API.example.org./c"}
REACHED_BY = {
    "public": REACHED | {"http://api.example.org/to-other", "http://rebinding.example.org/1", "http://six.example.org/",
                         f"http://[{internet.WEB_6}]/"},
    "listed": REACHED | {"http://api.example.org:8443/"},
}  # fmt: skip
UNRECORDED = {
    "http://unknown.example.org/": "has no address",  # a mistake, not a refusal
    "http://api.example.org/to-loopback": "Permission denied",  # clients do not take the proxy to loopback: Landlock
    "http://api.example.org/to-file": "not allowed",
}


@pytest.fixture(scope="module", params=["as the user of the tests", "as an ordinary user"])
def found(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What the attacker found, and what honest clients did."""
    python, uid = sys.executable, None
    if request.param == "as an ordinary user":
        if os.geteuid() != 0:
            pytest.skip("the tests already run as an ordinary user")
        python, uid = _python_of_nobody(), NOBODY
    with tempfile.TemporaryDirectory(prefix="puras-net-", ignore_cleanup_errors=True) as folder:
        if uid is not None:
            os.chown(folder, uid, uid)
        yield _probe([python, "-m", "tests.chaos.network.worlds", folder, *([str(uid)] if uid else [])])


def test_the_traps_are_open_from_the_machine_itself(found: dict[str, Any]) -> None:
    assert len(found["from the machine"]) == len(probe.TRAPS)
    assert all(answer.endswith(internet.SECRET) for answer in found["from the machine"].values())


@pytest.mark.parametrize("network", ["public", "listed"])
def test_every_way_inside_is_refused_and_recorded_and_the_rest_is_reached(
    found: dict[str, Any], network: str
) -> None:
    attacks = {name: one for name, one in found[network].items() if name != "direct"}
    assert len(attacks) > 50
    reached = set()
    for name, one in attacks.items():
        (said,) = one["value"].values() if isinstance(one["value"], dict) else one["value"]
        assert internet.SECRET not in said, name
        if name in UNRECORDED and not one["refused"]:
            assert UNRECORDED[name] in said, (name, said)
        elif one["refused"]:
            assert any(f"{status} " in said for status in (400, 403)) or "200 OK" in said, (name, said)
            assert one["network"][0]["refused"] == len(one["refused"]) == 1, name
        else:
            reached.add(name)
    assert reached == {name for name in REACHED_BY[network] if name in attacks}


@pytest.mark.parametrize("network", ["public", "listed"])
def test_without_the_proxy_nothing_is_reached(found: dict[str, Any], network: str) -> None:
    ways = found[network]["direct"]["value"]
    assert len(ways) == len(probe.TRAPS) + 3
    assert all(answer.startswith("closed") for answer in ways.values())


def test_nobody_inside_heard_a_thing_and_names_off_the_list_were_not_asked_for(found: dict[str, Any]) -> None:
    assert found["heard"] == []
    assert not [name for name in found["asked"] if name.endswith("example.net")]  # the machine's search list


def test_a_name_that_changes_is_dialled_as_it_was_vetted(found: dict[str, Any]) -> None:
    first, second = (found["public"][f"http://rebinding.example.org/{turn}"] for turn in (1, 2))
    assert first["value"] == {"http://rebinding.example.org/1": "rebinding.example.org /1"}
    assert [reason for _, _, reason in second["refused"]] == ["address_not_public"]


def test_name_servers_that_never_answer_end_in_a_sentence(found: dict[str, Any]) -> None:
    (said,) = found["silent"]["value"].values()
    assert said.startswith("504 ")


def test_the_kit_and_clients_of_others_get_through(found: dict[str, Any]) -> None:
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


def test_the_jobs_tell_their_network(found: dict[str, Any]) -> None:
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
        pytest.skip(f"this machine lets this user make no namespaces: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "network namespace" not in answer["layers"]:
        pytest.skip(f"this machine has only these layers: {answer['layers']}")
    return answer


def _python_of_nobody() -> str:
    """The tests' own program may lie where an ordinary user does not get to."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        test = "import os, sys; sys.exit(not os.access(sys._base_executable, os.X_OK))"
        try:
            works = subprocess.run(
                [python, "-c", test],
                capture_output=True,
                check=False,
                cwd="/",
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
            )
        except OSError:
            continue
        if works.returncode == 0:
            return python
    pytest.skip(f"no Python 3.{sys.version_info.minor} that an ordinary user can run")


def _import_path() -> list[str]:
    """Where this process imports from, but not the interpreter's own library: the other user's may differ."""
    library = Path(os.__file__).parent
    others = [path for path in sys.path if path and not Path(path).resolve().is_relative_to(library)]
    return [str(ROOT), *others, *(path for path in sys.path if path.endswith("site-packages"))]
