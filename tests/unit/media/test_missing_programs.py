"""Without the extra `media`, local speech and videos are rejected before money is reserved; images work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.core import extras
from backend.core.extras import ExtraMissing
from backend.integrations.media.plan import plan


@pytest.fixture(autouse=True)
def without_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(
        extras.EXTRAS, "media", extras.Extra(("no_such_module_of_media",), "local speech and videos")
    )  # type: ignore[arg-type]
    extras.is_installed.cache_clear()
    yield
    extras.is_installed.cache_clear()


@pytest.mark.parametrize(
    ("verb", "model", "inputs"),
    [
        ("audio", "local/espeak", {"text": "Good evening"}),
        ("video", "local/clip", {"prompt": "an owl"}),
        ("video", "auto", {"prompt": "an owl"}),
    ],
)
def test_speech_and_videos_name_the_extra(verb: str, model: str, inputs: dict[str, str]) -> None:
    with pytest.raises(ExtraMissing, match=r"pip install 'puras-studio\[media\]'") as caught:
        plan(verb, model, inputs, default_model=None, can_buy=False)  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.as_body()["extra"]) == (501, "media")


def test_images_need_no_programs() -> None:
    assert (
        plan("image", "auto", {"prompt": "an owl"}, default_model=None, can_buy=False).family.slug
        == "local/drawing"
    )


def test_bought_media_need_no_programs() -> None:
    assert (
        plan("video", "auto", {"prompt": "an owl"}, default_model=None, can_buy=True).family.kind == "video"
    )
