"""Skills of the example shop, in addition to those of the templates."""

from __future__ import annotations

from typing import Any, Final

OWN: Final = {
    "skills/import-orders/skill.yaml": b"""title: Import orders
entrypoint: main.py:run
description: Reads the orders of a day from a table on the drive.
network: none
input_schema: {type: object, required: [table], properties: {table: {type: file, description: A row an order.}}}
output_schema: {type: object, properties: {rows: {type: integer}, total: {type: number}, average: {type: number}}}
""",
    "skills/import-orders/main.py": b"""import csv
from puras import inputs, log, progress

def run(table):
    with open(inputs.load_path(table), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    total = 0.0
    for number, row in enumerate(rows, 1):
        total += float(row["total"])
        log.info("an order", number=row["number"])
        progress(number / len(rows), f"order {row['number']}")
    return {"rows": len(rows), "total": total, "average": total // max(1, len(rows))}
""",
    "skills/reindex/skill.yaml": b"""title: Rebuild the index
entrypoint: main.py:run
description: Goes through every page of the catalogue; takes its time.
network: none
input_schema: {type: object, properties: {pages: {type: integer, default: 240, minimum: 1, maximum: 600}}}
output_schema: {type: object, properties: {pages: {type: integer}}}
""",
    "skills/reindex/main.py": b"""import time
from puras import log, progress

def run(pages):
    for page in range(pages):
        log.info("indexed", page=page + 1)
        progress((page + 1) / pages, f"page {page + 1} of {pages}")
        time.sleep(1)
    return {"pages": pages}
""",
}
BIRDS: Final = {
    "skills/greet/skill.yaml": b"""title: Greet a bird
entrypoint: main.py:run
description: Greets a bird by its name.
network: none
input_schema: {type: object, required: [bird], properties: {bird: {type: string}}}
output_schema: {type: object, properties: {greeting: {type: string}}}
""",
    "skills/greet/main.py": b"def run(bird):\n    return {'greeting': f'Good morning, {bird}.'}\n",
}


def _cell(number: int, text: str, kind: str = "code") -> dict[str, Any]:
    ran = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"id": f"cell-{number}", "cell_type": kind, "metadata": {}, "source": text, **ran}


_CELLS: Final = (
    _cell(1, "## Orders of November\nHow many came each week, and what a *good* week is.", "markdown"),
    _cell(2, "orders = {44: 31, 45: 27, 46: 48, 47: 35}\nsum(orders.values()) / len(orders)"),
    _cell(
        3,
        "from IPython.display import HTML\n"
        "rows = ''.join(f'<tr><td>{week}</td><td>{n}</td></tr>' for week, n in orders.items())\n"
        "HTML(f'<table><tr><th>week</th><th>orders</th></tr>{rows}</table>')",
    ),
    _cell(
        4,
        "%%skill tally\n@puras.skill(network='none')\ndef tally(orders: list[int]) -> dict[str, int]:\n"
        '    """Adds up the orders of some weeks."""\n    return {"orders": sum(orders)}',
    ),
)
NOTEBOOK: Final = {"cells": _CELLS, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
