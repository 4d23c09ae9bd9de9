import { PurasAPIError } from "../../typescript/src/errors.js";
import type { EmbedRead, JobRead } from "../../typescript/src/generated.js";
import { follow } from "../../typescript/src/stream.js";
import { newKey, type Transport } from "../../typescript/src/transport.js";
import { element } from "./dom.js";
import { acceptedBy, type Field, fieldAt, fieldsOf, initialText, read, type Reading, type Schema } from "./fields.js";
import { textOf } from "./problems.js";
import { shown } from "./result.js";

type TextControl = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

interface Shown {
  field: Field;
  control: TextControl;
  problem: HTMLElement;
}

/** Maximum size of all files of a form together. They are part of the request, whose maximum is 8 MiB as Base64. */
const MAX_FILE_BYTES = 5_000_000;
const ENTRY_TYPES: Readonly<Record<string, string>> = { email: "email", uri: "url", url: "url", date: "date", time: "time" };
const MAX_LIVE_CHARACTERS = 20_000;

/** Show the form of a skill, and run a job with each submission. */
export function showForm(root: ParentNode, skill: EmbedRead, transport: Transport, report: (job: JobRead) => void): void {
  const fields = fieldsOf(skill.input_schema as Schema).map(shownField);
  const button = element("button", { type: "submit", part: "button" }, "Run");
  const status = element("p", { class: "status", role: "status" });
  const bar = element("progress", { max: "1", "aria-label": "Progress", hidden: true });
  const live = element("div", { class: "text live", hidden: true });
  const problem = element("p", { class: "problem", role: "alert" });
  const result = element("section", { part: "result", "aria-label": "Result", tabindex: "-1", hidden: true });
  const form = element("form", { part: "form", novalidate: true, "aria-label": skill.title ?? skill.name });
  form.append(...fields.map(framed), element("div", { class: "row" }, button, status), bar, live, problem);
  root.append(form, result);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") !== "true") void submit();
  });

  async function submit(): Promise<void> {
    problem.textContent = "";
    setBusy(true);
    try {
      const inputs = await inputsOf(fields);
      if (inputs !== undefined) await run(inputs);
    } catch (error) {
      reject(error);
    } finally {
      setBusy(false);
    }
  }

  async function run(inputs: Record<string, unknown>): Promise<void> {
    result.hidden = true;
    live.textContent = "";
    status.textContent = "Sending…";
    const body = { skill: skill.full_name, inputs };
    const submitted = await transport.json<JobRead>("POST", "/v1/jobs", { body, idempotencyKey: newKey() });
    status.textContent = "Waiting…";
    for await (const event of follow(transport, submitted.id, { deltas: true })) showEvent(event.type, event.payload);
    const job = await transport.json<JobRead>("GET", `/v1/jobs/${submitted.id}`);
    if (job.status !== "succeeded") throw new Error(job.error ?? "The job was canceled. Try again.");
    status.textContent = "Done.";
    result.replaceChildren(shown(job.result ?? {}));
    result.hidden = false;
    result.focus();
    report(job);
  }

  function showEvent(type: string, payload: Record<string, unknown>): void {
    if (type === "started") status.textContent = "Running…";
    else if (type === "waiting") status.textContent = payload.reason === "approval" ? "Waiting for an approval…" : "Waiting…";
    else if (type === "progress") {
      if (typeof payload.fraction === "number") bar.value = payload.fraction;
      else bar.removeAttribute("value");
      bar.hidden = false;
      if (payload.text) status.textContent = String(payload.text);
    } else if (type === "delta" && typeof payload.text === "string") {
      if (payload.restart === true) live.textContent = "";
      live.hidden = false;
      live.textContent = (live.textContent + payload.text).slice(-MAX_LIVE_CHARACTERS);
    }
  }

  function setBusy(isBusy: boolean): void {
    button.setAttribute("aria-disabled", String(isBusy)); // `disabled` would move the focus away
    form.setAttribute("aria-busy", String(isBusy));
    if (isBusy) return;
    bar.hidden = live.hidden = true;
    bar.removeAttribute("value");
  }

  function reject(error: unknown): void {
    status.textContent = "";
    const unplaced: string[] = [];
    for (const { path, message } of error instanceof PurasAPIError ? error.errors : []) {
      const one = fields.find(({ field }) => field.name === fieldAt(path));
      if (one) setProblem(one, message);
      else unplaced.push(message);
    }
    const first = fields.find(({ problem }) => problem.textContent !== "");
    if (first) first.control.focus();
    problem.textContent = first ? unplaced.join(" ") : unplaced.join(" ") || textOf(error);
  }
}

