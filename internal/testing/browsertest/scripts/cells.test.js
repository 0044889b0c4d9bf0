import assert from "node:assert/strict";
import { test } from "node:test";
import { readTabs, records, writeTabs } from "../cells.js";

test("cells are copied and pasted as spreadsheets do it", () => {
  const tables = [
    [["a"]], [["a", "b"], ["c", "d"]], [["", ""], ["", "x"]], [["two\nlines", "a\ttab"], ['say "no"', '"quoted"']],
    [["1,037.42", "Jul 10, 2025"]],
  ];
  for (const table of tables) assert.deepEqual(readTabs(writeTabs(table)), table);
  assert.equal(writeTabs([['5" pipe', "x"]]), '5" pipe\tx'); // quotation marks inside are no matter
});

test("what Excel copies is read", () => {
  assert.deepEqual(readTabs("L-1\r\nL-2\r\n"), [["L-1"], ["L-2"]]);
  assert.deepEqual(readTabs("a\tb\r\n\tc\r\n"), [["a", "b"], ["", "c"]]);
  assert.deepEqual(readTabs('"two\nlines"\tb\n'), [["two\nlines", "b"]]);
  assert.deepEqual(readTabs('"never closed\tb'), [['"never closed', "b"]]);
  assert.deepEqual(readTabs(""), [[""]]);
  assert.deepEqual(readTabs("\n\n"), [[""], [""]]); // two empty cells
});

test("records of CSV stay as they are", () => {
  const csv = 'A,B\n1,"two\nlines, and ""more"""\n3,4\n';
  assert.deepEqual(records(csv), ["A,B\n", '1,"two\nlines, and ""more"""\n', "3,4\n"]);
  assert.equal(records(csv).join(""), csv);
  assert.deepEqual(records("A\n1"), ["A\n", "1"]);
});
