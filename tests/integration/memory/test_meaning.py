"""Search by meaning: a model of embeddings behind a socket, and pgvector in the database; without either, by words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from backend.app import create_app, serving
from backend.context import AppContext
from backend.data.memory import embedding_queue, vectors
from backend.data.memory.embedding import Embedder, EmbeddingsUnavailable
from tests.doubles.embeddings import EmbeddingsServer
from tests.integration.deployments.conftest import Project, Projects


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddingsServer]:
    with EmbeddingsServer().running() as server:
        yield server


@pytest_asyncio.fixture
async def meaning(instance: AppContext, server: EmbeddingsServer) -> AsyncIterator[AppContext]:
    """An instance that has a model of embeddings."""
    server.is_unavailable = False
    named = {
        "embeddings_url": server.url,
        "embeddings_api_key": SecretStr(server.key),
        "embeddings_model": "double",
    }
    yield replace(instance, settings=instance.settings.model_copy(update=named))
    async with instance.database.transaction() as session:
        await session.execute(text("drop index if exists ix_memory_vectors_nearest"))
        await session.execute(text("drop extension if exists vector"))
    vectors.forget_readiness(instance.database)


@pytest_asyncio.fixture
async def project(meaning: AppContext) -> AsyncIterator[Project]:
    """A project of that instance."""
    async with projects_of(meaning) as made:
        yield await made.make("Acme")


def embedder_of(instance: AppContext) -> Embedder:
    embedder = Embedder.of(instance.settings)
    assert embedder is not None
    return embedder


@asynccontextmanager
async def projects_of(meaning: AppContext) -> AsyncIterator[Projects]:
    """Makes more projects of the instance."""
    app = create_app(meaning.settings)
    async with serving(app, meaning):
        made = Projects(app, meaning.database, [])
        yield made
        for client in made.clients:
            await client.aclose()


async def put(project: Project, words: str, **over: Any) -> str:
    body = {"kind": "note", "record": {"text": words}, **over}
    answer = await project.http.post("/v1/memory", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def search(http: httpx.AsyncClient, query: str) -> Any:
    return (await http.post("/v1/memory/search", json={"query": query})).json()


async def test_what_means_the_same_is_found_once_it_is_embedded_and_by_words_alone_before_and_without(
    project: Project, meaning: AppContext, server: EmbeddingsServer
) -> None:
    lorry, cat = await put(project, "a red lorry"), await put(project, "a small kitten")
    before = await search(project.http, "automobile")
    assert (before["by_meaning"], before["results"]) == (False, [])
    assert await vectors.prepare(meaning.database)
    assert (await embedding_queue.embed_some(meaning.database, embedder_of(meaning))).records == 2
    after = await search(project.http, "automobile")
    assert (after["by_meaning"], [one["id"] for one in after["results"]]) == (True, [lorry])
    both = await search(project.http, "kitten lorry")
    assert {one["id"] for one in both["results"]} == {lorry, cat}
    assert (await embedding_queue.embed_some(meaning.database, embedder_of(meaning))).records == 0
    await put(project, "a blue car", entity_key="k")
    await put(project, "a grey cat", entity_key="k")
    assert (await embedding_queue.embed_some(meaning.database, embedder_of(meaning))).records == 1
    server.is_unavailable = True
    alone = await search(project.http, "lorry")
    assert (alone["by_meaning"], [one["id"] for one in alone["results"]]) == (False, [lorry])


async def test_meanings_of_other_projects_and_of_what_is_forgotten_are_not_found(
    project: Project, meaning: AppContext
) -> None:
    async with projects_of(meaning) as made:
        other = await made.make("Other")
        for words in ("lorry", "automobile", "car", "lorry and car"):
            await put(other, words)
        mine = await put(project, "lorry")
        gone = await put(project, "car")
        assert await vectors.prepare(meaning.database)
        await embedding_queue.embed_some(meaning.database, embedder_of(meaning))
        await project.http.delete(f"/v1/memory/{gone}")
        results = (await search(project.http, "automobile"))["results"]
        assert [one["id"] for one in results] == [mine]


async def test_a_project_that_writes_much_delays_the_meanings_of_no_other(
    project: Project, meaning: AppContext
) -> None:
    async with projects_of(meaning) as made:
        flooding, other = await made.make("Flooding"), await made.make("Other")
        for n in range(embedding_queue.BATCH):
            await put(flooding, f"a cat, number {n}")
        await put(other, "lorry")
        await put(project, "lorry")
        assert await vectors.prepare(meaning.database)
        batch = await embedding_queue.embed_some(meaning.database, embedder_of(meaning))
        assert (batch.records, batch.may_be_more) == (embedding_queue.BATCH // 3 + 2, True)
        for one in (project, other):
            assert len((await search(one.http, "automobile"))["results"]) == 1
        batch = await embedding_queue.embed_some(meaning.database, embedder_of(meaning))
        assert (batch.records, batch.may_be_more) == (
            embedding_queue.BATCH - embedding_queue.BATCH // 3,
            False,
        )


async def test_more_projects_than_fit_into_a_batch_have_their_turns(
    project: Project, meaning: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_queue, "BATCH", 2)
    async with projects_of(meaning) as made:
        for one in [project, *[await made.make(f"Other {n}") for n in range(2)]]:
            await put(one, "lorry")
        assert await vectors.prepare(meaning.database)
        first = await embedding_queue.embed_some(meaning.database, embedder_of(meaning))
        assert (first.records, first.may_be_more) == (2, True)
        second = await embedding_queue.embed_some(meaning.database, embedder_of(meaning), after=first.after)
        assert (second.records, second.after, second.may_be_more) == (
            1,
            embedding_queue.BEFORE_ALL_PROJECTS,
            True,
        )
        third = await embedding_queue.embed_some(meaning.database, embedder_of(meaning), after=second.after)
        assert third == embedding_queue.Batch()


async def test_a_text_that_the_model_refuses_is_found_by_words_and_does_not_hold_up_the_others(
    project: Project, meaning: AppContext, server: EmbeddingsServer
) -> None:
    refused, taken = await put(project, "unspeakable owl"), await put(project, "lorry")
    assert await vectors.prepare(meaning.database)
    server.is_unavailable = True
    with pytest.raises(EmbeddingsUnavailable):
        await embedding_queue.embed_some(meaning.database, embedder_of(meaning))
    server.is_unavailable = False
    assert (await embedding_queue.embed_some(meaning.database, embedder_of(meaning))).records == 2
    assert (await embedding_queue.embed_some(meaning.database, embedder_of(meaning))).records == 0
    assert [one["id"] for one in (await search(project.http, "owl"))["results"]] == [refused]
    assert [one["id"] for one in (await search(project.http, "automobile"))["results"]] == [taken]


async def test_another_model_embeds_everything_anew(project: Project, meaning: AppContext) -> None:
    lorry = await put(project, "lorry")
    assert await vectors.prepare(meaning.database)
    await embedding_queue.embed_some(meaning.database, replace(embedder_of(meaning), model="older"))
    assert (await search(project.http, "automobile"))["results"] == []
    await embedding_queue.make_ready(meaning.database, embedder_of(meaning))
    assert (await embedding_queue.embed_some(meaning.database, embedder_of(meaning))).records == 1
    assert [one["id"] for one in (await search(project.http, "automobile"))["results"]] == [lorry]


async def test_the_index_is_used_for_the_nearest(project: Project, meaning: AppContext) -> None:
    assert await vectors.prepare(meaning.database)
    async with meaning.database.transaction() as session:
        await session.execute(text("set local enable_seqscan = off"))
        await session.execute(text("set local enable_sort = off"))
        zeros = "[" + ",".join(["0.1"] * vectors.DIMENSIONS) + "]"
        plan = await session.execute(
            text(
                "explain select memory_id from memory_vectors order by cast(embedding as halfvec(1536)) <=> "
                "cast(:q as halfvec(1536)) limit 5"
            ),
            {"q": zeros},
        )
        assert "ix_memory_vectors_nearest" in "\n".join(plan.scalars())
