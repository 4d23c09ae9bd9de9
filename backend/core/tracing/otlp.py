"""Spans by OpenTelemetry's SDK, sent as OTLP over HTTP from a thread of its own. Imported only when it is needed.

The queue is bounded: when the receiver is slow or away, spans are dropped and jobs go on. The SDK reads the standard
`OTEL_*` settings by itself.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from backend.core import logs
from backend.core.metrics.instruments import SPANS_EXPORTED
from backend.core.tracing import traceparent as parents
from backend.core.tracing.spans import Attribute, Kind

log = logs.get(__name__)

FLUSH_S: Final = 3.0
"""What the end of a process waits for its last spans."""
COMPLAIN_EVERY_S: Final = 60.0
SERVICE: Final = "puras-studio"

_KINDS: Final[dict[Kind, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class OtlpTracing:
    """Makes spans and sends them to the receiver."""

    def __init__(self, endpoint: str, *, role: str, version: str) -> None:
        """Begin to send.

        Raises:
            ValueError: One of the `OTEL_*` settings cannot be understood.
        """
        _hush()
        exporter = _Counted(OTLPSpanExporter(endpoint=endpoint))
        self._provider = TracerProvider(resource=_resource(role, version), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("puras", version)

    def start(
        self, name: str, *, kind: Kind, parent: str, at_ns: int | None, attributes: dict[str, Attribute]
    ) -> _Span:
        """See `spans.Tracing.start`."""
        made = self._tracer.start_span(
            name,
            context=set_span_in_context(NonRecordingSpan(_context_of(parent))) if parent else Context(),
            kind=_KINDS[kind],
            attributes=attributes,
            start_time=at_ns,
            record_exception=False,
            set_status_on_exception=False,
        )
        return _Span(made)

    def close(self) -> None:
        """Send what is left, for a bounded time; what a silent receiver has not taken by then is dropped."""
        ending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(FLUSH_S)


class _Span:
    def __init__(self, made: OtelSpan) -> None:
        self._made = made
        context = made.get_span_context()
        self.traceparent = parents.made(
            context.trace_id, context.span_id, is_sampled=bool(context.trace_flags & TraceFlags.SAMPLED)
        )

    def rename(self, name: str) -> None:
        """See `spans.Span.rename`."""
        self._made.update_name(name)

    def note(self, **attributes: Attribute) -> None:
        """See `spans.Span.note`."""
        self._made.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})

    def fail(self, kind: str) -> None:
        """See `spans.Span.fail`."""
        self._made.set_attribute("error.type", kind)
        self._made.set_status(Status(StatusCode.ERROR))

    def end(self, at_ns: int | None = None) -> None:
        """See `spans.Span.end`."""
        self._made.end(at_ns)


class _Counted(SpanExporter):
    """Counts what the receiver took and what it did not."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        is_sent = result is SpanExportResult.SUCCESS
        SPANS_EXPORTED.labels("sent" if is_sent else "failed").inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _OncePerMinute(logging.Handler):
    """Says in our words, once a minute, that the SDK has something to complain of; its own may hold credentials."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said_at = -COMPLAIN_EVERY_S

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() - self._said_at < COMPLAIN_EVERY_S:
            return
        self._said_at = time.monotonic()
        arguments = record.args if isinstance(record.args, tuple) else ()
        status = next((one for one in arguments if isinstance(one, int) and one >= 100), None)
        error = next((type(one).__name__ for one in arguments if isinstance(one, Exception)), None)
        log.warning(
            "the receiver of traces does not take them; spans are dropped while that lasts",
            status=status,
            error=error,
        )


def _hush() -> None:
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    if not any(isinstance(handler, _OncePerMinute) for handler in logger.handlers):
        logger.addHandler(_OncePerMinute())


def _context_of(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )


def _resource(role: str, version: str) -> Resource:
    """Who sends: what the operator has named, else our own name."""
    ours: dict[str, Attribute] = {
        "service.version": version,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "puras.role": role,
    }
    named = Resource.create({}).attributes.get(SERVICE_NAME, "")
    if str(named).startswith("unknown_service"):
        ours[SERVICE_NAME] = SERVICE
    return Resource.create(ours)
