"""The model catalog: built-in models, the file of the operator, and the messages for all errors in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest.findings import BundleInvalid
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.errors import BadModelCatalog, UnknownModel

OWN = """
[endpoints.ollama]
base_url = "http://127.0.0.1:11434/v1/"

[models."ollama/qwen3"]
endpoint = "ollama"
upstream_id = "qwen3:30b"
context_tokens = 32_000
max_output_tokens = 8_000
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "models.toml"
    catalog.use(None)


def test_models_of_operator_are_added_to_built_in_models(file: Path) -> None:
    file.write_text(OWN)
    catalog.use(file)
    models = catalog.current()
    assert models.get("ollama/qwen3").is_free
    assert models.endpoint_of("ollama").base_url == "http://127.0.0.1:11434"
    assert models.get("claude/sonnet-4-6").rates(1).output == 15 * 10**9
    skill = b"entrypoint: SKILL.md\ninput_schema: {}\noutput_schema: {}\nmodel: ollama/qwen3\n"
    read_bundle(pack_files({"a/skill.yaml": skill, "a/SKILL.md": b"x"}))
    catalog.use(None)
    with pytest.raises(BundleInvalid, match="not in the catalog"):
        read_bundle(pack_files({"a/skill.yaml": skill, "a/SKILL.md": b"x"}))


def test_former_key_works_until_0_3(file: Path) -> None:
    former = OWN.replace("max_output_tokens", "most_output_tokens")
    file.write_text(former)
    assert catalog.read(file).get("ollama/qwen3").max_output_tokens == 8_000
    assert catalog.former_keys(file) == {"models.ollama/qwen3.most_output_tokens": "max_output_tokens"}
    file.write_text(former + "max_output_tokens = 9_000\n")
    with pytest.raises(BadModelCatalog, match="'most_output_tokens' and 'max_output_tokens'"):
        catalog.read(file)


def test_operator_can_change_price_of_built_in_model(file: Path) -> None:
    file.write_text(
        '[models."gpt/5"]\nendpoint = "openrouter"\nupstream_id = "x"\ncontext_tokens = 9_000\n'
        "max_output_tokens = 10\nprice = { input_usd = 0.1, output_usd = 0.3 }\n"
    )
    assert catalog.read(file).get("gpt/5").rates(1)[:2] == (10**8, 3 * 10**8)


@pytest.mark.parametrize(
    ("written", "api", "expected"),
    [
        ("http://127.0.0.1:11434/v1/", "chat", "http://127.0.0.1:11434/v1"),
        ("http://127.0.0.1:8080", "responses", "http://127.0.0.1:8080/v1"),
        ("https://host/v1beta/openai/", "chat", "https://host/v1beta/openai"),
        ("https://host/openai/v1", "responses", "https://host/openai/v1"),
        ("https://host/api/v1", "messages", "https://host/api"),
    ],
)
def test_base_url_is_that_of_the_api(file: Path, written: str, api: str, expected: str) -> None:
    file.write_text(OWN.replace('"http://127.0.0.1:11434/v1/"', f'"{written}"\napi = "{api}"'))
    endpoint = catalog.read(file).endpoint_of("ollama")
    assert (endpoint.api, endpoint.base_url) == (api, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[endpoints", "endpoints"), "not TOML"),
        (
            ('"ollama"\nupstream', '"olama"\nupstream'),
            "the endpoint 'olama' does not exist. Did you mean 'ollama'?",
        ),
        (("ollama/qwen3", "qwen3"), "models.qwen3.slug"),
        (('/v1/"', '/v1/"\napi = "grpc"'), "endpoints.ollama.api"),
        (('/v1/"', '/v1/"\napi = "chat"\ncounts_tokens = true'), "'counts_tokens' applies only"),
        (("ollama/qwen3", "claude/qwen3"), "its family 'claude' uses the endpoint 'anthropic'"),
        (("http://127.0.0.1:11434/v1/", "127.0.0.1:11434"), "not the URL of a server"),
        (("127.0.0.1:11434", "me:secret@127.0.0.1"), "contains more than a base URL"),
        (("context_tokens", "contxt_tokens"), "contxt_tokens"),
        (('upstream_id = "qwen3:30b"', ""), "'endpoint' and 'upstream_id' must be set together"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_error_in_catalog_file_is_reported(file: Path, change: tuple[str, str], message: str) -> None:
    file.write_text(OWN.replace(*change))
    with pytest.raises(BadModelCatalog) as caught:
        catalog.read(file)
    assert message in caught.value.detail
    assert "secret" not in caught.value.detail


def test_missing_catalog_file_is_reported(file: Path) -> None:
    with pytest.raises(BadModelCatalog, match="cannot be read"):
        catalog.use(file)


@pytest.mark.parametrize(
    ("slug", "message"),
    [
        ("claude/sonet-4-6", "Did you mean 'claude/sonnet-4-6'?"),
        ("anthropic:claude-sonnet", "contains a provider"),
        ("GPT", "not family/variant"),
        ("zzz/zzz", "Known are claude/opus-5-5"),
    ],
)
def test_unknown_model_error_suggests_the_nearest(slug: str, message: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        catalog.current().get(slug)
    assert message in caught.value.detail


def test_upstream_ids_are_not_shown() -> None:
    for entry in catalog.current().models.values():
        assert not entry.upstream_id or entry.upstream_id not in repr(entry)
