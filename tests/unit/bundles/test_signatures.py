"""Functions of Python files are described from their source, which is not executed."""

from __future__ import annotations

from backend.skills.manifest.signatures import signatures

SOURCE = b'''
raise SystemExit("executed")

def count(text: str, unit: "Literal['word', 'line']" = "word", *, limit: int | None = 10, tags: list[str] = ()) -> dict:
    """Count the words of a text.

    More about it.
    """

async def look(up, deep: "not python(" = True): ...

def _hidden(): ...

class Owl:
    def fly(self): ...
'''


def test_functions_are_described_by_their_annotations() -> None:
    count, look = signatures(SOURCE)
    assert (count.name, count.line, count.description) == ("count", 4, "Count the words of a text.")
    assert count.signature.startswith("count(text: str, unit:")
    assert count.signature.endswith("-> dict")
    assert count.input_schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "unit": {"type": "string", "enum": ["word", "line"], "default": "word"},
            "limit": {"type": "integer", "default": 10},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["text"],
    }
    assert count.output_schema == {"type": "object", "properties": {}}
    assert look.input_schema["properties"] == {"up": {"type": "string"}, "deep": {"type": "string"}}


def test_file_that_is_not_python_has_no_functions() -> None:
    for content in (b"def (", b"\0", b"(" * 10_000, b"\xff", b"x" * (1 << 20)):
        assert signatures(content) == []
