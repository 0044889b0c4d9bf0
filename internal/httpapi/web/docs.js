// @ts-check
// Shows the server's own description of itself.

const element = (name, text, ...children) => {
  const e = document.createElement(name);
  if (text) e.textContent = text;
  e.append(...children);
  return e;
};

const row = (...cells) => element("tr", "", ...cells.map((c) => element("td", c)));

const table = (rows) => element("table", "", ...rows);

function kind(schema, all) {
  if (!schema) return "";
  if (schema.$ref) return kind(all[schema.$ref.split("/").pop()], all);
  if (schema.anyOf) return schema.anyOf.map((s) => kind(s, all)).join(" or ");
  if (schema.type === "array") return `list of ${kind(schema.items, all)}`;
  if (schema.properties) return `{ ${Object.keys(schema.properties).join(", ")} }`;
  if (schema.enum) return schema.enum.join(" | ");
  return [schema.type || "anything"].flat().join(" or ");
}

function describe(path, method, op, all) {
  const summary = element("summary", "", element("code", `${method.toUpperCase()} ${path}`), ` ${op.summary}`);
  const out = element("details", "", summary);
  if (op.parameters) {
    out.append(element("h3", "Parameters"), table(op.parameters.map((p) => row(p.name, p.in, p.description || ""))));
  }
  for (const [media, { schema }] of Object.entries(op.requestBody?.content || {})) {
    const fields = schema.properties && Object.entries(schema.properties);
    out.append(element("h3", `Body: ${media}`), fields
      ? table(fields.map(([name, p]) => row(name, p.description || p.items?.description || "")))
      : element("p", schema.description));
  }
  for (const [status, response] of Object.entries(op.responses)) {
    out.append(element("h3", `${status}: ${response.description}`));
    if (status !== "200") continue;
    for (const [media, { schema }] of Object.entries(response.content || {})) {
      const { properties } = (schema?.$ref ? all[schema.$ref.split("/").pop()] : schema) || {};
      out.append(properties ? table(Object.entries(properties).map(([name, p]) => row(name, kind(p, all))))
        : element("p", media));
    }
  }
  return out;
}

const doc = await (await fetch("openapi.json")).json();
document.getElementById("about").textContent = doc.info.description;
const routes = document.getElementById("routes");
for (const [path, item] of Object.entries(doc.paths)) {
  for (const [method, op] of Object.entries(item)) routes.append(describe(path, method, op, doc.components.schemas));
}

export {};
