// Code to read and to copy.

import { element, text } from "./element.js";

const SAID = 1500; // milliseconds that a button says what it has done
const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON with its keys, strings and other values told apart. */
export function highlighted(json) {
  const parts = [];
  let end = 0;
  for (const match of json.matchAll(TOKENS)) {
    const [token, string, colon] = match;
    const kind = colon ? "key" : string ? "string" : "value";
    parts.push(json.slice(end, match.index), text("span", string ?? token, kind), colon ?? "");
    end = match.index + token.length;
  }
  return element("code", {}, ...parts, json.slice(end));
}

export const jsonOf = (value) => highlighted(JSON.stringify(value, null, 2));

/** A block of code with a title and a button that copies it. */
export function codeBlock(title, code) {
  const body = element("pre", { tabIndex: 0 }, code);
  const button = text("button", "Copy", "copy");
  button.type = "button";
  button.addEventListener("click", () => void copy(body, button));
  return element("figure", {}, element("figcaption", {}, text("span", title), button), body);
}

/** Where a page may not write to the clipboard (plain HTTP but for localhost), the code is selected. */
async function copy(body, button) {
  try {
    await navigator.clipboard.writeText(body.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(body);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), SAID);
}
