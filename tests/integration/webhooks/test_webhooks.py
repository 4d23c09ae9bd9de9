"""Webhooks: who is told of what, signed, and what people see of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import puras
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from sqlalchemy import text

from backend.administration.key_rotation import reencrypt
from backend.administration.retention import sweep
from backend.administration.retention.rules import Rules
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.core.vault.vault import Vault
from backend.execution.approvals.types import ApprovalRequest
from backend.execution.approvals.worker import wait_for_approval
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.integrations.webhooks.service import MAX_WEBHOOKS
from tests.doubles.receiver import never_ending_response, says
from tests.integration.deployments.conftest import BUNDLE, Projects
from tests.integration.ledger.money import call, ended, started
from tests.integration.webhooks.conftest import Hooks


async def test_a_receiver_is_told_of_a_jobs_end_and_finds_that_it_is_genuine(hooks: Hooks) -> None:
    hook = await hooks.make(events=["job.succeeded", "job.failed"])
    hooks.receiver.answers["/"] = [says(202, b"thanks")]
    job_id = await hooks.job()
    assert await hooks.send() == 1
    (got,) = hooks.receiver.got
    event = puras.verify_webhook(got.headers, got.body, hook["secret"])
    assert (event["type"], event["data"]["job_id"], event["data"]["status"]) == (
        "job.succeeded",
        job_id,
        "succeeded",
    )
    assert (event["data"]["skill"], event["data"]["project_id"]) == ("double", str(hooks.project.id))
    assert len(got.body) < 500, "thin: who wants more asks for the job"
    assert got.headers["content-type"] == "application/json"
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["id"], delivery["status"], delivery["attempts"]) == (got.id, "delivered", 1)
    assert (delivery["response_code"], delivery["response"], delivery["error"]) == (202, "thanks", None)
    assert delivery["body"].encode() == got.body
    assert (delivery["next_at"], delivery["duration_ms"] >= 0) == (None, True)
    assert await hooks.send() == 0


async def test_only_what_a_webhook_asks_for_is_sent_to_it(hooks: Hooks) -> None:
    everything = await hooks.make("/all")
    failures = await hooks.make("/failures", events=["job.failed"])
    other_skill = await hooks.make("/other", skills=["triple"])
    off = await hooks.make("/off", enabled=False)
    await hooks.job("succeeded")
    await hooks.job("failed")
    await hooks.project.pushed(BUNDLE)

    async def told(hook: Any) -> list[str]:
        return [one["event"] for one in reversed(await hooks.deliveries(hook))]

    assert await told(everything) == ["job.succeeded", "job.failed", "deployment.activated"]
    assert await told(failures) == ["job.failed"]
    assert await told(other_skill) == ["deployment.activated"], "that concerns no skill"
    assert await told(off) == []


async def test_each_fact_tells_what_it_should(hooks: Hooks) -> None:
    hook = await hooks.make()
    http = hooks.project.http
    pushed = await hooks.project.pushed(BUNDLE, activate="false")
    await http.post(f"/v1/deployments/{pushed['version']}/activate")
    queued = (await http.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})).json()["id"]
    await http.post(f"/v1/jobs/{queued}/cancel")
    waiting = (await http.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})).json()["id"]
    (claimed,) = await started(hooks.database)
    async with hooks.database.transaction() as session:
        wanted = [ApprovalRequest(1, 1, "send", "toolu_1", {})]
        until = now() + timedelta(hours=1)
        assert await wait_for_approval(
            session, job_id=claimed.job_id, attempt=claimed.attempt, requests=wanted, expires_at=until
        )
    await http.post(f"/v1/jobs/{waiting}/cancel")

    told = [json.loads(one["body"]) for one in reversed(await hooks.deliveries(hook))]
    assert [(one["type"], one["data"].get("job_id"), one["data"].get("status")) for one in told] == [
        ("deployment.activated", None, None),
        ("job.cancelled", queued, "cancelled"),
        ("job.waiting", waiting, "waiting"),
        ("job.cancelled", waiting, "cancelled"),
    ]
    assert told[0]["data"]["version"] == pushed["version"]
    assert told[0]["data"]["previous_deployment_id"] is not None


async def test_an_alert_of_a_budget_is_told_once(hooks: Hooks) -> None:
    hook = await hooks.make(events=["budget.alert"])
    budget = {"name": "Day", "window": "day", "limit_usd": 0.001, "alert_pct": 50, "enforce": False}
    made = (await hooks.project.http.post("/v1/budgets", json=budget)).json()
    for _ in range(2):
        await hooks.project.http.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})
        async with hooks.database.transaction() as session:
            await session.execute(text("update jobs set cap_micros = 5000 where status = 'queued'"))
        (claimed,) = await started(hooks.database)
        assert await ended(hooks.database, claimed, "succeeded", [call(800)])
    (told,) = [json.loads(one["body"])["data"] for one in await hooks.deliveries(hook)]
    assert (told["budget_id"], told["name"], told["used_micros"]) == (made["id"], "Day", 800)
    assert (told["limit_micros"], told["is_reached"]) == (1000, False)


async def test_a_fact_that_does_not_come_about_is_not_told(hooks: Hooks) -> None:
    hook = await hooks.make()
    await hooks.project.http.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})
    (claimed,) = await started(hooks.database)
    with pytest.raises(LookupError):
        async with hooks.database.transaction() as session:
            assert await finish(session, claimed, AttemptResult("succeeded", result={}))
            raise LookupError("undone")
    assert await hooks.deliveries(hook) == []
    async with hooks.database.single() as single:
        assert await finish(single, claimed, AttemptResult("succeeded", result={}))
        assert not await finish(single, claimed, AttemptResult("succeeded", result={}))
    assert len(await hooks.deliveries(hook)) == 1


async def test_a_secret_is_shown_once_and_old_and_new_sign_while_one_replaces_the_other(hooks: Hooks) -> None:
    hook = await hooks.make()
    assert hook["secret"].startswith("whsec_")
    for answer in (await hooks.read(hook), (await hooks.project.http.get("/v1/webhooks")).json()[0]):
        assert "secret" not in answer
        assert hook["secret"] not in json.dumps(answer)
    rotate = f"/v1/webhooks/{hook['id']}/rotate"
    new = (await hooks.project.http.post(rotate)).json()
    assert new["previous_secret_expires_at"] is not None
    assert new["previous_until"] == new["previous_secret_expires_at"], "its name before 0.2"
    assert (await hooks.read(hook))["previous_secret_expires_at"] == new["previous_secret_expires_at"]
    await hooks.tested(hook)
    await hooks.send()
    for secret in (hook["secret"], new["secret"], ["whsec_AAAA", new["secret"]]):
        puras.verify_webhook(hooks.receiver.got[-1].headers, hooks.receiver.got[-1].body, secret)

    newest = (await hooks.project.http.post(rotate, json={"overlap_hours": 0})).json()
    assert (newest["previous_secret_expires_at"], newest["previous_until"]) == (None, None)
    await hooks.tested(hook)
    await hooks.send()
    got = hooks.receiver.got[-1]
    puras.verify_webhook(got.headers, got.body, newest["secret"])
    for old in (hook["secret"], new["secret"]):
        with pytest.raises(puras.WebhookError, match="signature"):
            puras.verify_webhook(got.headers, got.body, old)


async def test_secrets_are_encrypted_and_follow_the_instances_newest_key(
    hooks: Hooks, instance: AppContext
) -> None:
    hook = await hooks.make()
    await hooks.project.http.post(f"/v1/webhooks/{hook['id']}/rotate")
    async with hooks.database.transaction() as session:
        row = (await session.execute(text("select * from webhooks"))).one()
        audited = (await session.execute(text("select facts::text from audit_rows"))).scalars().all()
    assert hook["secret"] not in str(row)
    assert not [one for one in audited if "whsec_" in one or "ciphertext" in one]
    newer = Vault.open(instance.settings.home, None).export().split()
    rotated = await reencrypt(hooks.database, Vault([Fernet.generate_key().decode(), *newer]))
    assert rotated.secrets == 1
    async with hooks.database.transaction() as session:
        after = (await session.execute(text("select * from webhooks"))).one()
    assert after.ciphertext != row.ciphertext
    assert after.previous_ciphertext != row.previous_ciphertext


async def test_a_delivery_is_sent_again_when_somebody_asks_with_the_same_id_and_body(hooks: Hooks) -> None:
    hook = await hooks.make()
    (delivery_id,) = await hooks.tested(hook)
    await hooks.send()
    one = f"/v1/webhooks/{hook['id']}/deliveries/{delivery_id}"
    again = await hooks.project.http.post(f"{one}/redeliver")
    assert (again.status_code, again.json()["status"]) == (200, "pending")
    await hooks.send()
    first, second = hooks.receiver.got
    assert (first.id, first.body) == (second.id, second.body)
    assert (await hooks.project.http.get(one)).json()["attempts"] == 2
    missing = await hooks.project.http.get(f"/v1/webhooks/{hook['id']}/deliveries/{uuid4()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "delivery_not_found")


async def test_nothing_is_sent_to_a_webhook_that_is_off_and_what_waited_fails(hooks: Hooks) -> None:
    hook = await hooks.make()
    (delivery_id,) = await hooks.tested(hook)
    one = f"/v1/webhooks/{hook['id']}"
    assert (await hooks.project.http.patch(one, json={"enabled": False})).json()["enabled"] is False
    assert await hooks.send() == 0
    (delivery,) = await hooks.deliveries(hook, status="failed")
    assert [delivery] == await hooks.deliveries(hook, status="given_up"), "its name before 0.2"
    assert await hooks.deliveries(hook, status="delivered") == []
    assert (delivery["status"], delivery["former_status"]) == ("failed", "given_up")
    assert (delivery["id"], "switched off" in delivery["error"]) == (delivery_id, True)
    for path in (f"{one}/test", f"{one}/deliveries/{delivery_id}/redeliver"):
        refused = await hooks.project.http.post(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_is_off")
    await hooks.project.http.patch(one, json={"enabled": True})
    await hooks.project.http.post(f"{one}/deliveries/{delivery_id}/redeliver")
    assert await hooks.send() == 1


async def test_the_list_of_deliveries_comes_in_pages_and_by_status(hooks: Hooks) -> None:
    hook = await hooks.make()
    made = await hooks.tested(hook, 5)
    await hooks.send()
    url = f"/v1/webhooks/{hook['id']}/deliveries"
    first = await hooks.project.http.get(f"{url}?limit=3")
    second = await hooks.project.http.get(first.links["next"]["url"])
    assert [one["id"] for one in [*first.json(), *second.json()]] == made[::-1]
    assert len(await hooks.deliveries(hook, status="delivered")) == 4, "so many at once to one receiver"
    assert len(await hooks.deliveries(hook, status="pending")) == 1
    assert (await hooks.project.http.get(f"{url}?status=lost")).status_code == 422


@pytest.mark.parametrize(
    ("url", "says_so"),
    [
        ("http://127.0.0.1:9/", "PURAS_WEBHOOK_HOSTS=127.0.0.1:9"),
        ("https://10.0.0.5/hook", "not a public address"),
        ("https://[::1]/hook", "not a public address"),
        ("https://localhost/hook", "not a public address"),
        ("http://169.254.169.254/latest/meta-data", "not a public address"),
        ("https://2130706433/", "not a public address"),
        ("https://[::7f00:1]/", "not a public address"),
        ("https://[64:ff9b::7f00:1]/", "not a public address"),
        ("https://[2002:7f00:1::]/", "not a public address"),
        ("https://[2001:470:1::200:5efe:7f00:1]/", "not a public address"),
        ("https://[2606:4700:4700::1111%25eth0]/", "not a public address"),
        ("https://[fec0::1]/", "not a public address"),
        ("https://168.63.129.16/", "not a public address"),
        ("https://192.88.99.1/", "not a public address"),
        ("https://0x7f.0x1/", "not a public address"),
        ("ftp://example.org/", "not a URL"),
        ("https://user:word@example.org/", "user name"),
        ("https://example.org/#part", "#"),
        ("https://exa mple.org/", "not a URL"),
        ("javascript:alert(1)", "not a URL"),
        ("https://example.org\\@10.0.0.1/", "not a URL"),
    ],
)
async def test_an_address_inside_is_refused_when_it_is_named(hooks: Hooks, url: str, says_so: str) -> None:
    refused = await hooks.project.http.post("/v1/webhooks", json={"url": url})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_webhook_address")
    assert says_so in refused.json()["detail"]
    hook = await hooks.make()
    changed = await hooks.project.http.patch(f"/v1/webhooks/{hook['id']}", json={"url": url})
    assert changed.status_code == 422


@pytest.mark.parametrize("port", [1, 22, 25, 6379, 8080, 8443, 65535])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_port_that_no_operator_lists_is_rejected_when_it_is_named(
    hooks: Hooks, scheme: str, port: int
) -> None:
    for host in ("example.org", "1.1.1.1", "[2606:4700:4700::1111]"):
        body = {"url": f"{scheme}://{host}:{port}/hook"}
        refused = await hooks.project.http.post("/v1/webhooks", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_webhook_address")
        assert f"port {port}" in refused.json()["detail"]
        assert f"PURAS_WEBHOOK_PORTS={port}" in refused.json()["detail"]
        hook = await hooks.make()
        changed = await hooks.project.http.patch(f"/v1/webhooks/{hook['id']}", json=body)
        assert changed.status_code == 422
        assert (await hooks.read(hook))["url"] == hook["url"]
        await hooks.project.http.delete(f"/v1/webhooks/{hook['id']}")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.org/",
            "https://example.org/",
            "http://example.org:80/",
            "https://example.org:443/",
        ),
        *("http://example.org:443/", "https://example.org:80/", "https://[2606:4700:4700::1111]/"),
    ],
)
async def test_the_ports_of_the_web_are_taken(hooks: Hooks, url: str) -> None:
    made = await hooks.project.http.post("/v1/webhooks", json={"url": url})
    assert made.status_code == 201, made.text


async def test_a_port_that_the_operator_lists_is_taken_at_public_addresses_alone(
    hooks: Hooks, app: FastAPI
) -> None:
    settings = hooks.instance.settings.model_copy(update={"webhook_ports": "8443, 9000"})
    app.state.context = replace(hooks.instance, settings=settings)
    for url in ("https://example.org:8443/", "http://example.org:9000/", "https://example.org/"):
        assert (await hooks.project.http.post("/v1/webhooks", json={"url": url})).status_code == 201
    for url in ("https://10.0.0.5:8443/", "https://localhost:9000/", "https://example.org:8444/"):
        assert (await hooks.project.http.post("/v1/webhooks", json={"url": url})).status_code == 422


async def test_a_webhook_from_before_is_not_switched_on_at_a_port_that_is_not_listed(hooks: Hooks) -> None:
    hook = await hooks.make()
    async with hooks.database.transaction() as session:
        await session.execute(text("update webhooks set url = 'https://example.org:22/', enabled = false"))
    one = f"/v1/webhooks/{hook['id']}"
    refused = await hooks.project.http.patch(one, json={"enabled": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_webhook_address")
    assert (await hooks.read(hook))["enabled"] is False
    moved = await hooks.project.http.patch(one, json={"enabled": True, "url": "https://example.org/"})
    assert (moved.status_code, moved.json()["enabled"]) == (200, True)


async def test_a_project_has_its_own_webhooks_alone_and_so_many(hooks: Hooks, make_project: Projects) -> None:
    hook = await hooks.make()
    (delivery_id,) = await hooks.tested(hook)
    stranger, visitor = await make_project.make("Other"), await make_project.make("Pub", "publishable")
    one = f"/v1/webhooks/{hook['id']}"
    for path in (one, f"{one}/deliveries", f"{one}/deliveries/{delivery_id}"):
        assert (await stranger.http.get(path)).status_code == 404
        assert (await visitor.http.get(path)).status_code == 403
    for path in (f"{one}/test", f"{one}/rotate", f"{one}/deliveries/{delivery_id}/redeliver"):
        assert (await stranger.http.post(path)).status_code == 404
    assert (await stranger.http.delete(one)).status_code == 404
    for _ in range(MAX_WEBHOOKS - 1):
        await hooks.make()
    refused = await hooks.project.http.post("/v1/webhooks", json={"url": hooks.receiver.url()})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    assert (await hooks.project.http.delete(one)).status_code == 204
    assert (await hooks.project.http.get(one)).status_code == 404


async def test_a_webhook_is_made_once_for_its_key(hooks: Hooks) -> None:
    asked = {"url": hooks.receiver.url()}
    headers = {"Idempotency-Key": "once"}
    first, second = [
        await hooks.project.http.post("/v1/webhooks", json=asked, headers=headers) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert len((await hooks.project.http.get("/v1/webhooks")).json()) == 1


async def test_a_receiver_that_talks_without_end_is_hung_up_on_and_has_taken_it(hooks: Hooks) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [never_ending_response]
    await hooks.tested(hook)
    await hooks.send()
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], len(delivery["response"])) == ("delivered", 1000)


async def test_old_deliveries_go_by_rule_and_those_that_wait_stay(hooks: Hooks) -> None:
    hook = await hooks.make()
    await hooks.tested(hook)
    await hooks.send()
    (waits,) = await hooks.tested(hook)
    await hooks.age("created_at", "webhook_deliveries", days=40)
    rules = Rules.of(hooks.instance.settings)
    assert not await sweep.sweep(hooks.database, rules, may_continue=lambda: True)
    assert [one["id"] for one in await hooks.deliveries(hook)] == [waits]


async def test_nothing_is_sent_for_a_project_that_was_deleted(hooks: Hooks, database: Database) -> None:
    hook = await hooks.make()
    await hooks.tested(hook)
    async with database.transaction() as session:
        await session.execute(text("update projects set deleted_at = now()"))
    assert await hooks.send() == 0


def test_a_webhook_that_is_not_genuine_is_refused_by_the_kit() -> None:
    with pytest.raises(puras.WebhookError, match="no header 'webhook-id'"):
        puras.verify_webhook(httpx.Headers({}), b"{}", "whsec_AAAA")
    headers = {"webhook-id": str(UUID(int=1)), "webhook-timestamp": "x", "webhook-signature": "v1,x v2,y z"}
    with pytest.raises(puras.WebhookError, match="starts with 'whsec_'"):
        puras.verify_webhook(headers, b"{}", "no secret")
    with pytest.raises(puras.WebhookError, match="signature"):
        puras.verify_webhook(headers, b"{}", "whsec_AAAA")
