import type { Command } from "./ranking";

interface Page extends Command {
  href: string;
  hint: string;
  is_other_site: true;
}

/** The palette searches the documentation from this number of letters. */
export const MIN_LETTERS = 2;

let loaded: Promise<Page[]> | null = null;

/** The pages, headings, error codes and settings of the documentation, loaded at the first search. Empty if it is not built. */
export function documentation(): Promise<Page[]> {
  loaded ??= fetch("/docs/palette.json")
    .then((response) => (response.ok ? (response.json() as Promise<[string, string, string, string][]>) : []))
    .then((rows) => rows.map(([label, group, path, hint]) => ({ label, group, hint, href: `/docs/${path}`, is_other_site: true as const })))
    .catch(() => { loaded = null; return []; });
  return loaded;
}
