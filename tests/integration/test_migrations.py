"""The migrations build exactly the tables of the code, and can be undone."""

from backend.migrations import run


def test_migrations_go_up_match_the_tables_go_down_and_up_again(database_url: str) -> None:
    run.check(database_url)
    run.downgrade(database_url, "base")
    assert run.current_revision(database_url) is None
    run.upgrade(database_url)
    run.check(database_url)
    assert run.current_revision(database_url) == run.newest_revision()
