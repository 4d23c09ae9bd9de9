// Types of the schemas of inputs and results.

/** A schema of inputs or results, in the dialect of skill.yaml or in JSON Schema. */
export interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  format?: string;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  maxLength?: number;
  "x-puras"?: { placeholder?: string; accept?: string; widget?: string; help?: string };
  [key: string]: unknown;
}

/** The type of a schema; the first one that is not null if the schema has several. */
export const typeOf = (schema: Schema): string => {
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== "null") : schema.type;
  if (type) return type;
  if (schema.properties) return "object";
  if (schema.items) return "array";
  return schema.enum ? "string" : "any";
};
