"""Media that fal.ai generates: each call is ordered and paid once, and all kinds of failures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.integrations.media.download import FetchError, fetch
from tests.doubles.fal import FalServer, Wish
from tests.doubles.fal.server import MP3, MP4, PNG
from tests.integration.media.conftest import BUNDLE, Running

NANO = "google/nano-banana"


async def usage(running: Running) -> tuple[int, int]:
    """Return the used amount of the job and the number of its usage events."""
    row = await running.one(
        "select used_micros, (select count(*) from usage_events u where u.job_id = j.id) as lines "
        "from jobs j where id = :job_id"
    )
    return row.used_micros, row.lines


async def held_micros(running: Running) -> int:
    """Return the amount that open calls of the job can still cost."""
    return (
        await running.one(
            "select coalesce(sum(held_micros), 0) as held from media_calls where job_id = :job_id"
        )
    ).held


async def test_images_are_ordered_downloaded_stored_and_paid(fal: FalServer, running: Running) -> None:
    result = await running.create_media(inputs={"prompt": "an owl", "n": 2}, output_path="out/owl.png")
    assert (result["model"], result["kind"], result["label"]) == (NANO, "image", "")
    assert result["drive_paths"] == ["out/owl.png", "out/owl-2.png"]
    assert result["billed_micros"] == 93_600  # two at $0.039, plus 20 %
    assert await running.file("out/owl-2.png") == PNG
    (order,) = fal.orders
    assert (order.path, order.body) == ("fal-ai/nano-banana", {"prompt": "an owl", "num_images": 2})
    assert await usage(running) == (93_600, 1)
    line = await running.one(
        "select kind, provider, model, quantity, label from usage_events where job_id = :job_id"
    )
    assert tuple(line) == ("media", "google", NANO, {"images": 2}, "")
    events = (await running.project.http.get(f"/v1/jobs/{running.job_id}/events")).json()
    assert events[-1]["type"] == "media"
    assert events[-1]["payload"]["media"][0] == {"drive_path": "out/owl.png", "kind": "image"}
    assert "fal-ai" not in str((result, events))


async def test_videos_speech_and_transcripts_have_their_own_requests(
    fal: FalServer, running: Running
) -> None:
    await running.project.http.put("/v1/drive/files/a.png", content=PNG)
    await running.project.http.put("/v1/drive/files/a.mp3", content=MP3)
    await running.change("update jobs set reserved_micros = 9000000")
    film = await running.create_media(
        "video",
        model="veo",
        inputs={"prompt": "it flies", "image": "drive/a.png", "duration": 5, "audio": True},
    )
    assert film["drive_path"].endswith(".mp4")
    assert await running.file(film["drive_path"]) == MP4
    assert film["billed_micros"] == 4 * 400_000 * 12 // 10  # 4 s is the nearest available duration
    assert "4 s" in film["meta"]["warnings"][0]
    speech = await running.create_media("audio", inputs={"text": "Owls fly.", "stability": 0.5})
    assert (speech["billed_micros"], await running.file(speech["drive_path"])) == (1_080, MP3)
    transcript = await running.create_media("transcribe", inputs={"audio": "a.mp3", "keyterms": ["owl"]})
    assert (
        transcript["text"],
        transcript["language_code"],
        "drive_path" in transcript and transcript["drive_path"],
    ) == (
        "Owls fly",
        "eng",
        None,
    )
    assert transcript["words"][1]["end"] == 2.5
    first, second, third = (order.body for order in fal.orders)
    assert (first["duration"], first["generate_audio"]) == ("4s", True)
    assert first["image_url"].startswith("data:image/png;base64,")
    assert second == {"text": "Owls fly.", "stability": 0.5}
    assert third["audio_url"].startswith("data:audio/mpeg;base64,")


async def test_repeated_call_is_neither_ordered_nor_paid_twice(fal: FalServer, running: Running) -> None:
    first = await running.create_media(key="a")
    again = await running.create_media(key="a")
    await running.change("update jobs set attempt = 1")
    other = await running.request_media(key="a", inputs={"prompt": "a fox"})
    assert first["drive_path"] == again["drive_path"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (len(fal.orders), (await usage(running))[1]) == (1, 1)
    twice = await asyncio.gather(*(running.request_media(key="b") for _ in range(4)))
    assert {response.status_code for response in twice} <= {201, 409}
    assert (len(fal.orders), (await usage(running))[1]) == (2, 2)


async def test_order_with_missing_file_is_resumed_and_not_repeated(fal: FalServer, running: Running) -> None:
    fal.wishes = [Wish(file=b"")]
    lost = await running.request_media(key="a")
    assert (lost.status_code, lost.json()["code"]) == (502, "media_failed")
    assert (await usage(running), await held_micros(running)) == ((0, 0), 0)
    fal.orders[0].wish.file = None
    result = await running.create_media(key="a")
    assert await running.file(result["drive_path"]) == PNG
    assert (len(fal.orders), (await usage(running))[1]) == (1, 1)


async def test_media_beyond_the_reservation_are_not_ordered(fal: FalServer, running: Running) -> None:
    await running.change("update jobs set reserved_micros = 50000, used_micros = 10000")
    rejected = await running.request_media()
    assert (rejected.status_code, rejected.json()["code"]) == (402, "media_cost_exceeds_limit")
    assert (rejected.json()["needed_micros"], rejected.json()["left_micros"]) == (46_800, 40_000)
    await running.change("update jobs set reserved_micros = 0, used_micros = 0")
    assert "image_model" in (await running.request_media()).json()["detail"]
    await running.change("update jobs set reserved_micros = 100000")
    fal.wishes = [Wish(polls=-1), Wish(polls=-1)]
    both = [asyncio.create_task(running.request_media()) for _ in range(3)]
    async with asyncio.timeout(10):
        while not any(task.done() for task in both) or len(fal.orders) < 2:  # noqa: ASYNC110 - a server's thread
            await asyncio.sleep(0.01)
    assert [task.result().status_code for task in both if task.done()] == [402]
    await running.change("update jobs set status = 'cancelled', finished_at = now(), reserved_micros = 0")
    assert sorted([(await task).status_code for task in both]) == [402, 409, 409]
    assert all(order.is_cancelled for order in fal.orders)
    assert await usage(running) == (0, 0)


@pytest.mark.parametrize(
    ("wish", "status", "code", "message"),
    [
        (Wish(refusals=[422]), 422, "media_refused", "could not be processed"),
        (Wish(refusals=[403]), 503, "media_provider_unavailable", "FAL_KEY"),
        (Wish(status_of_result=500), 502, "media_failed", "was interrupted"),
        (Wish(status_of_result=422), 422, "media_refused", "It broke."),
        (Wish(result={"images": []}), 502, "media_failed", "contains no image"),
        (Wish(result={"images": [{"url": 7}]}), 502, "media_failed", "contains no image"),
        (Wish(file=b"<html>no</html>"), 502, "media_failed", "text/plain instead of the image"),
        (Wish(file_url="http://10.0.0.1/secret"), 502, "media_failed", "not https"),
        (Wish(file_url="https://10.0.0.1/secret"), 502, "media_failed", "public address"),
        (Wish(file_url="https://localhost/secret"), 502, "media_failed", "public address"),
        (Wish(file_url="file:///etc/passwd"), 502, "media_failed", "is unavailable"),
    ],
    ids=str,
)
async def test_provider_failure_is_reported_and_costs_nothing(
    fal: FalServer, running: Running, wish: Wish, status: int, code: str, message: str
) -> None:
    fal.wishes = [wish]
    response = await running.request_media()
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert message in response.json()["detail"]
    assert fal.key not in response.text
    assert (await usage(running), await held_micros(running)) == ((0, 0), 0)


async def test_busy_queue_is_polled_again(fal: FalServer, running: Running) -> None:
    fal.wishes = [Wish(refusals=[429, 503])]
    await running.create_media()
    assert len(fal.orders) == 1


async def test_too_large_file_or_redirect_loop_is_not_downloaded(
    fal: FalServer, running: Running, tmp_path: Path
) -> None:
    await running.create_media()
    bounds = {"allowed_hosts": [fal.host], "max_s": 5.0}
    with pytest.raises(FetchError, match="larger than"):
        await fetch(f"{fal.url}/files/req-0", tmp_path / "a", max_bytes=64, **bounds)
    with pytest.raises(FetchError, match="TooManyRedirects"):
        await fetch(f"{fal.url}/loop", tmp_path / "a", max_bytes=64, **bounds)
    with pytest.raises(FetchError, match="not https"):
        await fetch(f"{fal.url}/files/req-0", tmp_path / "a", max_bytes=64, allowed_hosts=[], max_s=5)


async def test_requests_of_older_clients_are_accepted(fal: FalServer, running: Running) -> None:
    body = {
        "model": "nano-banana",
        "kind": "image",
        "output_dir": "out",
        "output_url_path": None,
        "persist": True,
    }
    result = await running.create_media(
        None, workspace_id=str(running.project.id), job_id=str(running.job_id), **body
    )
    assert result["drive_path"].startswith("out/image-")
    opened = await running.project.http.get(result["output_url"])
    assert opened.content == PNG
    nothing = {"inputs": None, "model": None, "kind": "auto"}
    assert (await running.request_media(None, **nothing)).status_code == 422


async def test_skill_without_network_cannot_reference_external_url(fal: FalServer, running: Running) -> None:
    without_network = {
        **BUNDLE,
        "skills/paint/skill.yaml": BUNDLE["skills/paint/skill.yaml"] + b"network: none\n",
    }
    version = (await running.project.pushed(without_network))["id"]
    await running.change(f"update jobs set deployment_id = '{version}' where id = :job_id")
    response = await running.request_media(inputs={"prompt": "x", "refs": ["https://example.org/?data=all"]})
    assert (response.status_code, "network" in response.json()["detail"]) == (422, True)
    assert (await running.request_media()).status_code == 201


async def test_hanging_order_is_cancelled(fal: FalServer, running: Running) -> None:
    object.__setattr__(running.instance.settings, "media_timeout_s", 0.5)
    fal.wishes = [Wish(polls=-1)]
    response = await running.request_media()
    assert (response.status_code, response.json()["code"]) == (502, "media_failed")
    assert fal.orders[0].is_cancelled


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"model": "google/nano-bananas"}, 400, "nano-banana"),
    ({"model": "veo"}, 400, "'video'"),
    ({"model": "imagen", "inputs": {"prompt": "x", "refs": ["https://a.example/b.png"]}}, 400, "refs"),
    ({"inputs": {}}, 422, "inputs.prompt"),
    ({"inputs": {"prompt": "x" * 2501}}, 422, "2500"),
    ({"inputs": {"prompt": "x", "ratio": "1:1"}}, 422, "inputs.ratio"),
    ({"inputs": {"prompt": "x", "refs": ["drive/none.png"]}}, 422, "inputs.refs.0"),
    ({"inputs": {"prompt": "x", "refs": [{"base64": "§"}]}}, 422, "base64"),
    ({"output_path": "../a.png"}, 422, ".."),
    (
        {"verb": "video", "model": "kling", "inputs": {"prompt": "x", "lipsync_audio": "a.mp3"}},
        422,
        "inputs.image",
    ),
    ({"job_id": "00000000-0000-0000-0000-000000000000"}, 403, "job_id"),
    ({"verb": None}, 422, "Name a model"),
]


async def test_invalid_request_is_rejected_before_any_order(fal: FalServer, running: Running) -> None:
    for body, status, message in BAD:
        response = await running.request_media(
            body.get("verb", "image"), **{k: v for k, v in body.items() if k != "verb"}
        )
        assert response.status_code == status, (body, response.text)
        assert message in response.text, (body, response.text)
    key = await running.project.http.post(
        "/v1/media/generate", json={"verb": "image", "inputs": {"prompt": "x"}}
    )
    assert key.status_code == 403
    assert fal.orders == []
