"""Read the messages of both APIs as one kind: roles, texts and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.execution.sessions.errors import ConversationInvalid
from backend.execution.sessions.messages import FileKind, FilePart, Message, Role
from backend.integrations.openai_api.chat_schemas import ChatMessage, ChatPart
from backend.integrations.openai_api.errors import UnsupportedParameter
from backend.integrations.openai_api.response_schemas import InputItem, InputPart

_AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_IGNORED_ITEMS: Final = frozenset({"reasoning"})
_NO_TOOLS: Final = (
    "Skills call their own tools, and accept neither tools of the client nor their results. Remove it."
)
_NOT_A_FILE: Final = "Send an https: URL, a data: URL, or the path of a file in the drive as `file_id`."


def of_chat(messages: Sequence[ChatMessage]) -> list[Message]:
    """Return the messages of a request for Chat Completions.

    Raises:
        UnsupportedParameter: A message has a role or a part that skills do not support.
        ConversationInvalid: A part is incomplete.
    """
    return [_chat_message(message, f"messages[{at}]") for at, message in enumerate(messages)]


def of_responses(given: str | Sequence[InputItem], instructions: str | None) -> list[Message]:
    """Return the messages of a request for the Responses API.

    Raises:
        UnsupportedParameter: An item is none that skills support.
        ConversationInvalid: An item is incomplete.
    """
    before = [Message("system", instructions, (), "instructions")] if instructions else []
    if isinstance(given, str):
        return [*before, Message("user", given, (), "input")]
    items = [(item, f"input[{at}]") for at, item in enumerate(given) if item.type not in _IGNORED_ITEMS]
    return [*before, *(_item_message(item, location) for item, location in items)]


def _chat_message(message: ChatMessage, location: str) -> Message:
    if message.role in ("tool", "function"):
        raise UnsupportedParameter(f"{location}.role", _NO_TOOLS)
    if message.tool_calls:
        raise UnsupportedParameter(f"{location}.tool_calls", _NO_TOOLS)
    content = message.content
    if content is None or isinstance(content, str):
        return Message(_role(message.role), content or "", (), location)
    parts = [_chat_part(part, f"{location}.content[{at}]") for at, part in enumerate(content)]
    return _joined(message.role, parts, location)


def _item_message(item: InputItem, location: str) -> Message:
    if item.type != "message":
        raise UnsupportedParameter(f"{location}.type", _NO_TOOLS)
    if item.role is None:
        raise ConversationInvalid(f"{location}.role", "The field is required.")
    if item.content is None or isinstance(item.content, str):
        return Message(_role(item.role), item.content or "", (), location)
    parts = [_input_part(part, f"{location}.content[{at}]") for at, part in enumerate(item.content)]
    return _joined(item.role, parts, location)


def _joined(role: str, parts: Sequence[str | FilePart], location: str) -> Message:
    files = tuple(part for part in parts if isinstance(part, FilePart))
    if files and role != "user":
        raise ConversationInvalid(files[0].location, "Only messages of the user can have files.")
    texts = [part for part in parts if isinstance(part, str)]
    return Message(_role(role), "\n\n".join(texts), files, location)


def _role(role: str) -> Role:
    return "user" if role == "user" else "assistant" if role == "assistant" else "system"


def _chat_part(part: ChatPart, location: str) -> str | FilePart:
    if part.type in ("text", "refusal"):
        return _text_of(part.text, part.refusal, location)
    if part.type == "image_url" and part.image_url is not None:
        return FilePart("image", _url(part.image_url.url, location), location)
    if part.type == "input_audio" and part.input_audio is not None:
        kind = _AUDIO_TYPES.get(part.input_audio.format, f"audio/{part.input_audio.format}")
        return FilePart("audio", {"base64": part.input_audio.data, "media_type": kind}, location)
    if part.type == "file" and part.file is not None:
        return _file((part.file.file_id, None, part.file.file_data), location)
    raise UnsupportedParameter(location, f"A part of type {part.type[:40]!r} is incomplete or not supported.")


def _input_part(part: InputPart, location: str) -> str | FilePart:
    if part.type in ("input_text", "output_text", "text", "refusal"):
        return _text_of(part.text, part.refusal, location)
    if part.type == "input_image":
        return _file((part.file_id, part.image_url, None), location, kind="image")
    if part.type == "input_file":
        return _file((part.file_id, part.file_url, part.file_data), location)
    raise UnsupportedParameter(location, f"A part of type {part.type[:40]!r} is not supported.")


def _text_of(text: str | None, refusal: str | None, location: str) -> str:
    text = refusal if text is None else text
    if text is None:
        raise ConversationInvalid(location, "The part has no text.")
    return text


def _file(
    sources: tuple[str | None, str | None, str | None], location: str, *, kind: FileKind = "file"
) -> FilePart:
    """Return the file of a drive path, a URL or data."""
    path, url, data = sources
    if path:
        return FilePart(kind, {"drive_path": path}, location)
    if url:
        return FilePart(kind, _url(url, location), location)
    if not data:
        raise ConversationInvalid(location, f"The part has no file. {_NOT_A_FILE}")
    return FilePart(kind, data if _is_data(data) else {"base64": data}, location)


def _url(url: str, location: str) -> str:
    """Return the URL; other text would be a path in the drive."""
    if not _is_data(url) and not url.lower().startswith(("http://", "https://")):
        raise ConversationInvalid(location, f"This is not a URL. {_NOT_A_FILE}")
    return url


def _is_data(text: str) -> bool:
    return text[:5].lower() == "data:"
