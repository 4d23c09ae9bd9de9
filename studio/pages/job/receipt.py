"""The receipt tab of a job: its line items and their sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import reflex as rx

from backend.usage.schemas import Receipt, ReceiptLine
from studio.components.elements import framed_table, note, tag
from studio.components.live import Ago
from studio.formatting import usd

_COLUMNS: Final[list[tuple[Any, str, str]]] = [
    ("Item", "30%", ""),
    ("Quantity", "28%", ""),
    ("Step", "7%", "num"),
    ("Upstream", "11%", "num"),
    ("Billed", "12%", "num"),
    ("Time", "12%", "num"),
]
_KINDS: Final = {"compute": "Compute time", "model": "Model", "media": "Media", "web": "Web"}


@dataclass
class Line:
    """One line item of a receipt, as text."""

    what: str
    detail: str
    label: str
    is_estimated: bool
    quantity: str
    step: str
    upstream: str
    billed: str
    at: str


@dataclass
class Sum:
    """One row of the totals."""

    name: str
    amount: str


@dataclass
class ReceiptFacts:
    """A receipt, as text."""

    lines: list[Line]
    sums: list[Sum]
    notes: list[str]


def receipt_facts(receipt: Receipt) -> ReceiptFacts:
    """Return the receipt as text: the line items, and the totals from their prices to the charged cost."""
    sums = [Sum("Used", usd(receipt.used_micros))]
    sums += [Sum("Forgiven", f"-{usd(receipt.forgiven_micros)}")] if receipt.forgiven_micros else []
    sums += (
        [Sum("Over the cap, not charged", f"-{usd(receipt.over_cap_micros)}")]
        if receipt.over_cap_micros
        else []
    )
    sums.append(Sum("Charged", usd(receipt.cost_micros)))
    if receipt.cap_micros:
        sums.append(Sum("Cost cap", usd(receipt.cap_micros)))
    return ReceiptFacts([_line(line) for line in receipt.lines], sums, list(receipt.notes))


def _line(line: ReceiptLine) -> Line:
    return Line(
        what=_KINDS.get(line.kind, line.kind),
        detail=line.model or line.provider,
        label=line.label,
        is_estimated=line.is_estimated,
        quantity=", ".join(
            f"{amount:,} {name.replace('_', ' ')}"
            if isinstance(amount, int)
            else f"{amount} {name.replace('_', ' ')}"
            for name, amount in line.quantity.items()
            if amount
        ),
        step="" if line.step is None else str(line.step),
        upstream="" if line.upstream_nanos is None else usd(round(line.upstream_nanos / 1000)),
        billed=usd(line.billed_micros),
        at=line.at.isoformat(),
    )


def receipt_tab(facts: rx.Var[ReceiptFacts]) -> rx.Component:
    """Render the line items and the totals."""
    nothing = rx.el.p("This job has no line items: it used nothing that has a price.", class_name="t2")
    return rx.el.div(
        rx.foreach(facts.notes, lambda text: note(text, style={"margin_bottom": "12px"})),
        rx.cond(
            facts.lines.length() > 0,
            framed_table("Line items", _COLUMNS, rx.foreach(facts.lines, _row)),
            nothing,
        ),
        rx.el.dl(
            rx.foreach(
                facts.sums,
                lambda one: rx.fragment(rx.el.dt(one.name), rx.el.dd(one.amount, class_name="num")),
            ),
            class_name="sums",
        ),
    )


def _row(line: rx.Var[Line]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            line.what,
            " ",
            rx.el.span(line.detail, class_name="t2"),
            rx.cond(line.label != "", rx.fragment(" ", tag(line.label))),
        ),
        rx.el.td(
            line.quantity,
            rx.cond(line.is_estimated, rx.fragment(" ", tag("Estimated")), None),
            class_name="t2",
            title=line.quantity,
        ),
        rx.el.td(line.step, class_name="num"),
        rx.el.td(line.upstream, class_name="num t2"),
        rx.el.td(line.billed, class_name="num"),
        rx.el.td(Ago.create(moment=line.at), class_name="num t3"),
    )
