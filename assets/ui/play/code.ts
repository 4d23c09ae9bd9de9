// A run as code: the same skill, inputs, version and model; the API key comes from the environment.
import type { Schema } from "../schema_types";

type Values = Record<string, unknown>;

export interface RunAsCode {
  /** The URL of the instance. */
  origin: string;
  /** The full name of the skill. */
  skill: string;
  inputs: Values;
  /** The number of the version; empty for the active one. */
  version?: string;
  /** The language model; empty for the default one. */
  model?: string;
  /** The environment, which only HTTP requests name: with a key of another one, they fail instead of running another version. */
  environment?: string;
  /** The schema of the inputs. Without it, there is no code for interfaces that need one. */
  schema?: Schema;
}

export interface Snippets {
  curl: string;
  python: string;
  terminal: string;
  typescript: string;
  mcp: string;
  openai?: string;
  page?: string;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const PYTHON: Record<string, string> = { true: "True", false: "False", null: "None" };
const asPython = (value: Values) => JSON.stringify(value, null, 4).replace(/("(?:\\.|[^"\\])*")|\b(true|false|null)\b/g, (whole, text: string | undefined, word: string) => text ?? PYTHON[word] ?? whole);
const without = <Value>(facts: Record<string, Value | undefined>) => Object.fromEntries(Object.entries(facts).flatMap(([name, value]): [string, Value][] => (value ? [[name, value]] : [])));

/** The input that the text of a message fills: the only required text, otherwise the only optional one; as in `openai_api/inputs.py`. */
function textInput({ properties = {}, required = [] }: Schema) {
  const texts = Object.entries(properties).filter(([, field]) => (field.type === "string" || field.type === "text") && !field.enum && !("const" in field)).map(([name]) => name);
  const needed = texts.filter((name) => required.includes(name)), names = needed.length ? needed : texts;
  return names.length === 1 ? names[0] : undefined;
}

function openAI({ origin, skill, inputs, schema = {} }: RunAsCode) {
  const name = textInput(schema) ?? "", { [name]: text, ...more } = inputs, hasText = typeof text === "string";
  const content = JSON.stringify(hasText ? text : JSON.stringify(inputs)), extra = hasText && Object.keys(more).length ? `\n    extra_body={"inputs": ${asPython(more)}},` : "";
  return `import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1/openai", api_key=os.environ["PURAS_API_KEY"])\ncompletion = client.chat.completions.create(\n    model=${JSON.stringify(skill)},\n    messages=[{"role": "user", "content": ${content}}],${extra}\n)\nprint(completion.choices[0].message.content)`;
}

const inPage = ({ origin, skill }: Pick<RunAsCode, "origin" | "skill">) => `<!-- Visitors can read the key: use a publishable key that is limited to this skill, with a daily cap -->\n<script src="${origin}/embed.js" async\n  data-skill="${skill}"\n  data-key="puras_pub_xxxxxxxx.…"\n  data-mode="form"></script>`;

/** The code of a run. The SDK of OpenAI and a page can name neither a version nor a model. */
export function codeOf({ origin, skill, version, model, environment, inputs, schema }: RunAsCode): Snippets {
  const query = new URLSearchParams({ wait: "true", ...without({ version }) }), url = `${origin}/v1/jobs?${query}`;
  const body = { skill, inputs, ...without({ model, environment }) };
  return {
    curl: `curl -s ${quoted(url)} \\\n  -H "Authorization: Bearer $PURAS_API_KEY" -H "Content-Type: application/json" \\\n  -d ${quoted(JSON.stringify(body))}`,
    python: `import os\nfrom puras import Client\n\nclient = Client(os.environ["PURAS_API_KEY"], api_base="${origin}")\njob = client.run_job(${JSON.stringify(skill)}, ${asPython(inputs)}${version ? `, version=${version}` : ""}${model ? `, model=${JSON.stringify(model)}` : ""})\nprint(job["status"], job["result"])`,
    terminal: `export PURAS_API_BASE=${origin}  # PURAS_API_KEY contains the API key\npuras run ${skill}${version ? ` --version ${version}` : ""}${model ? ` --model ${quoted(model)}` : ""} --inputs ${quoted(JSON.stringify(inputs))}`,
    typescript: `const response = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { Authorization: \`Bearer \${process.env.PURAS_API_KEY}\`, "Content-Type": "application/json" },\n  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),\n});\nconst job = await response.json();\nconsole.log(job.status, job.result);`,
    mcp: JSON.stringify({ name: "submit_job", arguments: { skill, inputs, ...without<string | number>({ version: Number(version), model }) } }, null, 2),
    ...(version || model || !schema ? {} : { openai: openAI({ origin, skill, inputs, schema }), page: inPage({ origin, skill }) }),
  };
}
