"""Turning traces on, for the life of a process, when the operator has named a receiver of OTLP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from backend.core import logs
from backend.core.tracing import spans

if TYPE_CHECKING:
    from backend.core.tracing.otlp import OtlpTracing

log = logs.get(__name__)

TRACES_PATH: Final = "/v1/traces"
PROTOCOL: Final = "http/protobuf"


@asynccontextmanager
async def tracing(
    endpoint: str | None, *, role: Literal["api", "worker"], version: str
) -> AsyncIterator[None]:
    """Send the spans of this process to the receiver while the block lasts; without one, nothing.

    Settings that cannot be understood turn traces off with a line in the log, and keep nothing from running.
    """
    made = _made(endpoint, os.environ, role=role, version=version)
    if made is None:
        yield
        return
    spans.use(made)
    try:
        yield
    finally:
        spans.use(None)
        await asyncio.to_thread(made.close)


def receiver(endpoint: str | None, environment: Mapping[str, str]) -> str | None:
    """Where traces go, as the OpenTelemetry specification reads its settings; nothing: they are off.

    Raises:
        ValueError: They are asked for, in a way that is not offered here.
    """
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() or "otlp"
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return None
    own = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    if not own and not endpoint:
        return None
    if exporter != "otlp":
        raise ValueError(f"OTEL_TRACES_EXPORTER is {exporter!r}, and only 'otlp' and 'none' are offered")
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOL
    )
    if protocol.strip() != PROTOCOL:
        raise ValueError(
            f"the protocol is {protocol!r}, and only {PROTOCOL!r} is offered (port 4318 by custom)"
        )
    url = own or f"{str(endpoint).rstrip('/')}{TRACES_PATH}"
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ValueError("the address of the receiver does not begin with http:// or https://")
    return url


def _made(
    endpoint: str | None, environment: Mapping[str, str], *, role: str, version: str
) -> OtlpTracing | None:
    try:
        url = receiver(endpoint, environment)
        if url is None:
            return None
        from backend.core.tracing.otlp import OtlpTracing  # it takes a tenth of a second and 10 MiB

        made = OtlpTracing(url, role=role, version=version)
    except ValueError as error:
        log.error("traces are off: a setting OTEL_* is not right", error=str(error))
        return None
    log.info("traces go to an OTLP receiver", host=urlsplit(url).hostname)
    return made
