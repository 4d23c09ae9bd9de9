// The state of a playground in its URL: its columns, each as `version~model~job~prompt`, and the job that the inputs come from.
// A prompt that is too long for a URL is stored in the session storage of the tab, and the URL contains its key.

import type { PromptRead } from "../../../clients/typescript/src/generated";
import type { ApiError } from "../api";

/** An error response that says why a job was not submitted; with the balance if the wallet is too low. */
export interface Refusal extends ApiError {
  balance_micros?: number;
  reserved_micros?: number;
}

export interface ColumnState {
  /** The number of a version, `draft`, or empty for the active one. */
  version: string;
  /** The language model; empty for the default one. */
  model: string;
  /** The ID of the job; empty before a run. */
  job: string;
  /** The edited prompt. */
  prompt: PromptRead | null;
  refusal: Refusal | null;
}

const EMPTY: ColumnState = { version: "", model: "", job: "", prompt: null, refusal: null };

/** The columns of a query, and the ID of the job that the inputs come from. */
export function readUrl(search: string): { columns: ColumnState[]; from: string } {
  const query = new URLSearchParams(search);
  const columns = query.getAll("c").slice(0, MAX_COLUMNS).map((text): ColumnState => {
    const [version = "", model = "", job = "", ...rest] = text.split("~");
    return { ...EMPTY, version: /^(\d{1,9}|draft)$/.test(version) ? version : "", model, job: JOB_ID.test(job) ? job : "", ...readPrompt(rest.join("~")) };
  });
  const from = query.get("from") ?? "";
  return { columns: columns.length ? columns : [EMPTY], from: JOB_ID.test(from) ? from : "" };
}

/** Write the columns to the URL, without a navigation. */
export function writeUrl(columns: ColumnState[]) {
  const url = new URL(location.href), isPlain = columns.length === 1 && columns.every((one) => !one.version && !one.model && !one.job && !one.prompt);
  url.searchParams.delete("c");
  if (!isPlain) columns.forEach(({ version, model, job, prompt }) => url.searchParams.append("c", `${version}~${model}~${job}${prompt ? `~${writePrompt(prompt)}` : ""}`));
  if (columns.some((column) => column.job)) url.searchParams.delete("from");
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

function writePrompt({ path, text }: PromptRead) {
  const whole = JSON.stringify([path, text]);
  if (whole.length <= MAX_IN_URL) return whole;
  const name = `prompt-${hashOf(whole)}`;
  try { sessionStorage.setItem(name, whole); } catch { /* without session storage, the prompt is lost when the page is left */ }
  return name;
}

function readPrompt(written: string): Partial<ColumnState> {
  if (!written) return {};
  try {
    const found: unknown = JSON.parse((written.startsWith("prompt-") ? sessionStorage.getItem(written) : written) ?? ""), [path, text]: unknown[] = Array.isArray(found) ? found : [];
    if (typeof path === "string" && typeof text === "string") return { prompt: { path, text } };
  } catch { /* reported below */ }
  return { refusal: { detail: "The edited prompt of this column is not available: long prompts are stored only in the browser tab in which they were edited. The column uses the prompt of its version." } };
}

function hashOf(text: string) {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (Math.imul(31, hash) + text.charCodeAt(at)) | 0;
  return `${text.length}-${(hash >>> 0).toString(36)}`;
}

export const MAX_COLUMNS = 4;
const MAX_IN_URL = 1_500;
const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
