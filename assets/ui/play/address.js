// What the address of a playground says: its columns, each as `version~model~job~prompt`, and the job that the inputs come from.
// A prompt that is too long for an address is kept in the tab, and the address says under which name.

/** `{columns: [{version, model, job, prompt, refusal}], from}` of a query. */
export function readAddress(search) {
  const asked = new URLSearchParams(search);
  const columns = asked.getAll("c").slice(0, MOST_COLUMNS).map((text) => {
    const [version = "", model = "", job = "", ...rest] = text.split("~");
    return { version: /^(\d{1,9}|draft)$/.test(version) ? version : "", model, job: JOB_ID.test(job) ? job : "", ...readPrompt(rest.join("~")) };
  });
  const from = asked.get("from") ?? "";
  return { columns: columns.length ? columns : [{ version: "", model: "", job: "" }], from: JOB_ID.test(from) ? from : "" };
}

/** Let the address name the columns as they are now, without a visit. */
export function writeAddress(columns) {
  const url = new URL(location.href), isPlain = columns.length === 1 && !columns[0].version && !columns[0].model && !columns[0].job && !columns[0].prompt;
  url.searchParams.delete("c");
  if (!isPlain) columns.forEach(({ version, model, job, prompt }) => url.searchParams.append("c", `${version}~${model}~${job}${prompt ? `~${writePrompt(prompt)}` : ""}`));
  if (columns.some((column) => column.job)) url.searchParams.delete("from");
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

function writePrompt({ path, text }) {
  const whole = JSON.stringify([path, text]);
  if (whole.length <= MOST_IN_ADDRESS) return whole;
  const name = `prompt-${hashOf(whole)}`;
  try { sessionStorage.setItem(name, whole); } catch { /* a tab that may keep nothing: it stands until the page is left */ }
  return name;
}

function readPrompt(said) {
  if (!said) return {};
  try {
    const [path, text] = JSON.parse(said.startsWith("prompt-") ? sessionStorage.getItem(said) : said);
    if (typeof path === "string" && typeof text === "string") return { prompt: { path, text } };
  } catch { /* told below */ }
  return { refusal: { detail: "The edited prompt of this column is not here: a long one stays in the tab that it was written in. The column has its version's own." } };
}

function hashOf(text) {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (Math.imul(31, hash) + text.charCodeAt(at)) | 0;
  return `${text.length}-${(hash >>> 0).toString(36)}`;
}

export const MOST_COLUMNS = 4;
const MOST_IN_ADDRESS = 1_500;
const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
