import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, capital, cut, dayOf, figure, plural } from "../format.js";

test("one carton, two cartons, two near misses", () => {
  assert.equal(plural(1, "carton"), "1 carton");
  assert.equal(plural(0, "carton"), "0 cartons");
  assert.equal(plural(2, "near miss", "near misses"), "2 near misses");
});

test("figures have the decimals of their field, and nothing is not zero", () => {
  assert.match(figure("weight", 4114), /^4.?114\D0$/);
  assert.match(figure("cube", 1037.42), /^1.?037\D42$/);
  assert.equal(figure("cartons", 0), "0");
  assert.equal(figure("cartons", null), "–");
});

test("sizes are written in thousands", () => {
  assert.equal(bytes(999), "999 B");
  assert.match(bytes(1_234_000), /^1\D23 MB$/);
  assert.match(bytes(5e12), / GB$/);
});

test("days are read in the forms that the server sorts by", () => {
  const day = Date.UTC(2025, 6, 10);
  for (const text of ["7102025", "07102025", "2025-07-10", "2025-07-10T00:00:00", "7/10/2025"])
    assert.equal(dayOf(text), day, text);
  for (const text of ["", "13102025", "2025-02-30", "10.07.2025", "PO 7102025"]) assert.equal(dayOf(text), null, text);
});

test("the first letter becomes a capital", () => {
  assert.equal(capital("bill"), "Bill");
  assert.equal(capital(""), "");
});

test("long names are cut in the middle", () => {
  assert.equal(cut("LAKE BURLINGTON", 26), "LAKE BURLINGTON");
  const [one, two] = ["BURLINGTON COAT FACTORY STORE 117", "BURLINGTON COAT FACTORY STORE 204"].map((n) => cut(n, 26));
  assert.equal(one, "BURLINGTON CO…RY STORE 117");
  assert.notEqual(one, two);
});
