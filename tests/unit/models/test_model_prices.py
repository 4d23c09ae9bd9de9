"""Prices of the catalog compared with those of a maintained package, and the file that replaces them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typer.testing import CliRunner

from backend.operations import model_prices
from backend.operations.commands import commands
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.entries import CatalogueEntry, Endpoint, Price
from tests.doubles.serving import serving


def compared(
    *models: CatalogueEntry, endpoints: dict[str, Endpoint] | None = None
) -> list[model_prices.Comparison]:
    known = endpoints or dict(catalog.current().endpoints)
    prices, source = model_prices.snapshot(is_refreshed=False)
    assert source.startswith("genai-prices ")
    return list(model_prices.compare(models, known, prices))


def test_price_of_the_catalog_is_compared_with_that_of_its_provider() -> None:
    opus = catalog.current().get("claude/opus-4-8")
    expensive = opus.model_copy(update={"price": Price(input_usd=Decimal(7), output_usd=Decimal(25))})
    unknown = opus.model_copy(update={"upstream_id": "claude-of-tomorrow-99"})
    same, differs, other = compared(opus, expensive, unknown)
    assert (same.verdict, differs.verdict) == ("same", "differs")
    assert other.verdict == "unknown" or other.found is not None
    *_, line = model_prices.lines([differs])
    assert "7 / 25" in line
    assert "genai-prices: 5 / 25" in line


def test_free_models_and_those_of_unknown_servers_have_no_price() -> None:
    free = catalog.current().get("puras/rehearsal")
    own = catalog.current().get("gpt/5").model_copy(update={"endpoint": "own"})
    (found,) = compared(free, own, endpoints={"own": Endpoint(base_url="http://127.0.0.1:1", api="chat")})
    assert found.verdict == "unknown"


def test_written_file_replaces_the_prices(tmp_path: Path) -> None:
    models = catalog.current().models
    wrong = [
        models[slug].model_copy(update={"price": Price(input_usd=Decimal(9), output_usd=Decimal(9))})
        for slug in ("claude/haiku-5-5", "gpt/6-sol")
    ]
    file = tmp_path / "new.toml"
    file.write_text(model_prices.as_catalog_file(compared(*wrong), "genai-prices 1"), "utf-8")
    read = catalog.read(file)
    assert read.get("gpt/6-sol").price_source == "genai-prices 1"
    assert read.get("gpt/6-sol").price_date is not None
    assert read.operator_models == {"claude/haiku-5-5", "gpt/6-sol"}
    assert "# genai-prices 1" in file.read_text("utf-8")
    for slug in ("claude/haiku-5-5", "gpt/6-sol"):
        assert read.get(slug).rates(1) == models[slug].rates(1)
        assert read.get(slug).rates(500_000) == models[slug].rates(500_000)
        assert read.get(slug).context_tokens == models[slug].context_tokens


def test_every_price_of_the_catalog_is_known_to_the_package() -> None:
    found = compared(*catalog.current().models.values())
    assert [one.entry.slug for one in found if one.verdict == "unknown"] == []


def test_every_price_of_the_release_has_its_source_and_date() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "prices.md").read_text("utf-8")
    for entry in catalog.read().models.values():
        if entry.is_free:
            continue
        assert entry.price_source, entry.slug
        assert entry.price_date is not None, entry.slug
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{entry.slug}` |")]
        assert entry.price_source in row.replace("`", "").replace(f", read {entry.price_date}", ""), (
            entry.slug
        )


HAIKU = {
    "id": "anthropic",
    "name": "Anthropic",
    "api_pattern": "https://api\\.anthropic\\.com",
    "models": [
        {
            "id": "claude-haiku-4-5",
            "match": {"equals": "claude-haiku-4-5"},
            "prices": {"input_mtok": 2, "output_mtok": 7},
        }
    ],
}


@contextmanager
def maintainers(content: str, status: int = 200) -> Iterator[str]:
    """Serve a file of prices, as the maintainers of the package do."""

    async def file(_: Request) -> Response:
        return Response(content, status_code=status, media_type="application/json")

    with serving(Starlette(routes=[Route("/data.json", file)]), "prices") as url:
        yield f"{url}/data.json"


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands("prices"), ["prices", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_newest_prices_are_requested_and_written(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    with maintainers(json.dumps([HAIKU])) as url:
        code, shown, _ = run("--refresh", "--from", url, "--write", str(file))
    assert code == 0, shown
    (line,) = [one for one in shown.splitlines() if one.startswith("claude/haiku-4-5")]
    assert "differs" in line
    assert "genai-prices: 2 / 7" in line
    assert catalog.read(file).get("claude/haiku-4-5").rates(1).output == 7 * 10**9


@pytest.mark.parametrize(
    ("content", "status", "cause"),
    [
        ("", 404, "responded with status 404"),
        ("<html>", 200, "is not a file of prices"),
        ('{"a": 1}', 200, "is not a file of prices"),
        ('[{"id": 1}]', 200, "is not a file of prices"),
        ("[]", 200, "contains no prices"),
    ],
)
def test_prices_that_cannot_be_read_are_explained(content: str, status: int, cause: str) -> None:
    with maintainers(content, status) as url:
        code, _, error = run("--refresh", "--from", url)
    assert code == 1
    assert f"{url} {cause}" in error
    assert "install a newer release of genai-prices" in error


def test_unreachable_maintainers_are_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/data.json"
        code, _, error = run("--refresh", "--from", url)
    assert code == 1
    assert f"there is no connection to {url}" in error
