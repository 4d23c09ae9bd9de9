"""What a call means: which family, which mode, how it is asked, what it costs at most."""

from __future__ import annotations

from typing import Any

import pytest

from backend.integrations.media.errors import BadMediaInputs, ModeMissing, NoTranscripts, UnknownMediaModel
from backend.integrations.media.fal.provider import body_of
from backend.integrations.media.model_families import Verb, families
from backend.integrations.media.plan import Plan, plan
from backend.integrations.media.prices import MediaModelPrice
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog


def planned(
    verb: Verb | None, model: str = "auto", *, usual: str | None = None, can_buy: bool = True, **given: Any
) -> Plan:
    return plan(verb, model, given, default_model=usual, can_buy=can_buy)


def test_every_model_that_a_skill_may_name_has_a_family_and_none_more_has() -> None:
    named = catalog.current().media
    assert sorted(families()) == sorted([*named.image, *named.video, *named.audio])
    for kind in ("image", "video", "audio"):
        assert {families()[slug].kind for slug in getattr(named, kind)} == {kind}
    assert set(Skill.model_fields) >= {"image_model", "video_model", "audio_model"}


@pytest.mark.parametrize(
    ("verb", "given", "mode"),
    [
        ("image", {"prompt": "x"}, "t2i"),
        ("image", {"prompt": "x", "refs": ["a"]}, "edit"),
        ("video", {"prompt": "x"}, "t2v"),
        ("video", {"image": "a"}, "i2v"),
        ("video", {"image": "a", "refs": ["b"]}, "r2v"),
        ("audio", {"text": "x"}, "tts"),
        ("transcribe", {"audio_url": "a"}, "stt"),
    ],
)
def test_the_mode_follows_from_the_inputs(verb: Verb, given: dict[str, Any], mode: str) -> None:
    assert planned(verb, **given).mode == mode
    lips = planned("video", "kling", image="a", lipsync_audio="b", refs=["c"])
    assert (lips.mode, lips.quantity(audio_bytes=20_000).upstream_nanos) == ("lipsync", 10 * 115_000_000)


def test_names_are_found_by_their_last_part_and_by_what_the_skill_says() -> None:
    assert planned("video", "veo-fast", prompt="x").family.slug == "google/veo-fast"
    assert planned("image", usual="seedream", prompt="x").family.slug == "bytedance/seedream"
    assert planned("image", usual="auto", prompt="x").family.slug == "google/nano-banana"
    assert planned(None, "elevenlabs/scribe-v2", audio="a").verb == "transcribe"
    for verb, model, error in (
        ("image", "nano-bananna", UnknownMediaModel),
        ("audio", "scribe-v2", UnknownMediaModel),
        ("image", "veo", UnknownMediaModel),
        (None, "auto", BadMediaInputs),
    ):
        with pytest.raises(error):
            planned(verb, model, prompt="x")  # type: ignore[arg-type]  # the table's verbs are verbs
    with pytest.raises(ModeMissing, match="nano-banana"):
        planned("image", "imagen", prompt="x", refs=["a"])


def test_a_model_gets_what_it_takes_in_its_own_words_and_the_rest_is_told() -> None:
    film = planned("video", "veo", prompt="x", duration=5.5, resolution="720p", audio=True)
    assert body_of(film, {}) == {
        "prompt": "x",
        "duration": "6s",
        "resolution": "720p",
        "generate_audio": True,
    }
    assert film.quantity().upstream_nanos == 6 * 400_000_000
    assert "6 s" in film.warnings[0]
    wide = planned("image", "gpt-image", prompt="x", aspect_ratio="3:2", resolution="4K")
    assert body_of(wide, {})["image_size"] == "1536x1024"
    assert wide.warnings == ("openai/gpt-image does not support 'resolution': it was ignored.",)
    said = planned("audio", text="x" * 7, speed=1.5)
    assert (body_of(said, {}), said.quantity().upstream_nanos) == ({"text": "x" * 7, "speed": 1.5}, 700_000)


def test_a_resolution_costs_what_it_costs_and_one_without_a_known_price_is_not_made() -> None:
    film = planned("video", "veo", prompt="x", duration=4, resolution="4k")
    assert film.quantity().upstream_nanos == 4 * 400_000_000
    loud = planned("video", "veo", prompt="x", duration=4, resolution="4k", audio=True)
    assert loud.quantity().upstream_nanos == 4 * 600_000_000
    for model, resolution in (("veo-fast", "4k"), ("seedance", "1080p")):
        with pytest.raises(BadMediaInputs, match=f"not {resolution}"):
            planned("video", model, prompt="x", resolution=resolution)
    [veo] = [one for one in MediaModelPrice.all(20) if one.model == "google/veo"]
    assert (veo.at["4k"].micros, veo.at["4k"].with_audio_micros) == (480_000, 720_000)


def test_without_a_key_what_can_be_made_here_is_and_says_so() -> None:
    made = planned("image", "imagen", can_buy=False, prompt="x")
    assert (made.family.slug, made.quantity().upstream_nanos) == ("local/drawing", 0)
    assert "google/imagen" in made.warnings[0]
    with pytest.raises(NoTranscripts):
        planned("transcribe", can_buy=False, audio="a")
    with pytest.raises(ModeMissing):
        planned("image", "imagen", can_buy=False, prompt="x", refs=["a"])


def test_prices_are_told_with_the_margin() -> None:
    told = {price.model: price for price in MediaModelPrice.all(20)}
    assert (told["google/veo"].per, told["google/veo"].micros, told["google/veo"].with_audio_micros) == (
        "second",
        240_000,
        480_000,
    )
    assert (told["local/clip"].per, told["local/clip"].micros) == (None, 0)
