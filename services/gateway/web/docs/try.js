// The form that sends a request from this page.

import { highlighted } from "./code.js";
import { element, section, text } from "./element.js";
import { bodyOf, target } from "./request.js";

const MAX_SHOWN = 20_000; // characters of an answer
const HEADERS = ["ratelimit", "age", "cache-control", "retry-after", "x-request-id"];

const token = () => document.getElementById("token");

function field(parameter) {
  const example = [parameter.schema.examples?.[0] ?? ""].flat().join(",");
  const input = element("input", {
    name: parameter.name,
    value: parameter.required ? example : "",
    placeholder: example,
    required: parameter.required,
  });
  return element("label", {}, parameter.name, input);
}

function bodyField(operation) {
  const body = bodyOf(operation);
  if (body === undefined) return null;
  const value = JSON.stringify(body, null, 2);
  const area = element("textarea", { name: "body", value, rows: value.split("\n").length, spellcheck: false });
  return element("label", { className: "wide" }, "body", area);
}

/** What stands in the form's field for a parameter; lists are separated by commas. */
function valueIn(form, parameter) {
  const value = form.elements[parameter.name].value;
  if (!value) return undefined;
  return parameter.schema.type === "array" ? value.split(",") : value;
}

/** A token that an answer brings is the one to go on with. */
function keepToken(answer) {
  if (answer?.access_token) token().value = answer.access_token;
}

function headersFor(body) {
  const headers = new Headers();
  const bearer = token().value.trim();
  if (bearer) headers.set("authorization", `Bearer ${bearer}`);
  if (body) headers.set("content-type", "application/json");
  return headers;
}

async function send(url, verb, body, output) {
  const began = performance.now();
  output.hidden = false;
  output.replaceChildren("…");
  try {
    const answer = await fetch(url, { method: verb.toUpperCase(), headers: headersFor(body), body });
    output.replaceChildren(...(await described(answer, Math.round(performance.now() - began))));
  } catch (error) {
    output.replaceChildren(String(error));
  }
}

function pretty(received) {
  const value = JSON.parse(received);
  keepToken(value);
  return highlighted(JSON.stringify(value, null, 2).slice(0, MAX_SHOWN));
}

async function described(answer, took) {
  const received = await answer.text();
  const present = HEADERS.filter((name) => answer.headers.has(name));
  const told = present.map((name) => `${name}: ${answer.headers.get(name)}\n`);
  const status = text("strong", `${answer.status} in ${took} ms\n`, answer.ok ? "good" : "bad");
  const json = answer.headers.get("content-type")?.includes("json");
  return [status, ...told, "\n", json ? pretty(received) : received.slice(0, MAX_SHOWN)];
}

/** A form with a field for each parameter and the body. */
export function tryIt(path, verb, operation) {
  const output = element("pre", { hidden: true });
  output.setAttribute("aria-live", "polite");
  const button = text("button", `Send ${verb.toUpperCase()}`);
  const form = element("form", { className: "try" }, ...operation.parameters.map(field), bodyField(operation), button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const url = target(path, operation.parameters, (parameter) => valueIn(form, parameter));
    void send(url, verb, form.elements.body?.value, output);
  });
  return section("Try it", form, output);
}
