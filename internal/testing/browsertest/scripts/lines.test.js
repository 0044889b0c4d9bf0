import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../lines.js";

async function* cut(text, size) {
  for (let i = 0; i < text.length; i += size) yield text.slice(i, i + size);
}

const state = { status: "ready", sheet: {
  summary: { bills: 2 }, bills: [{ number: "T1", lines: [{ a: [{ b: "}]," }] }] }, { number: "\n},", lines: [] }],
  problems: [], findings: [{ text: "a } ] b" }], rows: [{ cells: [1, null] }, { cells: [] }, { cells: [{}] }],
} };

// As the server writes it.
function written({ sheet, ...head }) {
  const member = ([name, value]) => `"${name}":${Array.isArray(value)
    ? `[${value.map((e) => `\n${JSON.stringify(e)}`).join(",")}]` : JSON.stringify(value)}`;
  return `{${JSON.stringify(head).slice(1, -1)},"sheet":{${Object.entries(sheet).map(member).join(",\n")}}\n}\n`;
}

test("an answer is the same in whichever pieces it comes", async () => {
  const text = written(state);
  assert.deepEqual(JSON.parse(text), state);
  for (const size of [1, 2, 7, 64, text.length]) assert.deepEqual(await decode(cut(text, size), "sheet"), state);
});

test("an answer without a sheet is read", async () => {
  for (const one of [{ status: "no_session", sheet: null }, { status: "empty" }]) {
    assert.deepEqual(await decode(cut(`${JSON.stringify(one)}\n`, 5), "sheet"), one);
  }
});

test("an answer that breaks off is an error", async () => {
  const text = written(state);
  for (let i = 1; i < text.trimEnd().length; i++) {
    await assert.rejects(decode(cut(text.slice(0, i), 50), "sheet"), SyntaxError);
  }
});

test("others have their turn between the lines of a long answer", async () => {
  let turns = 0, time = 0;
  const rows = Array.from({ length: 200 }, (_, i) => ({ cells: [i] }));
  const text = written({ status: "ready", sheet: { rows } });
  await decode(cut(text, 1e9), "sheet", async () => { turns++; }, () => time++);
  assert.ok(turns > 10 && turns < 100, `${turns} turns`);
});
