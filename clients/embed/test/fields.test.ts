import { expect, test } from "bun:test";
import { acceptedBy, type Field, fieldAt, fieldsOf, initialText, read, type Schema } from "../src/fields.js";

function field(schema: Schema, isRequired = true): Field {
  const [made] = fieldsOf({ properties: { one: schema }, required: isRequired ? ["one"] : [] });
  return made!;
}

test("each type of the dialect has a control", () => {
  const controls: [Schema, string][] = [
    [{ type: "string" }, "line"],
    [{ type: "text" }, "text"],
    [{ type: "string", maxLength: 500 }, "text"],
    [{ type: ["null", "integer"] }, "number"],
    [{ type: "boolean" }, "check"],
    [{ type: "string", enum: ["a", "b"] }, "choice"],
    [{ type: "image" }, "file"],
    [{ type: "array", items: { type: "file" } }, "files"],
    [{ type: "array", items: { type: "string" } }, "lines"],
    [{ type: "array", items: { type: "object" } }, "json"],
    [{ type: "object", properties: {} }, "json"],
    [{}, "json"],
  ];
  expect(controls.map(([schema]) => field(schema).control as string)).toEqual(controls.map(([, control]) => control));
});

test("required fields come first, with titles and hints", () => {
  const fields = fieldsOf({
    properties: { a: { type: "string" }, b: { type: "integer", title: "Days", description: "How long.", minimum: 1, maximum: 9 } },
    required: ["b"],
  });
  expect(fields.map((one) => [one.name, one.label, one.hint])).toEqual([["b", "Days", "How long. 1 to 9."], ["a", "a", ""]]);
  expect(fieldsOf({})).toEqual([]);
});

test("titles that are not text are replaced by the name", () => {
  expect(field({ type: "string", title: { toString: 1 } }).label).toBe("one");
});

test("numbers are checked where they are entered", () => {
  const days = field({ type: "integer", minimum: 1, maximum: 9 });
  expect(read(days, " 3 ")).toEqual({ value: 3 });
  expect(read(days, "2.5").problem).toBe("Enter a whole number.");
  expect(read(days, "x").problem).toContain("Enter a number");
  expect(read(days, "0").problem).toBe("Enter at least 1.");
  expect(read(days, "10").problem).toBe("Enter at most 9.");
  expect(read(field({ type: "number" }), "1e999").problem).toContain("Enter a number");
});

test("an empty field is omitted, or reported if it is required", () => {
  expect(read(field({ type: "string" }, false), "  ")).toEqual({});
  expect(read(field({ type: "string" }), "  ").problem).toBe("Fill in this field.");
});

test("lists and other types are read from text", () => {
  expect(read(field({ type: "array", items: { type: "string" } }), "a\n\n b \n")).toEqual({ value: ["a", "b"] });
  expect(read(field({ type: "object" }), '{"a": 1}')).toEqual({ value: { a: 1 } });
  expect(read(field({ type: "object" }), "{a").problem).toContain("Enter valid JSON");
});

test("defaults are shown", () => {
  expect(initialText(field({ type: "integer", default: 0 }))).toBe("0");
  expect(initialText(field({ type: "array", items: { type: "string" }, default: ["a", "b"] }))).toBe("a\nb");
  expect(initialText(field({ type: "object", default: { a: 1 } }))).toContain('"a": 1');
});

test("files are limited to the types of the schema", () => {
  expect(acceptedBy({ type: "image" })).toBe("image/*");
  expect(acceptedBy({ type: "file" })).toBeUndefined();
  expect(acceptedBy({ type: "array", items: { type: "audio" } })).toBe("audio/*");
  expect(acceptedBy({ type: "file", "x-puras": { accept: ".pdf" } })).toBe(".pdf");
});

test("problems of the API belong to the field that contains them", () => {
  expect(["inputs.days", "inputs.items[0].name", "inputs", "skill"].map(fieldAt)).toEqual(["days", "items", "", ""]);
});
