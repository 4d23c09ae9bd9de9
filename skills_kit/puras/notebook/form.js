// The form of a skill. All output of a run is untrusted, and is only inserted as text.

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function control(field, id) {
  const shared = { id, required: field.required };
  if (field.kind === "choice") {
    const select = element("select", shared);
    if (!field.required) select.append(element("option", { value: "", textContent: "" }));
    for (const choice of field.choices)
      select.append(element("option", { value: JSON.stringify(choice), textContent: String(choice) }));
    if (field.value != null) select.value = JSON.stringify(field.value);
    return select;
  }
  if (field.kind === "boolean") return element("input", { id, type: "checkbox", checked: !!field.value });
  if (field.kind === "integer" || field.kind === "number")
    return element("input", { ...shared, type: "number", step: field.kind === "integer" ? 1 : "any", value: field.value ?? "" });
  if (field.kind === "text") return element("textarea", { ...shared, rows: 4, value: field.value ?? "" });
  if (field.kind === "json")
    return element("textarea", { ...shared, rows: 2, className: "puras-json", placeholder: "JSON", value: field.value ?? "" });
  const placeholder = field.kind === "file" ? "Drive path or URL" : "";
  return element("input", { ...shared, type: "text", placeholder, value: field.value ?? "" });
}

function typed(field, input) {
  if (field.kind === "boolean") return input.checked;
  if (input.value === "") return undefined;
  if (field.kind === "choice") return JSON.parse(input.value);
  if (field.kind === "json" || (field.kind === "file" && input.value.startsWith("{"))) return parsed(input.value);
  if (field.kind === "integer" || field.kind === "number") return Number(input.value);
  return input.value;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`the value is not valid JSON (${error.message}). Examples: ["a", "b"] or {"key": 1}`);
  }
}

function labelled(field, input, id) {
  const label = element("label", { htmlFor: id, textContent: field.name });
  if (field.required) label.append(element("i", { textContent: " *", title: "required" }));
  const help = element("small", { id: `${id}-help`, textContent: field.help });
  if (field.help) input.setAttribute("aria-describedby", help.id);
  const parts = field.kind === "boolean" ? [input, label, help] : [label, input, help];
  return element("div", { className: field.kind === "boolean" ? "puras-tick" : "puras-field" }, ...parts);
}

let forms = 0;

function render({ model, el }) {
  const number = ++forms;
  const inputs = new Map();
  const form = element("form", { noValidate: true });
  for (const field of model.get("fields")) {
    const id = `puras-${number}-${field.name}`;
    const input = control(field, id);
    inputs.set(field, input);
    form.append(labelled(field, input, id));
  }
  const runsHere = model.get("runs_here");
  const run = element("button", { type: "submit", className: "puras-first" });
  const onServer = element("button", { type: "button", textContent: "Run on the server" });
  const problem = element("div", { role: "alert" });
  form.append(element("div", { className: "puras-buttons" }, run, ...(runsHere ? [onServer] : [])), problem);

  const head = element("div", { className: "puras-head" }, element("strong", { textContent: model.get("title") }));
  if (model.get("about")) head.append(element("p", { textContent: model.get("about") }));
  const output = element("div", { className: "puras-run" });
  el.append(element("div", { className: "puras-form" }, head, form, output));

  function send(where) {
    const given = {};
    problem.textContent = "";
    for (const [field, input] of inputs) {
      try {
        if (input.validity.badInput || input.validity.stepMismatch) throw new Error(input.validationMessage);
        const value = typed(field, input);
        if (value !== undefined) given[field.name] = value;
        else if (field.required) throw new Error("a value is required");
      } catch (error) {
        problem.textContent = `${field.name}: ${error.message}`;
        input.focus();
        return;
      }
    }
    model.send({ type: "run", where, inputs: given });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(runsHere ? "here" : "server");
  });
  onServer.addEventListener("click", () => send("server"));

  function show() {
    const isRunning = model.get("is_running");
    run.disabled = onServer.disabled = isRunning;
    run.textContent = isRunning ? "Running…" : runsHere ? "Run here" : "Run";
    output.replaceChildren(...parts(model));
    const log = output.querySelector("[role=log]");
    if (log) log.scrollTop = log.scrollHeight;
  }
  for (const name of ["is_running", "headline", "page", "trace", "result"]) model.on(`change:${name}`, show);
  show();
}

function parts(model) {
  const shown = [];
  if (model.get("headline")) {
    const headline = element("div", { className: "puras-headline" }, element("span", { textContent: model.get("headline") }));
    if (model.get("page"))
      headline.append(element("a", { href: model.get("page"), target: "_blank", rel: "noopener", textContent: "Open in the studio" }));
    shown.push(headline);
  }
  const lines = model.get("trace");
  if (lines.length)
    shown.push(
      element("div", { role: "log" }, ...lines.map(({ text, tone }) => element("div", { className: `puras-${tone}`, textContent: text }))),
    );
  if (model.get("result")) shown.push(element("pre", { textContent: model.get("result") }));
  return shown;
}

export default { render };
