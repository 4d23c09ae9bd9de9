"""Claude at Amazon Bedrock and Vertex AI, with the clients of the SDK over a real socket."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from backend.core import extras
from backend.core.extras import ExtraMissing
from backend.integrations.providers.access import Access
from backend.integrations.providers.service import OwnKey
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import Endpoint
from backend.skills.model_catalog.errors import BadModelCatalog, BadProviderKey
from tests.doubles.messages import calls, says
from tests.doubles.messages.clouds import BedrockServer, VertexServer
from tests.factories.tenants import make_skill
from tests.integration.models.model_calls import ModelCall
from workers.llm.errors import ModelKeyRefused, ModelOverloaded, ModelUnavailable
from workers.llm.retry_policy import RetryPolicy
from workers.llm.selection import Models
from workers.llm.types import Tokens

AWS = ("AKIAEXAMPLE", "secret/key+1")
AWS_KEY = ":".join(AWS)
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def account() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    stolen = "https://metadata.internal/steal"  # the URL of the key is not used
    return {
        "type": "service_account",
        "client_email": "jobs@acme.iam.gserviceaccount.com",
        "private_key": private.decode(),
        "token_uri": stolen,
        "public_key": public.decode(),
    }


@pytest.fixture
def bedrock() -> Iterator[BedrockServer]:
    with BedrockServer(aws_key=AWS, keys=["bedrock-api-key"]).running() as server:
        yield server


@pytest.fixture
def vertex(account: dict[str, str]) -> Iterator[VertexServer]:
    with VertexServer(public_key=account["public_key"].encode()).running() as server:
        yield server


def endpoint_of(server: BedrockServer | VertexServer) -> Endpoint:
    if isinstance(server, BedrockServer):
        return Endpoint(cloud="bedrock", region="us-east-1", key_env="AWS_KEY", base_url=server.url)
    return Endpoint.model_validate(
        {
            "cloud": "vertex",
            "region": "europe-west1",
            "cloud_project": "acme-1",
            "key_env": "GCP_KEY",
            "base_url": f"{server.url}/v1",
            "token_url": f"{server.url}/token",
        }
    )


@asynccontextmanager
async def open_call(
    server: BedrockServer | VertexServer, key: str, *script: Any
) -> AsyncIterator[ModelCall[Any]]:
    """Open the model of an instance whose endpoint for Claude is the cloud."""
    server.restart(*script)
    endpoints = {**catalog.current().endpoints, "anthropic": endpoint_of(server)}
    models = Models(Access(endpoints, {"anthropic": key}), margin_pct=20, retry_policy=ONCE)
    skill = make_skill(is_agentic=True, entrypoint="SKILL.md", model="claude/haiku-4-5")
    try:
        await models.load_client(None, skill=skill, own_keys={})
        yield ModelCall(models.choose(None, skill=skill, inputs={}, own_keys={}))
    finally:
        await models.close()


@pytest.fixture(autouse=True)
def _foreign_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the process credentials that must not be used."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_BEARER_TOKEN_BEDROCK",
    ):
        monkeypatch.setenv(name, "of-the-process")
    monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "of-the-process")


async def test_bedrock_receives_signed_requests_and_streams_frames(bedrock: BedrockServer) -> None:
    scripted = says(
        "I will list the files.",
        calls("list", tool_use_id="c1", deep=[1, {"a": 2}]),
        input_tokens=7,
        output_tokens=11,
        cache_read=100,
    )
    async with open_call(bedrock, AWS_KEY, scripted, says("a.txt")) as model_call:
        reply = await model_call.ask()
        again = await model_call.ask_again(reply)
    assert reply.blocks == scripted.blocks
    assert "".join(model_call.deltas) == "I will list the files.a.txt"
    assert reply.tokens == Tokens(input=7, output=11, cache_read=100)
    assert reply.billed_micros == -(-(7 * 1_000 + 11 * 5_000 + 100 * 100) * 120 // 100_000)
    assert (reply.request_id, again.stop_reason) == ("aws-000001", "end_turn")
    assert bedrock.paths[0] == "/model/claude-haiku-4-5/invoke-with-response-stream"
    assert bedrock.headers[0]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert "x-amz-security-token" not in bedrock.headers[0]
    assert bedrock.bodies[0]["anthropic_beta"] == ["context-management-2025-06-27"]


async def test_bedrock_accepts_session_tokens_and_its_own_keys(bedrock: BedrockServer) -> None:
    async with open_call(bedrock, f"{AWS_KEY}:session", says("ok")) as model_call:
        await model_call.ask()
        assert bedrock.headers[0]["x-amz-security-token"] == "session"
    async with open_call(bedrock, "bedrock-api-key", says("ok")) as model_call:
        await model_call.ask()
        assert bedrock.headers[0]["authorization"] == "Bearer bedrock-api-key"


@pytest.mark.parametrize("key", ["AKIAEXAMPLE:wrong", "wrong"])
async def test_bedrock_rejects_a_wrong_key(bedrock: BedrockServer, key: str) -> None:
    async with open_call(bedrock, key, says("ok")) as model_call:
        with pytest.raises(ModelKeyRefused):
            await model_call.ask()
    assert bedrock.answered == 0


@pytest.mark.parametrize(
    ("exception", "expected"),
    [("throttlingException", ModelOverloaded), ("modelStreamErrorException", ModelUnavailable)],
)
async def test_exception_within_a_stream_of_bedrock_is_classified(
    bedrock: BedrockServer, exception: str, expected: type[Exception]
) -> None:
    bedrock.exception = exception
    async with open_call(bedrock, AWS_KEY, says("half of it").but(error_after=4)) as model_call:
        with pytest.raises(expected):
            await model_call.ask()


async def test_broken_frame_of_bedrock_is_no_reply(bedrock: BedrockServer) -> None:
    async with open_call(bedrock, AWS_KEY, says("half of it").but(cut_after=4)) as model_call:
        with pytest.raises(ModelUnavailable):
            await model_call.ask()


async def test_vertex_receives_a_token_of_the_service_account(
    vertex: VertexServer, account: dict[str, str]
) -> None:
    scripted = says("I will list.", calls("list", tool_use_id="c1", at="a"), input_tokens=7, output_tokens=11)
    async with open_call(vertex, json.dumps(account), scripted, says("a.txt")) as model_call:
        reply = await model_call.ask()
        await model_call.ask_again(reply)
    assert reply.blocks == scripted.blocks
    assert reply.tokens == Tokens(input=7, output=11)
    model = "/v1/projects/acme-1/locations/europe-west1/publishers/anthropic/models/claude-haiku-4-5"
    assert vertex.paths == [f"{model}:streamRawPredict"] * 2
    assert {headers["authorization"] for headers in vertex.headers} == {"Bearer ya29.1"}
    assert vertex.claims["iss"] == account["client_email"]
    assert vertex.claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"


async def test_expired_token_of_vertex_is_replaced(vertex: VertexServer, account: dict[str, str]) -> None:
    vertex.expires_in_s = 10
    encoded = base64.b64encode(json.dumps(account).encode()).decode()
    async with open_call(vertex, encoded, says("one"), says("two")) as model_call:
        await model_call.ask()
        await model_call.ask()
    assert [headers["authorization"] for headers in vertex.headers] == ["Bearer ya29.1", "Bearer ya29.2"]


async def test_rejected_service_account_is_a_rejected_key(
    vertex: VertexServer, account: dict[str, str]
) -> None:
    vertex.refuses_tokens = True
    async with open_call(vertex, json.dumps(account), says("ok")) as model_call:
        with pytest.raises(ModelKeyRefused) as caught:
            await model_call.ask()
    assert "PRIVATE KEY" not in str(caught.value)
    assert vertex.asked == 0


async def test_key_of_another_form_is_explained(bedrock: BedrockServer, vertex: VertexServer) -> None:
    for server, key, message in (
        (bedrock, "a:b:c:d", "ACCESS_KEY:SECRET_KEY"),
        (bedrock, "a:", "ACCESS_KEY:SECRET_KEY"),
        (vertex, "{}", "base64 -w0 key.json"),
        (vertex, "sk-123", "base64 -w0 key.json"),
        (vertex, '{"client_email": "a", "private_key": "b"}', "cannot be read"),
    ):
        with pytest.raises(BadProviderKey, match=message):
            async with open_call(server, key):
                pass


@pytest.mark.parametrize("cloud", ["bedrock", "vertex"])
async def test_missing_packages_name_the_extra(
    bedrock: BedrockServer,
    vertex: VertexServer,
    account: dict[str, str],
    cloud: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = extras.EXTRAS[cloud]._replace(modules=("no_such_module.of_clouds",))
    monkeypatch.setitem(extras.EXTRAS, cloud, missing)  # type: ignore[arg-type]
    extras.is_installed.cache_clear()
    server, key = (bedrock, AWS_KEY) if cloud == "bedrock" else (vertex, json.dumps(account))
    try:
        with pytest.raises(ExtraMissing, match=rf"puras-studio\[{cloud}\]") as caught:
            async with open_call(server, key):
                pass
    finally:
        extras.is_installed.cache_clear()
    assert (caught.value.status, caught.value.code) == (501, "extra_missing")


def test_endpoints_of_clouds_have_the_url_of_their_region() -> None:
    key: dict[str, Any] = {"key_env": "KEY"}
    bedrock = Endpoint(cloud="bedrock", region="eu-west-1", **key)
    vertex = Endpoint(cloud="vertex", region="global", cloud_project="acme", **key)
    regional = Endpoint(cloud="vertex", region="europe-west1", cloud_project="acme", **key)
    assert bedrock.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert vertex.base_url == "https://aiplatform.googleapis.com/v1"
    assert regional.base_url == "https://europe-west1-aiplatform.googleapis.com/v1"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('cloud = "bedrock"\nkey_env = "K"', "'region' is required"),
        ('cloud = "bedrock"\nregion = "us-east-1"', "'key_env' is required"),
        ('cloud = "vertex"\nregion = "global"\nkey_env = "K"', "'cloud_project' is required"),
        ('cloud = "bedrock"\nregion = "us-east-1"\nkey_env = "K"\napi = "chat"', "omit 'api'"),
        ('region = "us-east-1"\nbase_url = "https://a.example"', "apply only to endpoints with a 'cloud'"),
        ('api = "chat"', "'base_url' is required"),
        ('cloud = "azure"', "cloud"),
        ('cloud = "bedrock"\nregion = "a b"\nkey_env = "K"', "region"),
    ],
)
def test_wrong_endpoint_is_explained(tmp_path: Any, lines: str, message: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(f"[endpoints.own]\n{lines}\n", "utf-8")
    with pytest.raises(BadModelCatalog) as caught:
        catalog.read(file)
    assert message in str(caught.value.detail)


def test_key_of_project_is_for_the_cloud_of_the_family(bedrock: BedrockServer) -> None:
    endpoint = endpoint_of(bedrock)
    assert OwnKey("AKIA:secret").applied_to(endpoint) == endpoint
    assert OwnKey("sk", "https://models.example.org").applied_to(endpoint).cloud is None
