"""A server with Chat Completions and the Responses API, whose replies are scripted like those of the Messages API."""

from tests.doubles.openai_api.families import FAMILIES, MISTRAL, SIGNATURE, Family
from tests.doubles.openai_api.server import OpenAIServer

__all__ = ["FAMILIES", "MISTRAL", "SIGNATURE", "Family", "OpenAIServer"]
