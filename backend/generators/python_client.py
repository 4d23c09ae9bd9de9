"""Write the types of events of the Python client: `python -m backend.generators.python_client`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from keyword import iskeyword
from pathlib import Path
from textwrap import wrap
from typing import Final

from backend.openapi.event_types import UNION, EventDescription, EventField, groups

PAGE: Final = Path(__file__).parents[2] / "skills_kit" / "puras" / "client" / "event_types.py"
_HEAD: Final = '''\
"""The events of a job as typed dicts, one for each type.

`make openapi` generates this file from the classes of the events and overwrites changes. A later version of Puras can
send types and fields that this file does not contain.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class _Event(TypedDict):
    id: int
    job_id: str
    ts: str
'''


def main() -> int:
    """Write the file."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """Return the text of the file."""
    events = [event for group in groups() for event in group.events]
    names = "\n    | ".join(event.class_name for event in events)
    union = f"{UNION} = (\n    {names}\n)\n" + '"""Any event; `type` distinguishes them."""\n'
    return "\n\n".join([_HEAD, *(_types(event) for event in events), union])


def _types(event: EventDescription) -> str:
    payload = event.class_name.removesuffix("Event") + "Payload"
    text = _text(event.description)
    own = f'    type: Literal["{event.type}"]\n    payload: {payload}\n'
    declaration = "\n".join(_payload(payload, event.fields, text))
    return f"{declaration}\n\n\nclass {event.class_name}(_Event):\n    {text}\n\n{own}"


def _payload(name: str, fields: Sequence[EventField], text: str) -> Iterator[str]:
    if any(iskeyword(one.key) for one in fields):  # a class cannot have a field with the name of a keyword
        yield f"{name} = TypedDict(\n    {name!r},\n    {{".replace("'", '"')
        for one in fields:
            yield f"        # {one.description}"
            yield f'        "{one.key}": {_annotation(one)},'
        yield "    },\n)"
        yield text
        return
    yield f"class {name}(TypedDict):"
    yield f"    {text}\n"
    for one in fields:
        yield f"    {one.key}: {_annotation(one)}"
        yield f"    {_text(one.description)}"


def _annotation(one: EventField) -> str:
    return one.annotation if one.is_required else f"NotRequired[{one.annotation}]"


def _text(description: str) -> str:
    return "\n    ".join(wrap(f'"""{description}"""', 116, break_long_words=False))


if __name__ == "__main__":
    sys.exit(main())
