"""Properties of bundles: no input crashes the reader, reading reverses packing, and translation is idempotent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import PurasError
from backend.skills.archives.archive import Archive
from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest.functions import SourceUnreadableError, read_source
from backend.skills.manifest.types import Manifest, Skill
from backend.skills.manifest.yaml_document import read_document
from backend.skills.schemas.rules import schema_flaws
from backend.skills.schemas.schema_dialect import DIALECT_TYPES, to_json_schema
from backend.skills.schemas.value_schemas import InputSchema, OutputSchema

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
keywords = st.sampled_from(
    (
        *("type", "properties", "items", "required", "enum", "anyOf", "oneOf", "allOf", "not", "if", "then"),
        *(
            "default",
            "$defs",
            "$ref",
            "pattern",
            "minimum",
            "maxLength",
            "additionalProperties",
            "prefixItems",
        ),
        *("uniqueItems", "patternProperties", "const", "format", "x-puras", "multipleOf", "contains"),
        *("dependentSchemas", "propertyNames", "else", "unevaluatedProperties"),
    )
)
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc on:-#0'äß日", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc on:", max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
skill_keys = st.sampled_from(
    ("entrypoint", "tools", "evals", "rails", "retries", "limits", "examples", "model", "routing", "network")
)
kinds = st.sampled_from(sorted(DIALECT_TYPES))
random_schemas = st.recursive(
    st.dictionaries(keywords, json_values | kinds, max_size=4),
    lambda inner: st.dictionaries(
        keywords,
        inner | st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_size=4,
    ),
    max_leaves=8,
)


def schemas_with(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for valid schemas of objects and lists with the inner schemas."""
    properties = st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    return st.one_of(
        st.builds(lambda names: {"type": "object", "properties": names}, properties),
        st.builds(
            lambda names: {"type": "object", "properties": names, "required": sorted(names)}, properties
        ),
        st.builds(lambda item: {"type": "array", "items": item}, inner),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda one: {"$defs": {"x": one}, "allOf": [{"$ref": "#/allOf/1"}, one]}, inner),
    )


valid_schemas = st.recursive(kinds.map(lambda kind: {"type": kind}), schemas_with, max_leaves=6)
file_names = st.lists(
    st.from_regex(r"[a-z][a-z0-9_]{0,8}(\.[a-z]{1,4})?", fullmatch=True), min_size=1, max_size=3
).map("/".join)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    for content in (
        data,
        b"PK\x05\x06" + data,
        pack_files({"a/x": b"x"}) + data,
        data + pack_files({"a/x": b"x"}),
    ):
        try:
            read_bundle(content)
        except PurasError as error:
            assert error.status in (400, 413, 422)


@given(st.data())
def test_damaged_zip_is_read_or_rejected(data: st.DataObject) -> None:
    zipped = bytearray(
        pack_files({"skills/a/skill.yaml": b"entrypoint: SKILL.md", "skills/a/SKILL.md": b"x" * 300})
    )
    for _ in range(data.draw(st.integers(1, 6))):
        zipped[data.draw(st.integers(0, len(zipped) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_bundle(bytes(zipped))
    except PurasError as error:
        assert error.status in (400, 413, 422)


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_skill_yaml_is_read_or_rejected(text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    try:
        read_bundle(pack_files({"a/skill.yaml": content, "b/SKILL.md": content, "a/main.py": content}))
    except PurasError as error:
        assert error.status == 422


@given(
    st.dictionaries(
        st.sampled_from(["entrypoint", "tools", "evals", "rails", "retries", "limits", "examples", "model"]),
        json_values,
    )
)
def test_any_values_of_known_keys_are_read_or_rejected(document: dict[str, Any]) -> None:
    text = json.dumps({"input_schema": {}, "output_schema": {}, **document})
    try:
        read_bundle(pack_files({"a/skill.yaml": text.encode(), "a/SKILL.md": b"x"}))
    except PurasError as error:
        assert error.status == 422


@given(plain_values)
def test_json_reads_as_yaml_with_the_same_meaning(value: Any) -> None:
    document = read_document("x", json.dumps(value, ensure_ascii=False).encode())
    assert document.problems == []
    assert document.value == value


@given(st.dictionaries(file_names, st.binary(max_size=200), min_size=1, max_size=8))
def test_reading_returns_the_packed_files(files: dict[str, bytes]) -> None:
    data = pack_files(files)
    try:
        archive = Archive(data)
    except PurasError:
        assert any(other.startswith(f"{name}/") for name in files for other in files), (
            "a file that is a folder too"
        )
        return
    archive.verify()
    assert {path: archive.read(path) for path in archive} == files
    assert pack_files(files) == data


@given(random_schemas | valid_schemas)
def test_schema_translation_is_idempotent(schema: dict[str, Any]) -> None:
    once = to_json_schema(schema)
    assert to_json_schema(once) == once


@settings(max_examples=300)
@given(random_schemas, json_values)
def test_valid_schema_checks_any_value(schema: dict[str, Any], value: Any) -> None:
    if schema_flaws(schema).errors:
        return
    OutputSchema(schema).check(value)
    InputSchema(schema).check(value)
    InputSchema(schema).check({"a": value})


@given(valid_schemas, json_values)
def test_pruning_is_idempotent(schema: dict[str, Any], value: Any) -> None:
    if schema_flaws(schema).errors:
        return
    output = OutputSchema(schema)
    pruned = output.check(value).value
    assert output.check(pruned).value == pruned


@given(valid_schemas)
def test_stored_manifest_is_restored_unchanged(schema: dict[str, Any]) -> None:
    skill = Skill(
        name="a", path="a", entrypoint="m.py:f", is_agentic=False, input_schema=schema, output_schema=schema
    )
    manifest = Manifest(skills=(skill,))
    assert Manifest.model_validate(manifest.model_dump(mode="json")) == manifest


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_source_is_read_or_rejected(source: str | bytes) -> None:
    content = source if isinstance(source, bytes) else source.encode("utf-8", "replace")
    try:
        read_source(content)
    except SourceUnreadableError as error:
        assert str(error)
