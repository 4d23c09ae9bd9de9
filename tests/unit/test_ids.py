"""The short form of the ID of a job distinguishes it, also if IDs begin with a time."""

from __future__ import annotations

from uuid import UUID

from backend.core.ids import short


def test_the_short_form_is_the_end_of_an_id() -> None:
    assert short(UUID("01920000-0000-7000-8000-0000deadbeef")) == "deadbeef"
    assert short("3f2b1c4d-0000-4000-8000-0000cafe0001") == "cafe0001"
