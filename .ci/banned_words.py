"""Count the words of the project's earlier, private vocabulary that standard technical English replaces."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

WORDS: Final = {
    "again": "anew",
    "alongside": "beside",
    "is in": "lies in | lie in | stands in | stand in",
    "approval": "consent",
    "cache": "shelf",
    "checked": "looked at",
    "collect artifacts": "harvest | harvests | harvested",
    "connected to": "dial | dials | dialed | dialled | dialing | dialling",
    "continues": "goes on | go on | going on | went on",
    "distinguished": "told apart | tell apart",
    "environment": "surroundings",
    "expensive": "dear | dearer",
    "fails with, ends with status": "ends as | end as",
    "failed, abandoned": "given up | gives up | gave up",
    "feedback": "opinion | opinions",
    "fix": "mend | mends | mended | mending",
    "gateways": "door | doors",
    "heartbeat": "heart | beat | beats",
    "immediately, concurrently": "at once",
    "image": "picture | pictures",
    "in plaintext": "in clear",
    "instead of": "in the place of",
    "is deleted automatically": "goes by itself | go by themselves",
    "ledger, accounts": "books",
    "limited to": "held to",
    "lost attempts, recovery": "losses",
    "message": "sentence | sentences",
    "mismatches": "misfit | misfits",
    "notification": "doorbell | bell",
    "normalization": "disguise | disguises",
    "operate": "look after | looks after | looked after",
    "pending": "parked",
    "permanently": "for good",
    "quarantined": "suspect | suspects",
    "recently": "of late",
    "recorded": "written down",
    "redaction": "discretion | taken out",
    "reports, notifies": "told | tells | tell | telling | says so | say so",
    "restored, dismissed": "put back | puts back | put away | puts away",
    "resumed": "taken up again | takes up again",
    "runtime": "house",
    "sandbox policy": "strictness",
    "scheduled": "by the clock",
    "simulation": "rehearsal | rehearsals | rehearse | rehearsed | rehearses",
    "staged drive": "own drive",
    "started": "begun",
    "submits": "hands in | hand in | handed in",
    "the result": "what comes of it | what came of it",
    "disconnects": "hangs up | hang up | hung up",
    "LLM client": "speaker",
    "a user": "somebody | nobody",
    "unavailable": "be had | is away | are away | was away | were away",
    "untrusted": "stranger | strangers",
    "anyone who": "whoever",
    "wake-up message": "ticket | tickets",
    "worker registry": "fleet",
    "workspace": "workroom | workrooms",
}
"""Standard term to the words that it replaces, where these are unambiguous in identifiers, comments and strings."""

_EXCEPTIONS: Final = re.compile(r"puras/rehearsal|[\"'`]nobody[\"'`]|for good reasons?", re.IGNORECASE)
"""A public model ID, the system user of that name, and ordinary English that contains a banned phrase."""
_FORMS: Final = sorted({f.strip() for line in WORDS.values() for f in line.split("|")}, key=len, reverse=True)
_PHRASES: Final = [form for form in _FORMS if " " in form]
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAXIMUM: Final = re.compile(r"(?<![A-Za-z])(?:MOST|most)_(?=[A-Za-z])")


def banned_words(text: str) -> Counter[str]:
    """Return how often each banned word occurs; `_` and a change of case separate the words of an identifier."""
    plain = re.sub(r"[\s_#]+", " ", _CAMEL.sub("_", _EXCEPTIONS.sub(" ", text))).lower()
    found: Counter[str] = Counter()
    for phrase in _PHRASES:
        if phrase in plain:
            plain, number = re.subn(rf"(?<![a-z]){phrase}(?![a-z])", "|", plain)
            found[phrase] = number
    single = Counter(re.findall(r"[a-z]+", plain))
    found.update({form: single[form] for form in _FORMS if form in single})
    found["most_"] = len(_MAXIMUM.findall(text))
    return +found
