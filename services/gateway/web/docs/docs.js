// Shows /openapi.json: operations by tag, their parameters, schemas, a curl line, and a button that tries GETs.

const MAX_SHOWN = 20_000; // characters of an answer

/** An element with properties and children; text is always text, never markup. */
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null));
  return node;
}

const resolve = (api, schema) =>
  schema?.$ref ? schema.$ref.slice(2).split("/").reduce((node, part) => node[part], api) : schema;

/** What a value of a schema looks like. */
function example(api, schema, seen = []) {
  if (schema?.$ref) {
    return seen.includes(schema.$ref) ? {} : example(api, resolve(api, schema), [...seen, schema.$ref]);
  }
  if (!schema) return null;
  if (schema.anyOf) return example(api, schema.anyOf[0], seen);
  if (schema.enum) return schema.enum.find((name) => !name.endsWith("_UNSPECIFIED")) ?? schema.enum[0];
  if (schema.type === "array") return schema.items ? [example(api, schema.items, seen)] : [];
  if (schema.type === "object") {
    const fields = Object.entries(schema.properties ?? {});
    return Object.fromEntries(fields.map(([name, field]) => [name, example(api, field, seen)]));
  }
  if (schema.format === "date-time") return "2026-01-31T12:00:00Z";
  return { integer: 0, number: 0, boolean: false, string: "string" }[schema.type] ?? null;
}

const typeName = (schema) =>
  schema.$ref?.split("/").pop() ?? (schema.type === "array" ? `${typeName(schema.items)}[]` : schema.format ?? schema.type ?? "any");

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(api, path, verb, operation) {
  const parts = ["curl", "-sS"];
  if (verb !== "get") parts.push("-X", verb.toUpperCase());
  if (operation.security?.[0]?.bearer) parts.push("-H", quoted("Authorization: Bearer $TOKEN").replaceAll("'", '"'));
  const body = operation.requestBody?.content["application/json"];
  if (body) parts.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(example(api, body.schema))));
  return [...parts, quoted(location.origin + path)].join(" ");
}

function parameterTable(operation) {
  if (!operation.parameters.length) return null;
  const rows = operation.parameters.map((parameter) =>
    element("tr", {},
      element("td", {}, element("code", { textContent: parameter.name })),
      element("td", { className: "muted", textContent: `${parameter.in} · ${typeName(parameter.schema)}` }),
      element("td", { textContent: parameter.description ?? "" })));
  return element("section", {}, element("h4", { textContent: "Parameters" }), element("table", {}, ...rows));
}

function fieldTable(api, title, schema) {
  const object = resolve(api, schema);
  const rows = Object.entries(object?.properties ?? {}).map(([name, field]) => {
    const kind = field.anyOf ? field.anyOf[0] : field;
    return element("tr", {},
      element("td", {}, element("code", { textContent: name })),
      element("td", { className: "muted", textContent: typeName(kind) }),
      element("td", { textContent: field.description ?? "" }));
  });
  const shown = JSON.stringify(example(api, schema), null, 2);
  return element("section", {},
    element("h4", { textContent: title }),
    rows.length ? element("table", {}, ...rows) : null,
    element("pre", { textContent: shown }));
}

function responseList(api, operation) {
  const rows = Object.entries(operation.responses).map(([status, response]) =>
    element("tr", {},
      element("td", {}, element("code", { textContent: status })),
      element("td", { textContent: resolve(api, response).description })));
  return element("section", {}, element("h4", { textContent: "Answers" }), element("table", {}, ...rows));
}

/** The path with the values of a form's fields in it; empty query parameters are left out. */
function filled(path, form) {
  const query = new URLSearchParams();
  let target = path;
  for (const input of form.querySelectorAll("input")) {
    if (input.dataset.place === "path") target = target.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.append(input.name, input.value);
  }
  return query.size ? `${target}?${query}` : target;
}

