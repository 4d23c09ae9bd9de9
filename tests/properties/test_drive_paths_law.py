"""A property of drive paths: any text is rejected or results in a path inside the drive."""

from __future__ import annotations

import os.path

from hypothesis import example, given
from hypothesis import strategies as st

from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import parse_drive_path, parse_folder_path

pieces = st.sampled_from(
    ["a", "drive", ".", "..", "", "/", "\\", "\x00", "\n", "é", "\ud800", "x" * 300, " "]
)
texts = st.one_of(st.text(max_size=2000), st.lists(pieces, max_size=80).map("/".join))


@given(texts)
@example("drive//etc/passwd")
@example("./drive/../..")
def test_parsed_path_stays_in_the_drive_and_parses_to_itself(text: str) -> None:
    try:
        path = parse_drive_path(text)
    except BadDrivePath:
        return
    inside = os.path.normpath(f"/root/of/drive/{path}")
    assert inside.startswith("/root/of/drive/")
    assert inside.removeprefix("/root/of/drive/") == str(path)
    assert parse_drive_path(f"drive/{path}") == path
    assert parse_folder_path(f"drive/{path.folder}") == path.folder
