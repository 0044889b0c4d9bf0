import assert from "node:assert/strict";
import { test } from "node:test";

/** @type {any} */ (globalThis).location = { search: "", href: "http://localhost/" };
const { Keys, clean, same } = await import("../amend.js");

const cell = (text) => ({ text });
const line = (style, cartons, pieces, more = {}) => (
  { style: cell(style), cartons: cell(cartons), pieces: cell(pieces), ...more });

test("lines are named by what was read, and told apart", () => {
  const sheet = {
    bills: [
      { number: cell("A1"), lines: [line("S", "1", "10"), line("S", "9", "10", { was: { cartons: "1" } }),
        line("T", "1", "1")] },
      { number: cell("B2"), was: { number: "A1" },
        lines: [line("S", "1.0", "10"), line("S", "1", "10", { added: true })] },
      { number: cell("a1"), lines: [line("s", "1", "10")] },
    ],
    amendments: [],
  };
  const keys = new Keys(sheet);
  assert.deepEqual([0, 1, 2].map((i) => keys.bill(i)),
    [{ number: "A1" }, { number: "A1", nth: 2 }, { number: "a1", nth: 3 }]);
  assert.deepEqual(keys.line(0, 0), { bill: "A1", style: "S", cartons: "1", pieces: "10" });
  assert.deepEqual(keys.line(0, 1), { bill: "A1", style: "S", cartons: "1", pieces: "10", nth: 2 });
  assert.equal(keys.line(1, 0).nth, 3);
  assert.equal(keys.line(2, 0).nth, 4);
  assert.equal(keys.line(1, 1).nth, 5); // what was added comes after all that was read
});

test("a line that was removed keeps its place among those of its texts", () => {
  const key = { bill: "A1", style: "S", cartons: "1", pieces: "10" };
  const sheet = {
    bills: [{ number: cell("A1"), lines: [line("S", "1", "10"), line("S", "1", "10")] }],
    amendments: [{ kind: "remove", line: { ...key, nth: 2 }, state: "applied" },
      { kind: "remove", line: key, state: "lost" }],
  };
  const keys = new Keys(sheet);
  assert.deepEqual([keys.line(0, 0).nth, keys.line(0, 1).nth], [undefined, 3]);
});

test("names are the same where the server takes them for the same", () => {
  const key = { bill: "A1", style: "S-1", cartons: "1,000", pieces: "3" };
  for (const other of [
    { bill: " a1 ", style: "s‑1", cartons: "1000", pieces: "3.0" },
      { bill: "A1", style: "S-1", cartons: "1000 CTNS", pieces: "0003" },
  ]) assert.equal(same(other), same(key));
  for (const other of [{ ...key, pieces: "3 DZ" }, { ...key, cartons: "1001" }, { ...key, nth: 2 }]) {
    assert.notEqual(same(other), same(key));
  }
});

test("texts of amendments have no control characters", () => {
  assert.equal(clean(" a\r\nb\u0007\u0000 "), "a b");
  assert.equal(clean("a\r\nb", true), "a\nb");
});
