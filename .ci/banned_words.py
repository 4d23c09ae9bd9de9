"""Find the words of the project's earlier, private vocabulary that standard technical English replaces."""

from __future__ import annotations

import re
import subprocess
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

_COLUMN: Final = "(?:parked|suspect|losses|losses_alone)"
_FIXED: Final = (
    # Names in the database and in Redis. Workers of the previous release use them during an upgrade, so they are not
    # renamed. As names of columns, the words are qualified, assigned, quoted, or within a list of columns.
    rf"\b[A-Za-z]\w*\.{_COLUMN}\b",
    rf"\bset {_COLUMN}(?= = )",
    rf"\b{_COLUMN} = (?=[a-z]+\.{_COLUMN}\b)",
    rf"(?<=, ){_COLUMN}(?=,)",
    rf"[\"'`]{_COLUMN}[\"'`]",
    rf"^    {_COLUMN}(?=: (?:int|bool) = Field\()",
    r"\blosses(?= >= \{quarantine_threshold\})",
    r"\bstamp is not null and (?:not )?suspect\b",
    r"\bix_job_queue_(?:parked|suspect)\b",
    r"\b(?:ix_workers_)?beat_at\b",
    r"\bmost_price_micros\b",
    r"\bgiven_up\b",
    r"[\"'`]anew[\"'`]",
    r"\bpuras:tickets\b",
    # The contract of Puras: the ID and the label of the simulated model, and the system user of its containers.
    r"\bpuras/rehearsal\b",
    r"[\"'`](?:rehearsal|nobody)[\"'`]",
    # Public names before 0.2, which work until 0.3: settings, error codes, parameters, fields, kinds and operations.
    r"\bPURAS_MOST_\w+",
    r"\b(?:media_too_dear|search_too_dear|draft_not_begun|nothing_to_go_on_from|too_many_opinions)\b",
    r"\btoo_many_at_once\b",
    r"\bat_once\b",
    r"\btold(?==\"on_bytes\")|\bdef told(?=\(self\))|\btold(?=: string;)|[\"'`]told[\"'`]",
    r"\b(?:mended_cases|most_output_tokens|most_jobs|most_events)\b",
    r"\b(?:dear_tool|dear_step|dear_runs|version_dearer|output_misfits)\b|[\"'`]misfits[\"'`]",
    r"\b(?:go_on_with_upload|goOnWithUpload)\b",
    r"\bOpinion\b",
    r"[\"'`]ticket[\"'`]",
    # Names and phrases of other tools, and ordinary phrases.
    r"</?picture>",
    r"\.tell\(\)",
    r"\bmost_(?:common|frequent)\b",
    r"\bend as (?=[a-z_]+[,\s])",
    r"\bfor good reasons?\b",
    r"\b(?:one|two|three|four|imperative) sentences?\b",
)
"""Names that contracts fix, and phrases in which a word is standard English."""
_ORDINARY: Final = {
    "docs/images/demo.py": "ticket | tickets",
    "notebooks/4-evals-and-gate.ipynb": "ticket",
    "skills_kit/templates/desk/": "ticket | tickets | sentences",
    "skills_kit/templates/starter/": "sentence | sentences | opinion | opinions | tell",
    "tests/contract/clients/test_approvals_in_the_terminal.py": "ticket",
}
"""Path prefix to the words that have their ordinary meaning there, such as the tickets of a support desk."""
_NOT_READ: Final = (
    ".ci/banned_words.py",  # the list itself
    "tests/unit/structure/test_checks.py",  # its examples
    "tests/contract/frozen/",  # contracts of the previous release
)
_READ: Final = re.compile(r"\.(?:css|html|ipynb|jsx?|md|py|sh|sql|toml|ts|ya?ml)$")


def _forms(line: str) -> list[str]:
    return [form.strip() for form in line.split("|")]


_STANDARD: Final = {form: term for term, line in WORDS.items() for form in _forms(line)} | {"most_": "max_"}
"""Banned word to its standard term."""
_EXCEPTIONS: Final = re.compile("|".join(f"(?:{pattern})" for pattern in _FIXED), re.MULTILINE)
_CAMEL: Final = re.compile(r"([a-z0-9])([A-Z])")
_WORD: Final = re.compile(r"[a-z]+")
_GAP: Final = r"[\s_#]+"
"""Between the words of a phrase, which may continue on the next line of a comment."""


def _beginning_with(first: str) -> re.Pattern[str]:
    """Return the pattern of the banned words that begin with a word, longest first."""
    forms = sorted((form for form in _STANDARD if _WORD.findall(form)[0] == first), key=len, reverse=True)
    patterns = (
        "most_(?=[a-z])" if form == "most_" else f"{_GAP.join(form.split())}(?![a-z])" for form in forms
    )
    return re.compile("|".join(patterns))


_PATTERNS: Final = {first: _beginning_with(first) for first in {_WORD.findall(form)[0] for form in _STANDARD}}


def _named(found: str) -> str:
    """Return a banned word as it is written in WORDS."""
    return found if found in _STANDARD else " ".join(_WORD.findall(found))


def banned_words(text: str) -> list[tuple[int, str]]:
    """Return the number of each line on which a banned word begins, with the word.

    `_` and a change of case separate the words of an identifier.
    """
    # The pattern of the exceptions is slow, and most texts contain no banned word at all.
    return _occurrences(_EXCEPTIONS.sub("|", text)) if _occurrences(text) else []


def _occurrences(text: str) -> list[tuple[int, str]]:
    plain = _CAMEL.sub(r"\1_\2", text).lower()
    begins = ((first, _PATTERNS[first[0]]) for first in _WORD.finditer(plain) if first[0] in _PATTERNS)
    matches = [match for first, pattern in begins if (match := pattern.match(plain, first.start()))]
    return [(plain.count("\n", 0, match.start()) + 1, _named(match[0])) for match in matches]


def locate_banned_words(root: Path) -> list[str]:
    """Return a line with the location and the standard term for each banned word in the files of the repository.

    Raises:
        subprocess.CalledProcessError: The root is not a git repository.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    found = []
    for path in sorted(path for path in listed if _READ.search(path) and not path.startswith(_NOT_READ)):
        if not (root / path).is_file():  # deleted, but not yet committed
            continue
        ordinary = {
            word for prefix, line in _ORDINARY.items() if path.startswith(prefix) for word in _forms(line)
        }
        for number, word in banned_words((root / path).read_text(encoding="utf-8")):
            if word not in ordinary:
                found.append(f"{path}:{number}: {word!r}; use: {_STANDARD[word]}")
    return found
