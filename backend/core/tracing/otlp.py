"""Create spans with OpenTelemetry's SDK, and export them as OTLP over HTTP from a separate thread.

The module is imported only when a receiver is configured. The queue is bounded: when the receiver is slow or
unavailable, spans are dropped and jobs continue. The SDK itself reads the standard `OTEL_*` settings.
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
"""Maximum time that the end of a process waits to export its last spans."""
WARN_EVERY_S: Final = 60.0
SERVICE: Final = "puras-studio"

_KINDS: Final[dict[Kind, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class OtlpTracing:
    """Creates spans, and exports them to the receiver."""

    def __init__(self, endpoint: str, *, role: str, version: str) -> None:
        """Start to export.

        Raises:
            ValueError: An `OTEL_*` setting is not valid.
        """
        _replace_log_handler()
        exporter = _CountingExporter(OTLPSpanExporter(endpoint=endpoint))
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
        """Export the remaining spans within a limited time; those that are not exported by then are dropped."""
        shutdown = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        shutdown.start()
        shutdown.join(FLUSH_S)


class _Span:
    def __init__(self, made: OtelSpan) -> None:
        self._span = made
        context = made.get_span_context()
        self.traceparent = parents.build(
            context.trace_id, context.span_id, is_sampled=bool(context.trace_flags & TraceFlags.SAMPLED)
        )

    def rename(self, name: str) -> None:
        """See `spans.Span.rename`."""
        self._span.update_name(name)

    def note(self, **attributes: Attribute) -> None:
        """See `spans.Span.note`."""
        self._span.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})

    def fail(self, kind: str) -> None:
        """See `spans.Span.fail`."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self, at_ns: int | None = None) -> None:
        """See `spans.Span.end`."""
        self._span.end(at_ns)


class _CountingExporter(SpanExporter):
    """Counts exported and failed spans."""

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
    """Logs errors of the SDK at most once a minute, without its own text, which may contain credentials."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._warned_at = -WARN_EVERY_S

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() - self._warned_at < WARN_EVERY_S:
            return
        self._warned_at = time.monotonic()
        arguments = record.args if isinstance(record.args, tuple) else ()
        status = next((one for one in arguments if isinstance(one, int) and one >= 100), None)
        error = next((type(one).__name__ for one in arguments if isinstance(one, Exception)), None)
        log.warning(
            "trace export failed; spans are dropped until it succeeds",
            status=status,
            error=error,
        )


def _replace_log_handler() -> None:
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
    """Return the attributes of the sender; the service name is the one that the operator configures, or the default."""
    attributes: dict[str, Attribute] = {
        "service.version": version,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "puras.role": role,
    }
    named = Resource.create({}).attributes.get(SERVICE_NAME, "")
    if str(named).startswith("unknown_service"):
        attributes[SERVICE_NAME] = SERVICE
    return Resource.create(attributes)
