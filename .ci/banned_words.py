"""Count the words of the project's earlier, private vocabulary that standard technical English replaces."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path
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

_EXCEPTIONS: Final = re.compile(
    r"puras/rehearsal|[\"'`]nobody[\"'`]|for good reasons?|\.tell\(\)|most_common|PURAS_MOST_\w+|former_code = \"\w+\""
    r"|\bend as (?=[a-z_]+[,\s])",
    re.IGNORECASE,
)
"""Names that are fixed elsewhere and ordinary phrases: a public model ID, the system user, `tell()` of files,
`Counter.most_common`, former names of settings and error codes, the end of a SQL expression with a column name."""
_FORMS: Final = sorted({f.strip() for line in WORDS.values() for f in line.split("|")}, key=len, reverse=True)
_PHRASES: Final = [form for form in _FORMS if " " in form]
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HUNK: Final = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
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


def locate_banned_words(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each line on which a banned word begins, with the word."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        following = lines[number] if number < len(lines) else ""
        # A phrase may continue on the next line; a word of the next line alone does not begin on this one.
        for word in banned_words(f"{line}\n{following}") - banned_words(following):
            yield number, word


def added_banned_words(root: Path, folder: str, recorded: str) -> list[str]:
    """Return the location of each banned word on a line of a folder that is newer than the recorded count.

    Args:
        root: The repository.
        folder: The folder to read, relative to the root.
        recorded: The file with the recorded count; lines that its last commit did not have are newer.
    """
    base = _git(root, "log", "-1", "--format=%H", "--", recorded).strip() or "HEAD"
    found = []
    for path, added in sorted(_added_lines(root, folder, base).items()):
        for number, word in locate_banned_words((root / path).read_text(encoding="utf-8")):
            if number in added or (" " in word and number + 1 in added):
                found.append(f"{path}:{number}: {word!r}; use: {_standard_term(word)}")
    return found


def _added_lines(root: Path, folder: str, base: str) -> dict[str, Container[int]]:
    """Return the numbers of the lines that a commit did not have, by file; those that git does not know included."""
    found: dict[str, Container[int]] = {}
    path, numbers = "", set[int]()
    for line in _git(root, "diff", "--unified=0", "--no-renames", base, "--", f"{folder}/*.py").splitlines():
        if line.startswith("+++ "):
            path, numbers = line.removeprefix("+++ ").removeprefix("b/"), set()
        elif hunk := _HUNK.match(line):
            start, size = int(hunk[1]), int(hunk[2] or 1)
            numbers.update(range(start, start + size))
            if path != "/dev/null":
                found[path] = numbers
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "--", f"{folder}/*.py")
    return found | dict.fromkeys(untracked.splitlines(), range(sys.maxsize))


def _git(root: Path, *arguments: str) -> str:
    """Return what git prints; nothing where the root is no repository."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False).stdout


def _standard_term(word: str) -> str:
    terms = (term for term, line in WORDS.items() if word in [form.strip() for form in line.split("|")])
    return next(terms, "max_")
