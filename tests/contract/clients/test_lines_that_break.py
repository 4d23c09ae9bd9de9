"""Break connections at any byte: one submit creates one job, and a stream has no gap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from puras import AsyncClient, Client, PurasAPIError
from puras.client import NoResponse
from puras.client.messages import Request

from tests.contract.clients.conftest import Place, Puras
from tests.contract.clients.cutting import Cut, CutLine, Way, cut_line, ends_before, sample

CUTS_EACH_WAY = 24
EVERY_BYTE = 10_000
"""More cuts than a submit or its response has bytes, so that each byte is cut."""
FEWER_CUTS_EACH_WAY = 10
"""Fewer cuts for clients that use the same transport."""


@pytest.mark.parametrize("wait", [False, True], ids=["immediately", "waiting"])
def test_a_submit_with_broken_connections_creates_one_job(place: Place, client: Client, wait: bool) -> None:
    source = f"cut-{wait}"
    with cut_line(place.up.port) as line:
        through = place.client(line.address)

        def submit(label: str) -> str:
            job = through.submit("tally", {"upto": 1}, wait=wait, source=source, metadata={"cut": label})
            return job["id"]

        submitted = _cut_everywhere(line, submit, CUTS_EACH_WAY)
    assert _made(client, source) == Counter(submitted.items())


@pytest.mark.timeout(900)
def test_a_submit_that_is_cut_at_each_byte_creates_one_job(place: Place, client: Client) -> None:
    with cut_line(place.up.port) as line:
        through = place.client(line.address)
        through._transport.pauses_s = (0.01,) * len(through._transport.pauses_s)  # about a thousand cuts

        def submit(label: str) -> str:
            metadata = {"cut": label}
            return through.submit("tally", {"upto": 1}, source="each-byte", metadata=metadata)["id"]

        submitted = _cut_everywhere(line, submit, EVERY_BYTE)
    assert _made(client, "each-byte") == Counter(submitted.items())


def test_an_async_submit_with_broken_connections_creates_one_job(place: Place, client: Client) -> None:
    async def submit(label: str) -> str:
        async with AsyncClient(place.key, api_base=line.address) as through:
            job = await through.submit("tally", {"upto": 1}, source="cut-async", metadata={"cut": label})
            return job["id"]

    with cut_line(place.up.port) as line:
        submitted = _cut_everywhere(line, lambda label: asyncio.run(submit(label)), FEWER_CUTS_EACH_WAY)
    assert _made(client, "cut-async") == Counter(submitted.items())


def test_a_command_with_broken_connections_creates_one_job(
    place: Place, client: Client, puras: Puras, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run", "tally", "-i", "upto=1", "--async", "--json", "--metadata")
    with cut_line(place.up.port) as line:
        monkeypatch.setenv("PURAS_API_BASE", line.address)
        monkeypatch.setenv("PURAS_API_KEY", place.key)
        submitted = _cut_everywhere(
            line, lambda label: str(puras(*words, f"cut={label}").json["id"]), FEWER_CUTS_EACH_WAY
        )
    assert _made(client, "cli") == Counter(submitted.items())


def _cut_everywhere(line: CutLine, submit: Callable[[str], str], count: int) -> dict[str, str]:
    """Submit over a connection that does not break, then once for each cut. Return the job IDs by label."""
    submitted = {"whole": submit("whole")}
    lengths = dict(line.passed[-1])
    ways: tuple[Way, Way] = ("request", "answer")
    for cut in [Cut(way, at) for way in ways for at in sample(lengths[way], count)]:
        line.cuts.append(cut)
        before = len(line.passed)
        submitted[f"{cut.way} {cut.at}"] = submit(f"{cut.way} {cut.at}")
        assert not line.cuts
        assert len(line.passed) - before >= 2 or ends_before(line, cut), f"{cut} broke nothing"
    return submitted


def _made(client: Client, source: str) -> Counter[tuple[str, str]]:
    """Return the jobs by the label with which they were submitted."""
    made = client.pages("/v1/jobs", query={"source": source, "limit": 200})
    return Counter((job["metadata"]["cut"], job["id"]) for job in made if "cut" in job["metadata"])


def test_a_submit_with_three_lost_responses_creates_one_job(place: Place, client: Client) -> None:
    with cut_line(place.up.port) as line:
        line.cuts += [Cut("answer", 0), Cut("answer", 40), Cut("answer", 300)]
        job = place.client(line.address).submit("tally", {"upto": 2}, wait=True, source="thrice")
    assert job["result"] == {"total": 2}
    assert [one["id"] for one in client.pages("/v1/jobs", query={"source": "thrice"})] == [job["id"]]


def test_a_stream_with_broken_connections_has_no_gap_and_no_repeat(place: Place, client: Client) -> None:
    job = client.run_job("tally", {"upto": 60})
    whole = client.events(job["id"])
    with cut_line(place.up.port) as line:
        through = place.client(line.address)
        line.cuts += [Cut("answer", at) for at in (0, 30, 400, 401, 1_000, 2_500, 5_000)]
        assert list(through.stream(job["id"])) == whole
        assert not line.cuts
        after = int(whole[20]["id"])
        assert list(through.stream(job["id"], after=after)) == whole[21:]


def test_a_stream_follows_a_running_job(client: Client) -> None:
    job = client.submit("tally", {"upto": 3, "wait_s": 1.0})
    with client.stream(job["id"]) as events:
        types = [event["type"] for event in events]
    assert types[0] == "queued"
    assert types[-1] == "succeeded"
    assert types.count("log") == 3


@pytest.mark.parametrize("way", ["request", "answer"])
def test_a_request_that_is_not_repeatable_is_sent_once(place: Place, way: Way) -> None:
    with cut_line(place.up.port) as line:
        line.cuts += [Cut(way, 30)]
        with pytest.raises(NoResponse, match="does not respond"):
            place.client(line.address).request("POST", "/v1/skillpacks", body={"name": "N", "slug": "n"})
        assert len(line.passed) == 1


def test_uploads_and_downloads_with_broken_connections_are_complete(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    content = bytes(range(256)) * 2_000
    (folder / "big.bin").write_bytes(content)
    with cut_line(place.up.port) as line:
        through = place.client(line.address)
        line.cuts += [Cut("request", at) for at in (100, 40_000, 300_000)]
        path = through.upload(folder / "big.bin", "cut/")
        assert path == "cut/big.bin"
        line.cuts += [Cut("answer", at) for at in (0, 150, 100_000, 500_000)]
        assert through.download(path, folder / "back.bin").read_bytes() == content
        assert not line.cuts
    assert sorted(one.name for one in folder.iterdir()) == ["back.bin", "big.bin"]


def test_a_delete_with_a_lost_response_succeeds(place: Place, client: Client) -> None:
    client.upload(b"short-lived", "gone/one.txt")
    with cut_line(place.up.port) as line:
        line.cuts.append(Cut("answer", 10))
        place.client(line.address).request("DELETE", "/v1/drive/files/gone/one.txt")
    with pytest.raises(PurasAPIError):
        client.request("GET", "/v1/drive/facts", query={"path": "gone/one.txt"})


def test_a_missing_server_is_one_error_message(place: Place) -> None:
    unreachable = Client(place.key, api_base="http://127.0.0.1:9", retries=1)
    with pytest.raises(NoResponse, match=r"http://127\.0\.0\.1:9 does not respond"):
        unreachable.get("00000000-0000-0000-0000-000000000000")


def test_repeatable_requests() -> None:
    assert Request("GET", "/").may_be_repeated
    assert Request("DELETE", "/").may_be_repeated
    assert Request("POST", "/", headers={"Idempotency-Key": "k"}).may_be_repeated
    assert not Request("POST", "/").may_be_repeated
    assert not Request("PATCH", "/").may_be_repeated
