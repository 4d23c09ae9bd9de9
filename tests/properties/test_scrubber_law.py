"""Properties of the scrubber: it removes every secret, and the result for chunks equals that for the complete text."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

from hypothesis import assume, given
from hypothesis import strategies as st

from backend.data.secrets.scrub import HIDDEN, MIN_SECRET_CHARACTERS, Scrubber

few_letters = st.text(alphabet='ab+/é\n"', min_size=MIN_SECRET_CHARACTERS, max_size=20)
any_letters = st.text(st.characters(codec="utf-8"), min_size=MIN_SECRET_CHARACTERS, max_size=60)
long_secrets = st.text(alphabet="ab", min_size=250, max_size=700)
secrets = st.lists(st.one_of(few_letters, any_letters, long_secrets), min_size=1, max_size=4)
FORMS = (
    lambda secret: secret,
    lambda secret: json.dumps(secret),
    lambda secret: quote(secret, safe=""),
    lambda secret: secret.encode().hex(),
    lambda secret: base64.b64encode(secret.encode()).decode(),
)


@st.composite
def leaks(draw: st.DrawFn) -> tuple[list[str], str]:
    """Draw some secrets, and a text that contains them in several encodings."""
    hidden = draw(secrets)
    written = st.builds(lambda form, secret: form(secret), st.sampled_from(FORMS), st.sampled_from(hidden))
    parts = draw(st.lists(st.one_of(st.text(st.characters(codec="utf-8"), max_size=30), written), max_size=8))
    return hidden, "".join(parts)


@given(leaks())
def test_scrubbed_text_contains_no_secret(leak: tuple[list[str], str]) -> None:
    hidden, text = leak
    assume(not any(secret in HIDDEN * 3 for secret in hidden))
    shown = "\x00".join(Scrubber(hidden).scrub(text).split(HIDDEN))
    for secret in hidden:
        for form in FORMS:
            assert form(secret).strip('"=') not in shown


@given(leaks(), st.data())
def test_scrubbed_chunks_equal_the_scrubbed_text(leak: tuple[list[str], str], data: st.DataObject) -> None:
    hidden, text = leak
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    stream = Scrubber(hidden).stream()
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join([*map(stream.feed, chunks), stream.end()]) == Scrubber(hidden).scrub(text)
