// The state of a playground in its URL: its columns, each as `version~model~job~prompt`, and the job that the inputs come from.
// A prompt that is too long for a URL is stored in the session storage of the tab, and the URL contains its key.

/** `{columns: [{version, model, job, prompt, refusal}], from}` of a query. */
export function readUrl(search) {
  const query = new URLSearchParams(search);
  const columns = query.getAll("c").slice(0, MAX_COLUMNS).map((text) => {
    const [version = "", model = "", job = "", ...rest] = text.split("~");
    return { version: /^(\d{1,9}|draft)$/.test(version) ? version : "", model, job: JOB_ID.test(job) ? job : "", ...readPrompt(rest.join("~")) };
  });
  const from = query.get("from") ?? "";
  return { columns: columns.length ? columns : [{ version: "", model: "", job: "" }], from: JOB_ID.test(from) ? from : "" };
}

/** Write the columns to the URL, without a navigation. */
export function writeUrl(columns) {
  const url = new URL(location.href), isPlain = columns.length === 1 && !columns[0].version && !columns[0].model && !columns[0].job && !columns[0].prompt;
  url.searchParams.delete("c");
  if (!isPlain) columns.forEach(({ version, model, job, prompt }) => url.searchParams.append("c", `${version}~${model}~${job}${prompt ? `~${writePrompt(prompt)}` : ""}`));
  if (columns.some((column) => column.job)) url.searchParams.delete("from");
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

function writePrompt({ path, text }) {
  const whole = JSON.stringify([path, text]);
  if (whole.length <= MAX_IN_URL) return whole;
  const name = `prompt-${hashOf(whole)}`;
  try { sessionStorage.setItem(name, whole); } catch { /* without session storage, the prompt is lost when the page is left */ }
  return name;
}

function readPrompt(written) {
  if (!written) return {};
  try {
    const [path, text] = JSON.parse(written.startsWith("prompt-") ? sessionStorage.getItem(written) : written);
    if (typeof path === "string" && typeof text === "string") return { prompt: { path, text } };
  } catch { /* reported below */ }
  return { refusal: { detail: "The edited prompt of this column is not available: long prompts are stored only in the browser tab in which they were edited. The column uses the prompt of its version." } };
}

function hashOf(text) {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (Math.imul(31, hash) + text.charCodeAt(at)) | 0;
  return `${text.length}-${(hash >>> 0).toString(36)}`;
}

export const MAX_COLUMNS = 4;
const MAX_IN_URL = 1_500;
const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
