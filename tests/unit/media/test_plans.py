"""The plan of a media call: its model family, mode, request and maximum cost."""

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
    verb: Verb | None,
    model: str = "auto",
    *,
    default_model: str | None = None,
    can_buy: bool = True,
    **given: Any,
) -> Plan:
    return plan(verb, model, given, default_model=default_model, can_buy=can_buy)


def test_families_match_the_models_that_skills_may_name() -> None:
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
def test_mode_is_derived_from_the_inputs(verb: Verb, given: dict[str, Any], mode: str) -> None:
    assert planned(verb, **given).mode == mode
    lips = planned("video", "kling", image="a", lipsync_audio="b", refs=["c"])
    assert (lips.mode, lips.quantity(audio_bytes=20_000).upstream_nanos) == ("lipsync", 10 * 115_000_000)


def test_model_is_found_by_its_short_name_and_by_the_skill() -> None:
    assert planned("video", "veo-fast", prompt="x").family.slug == "google/veo-fast"
    assert planned("image", default_model="seedream", prompt="x").family.slug == "bytedance/seedream"
    assert planned("image", default_model="auto", prompt="x").family.slug == "google/nano-banana"
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


def test_inputs_are_converted_for_the_model_and_others_cause_warnings() -> None:
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
    speech = planned("audio", text="x" * 7, speed=1.5)
    assert (body_of(speech, {}), speech.quantity().upstream_nanos) == (
        {"text": "x" * 7, "speed": 1.5},
        700_000,
    )


def test_resolution_has_its_price_and_one_without_a_price_is_rejected() -> None:
    film = planned("video", "veo", prompt="x", duration=4, resolution="4k")
    assert film.quantity().upstream_nanos == 4 * 400_000_000
    with_sound = planned("video", "veo", prompt="x", duration=4, resolution="4k", audio=True)
    assert with_sound.quantity().upstream_nanos == 4 * 600_000_000
    for model, resolution in (("veo-fast", "4k"), ("seedance", "1080p")):
        with pytest.raises(BadMediaInputs, match=f"not {resolution}"):
            planned("video", model, prompt="x", resolution=resolution)
    [veo] = [one for one in MediaModelPrice.all(20) if one.model == "google/veo"]
    assert (veo.at["4k"].micros, veo.at["4k"].with_audio_micros) == (480_000, 720_000)


def test_without_a_key_local_models_are_used_with_a_warning() -> None:
    made = planned("image", "imagen", can_buy=False, prompt="x")
    assert (made.family.slug, made.quantity().upstream_nanos) == ("local/drawing", 0)
    assert "google/imagen" in made.warnings[0]
    with pytest.raises(NoTranscripts):
        planned("transcribe", can_buy=False, audio="a")
    with pytest.raises(ModeMissing):
        planned("image", "imagen", can_buy=False, prompt="x", refs=["a"])


def test_prices_include_the_margin() -> None:
    prices = {price.model: price for price in MediaModelPrice.all(20)}
    assert (
        prices["google/veo"].per,
        prices["google/veo"].micros,
        prices["google/veo"].with_audio_micros,
    ) == (
        "second",
        240_000,
        480_000,
    )
    assert (prices["local/clip"].per, prices["local/clip"].micros) == (None, 0)
