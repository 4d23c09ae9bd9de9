"""Receivers that fail, hang or have internal addresses, and senders that die: retries, de-duplication, rejection."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import puras
import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.core.metrics.instruments import WEBHOOK_SENDS
from backend.core.net.destinations import PublicDestinations
from backend.core.net.egress.connector import Connector
from backend.core.net.public_addresses import rejection_reason
from backend.core.net.public_urls import USUAL_PORTS
from backend.core.net.transport import GuardedTransport, Limits
from backend.integrations.webhooks import outcomes, signing
from backend.integrations.webhooks.deliveries import RETRY_PERIOD
from backend.integrations.webhooks.dispatch import _CLAIM
from tests.doubles.receiver import Receiver, hangs, says
from tests.integration.webhooks.conftest import Hooks


async def test_failed_delivery_is_retried_with_its_id_and_a_new_signature(
    hooks: Hooks,
) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [says(500, b"oops"), says(503), says(200)]
    await hooks.send_test_events(hook)
    await hooks.send()
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], delivery["response_code"], delivery["response"]) == ("pending", 500, "oops")
    assert "status 500" in delivery["error"]
    assert 3 < (datetime.fromisoformat(delivery["next_at"]) - now()).total_seconds() < 7
    assert await hooks.send() == 0, "not before its pause has passed"
    assert (await hooks.read(hook))["failing_since"] is not None
    for _ in range(2):
        await hooks.make_due()
        assert await hooks.send() == 1
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], delivery["attempts"], delivery["error"]) == ("delivered", 3, None)
    log = delivery["attempt_log"]
    assert [(one["number"], one["response_code"], one["response"]) for one in log] == [
        (1, 500, "oops"),
        (2, 503, ""),
        (3, 200, ""),
    ]
    assert "status 500" in log[0]["error"]
    assert log[2]["error"] is None
    started = [datetime.fromisoformat(one["started_at"]) for one in log]
    assert started == sorted(started)
    assert now() - timedelta(minutes=1) < started[0] < now()
    assert (await hooks.read(hook))["failing_since"] is None
    assert len({got.id for got in hooks.receiver.got}) == 1, "the ID identifies the delivery"
    for got in hooks.receiver.got:
        assert puras.verify_webhook(got.headers, got.body, hook["secret"])["type"] == "webhook.test"


def test_retry_pauses_grow_and_cover_three_days() -> None:
    pauses = [(outcomes.next_attempt_at(attempts) - now()).total_seconds() for attempts in range(1, 20)]
    assert all(second > first for first, second in pairwise(pauses[: len(outcomes.RETRY_DELAYS_S)]))
    assert sum(pauses[:9]) < RETRY_PERIOD.total_seconds() < sum(pauses)
    assert len({outcomes.next_attempt_at(5).microsecond for _ in range(20)}) > 1, "not all at the same time"


async def test_delivery_fails_after_three_days_and_can_be_resent(hooks: Hooks) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [says(500), says(200)]
    (delivery_id,) = await hooks.send_test_events(hook)
    async with hooks.database.transaction() as session:
        await session.execute(text("update webhook_deliveries set retry_until = now() + interval '1 second'"))
    abandoned = WEBHOOK_SENDS.labels("abandoned")
    before = abandoned._value.get()
    await hooks.send()
    assert abandoned._value.get() == before + 1
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], delivery["next_at"], delivery["ended_at"] is None) == (
        "failed",
        None,
        False,
    )
    await hooks.make_due()
    assert await hooks.send() == 0
    await hooks.project.http.post(f"/v1/webhooks/{hook['id']}/deliveries/{delivery_id}/redeliver")
    await hooks.send()
    assert (await hooks.deliveries(hook))[0]["status"] == "delivered"


async def test_hanging_receiver_does_not_delay_others(hooks: Hooks) -> None:
    hanging, well = await hooks.make("/hangs"), await hooks.make("/well")
    hooks.receiver.answers["/hangs"] = [hangs]
    await hooks.send_test_events(hanging, 12)
    await hooks.send_test_events(well, 12)
    async with hooks.dispatcher(max_s=10.0) as dispatcher:
        began = time.monotonic()
        running = asyncio.create_task(dispatcher.periodic_task().repeat())
        await hooks.receiver.has(12, "/well")
        assert time.monotonic() - began < 9.9, "before the first of the others reached its timeout"
        await asyncio.wait_for(_wait_until_failing(hooks, hanging), 60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    failed = [one for one in await hooks.deliveries(hanging) if one["error"]]
    assert {one["error"] for one in failed} == {"The receiver did not respond within 10 s."}
    assert {one["status"] for one in await hooks.deliveries(well)} == {"delivered"}
    assert len(hooks.receiver.at("/hangs")) <= 5, (
        "few concurrently, and one at a time once it is known to fail"
    )


async def _wait_until_failing(hooks: Hooks, hook: Any) -> None:
    while not (await hooks.read(hook))["failing_since"]:  # noqa: ASYNC110 - only REST shows it
        await asyncio.sleep(0.05)


async def test_receiver_that_returns_410_is_disabled_with_the_reason(
    hooks: Hooks,
) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [says(410)]
    await hooks.send_test_events(hook)
    await hooks.send()
    read = await hooks.read(hook)
    assert (read["enabled"], "410" in read["disabled_reason"]) == (False, True)
    assert [one["status"] for one in await hooks.deliveries(hook)] == ["failed"]
    actions = (await hooks.project.http.get("/v1/audit?action=webhook.disabled")).json()
    assert [(action["actor"], action["target"]) for action in actions] == [
        ("system", f"webhook:{hook['id']}")
    ]
    on = await hooks.project.http.patch(f"/v1/webhooks/{hook['id']}", json={"enabled": True})
    assert (on.json()["enabled"], on.json()["disabled_reason"]) == (True, "")


async def test_receiver_that_fails_for_days_is_disabled(hooks: Hooks) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [says(500)]
    await hooks.send_test_events(hook, 2)
    await hooks.send()
    await hooks.make_due()
    await hooks.set_age("failing_since", "webhooks", days=4)
    await hooks.send()
    assert (await hooks.read(hook))["enabled"] is True
    await hooks.make_due()
    await hooks.set_age("failing_since", "webhooks", days=5, minutes=1)
    await hooks.send()
    read = await hooks.read(hook)
    assert (read["enabled"], "5 days" in read["disabled_reason"]) == (False, True)
    assert {one["status"] for one in await hooks.deliveries(hook)} == {"failed"}


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_redirect_is_not_followed(hooks: Hooks, code: int) -> None:
    hook = await hooks.make()
    inside = hooks.receiver.url("/inside")
    hooks.receiver.answers["/"] = [says(code, b"", f"Location: {inside}")]
    await hooks.send_test_events(hook)
    await hooks.send()
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], "Redirects are not followed" in delivery["error"]) == ("pending", True)
    assert [got.path for got in hooks.receiver.got] == ["/"]


class FakeResolver:
    """A resolver that returns another address each time; of this host, only the receiver counts as public."""

    def __init__(self, *responses: str) -> None:
        self.answers = list(responses)
        self.requests = 0

    async def resolve(self, host: str, port: int) -> list[str]:
        self.requests += 1
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]

    def transport(self, *ports: int) -> GuardedTransport:
        def vet(address: str) -> Any:
            return None if address == "127.0.0.1" else rejection_reason(address)

        connector = Connector(self.resolve, vet)
        return guarded(
            PublicDestinations(schemes=("http", "https"), ports=(*USUAL_PORTS, *ports), connector=connector)
        )


def guarded(destinations: PublicDestinations) -> GuardedTransport:
    return GuardedTransport(destinations, Limits(max_response_bytes=1 << 16))


@pytest.mark.parametrize(
    "inside", ["10.0.0.5", "169.254.169.254", "::1", "::ffff:10.0.0.5", "fd00::1", "100.64.0.1", "0.0.0.0"]
)
async def test_host_with_an_internal_address_is_never_connected_to(hooks: Hooks, inside: str) -> None:
    hook = await hooks.make()
    await _set_url(hooks, "http://hook.example.org/")
    await hooks.send_test_events(hook)
    await hooks.send(connect=FakeResolver(inside).transport)
    (delivery,) = await hooks.deliveries(hook)
    assert delivery["error"] == "The request was not sent: its host is not at a public address."
    assert (delivery["response_code"], hooks.receiver.got) == (None, [])


async def test_existing_webhook_is_not_sent_to_a_port_that_is_not_allowed(hooks: Hooks) -> None:
    hook = await hooks.make()
    port = hooks.receiver.port
    await _set_url(hooks, f"http://hook.example.org:{port}/")
    await hooks.send_test_events(hook)
    resolver = FakeResolver("127.0.0.1")
    await hooks.send(connect=resolver.transport)
    (delivery,) = await hooks.deliveries(hook)
    assert delivery["error"].startswith(
        f"The request was not sent: its port {port} is not allowed; use one of 80, 443"
    )
    assert (delivery["response_code"], resolver.requests, hooks.receiver.got) == (None, 0, [])
    await hooks.make_due()
    await hooks.send(connect=lambda: resolver.transport(port))
    assert [got.path for got in hooks.receiver.got] == ["/"], "as soon as the operator allows it"


async def test_worker_sends_only_to_the_ports_in_its_settings(hooks: Hooks) -> None:
    hook = await hooks.make()
    await _set_url(hooks, "http://1.1.1.1:22/")
    await hooks.send_test_events(hook)
    await hooks.send()
    assert "its port 22 is not allowed; use one of 80, 443" in (await hooks.deliveries(hook))[0]["error"]


async def test_host_name_is_resolved_once_per_attempt(
    hooks: Hooks,
) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [says(500)]
    await _set_url(hooks, f"http://hook.example.org:{hooks.receiver.port}/")
    await hooks.send_test_events(hook)
    resolver = FakeResolver("127.0.0.1", "10.0.0.5")
    await hooks.send(connect=lambda: resolver.transport(hooks.receiver.port))
    assert (resolver.requests, len(hooks.receiver.got)) == (1, 1), "the connection uses the checked address"
    assert hooks.receiver.got[0].headers["host"] == f"hook.example.org:{hooks.receiver.port}"
    await hooks.make_due()
    await hooks.send(connect=lambda: resolver.transport(hooks.receiver.port))
    (delivery,) = await hooks.deliveries(hook)
    assert delivery["error"] == "The request was not sent: its host is not at a public address."
    assert (resolver.requests, len(hooks.receiver.got)) == (2, 1)


async def _set_url(hooks: Hooks, url: str) -> None:
    async with hooks.database.transaction() as session:
        await session.execute(text("update webhooks set url = :url"), {"url": url})


async def test_cookie_of_one_receiver_is_not_sent_to_another(hooks: Hooks) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [says(200, b"", "Set-Cookie: whose=mine; Path=/")]
    await hooks.send_test_events(hook, 2)
    async with hooks.dispatcher() as dispatcher:
        for _ in range(2):
            await dispatcher.send_due()
            await dispatcher.settled()
    assert not [got for got in hooks.receiver.got if "cookie" in got.headers]


async def test_unreachable_or_invalid_receiver_is_reported(
    hooks: Hooks,
) -> None:
    hook = await hooks.make()

    async def send_garbage(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")

    hooks.receiver.answers["/"] = [send_garbage]
    await hooks.send_test_events(hook)
    await hooks.send()
    assert "could not be reached (RemoteProtocolError)" in (await hooks.deliveries(hook))[0]["error"]
    await _set_url(hooks, "http://127.0.0.1:9/")
    await hooks.make_due()
    await hooks.send(connect=lambda: guarded(PublicDestinations(["127.0.0.1:9"])))
    assert "could not be reached (ConnectError)" in (await hooks.deliveries(hook))[0]["error"]


def test_old_or_changed_webhook_is_rejected() -> None:
    secret, body = signing.new_secret(), b'{"type": "job.succeeded"}'

    def signed(age_s: float, content: bytes = body) -> dict[str, str]:
        moment = int(time.time() - age_s)
        return signing.headers([secret], _ID, timestamp=moment, body=content)

    assert puras.verify_webhook(signed(290), body, secret) == {"type": "job.succeeded"}
    assert puras.verify_webhook(httpx.Headers(signed(1000)), body, secret, tolerance_s=2000)
    for age_s in (310, -310):
        with pytest.raises(puras.WebhookError, match="the maximum is 300 s"):
            puras.verify_webhook(signed(age_s), body, secret)
    genuine = signed(0)
    tampered: list[tuple[dict[str, str], bytes]] = [
        (genuine, body + b" "),
        (genuine, b'{"type": "job.failed"}'),
        ({**genuine, "webhook-id": "another"}, body),
        ({**genuine, "webhook-timestamp": str(int(time.time()) + 1)}, body),
        ({**genuine, "webhook-signature": genuine["webhook-signature"].replace("v1,", "v1a,")}, body),
        ({**genuine, "webhook-signature": "v1,"}, body),
        (signing.headers([signing.new_secret()], _ID, timestamp=int(time.time()), body=body), body),
    ]
    for headers, content in tampered:
        with pytest.raises(puras.WebhookError, match="signature"):
            puras.verify_webhook(headers, content, secret)


_ID: Any = "3f0f6ea0-0000-4000-8000-000000000000"


async def test_two_dispatchers_send_each_delivery_once(hooks: Hooks) -> None:
    webhooks = [await hooks.make(f"/{place}") for place in range(4)]
    ids = [one for hook in webhooks for one in await hooks.send_test_events(hook, 10)]
    async with hooks.dispatcher() as first, hooks.dispatcher() as second:
        while any(await asyncio.gather(first.send_due(), second.send_due())):
            await asyncio.gather(first.settled(), second.settled())
    assert sorted(got.id for got in hooks.receiver.got) == sorted(ids)
    assert {one["attempts"] for hook in webhooks for one in await hooks.deliveries(hook)} == {1}


async def test_delivery_of_a_killed_process_is_resent_with_the_same_id(hooks: Hooks) -> None:
    hook = await hooks.make()
    hooks.receiver.answers["/"] = [hangs, says(200)]
    (delivery_id,) = await hooks.send_test_events(hook)
    url = hooks.database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.webhooks.dispatcher_to_kill",
        str(hooks.instance.settings.home),
        env={**os.environ, "DATABASE_URL": url, "PURAS_WEBHOOK_HOSTS": hooks.receiver.place},
    )
    try:
        await hooks.receiver.has(1)
    finally:
        process.kill()
        await process.wait()
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], delivery["attempts"], delivery["response_code"]) == ("pending", 1, None)
    async with hooks.dispatcher() as dispatcher:
        running = asyncio.create_task(dispatcher.periodic_task().repeat())
        got = await hooks.receiver.has(2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert {one.id for one in got} == {delivery_id}
    assert len({one.body for one in got}) == 1
    assert (await hooks.deliveries(hook))[0]["status"] == "delivered"


async def test_late_failure_is_ignored_and_late_success_is_recorded(hooks: Hooks) -> None:
    hook = await hooks.make()
    await hooks.send_test_events(hook)
    hooks.receiver.answers["/"] = [says(200)]
    async with hooks.dispatcher(lease=timedelta(0)) as slow:
        async with hooks.database.single() as session:
            values = {"max_open": 4, "open": "{}", "max_rows": 1, "lease": timedelta(0)}
            (first,) = (await session.execute(_CLAIM, values)).all()
        await slow.send_due()
        await slow.settled()
    late = outcomes.record(hooks.database, first, outcomes.Sent(500, "", "late", 1))
    await late
    (delivery,) = await hooks.deliveries(hook)
    assert (delivery["status"], delivery["attempts"]) == ("delivered", 2)
    assert (await hooks.deliveries(hook))[0]["error"] is None
    assert [(one["number"], one["error"]) for one in delivery["attempt_log"]] == [(2, None), (1, "late")]


@pytest.mark.parametrize("iterations", range(6))
async def test_process_can_stop_when_a_delivery_ends(hooks: Hooks, iterations: int) -> None:
    async with hooks.dispatcher() as dispatcher:
        running = asyncio.create_task(dispatcher.periodic_task().repeat())
        await asyncio.sleep(0.2)
        dispatcher._has_capacity.set()
        for _ in range(iterations):
            await asyncio.sleep(0)
        running.cancel()
        ended, _ = await asyncio.wait({running}, timeout=5)
        assert ended == {running}


async def test_stopping_process_waits_for_open_deliveries(hooks: Hooks, receiver: Receiver) -> None:
    hook = await hooks.make()

    async def respond_slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await says(200)(writer)

    receiver.answers["/"] = [respond_slowly]
    await hooks.send_test_events(hook)
    async with hooks.dispatcher() as dispatcher:
        running = asyncio.create_task(dispatcher.periodic_task().repeat())
        await receiver.has(1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (await hooks.deliveries(hook))[0]["status"] == "delivered"
