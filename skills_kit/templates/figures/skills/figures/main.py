"""Calculate statistics of a table, and draw a chart, with only the standard library."""

from __future__ import annotations

import csv as tables
import io
import os
import statistics
from html import escape
from pathlib import Path
from typing import Any

from puras import inputs, log, progress

WIDTH, HEIGHT, MARGIN = 640, 320, 32
MAX_BARS = 60


def figures(csv: str = "", file: Any = None) -> dict[str, Any]:
    """Calculate statistics of all numeric columns, and draw a chart of the first one."""
    text = inputs.load_path(file).read_text(encoding="utf-8-sig") if file else csv
    rows = list(tables.DictReader(io.StringIO(text.strip())))
    if not rows:
        raise ValueError(
            "The table is empty. Pass `csv` or `file`, with the names of the columns in the first line."
        )
    names = [name for name in rows[0] if name and any(_number(row[name]) is not None for row in rows)]
    columns = []
    for done, name in enumerate(names, 1):
        columns.append(
            _figures_of(name, [value for row in rows if (value := _number(row[name])) is not None])
        )
        progress(done / len(names), name)
    log.info(f"{len(rows)} rows, {len(columns)} numeric columns")
    result: dict[str, Any] = {"rows": len(rows), "columns": columns}
    if names:
        label = next((name for name in rows[0] if name not in names), names[0])
        bars = [(str(row[label]), _number(row[names[0]]) or 0.0) for row in rows[:MAX_BARS]]
        result["chart"] = _save(_chart(names[0], bars))
    return result


def _number(text: Any) -> float | None:
    """Parse a number such as `1,200.5` or `12 %`; return None for other text."""
    try:
        return float(str(text).strip().replace(",", "").rstrip(" %"))
    except ValueError:
        return None


def _figures_of(name: str, values: list[float]) -> dict[str, Any]:
    return {
        "name": name,
        "least": min(values),
        "most": max(values),
        "mean": round(statistics.fmean(values), 4),
        "sum": round(sum(values), 4),
    }


def _chart(title: str, bars: list[tuple[str, float]]) -> str:
    """Return a bar chart as SVG."""
    highest = max([value for _, value in bars] + [0.0]) or 1.0
    step = (WIDTH - 2 * MARGIN) / len(bars)
    drawn = [f'<text x="{MARGIN}" y="20" font-weight="600">{escape(title)}</text>']
    for index, (label, value) in enumerate(bars):
        height = max(0.0, value) / highest * (HEIGHT - 2 * MARGIN - 16)
        x, y = MARGIN + index * step, HEIGHT - MARGIN - height
        drawn.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" rx="2" '
            f'fill="#5048c8"><title>{escape(label)}: {value:g}</title></rect>'
        )
        if len(bars) <= MAX_BARS // 4:
            drawn.append(
                f'<text x="{x + step / 2:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(label[:12])}</text>'
            )
    body = "\n  ".join(drawn)
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n  {background}\n  {body}\n</svg>\n'
    )


def _save(chart: str) -> str:
    """Write the chart to `./drive` and return its drive path."""
    name = os.environ.get("PURAS_JOB_ID", "local").rpartition("-")[2]
    path = Path("drive", "charts", f"{name}.svg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chart, encoding="utf-8")
    return path.relative_to("drive").as_posix()
