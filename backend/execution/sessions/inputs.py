"""Fill the inputs of a skill from the messages of a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from backend.execution.journal.turns import Turn
from backend.execution.sessions.errors import ConversationInvalid
from backend.execution.sessions.messages import FilePart, Message, texts_of
from backend.skills.manifest.types import Skill
from backend.skills.schemas.schema_dialect import Schema, file_kind
from backend.skills.schemas.value_schemas import ATTACHMENTS

MESSAGES: Final = "messages"
"""An input with this name, if a skill declares it as a list, receives all messages."""
_TEXT: Final = "message"
"""The name of a text in an agent's conversation if no input of the skill is for texts."""
_TEXT_TYPES: Final = frozenset({"string", "text"})
_FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "image": ("image", "file"),
    "audio": ("audio", "file"),
    "file": ("file", "image", "audio", "video"),
}
"""The types of inputs that accept each kind of file, the best one first."""


class Filled(NamedTuple):
    """The inputs of a job, and the conversation that it continues."""

    inputs: dict[str, Any]
    turn: Turn


def fill(
    skill: Skill, messages: Sequence[Message], given: Mapping[str, Any] | None, *, accepts_text: bool
) -> Filled:
    """Return the inputs of a job that answers the last message.

    Args:
        skill: The skill that the request names.
        messages: The conversation, which ends with a message of the user.
        given: Inputs of the request in addition to its messages.
        accepts_text: Whether a text may end the turn of an agent instead of a result.

    Raises:
        ConversationInvalid: The conversation does not end with the user, or a part of it fits no input.
    """
    last = messages[-1] if messages else None
    if last is None or last.role != "user":
        location = "messages" if last is None else last.location
        raise ConversationInvalid(location, "The last message must have the role 'user'.")
    inputs = dict(given or {})
    properties = _properties(skill.input_schema)
    context = [one.text for one in messages if one.role == "system" and one.text.strip()]
    if _is_list(properties.get(MESSAGES)) and MESSAGES not in inputs:
        inputs[MESSAGES] = list(texts_of(messages))
        context, earlier = [], []
    else:
        earlier = [one for one in messages[:-1] if one.role != "system"]
        left_over = _fill_text(skill, last, inputs)
        context += [left_over] if left_over else []
    _fill_files(skill, last.files, inputs, or_attach=True)
    if skill.is_agentic:
        _attach(skill, [file for one in earlier for file in one.files], inputs)
    turns = tuple(_earlier(skill, one) for one in earlier if one.text.strip())
    return Filled(inputs, Turn(turns, tuple(context), accepts_text))


class FilledMessage(NamedTuple):
    """What a message of a session sets."""

    inputs: dict[str, Any]
    text_input: str | None
    """The input that the text fills."""
    message: str
    """The text, if no input is for it."""


def fill_message(skill: Skill, message: Message, given: Mapping[str, Any] | None) -> FilledMessage:
    """Return what one message of a session sets: its `inputs`, the input of its text, and its files.

    Raises:
        ConversationInvalid: A part of it fits no input.
    """
    inputs = dict(given or {})
    name = text_input(skill.input_schema)
    if name is not None and name in inputs:
        left_over: str | None = message.text
    else:
        left_over = _fill_text(skill, message, inputs)
    if name is None and not _properties(skill.input_schema) and _TEXT in inputs:
        name = _TEXT
    _fill_files(skill, message.files, inputs, or_attach=True)
    is_filled = bool(message.text.strip()) and not left_over and name in inputs
    message_text = left_over if left_over and left_over.strip() else ""
    return FilledMessage(inputs, name if is_filled else None, message_text)


def missing_inputs(skill: Skill, inputs: Mapping[str, Any]) -> list[str]:
    """Return the required inputs of a skill that have neither a value nor a default."""
    properties = _properties(skill.input_schema)
    return [
        name
        for name in _required(skill.input_schema)
        if name not in inputs and "default" not in properties.get(name, {})
    ]


