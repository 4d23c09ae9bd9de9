"""Read the keys of clouds: those of AWS for Bedrock, and that of a service account for Vertex AI."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final, NamedTuple

from backend.core import extras
from backend.skills.model_catalog.entries import Endpoint
from backend.skills.model_catalog.errors import BadProviderKey

_FIELDS: Final = ("client_email", "private_key")


class AwsKey(NamedTuple):
    """A key of AWS, with which requests are signed."""

    access_key: str
    secret_key: str
    session_token: str | None


def check(endpoint: Endpoint, api_key: str) -> None:
    """Check that the key has the form that the cloud of the endpoint requires, and that its packages are installed.

    Raises:
        ExtraMissing: The packages for the cloud are not installed.
        BadProviderKey: The key has another form.
    """
    if endpoint.cloud is None:
        return
    extras.require(endpoint.cloud)
    if endpoint.cloud == "bedrock":
        aws_key(api_key)
    else:
        service_account(api_key)


def aws_key(text: str) -> AwsKey | None:
    """Return the parts of `ACCESS_KEY:SECRET_KEY` or of that with `:SESSION_TOKEN`; None: an API key of Bedrock.

    Raises:
        BadProviderKey: It has another form.
    """
    parts = text.split(":")
    if len(parts) == 1:
        return None
    if len(parts) > 3 or not all(parts):
        raise BadProviderKey(
            "api_key",
            "The key for Bedrock is 'ACCESS_KEY:SECRET_KEY', 'ACCESS_KEY:SECRET_KEY:SESSION_TOKEN', or an API key of "
            "Bedrock without colons.",
        )
    return AwsKey(parts[0], parts[1], parts[2] if len(parts) == 3 else None)


def service_account(text: str) -> dict[str, Any]:
    """Return the key of a service account: the JSON file that Google Cloud issues, or that file in base64.

    Raises:
        BadProviderKey: It has another form.
    """
    try:
        content = text if text.lstrip().startswith("{") else base64.b64decode(text, validate=True).decode()
        found = json.loads(content)
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in _FIELDS):
        raise BadProviderKey(
            "api_key",
            "The key for Vertex AI is the JSON file of a service account's key, with 'client_email' and 'private_key', "
            "in base64: base64 -w0 key.json.",
        )
    return found
