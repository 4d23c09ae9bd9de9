// Types of the schemas of inputs and results.

/** The type of a schema; the first one that is not null if the schema has several. */
export const typeOf = (schema) => {
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== "null") : schema.type;
  if (type) return type;
  if (schema.properties) return "object";
  if (schema.items) return "array";
  return schema.enum ? "string" : "any";
};