def is_filled_by_text(skill: Skill) -> bool:
    """Return whether the text of a message fills all required inputs of a skill, so that a chat needs nothing else."""
    return set(missing_inputs(skill, {})) <= {text_input(skill.input_schema)}


def text_input(input_schema: Schema) -> str | None:
    """Return the input that the text of the user fills: the only required text, otherwise the only optional one."""
    properties, required = _properties(input_schema), _required(input_schema)
    texts = [name for name, schema in properties.items() if _is_text(schema)]
    needed = [name for name in texts if name in required]
    if needed:
        return needed[0] if len(needed) == 1 else None
    return texts[0] if len(texts) == 1 else None


def _fill_text(skill: Skill, last: Message, inputs: dict[str, Any]) -> str | None:
    """Fill the inputs from the text of the last message, and return a text that no input is for."""
    name, text = text_input(skill.input_schema), last.text.strip()
    if not text:
        return None
    if name is not None:
        if name in inputs:
            raise ConversationInvalid(
                last.location, f"Its text is the input {name!r}, which `inputs` also has."
            )
        inputs[name] = last.text
        return None
    parsed = _parsed(text)
    if parsed is not None:
        inputs.update({key: value for key, value in parsed.items() if key not in inputs})
        return None
    if skill.is_agentic and not _properties(skill.input_schema):
        inputs.setdefault(_TEXT, last.text)
        return None
    if skill.is_agentic:
        return last.text
    if not _required(skill.input_schema) or inputs:
        return None  # a function without required inputs runs whatever the user writes
    raise ConversationInvalid(
        last.location,
        f"The skill {skill.name!r} has no single text input. Send its inputs as a JSON object in this message, or in "
        "the field `inputs` of the request (`extra_body` in the SDKs).",
    )


def _earlier(skill: Skill, message: Message) -> dict[str, Any]:
    if message.role == "assistant":
        return {"role": "assistant", "text": message.text}
    name = text_input(skill.input_schema)
    parsed = _parsed(message.text) if name is None else None
    return {"role": "user", "inputs": parsed or {name or _TEXT: message.text}}


def _fill_files(skill: Skill, files: Iterable[FilePart], inputs: dict[str, Any], *, or_attach: bool) -> None:
    """Fill the inputs that are declared as files; an agent takes the rest as attachments."""
    rest = [file for file in files if not _fill_file(skill, file, inputs)]
    if skill.is_agentic and or_attach:
        _attach(skill, rest, inputs)
    elif rest:
        raise ConversationInvalid(
            rest[0].location,
            f"The skill {skill.name!r} has no free input for this {rest[0].kind}. Remove it, or declare an input of "
            f"type {rest[0].kind}.",
        )


def _fill_file(skill: Skill, file: FilePart, inputs: dict[str, Any]) -> bool:
    properties, required = _properties(skill.input_schema), _required(skill.input_schema)
    names = sorted(
        (name for name in properties if name != ATTACHMENTS), key=lambda name: name not in required
    )
    for kind in _FITTING[file.kind]:
        for name in names:
            schema = properties[name]
            if file_kind(schema) == kind and name not in inputs:
                inputs[name] = file.value
                return True
            if _is_list(schema) and file_kind(schema.get("items")) == kind:
                inputs[name] = [*inputs.get(name, ()), file.value]
                return True
    return False


def _attach(skill: Skill, files: Sequence[FilePart], inputs: dict[str, Any]) -> None:
    if files:
        inputs[ATTACHMENTS] = [*inputs.get(ATTACHMENTS, ()), *(file.value for file in files)]


def _parsed(text: str) -> dict[str, Any] | None:
    """Return a JSON object; `None` for any other text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _properties(input_schema: Schema) -> Schema:
    found = input_schema.get("properties")
    return (
        {name: one for name, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}
    )


def _required(input_schema: Schema) -> Sequence[str]:
    return tuple(input_schema.get("required") or ())


def _is_text(schema: Schema) -> bool:
    return schema.get("type") in _TEXT_TYPES and "enum" not in schema and "const" not in schema


def _is_list(schema: Schema | None) -> bool:
    return schema is not None and schema.get("type") == "array"
