// Shows /openapi.json: operations by tag, each with what it takes and gives, an example of both, and a curl line.

import { codeBlock, jsonOf } from "./code.js";
import { element, section, text } from "./element.js";
import { bodyOf, curl, needsToken, streams } from "./request.js";
import { fieldTable, parameterTable, resolve } from "./schema.js";
import { tryIt } from "./try.js";

const media = (response) => Object.values(response.content)[0];

/** The example answers, one at a time, by status. */
function answers(api, operation) {
  const responses = Object.entries(operation.responses).map(([status, response]) => [status, resolve(api, response)]);
  const shown = element("div", { className: "answer" });
  const tabs = responses.map(([status, response]) => {
    const tab = text("button", status, status < 300 ? "tab good" : "tab bad");
    tab.type = "button";
    tab.addEventListener("click", () => show(tab, status, response));
    return tab;
  });
  function show(chosen, status, response) {
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab === chosen));
    const title = status === "200" && streams(operation) ? "each event's data" : Object.keys(response.content)[0];
    shown.replaceChildren(text("p", response.description, "muted"), codeBlock(title, jsonOf(media(response).example)));
  }
  show(tabs[0], ...responses[0]);
  return section("Answers", element("div", { className: "tabs" }, ...tabs), shown);
}

function badges(operation) {
  const policy = operation["x-policy"];
  if (!policy) return [];
  const texts = [policy.access, `${policy.rate.count} in ${policy.rate.seconds} s`];
  if (policy.cost > 1) texts.push(`cost ${policy.cost}`);
  if (policy.cache_ttl) texts.push(`cached ${policy.cache_ttl} s`);
  return texts.map((label) => text("span", label, "badge"));
}

function titled(title, table) {
  return table ? section(title, table) : null;
}

/** The left half: in words. */
function explained(api, path, verb, operation) {
  const body = operation.requestBody?.content["application/json"];
  const answer = media(operation.responses["200"]);
  return element("div", {},
    text("p", operation.description ?? operation.summary),
    element("p", {}, ...badges(operation)),
    titled("Parameters", parameterTable(operation.parameters)),
    body ? titled("Body", fieldTable(api, body.schema, true)) : null,
    titled(streams(operation) ? "Each event" : "Answer", fieldTable(api, answer.schema, false)),
    streams(operation) ? null : tryIt(path, verb, operation));
}

/** The right half: by example. */
function shownByExample(api, path, verb, operation) {
  const body = bodyOf(operation);
  return element("div", { className: "examples" },
    section("Request", codeBlock("curl", text("code", curl(path, verb, operation)))),
    body && Object.keys(body).length ? codeBlock("body", jsonOf(body)) : null,
    answers(api, operation));
}

const verbOf = (verb) => text("span", verb.toUpperCase(), `verb ${verb}`);

/** A card is filled when it is opened first: there are many. */
function card(api, path, verb, operation) {
  const summary = element("summary", {},
    verbOf(verb),
    text("span", path, "path"),
    text("span", operation.summary, "muted"),
    needsToken(operation) ? text("span", "token", "lock") : null);
  const node = element("details", { className: "operation", id: operation.operationId }, summary);
  node.addEventListener("toggle", () => {
    if (!node.open || node.children.length > 1) return;
    const halves = [explained, shownByExample].map((half) => half(api, path, verb, operation));
    node.append(element("div", { className: "halves" }, ...halves));
  });
  return node;
}

function byTag(api) {
  const groups = new Map(api.tags.map((tag) => [tag.name, { ...tag, cards: [] }]));
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      const item = { path, verb, operation, node: card(api, path, verb, operation), entry: link(path, verb, operation) };
      groups.get(operation.tags[0]).cards.push(item);
    }
  }
  return [...groups.values()].filter((group) => group.cards.length);
}

/** The first lines to try: a price, and the token that the other lines speak of. */
function firstSteps(api) {
  const price = api.paths["/api/prices/{symbol}"]?.get;
  const login = api.paths["/api/auth/login"]?.post;
  if (!price || !login) return "";
  const token = `TOKEN=$(${curl("/api/auth/login", "post", login)} | jq -r .access_token)`;
  return element("section", { className: "start" },
    codeBlock("a price, without an account", text("code", curl("/api/prices/{symbol}", "get", price))),
    codeBlock("the $TOKEN of other lines, once you are registered", text("code", token)));
}

function render(api) {
  const groups = byTag(api);
  document.getElementById("content").replaceChildren(
    text("h1", api.info.title),
    text("p", api.info.summary, "muted"),
    text("p", api.info.description.replaceAll("`", "")),
    firstSteps(api),
    ...groups.map((group) => element("section", { className: "group" },
      text("h2", group.name),
      text("p", group.description, "muted"),
      ...group.cards.map((item) => item.node))));
  const index = groups.flatMap((group) => [text("h2", group.name), ...group.cards.map((item) => item.entry)]);
  document.getElementById("index").replaceChildren(...index);
  filterBy(groups);
  openFromAddress();
}

const link = (path, verb, operation) =>
  element("a", { href: `#${operation.operationId}` }, verbOf(verb), breakable(path));

/** A path that is too long for a line goes on at one of its slashes. */
function breakable(path) {
  const parts = path.split(/(?=\/)/).flatMap((part) => [element("wbr"), part]);
  return element("span", { className: "path" }, ...parts);
}

function filterBy(groups) {
  const field = document.getElementById("filter");
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    for (const { path, verb, operation, node, entry } of groups.flatMap((group) => group.cards)) {
      node.hidden = entry.hidden = !`${verb} ${path} ${operation.summary}`.toLowerCase().includes(wanted);
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
  document.getElementById("content").replaceChildren(text("p", `The description cannot be shown: ${error}`));
}
