"""Enable tracing for the lifetime of a process, if the operator has configured an OTLP receiver."""

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
    """Export the spans of this process within the block, if a receiver is configured.

    If settings are not valid, an error is logged and tracing is off; the process runs nevertheless.
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
    """Return the URL of the receiver according to the OpenTelemetry specification; None if tracing is off.

    Raises:
        ValueError: The settings ask for an unsupported exporter or protocol, or the URL is not valid.
    """
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() or "otlp"
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return None
    own = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    if not own and not endpoint:
        return None
    if exporter != "otlp":
        raise ValueError(f"OTEL_TRACES_EXPORTER is {exporter!r}, but only 'otlp' and 'none' are supported")
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOL
    )
    if protocol.strip() != PROTOCOL:
        raise ValueError(
            f"the protocol is {protocol!r}, but only {PROTOCOL!r} is supported (usually on port 4318)"
        )
    url = own or f"{str(endpoint).rstrip('/')}{TRACES_PATH}"
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ValueError("the URL of the receiver does not start with http:// or https://")
    return url


def _made(
    endpoint: str | None, environment: Mapping[str, str], *, role: str, version: str
) -> OtlpTracing | None:
    try:
        url = receiver(endpoint, environment)
        if url is None:
            return None
        from backend.core.tracing.otlp import OtlpTracing  # the import takes a tenth of a second and 10 MiB

        made = OtlpTracing(url, role=role, version=version)
    except ValueError as error:
        log.error("tracing is off because an OTEL_* setting is not valid", error=str(error))
        return None
    log.info("tracing is on", host=urlsplit(url).hostname)
    return made
