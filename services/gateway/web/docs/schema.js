// Tables of what a message holds.

import { element, text } from "./element.js";
import { jsonOf } from "./code.js";

export const resolve = (api, node) =>
  node?.$ref ? node.$ref.slice(2).split("/").reduce((parent, part) => parent[part], api) : node;

/** The schema without "or null". */
const present = (schema) => (schema.anyOf ? schema.anyOf[0] : schema);

export function typeName(schema) {
  const kind = present(schema);
  if (kind.$ref) return kind.$ref.split("/").pop();
  if (kind.type === "array") return `${typeName(kind.items)}[]`;
  if (kind.type === "object" && kind.additionalProperties?.type) return `map of ${typeName(kind.additionalProperties)}`;
  return kind.enum ? "enum" : (kind.format ?? kind.type ?? "any");
}

/** A value in one line. */
const shown = (value) => (typeof value === "string" ? text("code", value) : jsonOf(value));

const named = (name, type) => element("td", {}, text("code", name), text("div", type, "type"));

const exampleCell = (schema) => element("td", {}, schema.examples ? shown(schema.examples[0]) : "");

function fieldRows(api, name, schema, withExamples, above) {
  const kind = present(schema);
  const held = kind.type === "array" ? kind.items : kind;
  const choices = kind.enum ? text("div", kind.enum.join(" · "), "type") : null;
  const row = element("tr", {},
    named(name, typeName(schema)),
    element("td", {}, schema.description ?? "", choices),
    withExamples ? exampleCell(schema) : null);
  return held.$ref && !above.includes(held.$ref) ? [row, nestedRow(api, held, withExamples, above)] : [row];
}

function nestedRow(api, schema, withExamples, above) {
  const details = element("details", {},
    text("summary", `fields of ${typeName(schema)}`),
    fieldTable(api, schema, withExamples, [...above, schema.$ref]));
  return element("tr", { className: "nested" }, element("td", { colSpan: 3 }, details));
}

/** The fields of an object, those of messages in it behind a click; null where there are none. */
export function fieldTable(api, schema, withExamples, above = []) {
  const fields = Object.entries(resolve(api, schema)?.properties ?? {});
  if (!fields.length) return null;
  return element("table", {}, ...fields.flatMap(([name, field]) => fieldRows(api, name, field, withExamples, above)));
}

/** The parameters of an operation; null where there are none. */
export function parameterTable(parameters) {
  if (!parameters.length) return null;
  const rows = parameters.map(({ name, in: place, required, description, schema }) =>
    element("tr", {},
      named(name, `${typeName(schema)} · ${place}`),
      element("td", {}, description ?? "", required ? text("span", "required", "required") : null),
      exampleCell(schema)));
  return element("table", {}, ...rows);
}
