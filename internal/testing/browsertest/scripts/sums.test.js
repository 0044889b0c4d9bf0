import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, decimalsOf, number, plain } from "../sums.js";

const read = (text) => (number(text) ? plain(number(text).amount) : null);

test("numbers are those that the server takes", () => {
  for (const [text, n] of [["12", 12], ["1,037.42", 1037.42], [".5", 0.5], ["0.5", 0.5], ["007", 7],
    ["1,234,567", 1234567]]) {
    assert.equal(read(text), n, text);
  }
  for (const text of ["", "-1", "1,23", "12,34.5", "1.", "1.23456", "00.5", "12 EA", "1e3", "1234567890123456"]) {
    assert.equal(read(text), null, text);
  }
});

const line = (cartons, pieces, volume, weight) => ({ cartons, pieces, volume, weight });
const most = { cartons: 0, pieces: 0, weight: 1, cube: 2 };
const states = (lines, printed, of = most) => compare(lines, printed, of).map((c) => c.state);

test("cartons and pieces add up exactly, weight and cube within rounding", () => {
  const lines = [line("1", "10", "1.05", "10.5"), line("2", "20", "2.05", "20.5")];
  assert.deepEqual(states(lines, { cartons: "3", pieces: "30", weight: "31.0", cube: "3.10" }),
    Array(4).fill("proved"));
  // Half the last digit of each of two lines: 0.1 lb, 0.01 cu ft.
  assert.deepEqual(states(lines, { cartons: "3", pieces: "30", weight: "31.1", cube: "3.11" }),
    Array(4).fill("proved"));
  assert.deepEqual(states(lines, { cartons: "4", pieces: "29", weight: "31.2", cube: "3.12" }),
    Array(4).fill("differs"));
  assert.equal(compare(lines, { cartons: "5" }, most)[0].off, 2_000_000n);
});

test("what is cut off is not rounded, and what is not there is not compared", () => {
  const lines = [line("1", "10", "1.05", "12"), line("2", "20", "2.05", "20.5")];
  assert.deepEqual(states(lines, { weight: "32.6" })[2], "differs"); // 12 among figures like 20.5
  assert.deepEqual(states(lines, { weight: "32.5" })[2], "proved");
  assert.deepEqual(states(lines, { cartons: "", pieces: "3O" }).slice(0, 2), ["not_printed", "unread"]);
  assert.deepEqual(states([line("", "", "", "")], { cartons: "0" })[0], "proved");
});

test("the decimals of a document are those of its lines as they were read", () => {
  const cell = (text) => ({ text });
  const bills = [{ lines: [
    { weight: cell("1.5"), volume: cell("2"), was: { volume: "2.25" } }, { cartons: cell("1,000"), pieces: null },
  ] }];
  assert.deepEqual(decimalsOf(bills), { cartons: 0, pieces: 0, weight: 1, cube: 2 });
});
