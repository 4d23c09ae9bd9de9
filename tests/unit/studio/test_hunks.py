"""The hunks of a proposal: together they are the proposed text, and each applies only where its lines are unchanged."""

from __future__ import annotations

import random
from typing import Any, Final

from tests.unit.studio.page_module import run_module

SCRIPT: Final = """
const { hunksOf, withHunk, hasHunk } = await import(process.argv[1]);
const cases = JSON.parse(await Bun.stdin.text());
console.log(JSON.stringify(cases.map(({ before, after, current, order }) => {
  const hunks = hunksOf(before, after), states = [];
  let text = current ?? before;
  for (const at of hunks.keys().toArray().toSorted((one, other) => order * (one - other))) {
    const next = withHunk(before, text, hunks[at]);
    states.push(next === null ? (hasHunk(after, text, hunks[at]) ? "has" : "changed") : "applied");
    text = next ?? text;
  }
  return { count: hunks.length, text, states };
})));
"""
BEFORE: Final = "a\nb\nc\nd\ne\nf\ng\nh\n"
AFTER: Final = "a\nB\nc\nd\ne\nf\nG\nh\n"


def applied(*cases: dict[str, Any]) -> list[Any]:
    """Return the text after all hunks of each case, and what became of each."""
    return list(run_module("assistant/hunks.ts", SCRIPT, [{"order": 1, **case} for case in cases]))


def test_all_hunks_in_any_order_are_the_proposed_text() -> None:
    rng = random.Random(7)
    texts = ["\n".join(rng.choices("abcdef", k=rng.randrange(0, 20))) for _ in range(400)]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    cases = [
        {"before": before, "after": after, "order": order} for before, after in pairs for order in (1, -1)
    ]
    for case, found in zip(cases, applied(*cases), strict=True):
        assert found["text"] == case["after"], case
        assert set(found["states"]) <= {"applied"}


def test_hunks_apply_alongside_other_changes_and_not_over_them() -> None:
    case = {"before": BEFORE, "after": AFTER}
    alongside, over, already, end = applied(
        {**case, "current": f"new\n{BEFORE}"},
        {**case, "current": BEFORE.replace("b\n", "mine\n")},
        {**case, "current": AFTER},
        {"before": "a", "after": "a\n"},
    )
    assert (alongside["text"], alongside["states"]) == (f"new\n{AFTER}", ["applied", "applied"])
    assert (over["text"], over["states"]) == (AFTER.replace("B\n", "mine\n"), ["changed", "applied"])
    assert (already["text"], already["states"]) == (AFTER, ["has", "has"])
    assert end["text"] == "a\n"
