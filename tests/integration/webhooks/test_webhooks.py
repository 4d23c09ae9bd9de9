"""Webhooks: which events are sent to which receivers, signatures, and the data that the API shows."""

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


async def test_receiver_gets_a_signed_event_when_a_job_ends(hooks: Hooks) -> None:
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
    assert len(got.body) < 500, "small: a receiver that needs more reads the job"
    assert got.headers["content-type"] == "application/json"
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["id"], delivery["status"], delivery["attempts"]) == (got.id, "delivered", 1)
    assert (delivery["response_code"], delivery["response"], delivery["error"]) == (202, "thanks", None)
    assert delivery["body"].encode() == got.body
    assert (delivery["next_at"], delivery["duration_ms"] >= 0) == (None, True)
    assert await hooks.send() == 0


async def test_webhook_gets_only_the_events_it_subscribes_to(hooks: Hooks) -> None:
    everything = await hooks.make("/all")
    failures = await hooks.make("/failures", events=["job.failed"])
    other_skill = await hooks.make("/other", skills=["triple"])
    off = await hooks.make("/off", enabled=False)
    await hooks.job("succeeded")
    await hooks.job("failed")
    await hooks.project.pushed(BUNDLE)

    async def delivered_types(hook: Any) -> list[str]:
        return [one["event"] for one in reversed(await hooks.deliveries(hook))]

    assert await delivered_types(everything) == ["job.succeeded", "job.failed", "deployment.activated"]
    assert await delivered_types(failures) == ["job.failed"]
    assert await delivered_types(other_skill) == ["deployment.activated"], "it concerns no skill"
    assert await delivered_types(off) == []


async def test_each_event_contains_its_fields(hooks: Hooks) -> None:
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

    sent = [json.loads(one["body"]) for one in reversed(await hooks.deliveries(hook))]
    assert [(one["type"], one["data"].get("job_id"), one["data"].get("status")) for one in sent] == [
        ("deployment.activated", None, None),
        ("job.cancelled", queued, "cancelled"),
        ("job.waiting", waiting, "waiting"),
        ("job.cancelled", waiting, "cancelled"),
    ]
    assert {one["data"]["environment"] for one in sent} == {"production"}
    assert sent[0]["data"]["version"] == pushed["version"]
    assert sent[0]["data"]["previous_deployment_id"] is not None


async def test_budget_alert_is_sent_once(hooks: Hooks) -> None:
    hook = await hooks.make(events=["budget.alert"])
    budget = {"name": "Day", "window": "day", "limit_usd": 0.001, "alert_pct": 50, "enforce": False}
    created = (await hooks.project.http.post("/v1/budgets", json=budget)).json()
    for _ in range(2):
        await hooks.project.http.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})
        async with hooks.database.transaction() as session:
            await session.execute(text("update jobs set cap_micros = 5000 where status = 'queued'"))
        (claimed,) = await started(hooks.database)
        assert await ended(hooks.database, claimed, "succeeded", [call(800)])
    (sent,) = [json.loads(one["body"])["data"] for one in await hooks.deliveries(hook)]
    assert (sent["budget_id"], sent["name"], sent["used_micros"]) == (created["id"], "Day", 800)
    assert (sent["limit_micros"], sent["is_reached"]) == (1000, False)


async def test_rolled_back_change_sends_no_event(hooks: Hooks) -> None:
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


async def test_secret_is_shown_once_and_both_sign_during_a_rotation(hooks: Hooks) -> None:
    hook = await hooks.make()
    assert hook["secret"].startswith("whsec_")
    for response in (await hooks.read(hook), (await hooks.project.http.get("/v1/webhooks")).json()[0]):
        assert "secret" not in response
        assert hook["secret"] not in json.dumps(response)
    rotate = f"/v1/webhooks/{hook['id']}/rotate"
    new = (await hooks.project.http.post(rotate)).json()
    assert new["previous_secret_expires_at"] is not None
    assert new["previous_until"] == new["previous_secret_expires_at"], "its name before 0.2"
    assert (await hooks.read(hook))["previous_secret_expires_at"] == new["previous_secret_expires_at"]
    await hooks.send_test_events(hook)
    await hooks.send()
    for secret in (hook["secret"], new["secret"], ["whsec_AAAA", new["secret"]]):
        puras.verify_webhook(hooks.receiver.got[-1].headers, hooks.receiver.got[-1].body, secret)

    newest = (await hooks.project.http.post(rotate, json={"overlap_hours": 0})).json()
    assert (newest["previous_secret_expires_at"], newest["previous_until"]) == (None, None)
    await hooks.send_test_events(hook)
    await hooks.send()
    got = hooks.receiver.got[-1]
    puras.verify_webhook(got.headers, got.body, newest["secret"])
    for old in (hook["secret"], new["secret"]):
        with pytest.raises(puras.WebhookError, match="signature"):
            puras.verify_webhook(got.headers, got.body, old)


