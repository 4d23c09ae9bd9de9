"""How messages fill the inputs of a skill."""

from __future__ import annotations

from typing import Any

import pytest

from backend.execution.sessions.errors import ConversationInvalid
from backend.execution.sessions.inputs import Filled, fill
from backend.execution.sessions.messages import FilePart, Message
from backend.skills.manifest.types import Skill

TEXT = {"type": "text"}
IMAGE = FilePart("image", "https://example.org/owl.png", "messages[0].content[1]")


def skill(properties: dict[str, Any], *required: str, is_agentic: bool = True) -> Skill:
    """Return a skill with these inputs."""
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Skill(
        name="birds",
        path="skills/birds",
        entrypoint="prompt.md" if is_agentic else "main.py:run",
        is_agentic=is_agentic,
        input_schema=schema,
        output_schema={},
    )


def said(text: str, *files: FilePart, role: Any = "user") -> Message:
    return Message(role, text, files, "messages[0]")


def filled(one: Skill, *messages: Message, **given: Any) -> Filled:
    return fill(one, messages, given, accepts_text=True)


def test_text_fills_the_only_required_text() -> None:
    birds = skill({"title": TEXT, "question": TEXT, "count": {"type": "integer"}}, "question")
    assert filled(birds, said("Owls?"), count=2).inputs == {"question": "Owls?", "count": 2}
    with pytest.raises(ConversationInvalid, match="question"):
        filled(birds, said("Owls?"), question="Bats?")


def test_text_fills_the_only_text_if_none_is_required() -> None:
    assert filled(skill({"question": TEXT, "n": {"type": "integer"}}), said("Owls?")).inputs == {
        "question": "Owls?"
    }


def test_other_skills_take_json() -> None:
    function = skill({"a": TEXT, "b": TEXT}, "a", "b", is_agentic=False)
    assert filled(function, said('{"a": "x", "b": "y"}')).inputs == {"a": "x", "b": "y"}
    with pytest.raises(ConversationInvalid, match="JSON object"):
        filled(function, said("Owls?"))


def test_agent_without_a_text_input_receives_the_text_as_context() -> None:
    both = filled(skill({"a": TEXT, "b": TEXT}, "a", "b"), said("Owls?"), a="x", b="y")
    assert (both.inputs, both.turn.context) == ({"a": "x", "b": "y"}, ("Owls?",))
    assert filled(skill({}), said("Owls?")).inputs == {"message": "Owls?"}


def test_list_of_messages_receives_all_of_them() -> None:
    chat = skill({"messages": {"type": "array"}}, "messages", is_agentic=False)
    messages = (said("Be kind.", role="system"), said("Hi."), said("Hello.", role="assistant"), said("Owls?"))
    found = filled(chat, *messages)
    assert [(one["role"], one["content"]) for one in found.inputs["messages"]] == [
        ("system", "Be kind."),
        ("user", "Hi."),
        ("assistant", "Hello."),
        ("user", "Owls?"),
    ]
    assert (found.turn.earlier, found.turn.context) == ((), ())


def test_conversation() -> None:
    birds = skill({"question": TEXT}, "question")
    messages = (said("Be kind.", role="system"), said("Hi."), said("Hello.", role="assistant"), said("Owls?"))
    assert filled(birds, *messages).turn.as_dict() == {
        "earlier": [
            {"role": "user", "inputs": {"question": "Hi."}},
            {"role": "assistant", "text": "Hello."},
        ],
        "context": ["Be kind."],
        "accepts_text": True,
        "trusts_replies": True,
    }
    with pytest.raises(ConversationInvalid, match="'user'"):
        filled(birds, *messages[:-1])


def test_files_fill_inputs_of_their_type_first() -> None:
    properties = {"question": TEXT, "any": {"type": "file"}, "photo": {"type": "image"}}
    agent = skill(properties, "question", "photo")
    assert filled(agent, said("What?", IMAGE, IMAGE, IMAGE)).inputs == {
        "question": "What?",
        "photo": IMAGE.value,
        "any": IMAGE.value,
        "attachments": [IMAGE.value],
    }
    several = skill({"photos": {"type": "array", "items": {"type": "image"}}}, "photos", is_agentic=False)
    assert filled(several, said("", IMAGE, IMAGE)).inputs == {"photos": [IMAGE.value, IMAGE.value]}
    with pytest.raises(ConversationInvalid, match="no free input for this image"):
        filled(skill({"question": TEXT}, "question", is_agentic=False), said("What?", IMAGE))


def test_files_of_earlier_messages_are_attached() -> None:
    birds = skill({"question": TEXT}, "question")
    found = filled(birds, said("What is this?", IMAGE), said("An owl.", role="assistant"), said("Sure?"))
    assert found.inputs == {"question": "Sure?", "attachments": [IMAGE.value]}
