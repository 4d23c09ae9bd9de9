"""Open clients of the SDK for clouds: Amazon Bedrock and Vertex AI. Loaded with the first model that needs one.

The clients send their requests through the connections that they are given, as for other endpoints, and take no
credentials from the environment of the process. The SDK would request access tokens of Google Cloud through connections
of its own, from a URL that the key names. So they are requested here, from the URL of the endpoint.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from anthropic import AsyncAnthropicBedrock, AsyncAnthropicVertex

from backend.core import extras
from backend.integrations.providers import cloud_keys
from backend.skills.model_catalog.catalog import Endpoint
from backend.skills.model_catalog.errors import BadProviderKey

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_VALID_S: Final = 3_600
_SPARE_S: Final = 300
"""A token is replaced so long before it expires."""
_TOKEN_TIMEOUT_S: Final = 30.0
_PLACEHOLDER: Final = "none"  # with a key, the SDK reads none from the environment


def open_bedrock(
    endpoint: Endpoint, api_key: str, *, timeout: httpx2.Timeout, http: httpx2.AsyncClient
) -> AsyncAnthropicBedrock:
    """Return a client that signs requests with the key of AWS, or sends the API key of Bedrock.

    Raises:
        ExtraMissing: The packages for Bedrock are not installed.
        BadProviderKey: The key has another form.
    """
    extras.require("bedrock")
    key = cloud_keys.aws_key(api_key)
    client = AsyncAnthropicBedrock(
        api_key=api_key if key is None else _PLACEHOLDER,
        aws_region=endpoint.region,
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=timeout,
        open_telemetry=False,
        http_client=http,
    )
    if key is not None:
        client.api_key = None
        client.aws_access_key, client.aws_secret_key = key.access_key, key.secret_key
        client.aws_session_token = key.session_token
    return client


def open_vertex(
    endpoint: Endpoint, api_key: str, *, timeout: httpx2.Timeout, http: httpx2.AsyncClient
) -> tuple[AsyncAnthropicVertex, AccessToken]:
    """Return a client, and the access token that it needs before each request.

    Raises:
        ExtraMissing: The packages for Vertex AI are not installed.
        BadProviderKey: The key has another form.
    """
    extras.require("vertex")
    token = AccessToken(_signer_of(api_key), endpoint.token_url, http)
    client = AsyncAnthropicVertex(
        region=endpoint.region or "",
        project_id=endpoint.cloud_project or "",
        access_token=_PLACEHOLDER,
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=timeout,
        open_telemetry=False,
        http_client=http,
    )
    return client, token


@dataclass(slots=True)
class AccessToken:
    """The access token of a service account."""

    signer: ServiceAccount
    url: str
    http: httpx2.AsyncClient
    _token: str = field(default="", repr=False)
    _expires: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> str:
        """Return a token that is valid for a few minutes at least.

        Raises:
            httpx2.HTTPError: The server does not issue one.
        """
        async with self._lock:
            if time.monotonic() >= self._expires:
                await self._request()
            return self._token

    async def _request(self) -> None:
        assertion = await asyncio.to_thread(self.signer.assertion, self.url)
        form = {"grant_type": _GRANT, "assertion": assertion}
        response = await self.http.post(self.url, data=form, timeout=_TOKEN_TIMEOUT_S)
        response.raise_for_status()
        try:
            issued: dict[str, Any] = response.json()
            self._token = str(issued["access_token"])
            valid_s = float(issued.get("expires_in", _VALID_S))
        except (ValueError, KeyError, TypeError):
            raise httpx2.DecodingError("the response has no access token", request=response.request) from None
        self._expires = time.monotonic() + max(0.0, valid_s - _SPARE_S)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account, and the private key with which it requests tokens."""

    email: str
    signer: Any = field(repr=False)

    def assertion(self, audience: str) -> str:
        """Return the signed request for a token."""
        from google.auth import jwt

        issued_at = int(time.time())
        claims = {
            "iss": self.email,
            "scope": _SCOPE,
            "aud": audience,
            "iat": issued_at,
            "exp": issued_at + _VALID_S,
        }
        return str(jwt.encode(self.signer, claims).decode())  # type: ignore[no-untyped-call]


def _signer_of(api_key: str) -> ServiceAccount:
    from google.auth import crypt

    account = cloud_keys.service_account(api_key)
    try:
        signer = crypt.RSASigner.from_service_account_info(account)  # type: ignore[no-untyped-call]
    except ValueError:
        raise BadProviderKey("api_key", "The private key of the service account cannot be read.") from None
    return ServiceAccount(account["client_email"], signer)
