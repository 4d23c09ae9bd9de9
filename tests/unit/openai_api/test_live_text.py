"""Segments of the text that streams send."""

from __future__ import annotations

from backend.integrations.openai_api.live_text import LiveText, Piece


def test_lost_deltas_are_sent_with_the_reply() -> None:
    live = LiveText()
    assert [*live.delta(1, "Owls "), *live.reply(1, "Owls fly.", "end_turn")] == [
        Piece(1, "Owls "),
        Piece(1, "fly."),
    ]
    assert [*live.delta(1, "late")] == []
    assert [*live.answer("Owls fly.")] == []


def test_gap_in_the_deltas_repeats_the_reply_as_a_segment() -> None:
    live = LiveText()
    assert [*live.delta(1, "Owls fly "), *live.delta(1, "night.")][1] == Piece(1, "night.")
    assert [*live.reply(1, "Owls fly at night.", "end_turn")] == [Piece(2, "Owls fly at night.")]
    assert [*live.answer("Owls fly at night.")] == []


def test_text_after_tool_calls_is_another_segment() -> None:
    live = LiveText()
    assert [*live.delta(1, "I look."), *live.reply(1, "I look.", "tool_use")] == [Piece(1, "I look.")]
    assert [*live.delta(2, "Owls.")] == [Piece(2, "Owls.")]
    assert [*live.answer("Owls.")] == []
    assert live.segment == 2


def test_reply_that_was_cut_off_continues_its_segment() -> None:
    live = LiveText()
    pieces = [*live.delta(1, "Owls fly "), *live.reply(1, "Owls fly ", "max_tokens")]
    pieces += [*live.delta(2, "at night."), *live.reply(2, "at night.", "end_turn")]
    assert pieces == [Piece(1, "Owls fly "), Piece(1, "at night.")]
    assert [*live.answer("Owls fly at night.")] == []


def test_reply_that_starts_again_is_another_segment() -> None:
    live = LiveText()
    assert [*live.delta(1, "Bats "), *live.delta(1, "", is_restart=True), *live.delta(1, "Owls.")] == [
        Piece(1, "Bats "),
        Piece(2, "Owls."),
    ]
    assert [*live.reply(1, "Owls.", "end_turn"), *live.answer("Owls.")] == []


def test_answer_that_is_no_reply_is_a_segment() -> None:
    live = LiveText()
    assert [*live.answer('{"n": 1}')] == [Piece(1, '{"n": 1}')]
    live = LiveText()
    assert [*live.reply(1, "I submit.", "tool_use"), *live.answer("Owls.")] == [
        Piece(1, "I submit."),
        Piece(2, "Owls."),
    ]
    assert [*LiveText().answer("")] == [Piece(1, "")]


def test_text_blocks_of_a_reply_are_not_sent_twice() -> None:
    live = LiveText()
    assert [*live.delta(1, "One."), *live.delta(1, "Two."), *live.reply(1, "One.Two.", "end_turn")] == [
        Piece(1, "One."),
        Piece(1, "Two."),
    ]
    assert [*live.answer("One.\n\nTwo.")] == []


def test_whole_text_after_lost_deltas_continues_the_segment() -> None:
    live = LiveText()
    assert [*live.delta(1, "Owls "), *live.delta(1, "Owls fly", is_restart=True)] == [
        Piece(1, "Owls "),
        Piece(1, "fly"),
    ]
