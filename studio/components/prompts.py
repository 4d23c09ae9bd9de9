"""Wrappers of the widgets of the page of prompts in `assets/ui/prompts`."""

from __future__ import annotations

import reflex as rx


class WordDiff(rx.Component):
    """Two texts side by side, with the words marked that only one of them has."""

    library = "$/public/ui/prompts/word_diff.tsx"
    tag = "WordDiff"
    before: rx.Var[str]
    after: rx.Var[str]
    before_label: rx.Var[str]
    after_label: rx.Var[str]
