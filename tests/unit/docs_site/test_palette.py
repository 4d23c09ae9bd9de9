"""The index of the command palette: pages, headings, error codes and settings, with their links."""

from __future__ import annotations

import json
from pathlib import Path

from backend.docs_site import palette
from backend.docs_site.palette import Entry

LINK = '<a class="headerlink" href="#x" title="Permanent link">&para;</a>'
ERRORS = f"""<h1 id="errors">Errors{LINK}</h1>
<h2 id="402-payment-required">402: payment &amp; required{LINK}</h2>
<tr>
<td><code>wallet_empty</code></td>
<td>The wallet has <em>no</em> credit.</td>
</tr>
<h3 id="more">More{LINK}</h3>"""
GUIDE = f"""<h1 id="chart">Show charts{LINK}</h1><h2 id="keys">Keys{LINK}</h2>
<h3 id="x">The key <code>x</code>{LINK}</h3>
<tr>
<td><code>series</code></td>
<td>No code of an error</td>
</tr>"""


def test_index_has_pages_headings_and_codes(tmp_path: Path) -> None:
    for name, text in {"reference/errors": ERRORS, "guides/charts": GUIDE, "decisions/0001": GUIDE}.items():
        page = tmp_path / name / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(text, encoding="utf-8")
    palette.write(tmp_path)
    found = [Entry(*row) for row in json.loads((tmp_path / palette.NAME).read_text(encoding="utf-8"))]
    assert found == [
        Entry("Show charts", "Documentation", "guides/charts/", ""),
        Entry("Keys", "Documentation", "guides/charts/#keys", "Show charts"),
        Entry("The key x", "Documentation", "guides/charts/#x", "Show charts"),
        Entry("Errors", "Documentation", "reference/errors/", ""),
        Entry("402: payment & required", "Documentation", "reference/errors/#402-payment-required", "Errors"),
        Entry(
            "wallet_empty", "Errors", "reference/errors/#402-payment-required", "The wallet has no credit."
        ),
    ]
