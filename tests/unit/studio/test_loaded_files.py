"""A file of a draft that is loaded twice at the same time keeps what was typed after the first load."""

from __future__ import annotations

from typing import Final

from tests.unit.studio.page_module import run_module

SCRIPT: Final = """
const { Files } = await import(process.argv[1]);
let reads = 0;
const server = Bun.serve({
  port: 0,
  fetch: async () => {
    reads += 1;
    await Bun.sleep(100 * reads);
    return new Response("stored", { headers: { ETag: '"1"' } });
  },
});
const files = new Files(`${server.url}v1/drafts`, "user");
const loads = [files.load("a.md"), files.load("a.md")];
await loads[0];
files.edit("a.md", "stored and typed");
await loads[1];
const loaded = files.open["a.md"];
await files.load("a.md").catch(() => {});
console.log(JSON.stringify([loaded.text, loaded.rev, reads]));
process.exit();
"""


def test_second_load_does_not_replace_typed_text() -> None:
    assert run_module("editor/files.ts", SCRIPT, None) == ["stored and typed", 1, 2]