async function call(url, output) {
  const token = document.getElementById("token").value.trim();
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const began = performance.now();
  output.hidden = false;
  output.textContent = "…";
  try {
    const answer = await fetch(url, { headers });
    const text = await answer.text();
    const kind = answer.headers.get("content-type") ?? "";
    const shown = kind.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
    const limits = ["ratelimit", "age", "cache-control"].map((name) => `${name}: ${answer.headers.get(name) ?? "-"}`);
    const took = Math.round(performance.now() - began);
    output.textContent = `${answer.status} in ${took} ms\n${limits.join("\n")}\n\n${shown.slice(0, MAX_SHOWN)}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function tryIt(path, operation) {
  const output = element("pre", { hidden: true });
  const fields = operation.parameters.map((parameter) => {
    const value = parameter.name === "symbol" ? "BTC-USD" : "";
    const input = element("input", { name: parameter.name, value, required: parameter.required });
    input.dataset.place = parameter.in;
    return element("label", {}, parameter.name, input);
  });
  const form = element("form", { className: "try" }, ...fields, element("button", { textContent: "Send" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void call(filled(path, form), output);
  });
  return element("section", {}, element("h4", { textContent: "Try it" }), form, output);
}

function badges(policy) {
  if (!policy) return [];
  const texts = [policy.access, `${policy.rate.count} in ${policy.rate.seconds} s`];
  if (policy.cache_ttl) texts.push(`cached ${policy.cache_ttl} s`);
  return texts.map((text) => element("span", { className: "badge", textContent: text }));
}

function card(api, path, verb, operation) {
  const [media, content] = Object.entries(operation.responses["200"].content)[0];
  const streams = media === "text/event-stream";
  const body = operation.requestBody?.content["application/json"];
  return element("details", { className: "operation", id: operation.operationId },
    element("summary", {},
      element("span", { className: `verb ${verb}`, textContent: verb.toUpperCase() }),
      element("span", { className: "path", textContent: path }),
      element("span", { className: "muted", textContent: operation.summary }),
      ...badges(operation["x-policy"])),
    element("div", {},
      element("p", { textContent: operation.description ?? operation.summary }),
      parameterTable(operation),
      body ? fieldTable(api, "Body", body.schema) : null,
      fieldTable(api, streams ? "Each event's data" : "Answer", content.schema),
      responseList(api, operation),
      element("h4", { textContent: "From a shell" }),
      element("pre", { textContent: curl(api, path, verb, operation) }),
      verb === "get" && !streams ? tryIt(path, operation) : null));
}

function byTag(api) {
  const groups = new Map(api.tags.map((tag) => [tag.name, { ...tag, cards: [] }]));
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      groups.get(operation.tags[0]).cards.push({ path, verb, operation, node: card(api, path, verb, operation) });
    }
  }
  return [...groups.values()].filter((group) => group.cards.length);
}

function render(api) {
  const groups = byTag(api);
  document.getElementById("content").replaceChildren(
    element("h1", { textContent: api.info.title }),
    element("p", { className: "muted", textContent: api.info.summary }),
    element("p", { textContent: api.info.description.replaceAll("`", "") }),
    ...groups.map((group) => element("section", {},
      element("h2", { textContent: group.name }),
      element("p", { className: "muted", textContent: group.description }),
      ...group.cards.map((item) => item.node))));
  document.getElementById("index").replaceChildren(...groups.flatMap((group) => [
    element("h2", { textContent: group.name }),
    ...group.cards.map((item) => link(item)),
  ]));
  filterBy(groups);
  openFromAddress();
}

function link({ path, verb, operation }) {
  const target = element("a", { href: `#${operation.operationId}` },
    element("span", { className: `verb ${verb}`, textContent: `${verb.toUpperCase()} ` }),
    element("span", { className: "path", textContent: path }));
  return target;
}

function filterBy(groups) {
  const field = document.getElementById("filter");
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    for (const { path, verb, operation, node } of groups.flatMap((group) => group.cards)) {
      node.hidden = !`${verb} ${path} ${operation.summary}`.toLowerCase().includes(wanted);
    }
  });
}

function openFromAddress() {
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted instanceof HTMLDetailsElement) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
}

addEventListener("hashchange", openFromAddress);
try {
  render(await (await fetch("/openapi.json")).json());
} catch (error) {
  document.getElementById("content").replaceChildren(element("p", { textContent: `The description cannot be shown: ${error}` }));
}
