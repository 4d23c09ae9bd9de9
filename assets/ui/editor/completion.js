// Completion for skill.yaml, from the JSON Schema that the instance serves.

let schema = null;

const load = () => (schema ??= fetch("/schemas/skill.json").then((response) => (response.ok ? response.json() : {})).catch(() => { schema = null; return {}; }));

/** The JSON Schema of skill.yaml in which each key of the file, and of its limits, has one type. */
export async function skillSchema() {
  const root = await load(), flat = (node) => ({ ...node, properties: Object.fromEntries(Object.entries(node?.properties ?? {}).map(([name, field]) => [name, resolve(root, field)])) });
  const skill = flat(root);
  return { ...skill, properties: { ...skill.properties, limits: flat(skill.properties.limits) } };
}

/** Keys, and the values of keys with a fixed set of values, for CodeMirror. */
export async function completeSkill(context) {
  const line = context.state.doc.lineAt(context.pos), before = line.text.slice(0, context.pos - line.from);
  const value = before.match(/^\s*(?:- )?(\w+):\s*([^#]*)$/), key = before.match(/^(\s*(?:- )*)(\w*)$/);
  if (!value && !key) return null;
  const root = await load(), above = keysAbove(context.state.doc, line.number, key ? key[1].length : indent(before));
  const found = within(root, root, above);
  if (value) {
    const field = resolve(root, found?.properties?.[value[1]]), options = field?.enum ?? (field?.type === "boolean" ? [true, false] : []);
    return options.length ? { from: context.pos - value[2].trimStart().length, options: options.map((one) => ({ label: String(one), type: "enum" })) } : null;
  }
  if (!key[2] && !context.explicit) return null;
  const names = Object.entries(found?.properties ?? {});
  return names.length ? { from: context.pos - key[2].length, options: names.map(([name, field]) => ({ label: name, type: "property", apply: `${name}: `, info: resolve(root, field)?.description })) } : null;
}

const indent = (text) => text.match(/^(\s*(?:- )*)/)[1].length;

/** The keys above the line, outermost first. */
function keysAbove(doc, number, depth) {
  const keys = [];
  for (let at = number - 1, least = depth; at > 0 && least > 0; at -= 1) {
    const text = doc.line(at).text, found = text.match(/^(\s*(?:- )*)(\w+):\s*$/);
    if (found && indent(text) < least) { keys.unshift(found[2]); least = found[1].replace(/- $/, "").length; }
  }
  return keys;
}

function within(root, node, keys) {
  let at = resolve(root, node);
  for (const key of keys) {
    at = resolve(root, at?.properties?.[key] ?? at?.additionalProperties);
    if (at?.items) at = resolve(root, at.items);
  }
  return at;
}

/** The schema of a reference; alternatives are merged into one schema with all their properties. */
function resolve(root, node) {
  if (!node || typeof node !== "object") return null;
  if (node.$ref) return resolve(root, node.$ref.slice(2).split("/").reduce((at, name) => at?.[name], root));
  const several = node.anyOf ?? node.oneOf;
  if (!several) return node;
  const all = several.map((one) => resolve(root, one)).filter(Boolean);
  return { ...all[0], ...node, properties: Object.assign({}, ...all.map((one) => one.properties ?? {})), items: all.find((one) => one.items)?.items };
}
