"""Prices of the catalog compared with those of a maintained package, and the file that replaces them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from backend.operations import model_prices
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.entries import CatalogueEntry, Endpoint, Price


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
    assert "# genai-prices 1" in file.read_text("utf-8")
    for slug in ("claude/haiku-5-5", "gpt/6-sol"):
        assert read.get(slug).rates(1) == models[slug].rates(1)
        assert read.get(slug).rates(500_000) == models[slug].rates(500_000)
        assert read.get(slug).context_tokens == models[slug].context_tokens


def test_every_price_of_the_catalog_is_known_to_the_package() -> None:
    found = compared(*catalog.current().models.values())
    assert [one.entry.slug for one in found if one.verdict == "unknown"] == []
