"""The memory of a project as it is exported."""

from __future__ import annotations

from typing import Final

from backend.core.db.row_export import FEW, ExportedTable

MEMORY_RECORDS: Final = ExportedTable(
    "memory_records", hidden=frozenset({"names", "words", "embedded_version"}), page=FEW
)
"""Without the columns that are made of the others."""
