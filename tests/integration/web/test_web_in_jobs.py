"""Functions that search the web and read pages, within the `network` of the skill and the reservation of the job."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from tests.doubles.web import INSIDE, Web
from tests.integration.deployments.conftest import Project
from tests.integration.media.test_local_media import run_code
from tests.integration.web.conftest import Running, bundle

RESULTS = {"results": [{"title": "Owls", "url": "https://owls.example.org/", "content": "They hunt."}, "x"]}
CODE = """
from puras import web
hits = web.search('owls', 2)
page = web.fetch({url!r}, 500)
results += [hits[0].url, page.title, page.content]
try:
    web.fetch({inside!r})
except web.WebError as error:
    results.append(str(error))
"""


async def ask(job: Running, operation: str, **body: Any) -> Any:
    return await job.http.post(f"/v1/web/{operation}", json=body)


async def lines(job: Running) -> list[Any]:
    receipt = (await job.project.http.get(f"/v1/jobs/{job.job_id}/receipt")).json()
    return [(line["kind"], line["billed_micros"]) for line in receipt["lines"]]


async def payloads(job: Running, kind: str) -> list[Any]:
    events = (await job.project.http.get(f"/v1/jobs/{job.job_id}/events")).json()
    return [event["payload"] for event in events if event["type"] == kind]


async def test_function_in_sandbox_searches_and_reads_with_the_kit(
    listed: Project, instance: Any, api_base: str, web: Web
) -> None:
    web.says("/search", json.dumps(RESULTS).encode(), "Content-Type: application/json")
    page = web.says("/owls", b"<title>Owls</title><p>They hunt at night.", "Content-Type: text/html")
    code = CODE.format(url=page, inside=f"http://{INSIDE}:{web.port}/")
    job = await run_code(instance, listed, api_base, code)
    assert job["status"] == "succeeded", job
    url, title, content, refusal = job["result"]["results"]
    assert (url, title) == ("https://owls.example.org/", "Owls")
    assert "They hunt at night." in content
    assert "not at a public address" in refusal
    assert job["cost_micros"] == 6_000  # half a cent, plus 20 %
    events = (await listed.http.get(f"/v1/jobs/{job['id']}/events")).json()
    kinds = [event["type"] for event in events]
    assert kinds.index("web") < kinds.index("network_refused") < kinds.index("succeeded")


async def test_search_is_paid_from_reservation_and_failed_one_is_free(
    listed: Project, running: Running, web: Web
) -> None:
    web.says("/search", json.dumps(RESULTS).encode())
    found = await ask(running, "search", query="owls")
    assert (found.status_code, found.json()["billed_micros"]) == (200, 6_000)
    assert found.json()["results"] == [
        {"title": "Owls", "url": "https://owls.example.org/", "text": "They hunt."}
    ]
    web.says("/search", b"broken", status="500 Broken")
    failed = await ask(running, "search", query="owls")
    assert (failed.status_code, failed.json()["code"]) == (502, "web_failed")
    await running.change("update jobs set reserved_micros = 11999 where id = :job_id")
    expensive = await ask(running, "search", query="owls")
    assert (expensive.status_code, expensive.json()["code"]) == (402, "search_cost_exceeds_limit")
    assert "limits.cost_usd" in expensive.json()["detail"]
    assert len(web.heads) == 2  # no request is sent for a search that exceeds the limit
    await running.change("update jobs set status = 'succeeded', finished_at = now() where id = :job_id")
    assert await lines(running) == [("web", 6_000)]
    assert (await ask(running, "search", query="owls")).status_code == 401


async def test_page_is_read_only_within_network_of_skill(
    project: Project, running: Running, web: Web
) -> None:
    page = web.says("/owls", b"<p>Owls.", "Content-Type: text/html")
    web.says("/away", b"", f"Location: http://{INSIDE}:{web.port}/", status="302 Found")
    rejected = await ask(running, "fetch", url=page)  # `network: public` allows only the usual ports
    assert (rejected.status_code, rejected.json()["code"]) == (403, "network_refused")
    [event] = await payloads(running, "network_refused")
    assert event["reason"] == "port_not_allowed"
    pushed = await project.pushed(bundle(web.hosts))
    await running.change(f"update jobs set deployment_id = '{UUID(pushed['id'])}' where id = :job_id")
    assert (await ask(running, "fetch", url=page)).json()["content"] == "Owls."
    for url, status in ((web.url("/away"), 403), (web.url("/gone"), 502), ("file:///etc/passwd", 422)):
        response = await ask(running, "fetch", url=url)
        assert response.status_code == status, response.text
        assert response.json()["detail"].endswith(".")
    assert (await ask(running, "fetch", url=page, render_js=True)).status_code == 501
    assert (await ask(running, "fetch", url=page, max_chars=1)).status_code == 422
    images = await ask(running, "image-search", query="owls")
    assert (images.status_code, images.json()["code"]) == (501, "not_offered")
    pushed = await project.pushed(bundle("none"))
    await running.change(f"update jobs set deployment_id = '{UUID(pushed['id'])}' where id = :job_id")
    for operation, body in (("fetch", {"url": page}), ("search", {"query": "owls"})):
        none = await ask(running, operation, **body)
        assert (none.status_code, none.json()["code"]) == (403, "network_refused")
        assert "network: none" in none.json()["detail"]


async def test_rejections_are_recorded_without_secrets_and_limited(
    listed: Project, running: Running, web: Web
) -> None:
    await listed.http.put("/v1/secrets", json={"name": "KEY", "value": "hunter2-hunter2"})
    for _ in range(25):
        await ask(running, "fetch", url="http://hunter2-hunter2.example.org/")
    events = await payloads(running, "network_refused")
    assert len(events) == 20
    assert "hunter2" not in json.dumps(events)
    assert events[0]["host"] == "[secret].example.org"


@pytest.mark.parametrize("operation", ["search", "fetch", "image-search"])
async def test_web_routes_require_a_running_job(listed: Project, operation: str) -> None:
    body = {"url": "https://example.org/"} if operation == "fetch" else {"query": "owls"}
    assert (await listed.http.post(f"/v1/web/{operation}", json=body)).status_code == 403
