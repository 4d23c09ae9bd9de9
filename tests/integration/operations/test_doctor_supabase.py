"""The checks of `doctor --supabase` for a project, and what it fixes on request."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from backend.config import Settings, supabase_project
from backend.operations.checks import supabase as doctor
from backend.operations.checks.verdict import Check
from tests.factories.supabase_faults import Fault
from tests.factories.supabase_objects import Bucket
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer

BUNDLES, DRIVE = "puras-bundles", "puras-drive"


@pytest.fixture
def supabase() -> Iterator[SupabaseServer]:
    server = SupabaseServer()
    server.buckets.update({BUNDLES: Bucket(), DRIVE: Bucket()})
    with server.running():
        yield server


def jwt(role: str, **claims: Any) -> str:
    """Return a key of the older kind; the tests do not verify its signature."""
    parts = ({"alg": "HS256"}, {"role": role, **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmVk"])


def run_doctor(
    server: SupabaseServer, tmp_path: Path, *, create: bool = False, **overrides: Any
) -> dict[str, Check]:
    values = {"supabase_url": server.url, "supabase_service_key": SecretStr(SERVICE_KEY), **overrides}
    settings = Settings(home=tmp_path, database_url=None, **values)
    return {check.name: check for check in doctor.checks(settings, create_buckets=create)}


def verdicts(checks: dict[str, Check]) -> dict[str, str]:
    return {name: str(check.verdict) for name, check in checks.items()}


def test_healthy_project_is_reported(supabase: SupabaseServer, tmp_path: Path) -> None:
    checks = run_doctor(supabase, tmp_path)
    assert set(verdicts(checks).values()) == {"ok"}
    assert {
        f"bucket {DRIVE}",
        f"bucket {BUNDLES}",
        "Supabase key",
        "Supabase storage",
        "clock",
    } <= checks.keys()
    assert supabase.objects(DRIVE) == supabase.objects(BUNDLES) == {}


def test_missing_buckets_are_created_on_request(supabase: SupabaseServer, tmp_path: Path) -> None:
    supabase.buckets.clear()
    missing = run_doctor(supabase, tmp_path)[f"bucket {DRIVE}"]
    assert (missing.verdict, "--create-buckets" in missing.remedy) == ("fail", True)
    assert set(verdicts(run_doctor(supabase, tmp_path, create=True)).values()) == {"ok"}
    assert [bucket.public for bucket in supabase.buckets.values()] == [False, False]


def test_public_small_and_inaccessible_buckets_are_reported(supabase: SupabaseServer, tmp_path: Path) -> None:
    supabase.buckets[DRIVE].public = True
    supabase.buckets[BUNDLES].size_limit = 50_000_000
    checks = run_doctor(supabase, tmp_path)
    assert (checks[f"bucket {DRIVE}"].verdict, checks[f"bucket {BUNDLES}"].verdict) == ("fail", "warn")
    assert "50,000,000" in checks[f"bucket {BUNDLES}"].found
    supabase.buckets[DRIVE].public = False
    supabase.faults.append(Fault("POST", f"/object/{DRIVE}/", "status", status=403))
    assert run_doctor(supabase, tmp_path)[f"bucket {DRIVE}"].verdict == "fail"


def test_rejected_key_and_unreachable_url_are_reported(supabase: SupabaseServer, tmp_path: Path) -> None:
    checks = run_doctor(supabase, tmp_path, supabase_service_key=SecretStr("sb_secret_of_another"))
    assert (checks["Supabase storage"].verdict, "rejects the key" in checks["Supabase storage"].found) == (
        "fail",
        True,
    )
    assert "sb_secret_of_another" not in str(checks)
    checks = run_doctor(supabase, tmp_path, supabase_url="http://127.0.0.1:1")
    assert (checks["Supabase storage"].verdict, "does not respond" in checks["Supabase storage"].found) == (
        "fail",
        True,
    )


@pytest.mark.parametrize(("ahead_s", "verdict"), [(0, "ok"), (30, "warn"), (-30, "warn"), (600, "fail")])
def test_wrong_clock_is_reported(
    supabase: SupabaseServer, tmp_path: Path, ahead_s: float, verdict: str
) -> None:
    supabase.clock_ahead_s = ahead_s
    assert run_doctor(supabase, tmp_path)["clock"].verdict == verdict


def test_role_and_expiry_of_an_older_key_are_reported(supabase: SupabaseServer, tmp_path: Path) -> None:
    for exp_in_s, verdict in ((-10, "fail"), (86_400, "warn"), (86_400 * 365, "ok")):
        supabase.service_key = jwt("service_role", exp=int(time.time() + exp_in_s))
        checks = run_doctor(supabase, tmp_path, supabase_service_key=SecretStr(supabase.service_key))
        assert checks["Supabase key"].verdict == verdict


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"SUPABASE_SERVICE_KEY": "sb_publishable_x"}, "of another kind"),
        ({"SUPABASE_SERVICE_KEY": jwt("anon")}, "of another kind"),
        ({"SUPABASE_SERVICE_KEY": jwt("authenticated")}, "of another kind"),
        ({"SUPABASE_SERVICE_KEY": None}, "Set both or neither"),
        ({"SUPABASE_SERVICE_KEY": "sb_secret_a b"}, "contains characters"),
        ({"SUPABASE_URL": None}, "Set both or neither"),
        ({"SUPABASE_URL": "http://abc.supabase.co"}, "must start with https://"),
        ({"SUPABASE_URL": "abc.supabase.co"}, "must be an https:// URL"),
        ({"SUPABASE_URL": "https://user:pw@abc.supabase.co"}, "only the URL of the project"),
        ({"SUPABASE_URL": "https://abc.supabase.co/storage/v1"}, "only the URL of the project"),
        ({"PURAS_SUPABASE_DRIVE_BUCKET": "../x"}, "is not valid"),
        ({"PURAS_SUPABASE_DRIVE_BUCKET": BUNDLES}, "used twice"),
    ],
)
def test_invalid_settings_are_rejected_before_any_request(
    monkeypatch: pytest.MonkeyPatch, overrides: dict[str, str | None], message: str
) -> None:
    good = {"SUPABASE_URL": "https://abc.supabase.co", "SUPABASE_SERVICE_KEY": "sb_secret_zzzzzz"}
    for name, value in {**good, **overrides}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=message) as caught:
        Settings()
    for secret in ("zzzzzz", "sb_publishable_x", jwt("anon"), "user:pw"):
        assert secret not in str(caught.value)


def test_kind_of_a_key_is_found_from_its_prefix_or_claims() -> None:
    kinds = {
        "sb_secret_x": "service", "sb_publishable_x": "public", jwt("service_role"): "service",
        jwt("anon"): "public", jwt("authenticated"): "user", jwt("else"): "unknown", "a.b.c": "unknown",
        "x": "unknown", f"a.{base64.urlsafe_b64encode(b'[1]').decode()}.c": "unknown",
    }  # fmt: skip
    assert {key: supabase_project.key_kind(SecretStr(key)) for key in kinds} == kinds


def test_command_prints_all_checks_and_never_the_key(supabase: SupabaseServer, tmp_path: Path) -> None:
    supabase.buckets.clear()
    ran = subprocess.run(
        [sys.executable, "-m", "backend.operations.cli", "doctor", "--supabase", "--create-buckets"],
        env={
            **os.environ,
            "PURAS_HOME": str(tmp_path / "home"),
            "SUPABASE_URL": supabase.url,
            "SUPABASE_SERVICE_KEY": SERVICE_KEY,
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert f"ok    bucket {DRIVE}: private" in ran.stdout
    assert sorted(supabase.buckets) == [BUNDLES, DRIVE]
    assert SERVICE_KEY not in ran.stdout + ran.stderr


def test_invalid_setting_prints_one_message(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "backend.operations.cli", "doctor"],
        env={
            **os.environ,
            "PURAS_HOME": str(tmp_path),
            "SUPABASE_URL": "http://abc.supabase.co",
            "SUPABASE_SERVICE_KEY": "sb_secret_zzzzzz",
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "SUPABASE_URL must start with https://" in ran.stderr
    assert "sb_secret_zzzzzz" not in ran.stderr