async def test_secrets_are_encrypted_with_the_newest_key_of_the_instance(
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


async def test_delivery_is_resent_on_request_with_the_same_id_and_body(hooks: Hooks) -> None:
    hook = await hooks.make()
    (delivery_id,) = await hooks.send_test_events(hook)
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


async def test_disabled_webhook_gets_nothing_and_pending_deliveries_fail(hooks: Hooks) -> None:
    hook = await hooks.make()
    (delivery_id,) = await hooks.send_test_events(hook)
    one = f"/v1/webhooks/{hook['id']}"
    assert (await hooks.project.http.patch(one, json={"enabled": False})).json()["enabled"] is False
    assert await hooks.send() == 0
    (delivery,) = await hooks.deliveries(hook, status="failed")
    assert [delivery] == await hooks.deliveries(hook, status="given_up"), "its name before 0.2"
    assert await hooks.deliveries(hook, status="delivered") == []
    assert (delivery["status"], delivery["former_status"]) == ("failed", "given_up")
    assert (delivery["id"], "switched off" in delivery["error"]) == (delivery_id, True)
    for path in (f"{one}/test", f"{one}/deliveries/{delivery_id}/redeliver"):
        rejected = await hooks.project.http.post(path)
        assert (rejected.status_code, rejected.json()["code"]) == (409, "webhook_is_off")
    await hooks.project.http.patch(one, json={"enabled": True})
    await hooks.project.http.post(f"{one}/deliveries/{delivery_id}/redeliver")
    assert await hooks.send() == 1


async def test_deliveries_are_listed_in_pages_and_by_status(hooks: Hooks) -> None:
    hook = await hooks.make()
    created = await hooks.send_test_events(hook, 5)
    await hooks.send()
    url = f"/v1/webhooks/{hook['id']}/deliveries"
    first = await hooks.project.http.get(f"{url}?limit=3")
    second = await hooks.project.http.get(first.links["next"]["url"])
    assert [one["id"] for one in [*first.json(), *second.json()]] == created[::-1]
    assert len(await hooks.deliveries(hook, status="delivered")) == 4, (
        "the limit of concurrent deliveries to one receiver"
    )
    assert len(await hooks.deliveries(hook, status="pending")) == 1
    assert (await hooks.project.http.get(f"{url}?status=lost")).status_code == 422


@pytest.mark.parametrize(
    ("url", "detail"),
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
async def test_internal_address_is_rejected_on_creation(hooks: Hooks, url: str, detail: str) -> None:
    rejected = await hooks.project.http.post("/v1/webhooks", json={"url": url})
    assert (rejected.status_code, rejected.json()["code"]) == (422, "bad_webhook_address")
    assert detail in rejected.json()["detail"]
    hook = await hooks.make()
    changed = await hooks.project.http.patch(f"/v1/webhooks/{hook['id']}", json={"url": url})
    assert changed.status_code == 422


@pytest.mark.parametrize("port", [1, 22, 25, 6379, 8080, 8443, 65535])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_port_that_is_not_allowed_is_rejected_on_creation(hooks: Hooks, scheme: str, port: int) -> None:
    for host in ("example.org", "1.1.1.1", "[2606:4700:4700::1111]"):
        body = {"url": f"{scheme}://{host}:{port}/hook"}
        rejected = await hooks.project.http.post("/v1/webhooks", json=body)
        assert (rejected.status_code, rejected.json()["code"]) == (422, "bad_webhook_address")
        assert f"port {port}" in rejected.json()["detail"]
        assert f"PURAS_WEBHOOK_PORTS={port}" in rejected.json()["detail"]
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
async def test_web_ports_are_accepted(hooks: Hooks, url: str) -> None:
    created = await hooks.project.http.post("/v1/webhooks", json={"url": url})
    assert created.status_code == 201, created.text


async def test_allowed_port_is_accepted_only_at_public_addresses(hooks: Hooks, app: FastAPI) -> None:
    settings = hooks.instance.settings.model_copy(update={"webhook_ports": "8443, 9000"})
    app.state.context = replace(hooks.instance, settings=settings)
    for url in ("https://example.org:8443/", "http://example.org:9000/", "https://example.org/"):
        assert (await hooks.project.http.post("/v1/webhooks", json={"url": url})).status_code == 201
    for url in ("https://10.0.0.5:8443/", "https://localhost:9000/", "https://example.org:8444/"):
        assert (await hooks.project.http.post("/v1/webhooks", json={"url": url})).status_code == 422


async def test_existing_webhook_cannot_be_enabled_at_a_forbidden_port(hooks: Hooks) -> None:
    hook = await hooks.make()
    async with hooks.database.transaction() as session:
        await session.execute(text("update webhooks set url = 'https://example.org:22/', enabled = false"))
    one = f"/v1/webhooks/{hook['id']}"
    rejected = await hooks.project.http.patch(one, json={"enabled": True})
    assert (rejected.status_code, rejected.json()["code"]) == (422, "bad_webhook_address")
    assert (await hooks.read(hook))["enabled"] is False
    moved = await hooks.project.http.patch(one, json={"enabled": True, "url": "https://example.org/"})
    assert (moved.status_code, moved.json()["enabled"]) == (200, True)


async def test_webhooks_are_private_to_a_project_and_limited_in_number(
    hooks: Hooks, make_project: Projects
) -> None:
    hook = await hooks.make()
    (delivery_id,) = await hooks.send_test_events(hook)
    other_project, visitor = await make_project.make("Other"), await make_project.make("Pub", "publishable")
    one = f"/v1/webhooks/{hook['id']}"
    for path in (one, f"{one}/deliveries", f"{one}/deliveries/{delivery_id}"):
        assert (await other_project.http.get(path)).status_code == 404
        assert (await visitor.http.get(path)).status_code == 403
    for path in (f"{one}/test", f"{one}/rotate", f"{one}/deliveries/{delivery_id}/redeliver"):
        assert (await other_project.http.post(path)).status_code == 404
    assert (await other_project.http.delete(one)).status_code == 404
    for _ in range(MAX_WEBHOOKS - 1):
        await hooks.make()
    rejected = await hooks.project.http.post("/v1/webhooks", json={"url": hooks.receiver.url()})
    assert (rejected.status_code, rejected.json()["code"]) == (409, "too_many_webhooks")
    assert (await hooks.project.http.delete(one)).status_code == 204
    assert (await hooks.project.http.get(one)).status_code == 404


async def test_webhook_is_created_once_per_idempotency_key(hooks: Hooks) -> None:
    body = {"url": hooks.receiver.url()}
    headers = {"Idempotency-Key": "once"}
    first, second = [
        await hooks.project.http.post("/v1/webhooks", json=body, headers=headers) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert len((await hooks.project.http.get("/v1/webhooks")).json()) == 1


async def test_endless_response_is_cut_off_and_counts_as_delivered(hooks: Hooks) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [never_ending_response]
    await hooks.send_test_events(hook)
    await hooks.send()
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], len(delivery["response"])) == ("delivered", 1000)


async def test_old_deliveries_are_deleted_and_pending_ones_stay(hooks: Hooks) -> None:
    hook = await hooks.make()
    await hooks.send_test_events(hook)
    await hooks.send()
    (waits,) = await hooks.send_test_events(hook)
    await hooks.set_age("created_at", "webhook_deliveries", days=40)
    rules = Rules.of(hooks.instance.settings)
    assert not await sweep.sweep(hooks.database, rules, may_continue=lambda: True)
    assert [one["id"] for one in await hooks.deliveries(hook)] == [waits]


async def test_nothing_is_sent_for_a_deleted_project(hooks: Hooks, database: Database) -> None:
    hook = await hooks.make()
    await hooks.send_test_events(hook)
    async with database.transaction() as session:
        await session.execute(text("update projects set deleted_at = now()"))
    assert await hooks.send() == 0


def test_kit_rejects_a_webhook_with_an_invalid_signature() -> None:
    with pytest.raises(puras.WebhookError, match="no header 'webhook-id'"):
        puras.verify_webhook(httpx.Headers({}), b"{}", "whsec_AAAA")
    headers = {"webhook-id": str(UUID(int=1)), "webhook-timestamp": "x", "webhook-signature": "v1,x v2,y z"}
    with pytest.raises(puras.WebhookError, match="starts with 'whsec_'"):
        puras.verify_webhook(headers, b"{}", "no secret")
    with pytest.raises(puras.WebhookError, match="signature"):
        puras.verify_webhook(headers, b"{}", "whsec_AAAA")
