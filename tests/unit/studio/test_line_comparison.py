"""The comparison of two texts on a page: it contains both texts, with the minimum number of changes."""

from __future__ import annotations

import random
from typing import Any, Final

from tests.unit.studio.page_module import run_module

SCRIPT: Final = """
const { compareLines, folded } = await import(process.argv[1]);
const pairs = JSON.parse(await Bun.stdin.text());
console.log(JSON.stringify(pairs.map(([before, after]) => {
  const lines = compareLines(before, after);
  return { lines, pieces: folded(lines) };
})));
"""


def compared(pairs: list[tuple[str, str]]) -> list[Any]:
    return list(run_module("versions/lines.ts", SCRIPT, pairs))


def longest_common(one: list[str], other: list[str]) -> int:
    best = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for at, line in enumerate(one):
        for to, other_line in enumerate(other):
            best[at + 1][to + 1] = (
                best[at][to] + 1 if line == other_line else max(best[at][to + 1], best[at + 1][to])
            )
    return best[-1][-1]


def test_comparison_contains_both_texts_with_minimal_changes() -> None:
    rng = random.Random(20)
    texts = ["\n".join(rng.choices("abc", k=rng.randrange(1, 14))) for _ in range(400)]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    for (before, after), found in zip(pairs, compared(pairs), strict=True):
        lines = found["lines"]
        assert "\n".join(line["text"] for line in lines if line["kind"] != "added") == before
        assert "\n".join(line["text"] for line in lines if line["kind"] != "removed") == after
        unchanged = sum(line["kind"] == "same" for line in lines)
        assert unchanged == longest_common(before.split("\n"), after.split("\n")), (before, after)


def test_unchanged_lines_are_folded_and_included() -> None:
    before = [f"line {number}" for number in range(200)]
    after = [*before[:100], "new", *before[101:]]
    (found,) = compared([("\n".join(before), "\n".join(after))])
    kinds = [piece["kind"] for piece in found["pieces"]]
    assert kinds == ["fold", *["same"] * 3, "removed", "added", *["same"] * 3, "fold"]
    folds = [piece["lines"] for piece in found["pieces"] if piece["kind"] == "fold"]
    assert [len(lines) for lines in folds] == [97, 96]
    assert folds[1][0] == {"kind": "same", "text": "line 104", "before": 105, "after": 105}


def test_empty_text_makes_all_lines_added_or_removed() -> None:
    added, removed = compared([("", "one\ntwo\n"), ("one\n", "")])
    assert [line["kind"] for line in added["lines"]] == ["added", "added"]
    assert [line["kind"] for line in removed["lines"]] == ["removed"]
