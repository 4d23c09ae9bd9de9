// A run as code: the same skill, inputs, version and model; the API key comes from the environment.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const asPython = (value) => JSON.stringify(value, null, 4).replace(/("(?:\\.|[^"\\])*")|\b(true|false|null)\b/g, (_, text, word) => text ?? { true: "True", false: "False", null: "None" }[word]);
const without = (facts) => Object.fromEntries(Object.entries(facts).filter(([, value]) => value));

/** `{curl, python, terminal, typescript, mcp}` of a run. `skill` is its full name; `version` is empty for the active one. */
export function codeOf({ origin, skill, version, model, inputs }) {
  const query = new URLSearchParams({ wait: "true", ...without({ version }) }), url = `${origin}/v1/jobs?${query}`;
  const body = { skill, inputs, ...without({ model }) };
  return {
    curl: `curl -s ${quoted(url)} \\\n  -H "Authorization: Bearer $PURAS_API_KEY" -H "Content-Type: application/json" \\\n  -d ${quoted(JSON.stringify(body))}`,
    python: `import os\nfrom puras import Client\n\nclient = Client(os.environ["PURAS_API_KEY"], api_base="${origin}")\njob = client.run_job(${JSON.stringify(skill)}, ${asPython(inputs)}${version ? `, version=${version}` : ""}${model ? `, model=${JSON.stringify(model)}` : ""})\nprint(job["status"], job["result"])`,
    terminal: `export PURAS_API_BASE=${origin}  # PURAS_API_KEY contains the API key\npuras run ${skill}${version ? ` --version ${version}` : ""}${model ? ` --model ${quoted(model)}` : ""} --inputs ${quoted(JSON.stringify(inputs))}`,
    typescript: `const response = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { Authorization: \`Bearer \${process.env.PURAS_API_KEY}\`, "Content-Type": "application/json" },\n  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),\n});\nconst job = await response.json();\nconsole.log(job.status, job.result);`,
    mcp: JSON.stringify({ name: "submit_job", arguments: { skill, inputs, ...without({ version: version && Number(version), model }) } }, null, 2),
  };
}