/** Return the inputs, or nothing if a field has a problem, which the form shows. */
async function inputsOf(fields: readonly Shown[]): Promise<Record<string, unknown> | undefined> {
  const inputs: Record<string, unknown> = {};
  let budget = MAX_FILE_BYTES;
  let first: Shown | undefined;
  for (const one of fields) {
    const { value, problem = "" } = await readingOf(one, budget);
    if (value !== undefined) inputs[one.field.name] = value;
    if (one.control.type === "file") budget -= sizeOf(one.control as HTMLInputElement);
    setProblem(one, problem);
    if (problem !== "") first ??= one;
  }
  first?.control.focus();
  return first ? undefined : inputs;
}

async function readingOf({ field, control }: Shown, budget: number): Promise<Reading> {
  if (field.control === "check") return { value: (control as HTMLInputElement).checked };
  if (field.control === "choice") {
    if (control.value === "") return field.isRequired ? { problem: "Select an option." } : {};
    return { value: field.schema.enum?.[Number(control.value)] };
  }
  if (field.control !== "file" && field.control !== "files") return read(field, control.value);
  const input = control as HTMLInputElement;
  const files = [...(input.files ?? [])];
  if (files.length === 0) return field.isRequired ? { problem: "Choose a file." } : {};
  if (sizeOf(input) > budget) {
    return { problem: `The files of this form are too large. Choose files of at most ${MAX_FILE_BYTES / 1e6} MB together.` };
  }
  const values = await Promise.all(files.map(async (file) => ({ data: await dataUrl(file) })));
  return { value: field.control === "files" ? values : values[0] };
}

function sizeOf(input: HTMLInputElement): number {
  return [...(input.files ?? [])].reduce((total, file) => total + file.size, 0);
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    // A file of an unknown type has the media type "".
    reader.onload = () => resolve(String(reader.result).replace(/^data:;/, "data:application/octet-stream;"));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read. Choose it again.`));
    reader.readAsDataURL(file);
  });
}

function setProblem({ control, problem }: Shown, message: string): void {
  problem.textContent = message;
  control.setAttribute("aria-invalid", String(message !== ""));
}

function shownField(field: Field, at: number): Shown {
  const control = controlOf(field);
  control.id = `field-${at}`;
  control.setAttribute("aria-describedby", `hint-${at} problem-${at}`);
  control.required = field.isRequired && field.control !== "check"; // announced, not enforced: the form shows its own errors
  return { field, control, problem: element("p", { class: "problem", id: `problem-${at}` }) };
}

function controlOf(field: Field): TextControl {
  const { control, schema } = field;
  if (control === "choice") return choice(field);
  if (control === "check") return element("input", { type: "checkbox", checked: schema.default === true });
  if (control === "file" || control === "files") {
    return element("input", { type: "file", multiple: control === "files", accept: acceptedBy(schema) });
  }
  if (control === "number") return element("input", { inputmode: "decimal", value: initialText(field), autocomplete: "off" });
  if (control === "line") {
    return element("input", { type: ENTRY_TYPES[String(schema.format)] ?? "text", value: initialText(field) });
  }
  return element("textarea", { rows: "4" }, initialText(field));
}

function choice({ schema, isRequired }: Field): HTMLSelectElement {
  const options = (schema.enum ?? []).map((value, at) => {
    const isDefault = JSON.stringify(value) === JSON.stringify(schema.default);
    return element("option", { value: String(at), selected: isDefault }, typeof value === "string" ? value : JSON.stringify(value));
  });
  return element("select", {}, element("option", { value: "" }, isRequired ? "Select an option" : "None"), ...options);
}

function framed({ field, control, problem }: Shown, at: number): HTMLElement {
  const optional = field.isRequired || field.control === "check" ? [] : [element("span", { class: "muted" }, " optional")];
  const label = element("label", { for: control.id }, field.label, ...optional);
  const hint = element("p", { class: "muted", id: `hint-${at}` }, field.hint);
  const parts = field.control === "check" ? [element("div", { class: "row" }, control, label)] : [label, control];
  return element("div", { class: "field" }, ...parts, hint, problem);
}
