// Values of a YAML document, whose types only its validation knows.

/** The keys and indexes that lead to a value. */
export type Path = (string | number)[];

export type Mapping = Record<string, unknown>;

export const isMapping = (value: unknown): value is Mapping => value !== null && typeof value === "object" && !Array.isArray(value);
export const mappingOf = (value: unknown): Mapping => (isMapping(value) ? value : {});
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const textOf = (value: unknown) => (typeof value === "string" ? value : "");

const inside = (value: unknown, key: string | number): unknown => (Array.isArray(value) ? value[Number(key)] : mappingOf(value)[key]);

/** The value at a path; undefined if there is none. */
export const valueAt = (value: unknown, path: Path): unknown => path.reduce(inside, value);

/** Whether a path is at `start` or below it. */
export const startsWith = (path: Path | null | undefined, start: Path) => start.every((key, index) => path?.[index] === key);

/** The properties of a schema, with those that are no schemas. */
export const propertiesOf = (schema: unknown): Mapping => mappingOf(mappingOf(schema)["properties"]);
