// A run as code: the same skill, inputs, version and model; the API key comes from the environment.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const asPython = (value) => JSON.stringify(value, null, 4).replace(/("(?:\\.|[^"\\])*")|\b(true|false|null)\b/g, (_, text, word) => text ?? { true: "True", false: "False", null: "None" }[word]);
const without = (facts) => Object.fromEntries(Object.entries(facts).filter(([, value]) => value));

/** The input that the text of a message fills: the only required text, otherwise the only optional one; as in `openai_api/inputs.py`. */
function textInput({ properties = {}, required = [] } = {}) {
  const texts = Object.keys(properties).filter((name) => ["string", "text"].includes(properties[name].type) && !properties[name].enum && !("const" in properties[name]));
  const needed = texts.filter((name) => required.includes(name)), names = needed.length ? needed : texts;
  return names.length === 1 ? names[0] : undefined;
}

function openAI({ origin, skill, inputs, schema }) {
  const name = textInput(schema), hasText = name !== undefined && typeof inputs[name] === "string", more = { ...inputs };
  if (hasText) delete more[name];
  const content = JSON.stringify(hasText ? inputs[name] : JSON.stringify(inputs)), extra = hasText && Object.keys(more).length ? `\n    extra_body={"inputs": ${asPython(more)}},` : "";
  return `import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1/openai", api_key=os.environ["PURAS_API_KEY"])\ncompletion = client.chat.completions.create(\n    model=${JSON.stringify(skill)},\n    messages=[{"role": "user", "content": ${content}}],${extra}\n)\nprint(completion.choices[0].message.content)`;
}

const inPage = ({ origin, skill }) => `<!-- Visitors can read the key: use a publishable key that is limited to this skill, with a daily cap -->\n<script src="${origin}/embed.js" async\n  data-skill="${skill}"\n  data-key="puras_pub_xxxxxxxx.…"\n  data-mode="form"></script>`;

/** `{curl, python, terminal, typescript, mcp, openai, page}` of a run. `skill` is its full name; `version` is empty for the active one. The SDK of OpenAI and a page can name neither a version nor a model. */
export function codeOf({ origin, skill, version, model, inputs, schema }) {
  const query = new URLSearchParams({ wait: "true", ...without({ version }) }), url = `${origin}/v1/jobs?${query}`;
  const body = { skill, inputs, ...without({ model }) };
  return {
    curl: `curl -s ${quoted(url)} \\\n  -H "Authorization: Bearer $PURAS_API_KEY" -H "Content-Type: application/json" \\\n  -d ${quoted(JSON.stringify(body))}`,
    python: `import os\nfrom puras import Client\n\nclient = Client(os.environ["PURAS_API_KEY"], api_base="${origin}")\njob = client.run_job(${JSON.stringify(skill)}, ${asPython(inputs)}${version ? `, version=${version}` : ""}${model ? `, model=${JSON.stringify(model)}` : ""})\nprint(job["status"], job["result"])`,
    terminal: `export PURAS_API_BASE=${origin}  # PURAS_API_KEY contains the API key\npuras run ${skill}${version ? ` --version ${version}` : ""}${model ? ` --model ${quoted(model)}` : ""} --inputs ${quoted(JSON.stringify(inputs))}`,
    typescript: `const response = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { Authorization: \`Bearer \${process.env.PURAS_API_KEY}\`, "Content-Type": "application/json" },\n  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),\n});\nconst job = await response.json();\nconsole.log(job.status, job.result);`,
    mcp: JSON.stringify({ name: "submit_job", arguments: { skill, inputs, ...without({ version: version && Number(version), model }) } }, null, 2),
    ...(version || model || !schema ? {} : { openai: openAI({ origin, skill, inputs, schema }), page: inPage({ origin, skill }) }),
  };
}
