// The edited prompt of a column in the URL: its path and text as JSON. One that is too long for a URL is stored in the session storage of the
// tab, and the URL contains its key.
import type { PromptRead } from "../../../clients/typescript/src/generated";

const MAX_IN_URL = 1_500;
const STORED = "prompt-";

/** The prompt in the form of the URL. */
export function writePrompt({ path, text }: PromptRead): string {
  const whole = JSON.stringify([path, text]);
  if (whole.length <= MAX_IN_URL) return whole;
  const name = `${STORED}${hashOf(whole)}`;
  try { sessionStorage.setItem(name, whole); } catch { /* without session storage, the prompt is lost when the page is left */ }
  return name;
}

/** Whether the prompt is in the session storage, which the server cannot read. */
export const isStored = (inUrl: string) => inUrl.startsWith(STORED);

/** The prompt of its form in the URL; null if it is not available. */
export function readPrompt(inUrl: string): PromptRead | null {
  try {
    const found: unknown = JSON.parse((isStored(inUrl) ? sessionStorage.getItem(inUrl) : inUrl) ?? ""), [path, text]: unknown[] = Array.isArray(found) ? found : [];
    return typeof path === "string" && typeof text === "string" ? { path, text } : null;
  } catch { return null; }
}

function hashOf(text: string) {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (Math.imul(31, hash) + text.charCodeAt(at)) | 0;
  return `${text.length}-${(hash >>> 0).toString(36)}`;
}
