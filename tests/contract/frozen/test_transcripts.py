"""The transcripts of the client and of the commands cover all of them, and report what they are made to report."""

from __future__ import annotations

import pytest
from puras import AsyncClient, Client

from tests.contract.frozen import freeze
from tests.contract.frozen.cli_output import COMMANDS, VARIANTS, WITHOUT_JSON, shape
from tests.contract.frozen.client_requests import (
    CALLS,
    SYNCHRONOUS_CALLS,
    asynchronous_transcript,
    public_methods,
    transcript,
)
from tests.contract.frozen.compare import compare
from tests.contract.frozen.current import cli
from tests.contract.frozen.recorded_instance import example, example_response


def test_every_method_of_the_clients_is_called() -> None:
    shared = {method for method, *_ in CALLS.values()}
    assert public_methods(Client) == shared | {method for method, *_ in SYNCHRONOUS_CALLS.values()}
    assert public_methods(AsyncClient) - {"aclose"} == shared


@pytest.mark.parametrize("name", CALLS)
def test_the_asynchronous_client_sends_and_returns_the_same(name: str) -> None:
    assert asynchronous_transcript(*CALLS[name]) == transcript(*CALLS[name])


def test_every_command_that_prints_json_is_called() -> None:
    groups = {
        "puras",
        "puras annotations",
        "puras drive",
        "puras events",
        "puras prices",
        "puras prompts",
        "puras secrets",
    }
    commands = {words.removeprefix("puras ") for words in cli() if words.startswith("puras ")} - {
        words.removeprefix("puras ") for words in groups
    }
    assert commands == COMMANDS.keys() | WITHOUT_JSON.keys()
    assert not COMMANDS.keys() & WITHOUT_JSON.keys()
    assert not COMMANDS.keys() & VARIANTS.keys()


def test_a_changed_request_breaks_and_a_new_field_of_the_output_does_not() -> None:
    before = transcript(*CALLS["submit"])
    after = transcript("submit", ("tally", {"upto": 3}), {"priority": 1}, [])
    assert [(one.kind, one.path) for one in compare(before, after)] == [("breaking", "request 1 > body")]
    assert [one.kind for one in compare(shape({"a": 1}), shape({"a": 2, "b": [1.5]}))] == ["added"]
    assert [one.path for one in compare(shape({"a": [1]}), shape({"a": ["1"]}))] == ["a > []"]


def test_examples_follow_the_frozen_description() -> None:
    status, _, body = example_response("GET", "/v1/jobs/some-id")
    assert (status, b'"status": "succeeded"' in body) == (200, True)
    assert example_response("GET", "/v1/drive/files/folder/file.txt")[2] == b"content"
    assert example_response("GET", "/v1/nothing")[0] == 404
    assert example(
        {"type": "array", "items": {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 4}]}}
    ) == [4]


def test_freezing_an_unknown_contract_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert freeze.main(["settings", "nothing"]) == 2
    assert "Unknown contracts: nothing." in capsys.readouterr().err
