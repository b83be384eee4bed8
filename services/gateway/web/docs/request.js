// The example request of an operation: its path, its body, and how curl sends it.

const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

export const bodyOf = (operation) => operation.requestBody?.content["application/json"].example;

/** Whether nobody gets in without a token or a key. */
export const needsToken = ({ security }) => security.length > 0 && security.every((way) => Object.keys(way).length > 0);

export const streams = (operation) => "text/event-stream" in operation.responses["200"].content;

/** A path with values for its parameters and its query. Values that are lists stand in the query once for each. */
export function target(path, parameters, valueOf) {
  const query = new URLSearchParams();
  let filled = path;
  for (const parameter of parameters) {
    const values = [valueOf(parameter) ?? []].flat();
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(values[0] ?? ""));
    else values.forEach((value) => query.append(parameter.name, value));
  }
  return query.size ? `${filled}?${query}` : filled;
}

/** The line that sends the example request from a shell. */
export function curl(path, verb, operation) {
  const url = location.origin + target(path, operation.parameters, (parameter) => parameter.example);
  const lines = [`curl ${streams(operation) ? "-N" : "-sS"} ${quoted(url)}`];
  const body = bodyOf(operation);
  if (verb !== "get" && !(verb === "post" && body)) lines.push(`-X ${verb.toUpperCase()}`);
  if (needsToken(operation)) lines.push('-H "Authorization: Bearer $TOKEN"');
  if (body) lines.push(`-H ${quoted("Content-Type: application/json")}`, `-d ${quoted(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}
