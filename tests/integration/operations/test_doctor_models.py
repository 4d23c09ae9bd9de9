"""The doctor checks of models: reachable providers, the source of each key, the fallback, and the probe results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.config import Settings
from backend.operations.checks import models as doctor
from backend.operations.checks.verdict import Check
from backend.skills.model_catalog import catalog
from tests.doubles.serving import serving

KEY = "sk-ant-0123456789-secret"


def run_doctor(tmp_path: Path, *, probe: bool = False, **overrides: Any) -> dict[str, Check]:
    nothing = {"anthropic_api_key": None, "openrouter_api_key": None, "fal_key": None, "search_url": None}
    settings = Settings(home=tmp_path, **{**nothing, "anthropic_base_url": None, "models": None, **overrides})
    return {check.name: check for check in doctor.checks(settings, probe=probe)}


def provider(requests: list[str], ids: list[str]) -> Starlette:
    """Return a provider that lists its models for requests with the key."""

    async def listed(request: Request) -> JSONResponse:
        requests.append(request.url.path)
        sent = {request.headers.get("x-api-key"), request.headers.get("authorization")}
        if not sent & {KEY, f"Bearer {KEY}"}:
            return JSONResponse({"error": f"bad key {sent}"}, status_code=401)
        return JSONResponse({"data": [{"id": one} for one in ids]})

    return Starlette(routes=[Route("/v1/models", listed), Route("/v1/key", listed)])


def test_without_a_key_the_doctor_reports_the_simulated_model(tmp_path: Path) -> None:
    checks = run_doctor(tmp_path)
    assert {str(check.verdict) for check in checks.values()} == {"ok"}
    assert "ANTHROPIC_API_KEY is not set" in checks["models of anthropic"].found
    assert "agents use the simulated model" in checks["default model"].found
    assert "on this host" in checks["media"].found
    assert checks["web search"].found.startswith("none")


def test_doctor_reports_the_source_of_keys_and_never_shows_them(tmp_path: Path) -> None:
    key = SecretStr(KEY)
    engine = "https://search.example.org/?key=hidden-0123456789"
    checks = run_doctor(
        tmp_path, anthropic_api_key=key, fal_key=key, search_url=engine, search_usd_per_1000=5
    )
    assert checks["models of anthropic"].found.endswith("with the key in ANTHROPIC_API_KEY")
    assert checks["default model"].found == "claude/sonnet-4-6"
    assert "search engine at search.example.org, 5 USD per 1,000 searches" in checks["web search"].found
    for secret in (KEY, "hidden"):
        assert secret not in str(checks)


def test_default_model_without_a_key_is_a_warning(tmp_path: Path) -> None:
    checks = run_doctor(tmp_path, openrouter_api_key=SecretStr(KEY))
    assert str(checks["default model"].verdict) == "warn"
    assert checks["default model"].remedy.startswith("Set ANTHROPIC_API_KEY")
    unknown = run_doctor(tmp_path, default_model="claude/sonet-4-6")["default model"]
    assert (str(unknown.verdict), "sonnet-4-6" in unknown.found) == ("fail", True)


def test_invalid_models_file_is_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text("[models.x]\n")
    check = run_doctor(tmp_path, models=str(file))["models"]
    assert (str(check.verdict), "models.toml" in check.found) == ("fail", True)


def test_former_key_in_the_models_file_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(
        '[endpoints.local]\nbase_url = "http://127.0.0.1:9"\n[models."local/q"]\nendpoint = "local"\n'
        'upstream_id = "q"\ncontext_tokens = 32000\nmost_output_tokens = 8000\n'
    )
    check = run_doctor(tmp_path, models=str(file))["models"]
    assert (str(check.verdict), check.remedy) == ("warn", "Rename it to max_output_tokens.")
    assert "models.local/q.most_output_tokens" in check.found


def test_probe_only_lists_models_and_reports_missing_ones(tmp_path: Path) -> None:
    requests: list[str] = []
    claude = [entry for entry in catalog.current().models.values() if entry.family == "claude"]
    ids = [f"{entry.upstream_id}-20260101" for entry in claude if entry.slug != "claude/opus-4-5"]
    with serving(provider(requests, ids), "provider") as url:
        overrides = {"anthropic_base_url": url, "anthropic_api_key": SecretStr(KEY)}
        assert "probe of anthropic" not in run_doctor(tmp_path, **overrides)
        assert requests == []
        probed = run_doctor(tmp_path, probe=True, **overrides)["probe of anthropic"]
        assert (str(probed.verdict), requests) == ("warn", ["/v1/models"])
        assert (
            f"lists {len(claude) - 1} of the {len(claude)} models of the catalog, but not claude/opus-4-5"
            in probed.found
        )
        overrides["anthropic_api_key"] = SecretStr("sk-wrong-0123456789")
        rejected = run_doctor(tmp_path, probe=True, **overrides)["probe of anthropic"]
        assert (str(rejected.verdict), rejected.found) == ("fail", "it rejects the key (HTTP status 401)")
        assert "sk-wrong" not in str(rejected)
    unreachable = run_doctor(tmp_path, probe=True, **overrides)["probe of anthropic"]
    assert (str(unreachable.verdict), "does not respond (ConnectError)" in unreachable.found) == (
        "fail",
        True,
    )


@pytest.mark.parametrize("response", ["<html>", '{"data": 3}', "[]"])
def test_endpoint_without_a_model_list_is_not_a_failure(tmp_path: Path, response: str) -> None:
    async def other(_: Request) -> Response:
        return Response(response, media_type="application/json")

    with serving(Starlette(routes=[Route("/v1/models", other)]), "provider") as url:
        file = tmp_path / "models.toml"
        file.write_text(
            f'[endpoints.local]\nbase_url = "{url}"\n[models."local/q"]\nendpoint = "local"\nupstream_id = "q"\n'
            "context_tokens = 32000\nmax_output_tokens = 8000\n"
        )
        checks = run_doctor(tmp_path, probe=True, models=str(file))
    assert checks["models of local"].found.endswith("without a key")
    assert str(checks["probe of local"].verdict) == "warn"
