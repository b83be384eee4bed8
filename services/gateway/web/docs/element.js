/** An element with properties and children; text is always text, never markup. Children that are null are left out. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const text = (tag, textContent, className = "") => element(tag, { textContent, className });

/** A part of a card, under a heading. */
export const section = (title, ...children) => element("section", {}, text("h4", title), ...children);
