"""Run `Client` and `AsyncClient` of the kit against an instance."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from puras import AsyncClient, Client, JobError, JobTimeout, PurasAPIError
from puras.client import (
    BudgetExceeded,
    Invalid,
    MapResult,
    NotFound,
    NotSignedIn,
    PaymentRequired,
    connecting,
)
from puras.client.batch import Purse

from tests.contract.clients.conftest import Place

KIT = Path(__file__).parents[3] / "skills_kit"


def test_run_returns_the_result_and_run_job_the_job(client: Client) -> None:
    assert client.run("tally", {"upto": 2}) == {"total": 2}
    job = client.run_job("tally", {"upto": 2}, metadata={"order": 7}, source="test", priority=3)
    assert (job["status"], job["result"], job["source"]) == ("succeeded", {"total": 2}, "test")
    assert job["metadata"] == {"order": 7}
    assert client.url(job).endswith(f"/p/{job['project_id']}/jobs/{job['id']}")


def test_calls_of_the_public_client_work(place: Place) -> None:
    client = Client(place.key, "default", api_base=place.address, timeout=60)
    job = client.submit("tally", {"upto": 1}, wait=False, version=1)
    done = client.wait(job["id"], poll_interval=0.05)
    assert done["status"] == "succeeded"
    assert client.get(job["id"])["result"] == {"total": 1}
    assert client.run("tally", {"upto": 3}, poll_interval=0.05) == {"total": 3}
    assert client.submit("tally", wait=True, timeout=60)["result"] == {"total": 3}
    assert client.feedback(job["id"], rating=1, comment="good")["rating"] == 1


def test_a_job_that_fails_or_takes_too_long_is_an_error_with_its_job(client: Client) -> None:
    with pytest.raises(JobError, match="asked to fail") as failed:
        client.run("tally", {"fail": True})
    assert failed.value.status == "failed"
    assert failed.value.job["id"] == failed.value.job_id
    with pytest.raises(JobTimeout, match="continues") as late:
        client.run("tally", {"wait_s": 20}, timeout=0.5)
    assert isinstance(late.value, TimeoutError)
    cancelled = client.cancel(late.value.job_id)
    assert cancelled["id"] == late.value.job_id
    assert client.wait(late.value.job_id, timeout=30)["status"] == "cancelled"


def test_errors_have_types_codes_and_paths(place: Place, client: Client) -> None:
    with pytest.raises(Invalid) as invalid:
        client.submit("tally", {"upto": "many"})
    assert [problem.path for problem in invalid.value.errors] == ["inputs.upto"]
    assert (invalid.value.status, bool(invalid.value.code)) == (422, True)
    with pytest.raises(NotFound):
        client.get("00000000-0000-0000-0000-000000000000")
    with pytest.raises(NotSignedIn):
        Client(place.key[:-4] + "0000", api_base=place.address).get("x")
    poor = Client(place.new_key("Poor", credit_usd="0"), api_base=place.address)
    with pytest.raises(PaymentRequired):
        poor.submit(prompt="Say hello.")
    assert issubclass(PaymentRequired, PurasAPIError)


def test_one_idempotency_key_creates_one_job(client: Client) -> None:
    first = client.submit("tally", {"upto": 1}, idempotency_key="one-key")
    assert client.submit("tally", {"upto": 1}, idempotency_key="one-key")["id"] == first["id"]
    with pytest.raises(Invalid, match="Idempotency-Key"):
        client.submit("tally", {"upto": 2}, idempotency_key="one-key")


def test_files_and_bytes_in_the_inputs_are_uploaded(client: Client, tmp_path: Path) -> None:
    (tmp_path / "owl.txt").write_bytes(b"hoot" * 10)
    result = client.run("weigh", {"first": tmp_path / "owl.txt", "others": [b"abc", b""]})
    assert result == {"bytes": [40, 3, 0]}
    one, two = (client.with_files({"first": tmp_path / "owl.txt"}) for _ in range(2))
    assert one == two, "the same file goes to the same place"
    path = client.upload(b"words", "notes/", name="words.txt")
    assert path == "notes/words.txt"
    assert client.download(path, tmp_path / "words.txt").read_text() == "words"
    with pytest.raises(NotFound):
        client.download("notes/none.txt", tmp_path / "none.txt")
    assert not (tmp_path / "none.txt").exists()


def test_map_returns_all_results_in_order(client: Client) -> None:
    given = [{"upto": 3}, {"fail": True}, {"upto": "many"}, {"upto": 1}]
    came = list(client.map("tally", given, concurrency=3))
    assert [one.index for one in came] == [0, 1, 2, 3]
    assert [one.inputs for one in came] == given
    assert came[0].result == {"total": 3}
    assert isinstance(came[1].error, JobError)
    assert came[1].job is not None
    assert isinstance(came[2].error, Invalid)
    with pytest.raises(Invalid):
        _ = came[2].result
    assert came[3].result == {"total": 1}


def test_a_map_never_costs_more_than_its_budget(client: Client) -> None:
    slow = [{"upto": 1, "wait_s": 0.6}] * 12  # each costs about 0.6 cents
    came = list(client.map("tally", slow, concurrency=3, budget_usd=0.02))
    spent = sum(one.job["cost_micros"] for one in came if one.job)
    assert 0 < spent <= 20_000
    left_out = [one for one in came if isinstance(one.error, BudgetExceeded)]
    assert left_out
    assert all(one.job is None for one in left_out)


def test_a_repeated_map_with_the_same_key_creates_no_jobs(client: Client) -> None:
    def ids() -> list[str]:
        came = client.map("tally", [{"upto": 1}, {"upto": 2}], idempotency_key="nightly")
        return [one.job["id"] for one in came if one.job]

    assert ids() == ids()


def test_a_closed_map_submits_no_more_jobs(client: Client) -> None:
    endless = ({"upto": 1} for _ in iter(int, 1))
    with client.map("tally", endless, concurrency=2, source="left") as results:
        assert next(results).result == {"total": 1}
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("puras-map")]:
        thread.join(30)
    made = len(list(client.pages("/v1/jobs", query={"source": "left"})))
    assert 1 <= made <= 7


def test_a_budget_waits_for_unused_parts_of_caps() -> None:
    purse = Purse(1.0, 2)
    first, second = purse.take(), purse.take()
    assert (first, second) == (500_000, 500_000)
    third: list[int | None] = []
    waiting = threading.Thread(target=lambda: third.append(purse.take()))
    waiting.start()
    purse.give_back(first, 100_000)
    waiting.join(5)
    assert third == [400_000]
    purse.give_back(second, 500_000)
    purse.give_back(third[0], 400_000)
    with pytest.raises(BudgetExceeded):
        purse.take()


def test_pages_follow_the_links(client: Client) -> None:
    for _ in range(3):
        client.submit("tally", source="paged")
    pages = [job["id"] for job in client.pages("/v1/jobs", query={"source": "paged", "limit": 2})]
    assert len(set(pages)) == 3
    assert len(list(client.pages("/v1/jobs", query={"limit": 1}, max_entries=2))) == 2


async def test_the_async_client_runs_requests_concurrently(place: Place) -> None:
    async with AsyncClient(place.key, api_base=place.address) as client:
        began = time.monotonic()
        results = await asyncio.gather(*(client.run("tally", {"upto": n, "wait_s": 1}) for n in range(4)))
        assert results == [{"total": n} for n in range(4)]
        assert time.monotonic() - began < 30
        job = await client.submit("tally", {"upto": 2})
        types = [event["type"] async for event in client.stream(job["id"])]
        assert types[-1] == "succeeded"
        assert [event["type"] for event in await client.events(job["id"])] == types
        came: list[MapResult] = [one async for one in client.map("tally", [{"upto": 1}, {"upto": 2}])]
        assert [one.result for one in came] == [{"total": 1}, {"total": 2}]
        assert (await client.feedback(job["id"], rating=-1))["rating"] == -1
        assert (await client.wait(job["id"]))["id"] == (await client.get(job["id"]))["id"]


async def test_a_cancelled_stream_disconnects(place: Place) -> None:
    async with AsyncClient(place.key, api_base=place.address) as client:
        job = await client.submit("tally", {"upto": 0, "wait_s": 30})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                async for _ in client.stream(job["id"]):
                    pass
        await client.cancel(job["id"])


def test_a_saved_key_is_not_sent_to_another_instance(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PURAS_API_KEY", raising=False)
    monkeypatch.delenv("PURAS_API_BASE", raising=False)
    with pytest.raises(ValueError, match="puras login"):
        Client()
    connecting.write({"api_base": place.address, "api_key": place.key})
    assert connecting.path().stat().st_mode & 0o777 == 0o600
    assert Client().run("tally", {"upto": 1}) == {"total": 1}
    with pytest.raises(ValueError, match="no API key"):
        Client(api_base="https://elsewhere.example")


def test_the_client_needs_only_the_standard_library(place: Place) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(KIT)!r})\nimport puras\n"
        f"print(puras.Client({place.key!r}, api_base={place.address!r}).run('tally', {{'upto': 1}}))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.stdout.strip() == "{'total': 1}", ran.stderr
