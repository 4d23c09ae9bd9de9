"""Serve `GET /metrics`: the metrics of the whole instance, from any of its processes."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from backend.administration.monitoring import exposition, queue_state
from backend.administration.monitoring.errors import MetricsOff, MetricsTokenRefused
from backend.context import AppContext
from backend.core.errors import Unavailable
from backend.core.metrics.instruments import REGISTRY, Exported
from backend.core.process_metrics import store
from backend.core.process_metrics.reporter import Reporter
from backend.core.process_metrics.snapshot import added
from backend.core.process_metrics.store import Sums
from backend.identity.auth.dependencies import ContextDep

PATIENCE_S = 5.0
"""Shorter than the timeout of Prometheus, ten seconds."""

BUILD = Exported("puras_build_info", "gauge", ("version",), "1, with the release as a label.")

router = APIRouter(tags=["health"])


async def _operator(
    context: ContextDep, authorization: Annotated[str, Header(include_in_schema=False)] = ""
) -> None:
    """Check the metrics token of the request.

    Raises:
        MetricsOff: No token is configured.
        MetricsTokenRefused: The token is missing or wrong.
    """
    expected = context.settings.metrics_token
    if expected is None:
        raise MetricsOff
    scheme, _, token = authorization.partition(" ")
    is_correct = secrets.compare_digest(token.strip().encode(), expected.get_secret_value().encode())
    if scheme.lower() != "bearer" or not is_correct:
        raise MetricsTokenRefused


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    dependencies=[Depends(_operator)],
    response_class=PlainTextResponse,
    responses={401: {}, 404: {}},
)
async def read_metrics(
    request: Request, context: ContextDep, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """Return the counters, histograms and gauges of all processes, summed.

    Send the value of `PURAS_METRICS_TOKEN` as `Authorization: Bearer …`. Without that setting the route returns 404.
    """
    reporter: Reporter = request.app.state.reporter
    try:
        async with asyncio.timeout(PATIENCE_S):
            body, content_type = await _text(context, reporter, request.app.version, accept)
    except TimeoutError:
        raise Unavailable("The database did not return the metrics in time. Try again.") from None
    return Response(body, headers={"Content-Type": content_type})


async def _text(context: AppContext, reporter: Reporter, version: str, accept: str) -> tuple[bytes, str]:
    async with context.database.reading() as session:
        others = await store.read(session, except_id=reporter.process_id)
        state = await queue_state.read(session)
    return await asyncio.to_thread(_summed, reporter, others, [*state, build(version)], accept)


def _summed(reporter: Reporter, others: Sums, more: list[Metric], accept: str) -> tuple[bytes, str]:
    own = reporter.numbers()
    samples = added((others.totals, own.totals, others.gauges, own.gauges))
    return exposition.text(REGISTRY, samples, more, accept)


def build(version: str) -> Metric:
    """Return the metric with the release of this process."""
    info = GaugeMetricFamily(BUILD.name, BUILD.meaning, labels=BUILD.labels)
    info.add_metric((version,), 1)
    return info
