"""The dashboard, the alerts and the documentation use only exported metrics and labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from backend.generators import metrics_page
from backend.generators.metrics_page import exported
from tests.integration.observability.scraping import scrape

FOLDER = Path(__file__).parents[3] / "docs" / "observability"
KNOWN = {one.name: one for one in exported()}
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
SERIES = {name + suffix: one for name, one in KNOWN.items() for suffix in SUFFIXES[one.kind]}
OF_PROMETHEUS = {"up", "job", "instance", "le"}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))[
        "panels"
    ]
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts())
    yield from (target["expr"] for panel in panels() for target in panel.get("targets", ()))


def problems(expression: str) -> list[str]:
    """Return the names and labels of an expression that are not exported."""
    found = [name for name in re.findall(r"\bpuras_\w+", expression) if name not in SERIES]
    allowed = {label for name in re.findall(r"\bpuras_\w+", expression) for label in _labels(name)} | {"le"}
    for matchers in re.findall(r"\bpuras_\w+\{([^}]*)\}", expression):
        found += [label for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers) if label not in allowed]
    for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
        found += [label for label in re.split(r",\s*", grouping) if label not in allowed]
    return found


def _labels(name: str) -> tuple[str, ...]:
    return SERIES[name].labels if name in SERIES else ()


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_expressions_use_exported_metrics(expression: str) -> None:
    assert problems(expression) == []
    assert "puras_" in expression or 'up{job="puras"}' in expression


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("rate(puras_jobs_done_total[5m])", "puras_jobs_done_total"),
        ("sum by (project) (puras_queue_jobs)", "project"),
        ('puras_queue_jobs{cause="no_worker"}', "cause"),
        ("puras_job_run_seconds", "puras_job_run_seconds"),
    ],
)
def test_metric_that_is_not_exported_is_reported(expression: str, wrong: str) -> None:
    assert problems(expression) == [wrong]


async def test_exported_metrics_equal_the_catalog(http: httpx.AsyncClient) -> None:
    seen = await scrape(http)
    assert {family.name for family in seen.families.values() if family.name.startswith("puras_")} == {
        one.name.removesuffix("_total") if one.kind == "counter" else one.name for one in KNOWN.values()
    }
    assert {family.type for family in seen.families.values()} <= {"counter", "gauge", "histogram"}
    kinds = {one.name.removesuffix("_total"): one.kind for one in KNOWN.values()}
    assert all(family.type == kinds[family.name] for family in seen.families.values())


def test_metric_names_end_in_their_unit_and_have_help_text() -> None:
    for one in KNOWN.values():
        assert one.name.startswith("puras_")
        assert one.meaning.endswith("."), one.name
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        if one.kind == "histogram":
            assert one.name.endswith("_seconds"), one.name
        assert not set(one.labels) & {"project", "project_id", "job", "job_id", "skill", "key", "user"}


def test_every_alert_has_instructions() -> None:
    for rule in alerts():
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["action"].endswith("."), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "warn", "info")


def test_panels_do_not_overlap() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_table_of_the_page_equals_the_exported_metrics() -> None:
    written = metrics_page.PAGE.read_text(encoding="utf-8")
    assert metrics_page.page(written) == written, "run `python -m backend.generators.metrics_page`"
    assert all(f"| `{name}` |" in written for name in KNOWN)
