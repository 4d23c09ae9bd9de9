"""`docs/reference/limits.md` contains the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

from backend.config import Settings
from backend.config.quotas import Quota
from backend.core.http import middleware, request_limits
from backend.identity.auth import gate
from backend.identity.auth.accounts import sessions
from backend.identity.auth.rate_limits import sign_ins
from studio import sockets

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")


def test_page_has_every_quota_with_its_default() -> None:
    documented = dict(re.findall(r"`(PURAS_MAX_\w+)` \| ([\d,]+) \|", PAGE))
    names = [f"max_{name}" for name in (*Quota, "projects")]
    assert documented == {
        f"PURAS_{name.upper()}": f"{Settings.model_fields[name].default:,}" for name in names
    }


def test_page_has_the_numbers_of_the_code() -> None:
    assert (request_limits.HEAD_S, request_limits.MAX_HEADERS) == (10, 100)
    assert request_limits.MAX_HEAD_BYTES == 64 * 1024
    assert (middleware.BODY_GRACE_S, middleware.MIN_BYTES_PER_S) == (20, 4096)
    assert (sign_ins.MAX_PER_PAIR, sign_ins.MAX_PER_ADDRESS, sign_ins.MAX_PER_EMAIL) == (10, 50, 100)
    assert (sign_ins.MAX_BAD_KEYS, sign_ins.MAX_BAD_LINKS, sign_ins.WINDOW_S) == (100, 20, 15 * 60)
    assert (sessions.LIFETIME.days, sessions.IDLE.days) == (30, 7)
    assert (sockets.RECHECK_INTERVAL_S, gate.RECHECK_INTERVAL_S) == (5, 5)
    for text in (
        "ten seconds, 100 headers and 64 KiB",
        "within 15 minutes",
        "from one IP address for one email address | 10 |",
        "sign-in attempts from one IP address | 50 |",
        "sign-in attempts for one email address | 100 |",
        "invalid API keys from one IP address | 100 |",
        "invalid one-time links from one IP address | 20 |",
        "30 days",
        "five seconds",
    ):
        assert text in PAGE
