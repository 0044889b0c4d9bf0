import assert from "node:assert/strict";
import { test } from "node:test";
import { Machine, Order, Uploads, backoff, follows, lateEvents } from "../state.js";

test("a phase drops what belonged to the one before", () => {
  const m = new Machine();
  m.enter("away", { problem: "no answer", tries: 3, retryAt: 5 });
  m.enter("open");
  assert.deepEqual(m.state, { phase: "open" });
});

test("every phase can be reached, and none is entered that is not declared", () => {
  const reached = new Set(["loading"]);
  for (const phase of reached) for (const next of follows[phase]) reached.add(next);
  assert.deepEqual([...reached].sort(), Object.keys(follows).sort());
  const m = new Machine();
  m.enter("signin", { problem: "" });
  assert.throws(() => m.enter("open"), /cannot become open/);
  assert.equal(m.state.phase, "signin");
});

test("an older answer that arrives later is no news", () => {
  const o = new Order();
  const first = o.send(),
    second = o.send();
  assert.equal(o.take(second), true);
  assert.equal(o.take(first), false);
  const third = o.send();
  assert.equal(o.take(third), true);
});

test("answers that arrive in order are all news", () => {
  const o = new Order();
  const first = o.send(),
    second = o.send();
  assert.equal(o.take(first), true);
  assert.equal(o.take(second), true);
});

test("what was asked about a session that ended is no news", () => {
  const o = new Order();
  const before = o.send();
  o.drop();
  assert.equal(o.take(before), false);
  assert.equal(o.take(o.send()), true);
});

test("the pause between tries grows, up to half a minute", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 60].map(backoff), [2, 4, 8, 16, 30, 30, 30]);
});

test("progress of an own upload goes to the upload, of others' to the page", () => {
  const u = new Uploads(),
    told = [];
  u.begin("bol", (e) => told.push(e.pages));
  assert.equal(u.any, true);
  assert.equal(u.heard({ type: "progress", kind: "bol", pages: 7 }, 0), "");
  assert.deepEqual(told, [7]);
  assert.equal(u.heard({ type: "progress", kind: "orders", pages: 1 }, 0), "changed");
  assert.equal(u.remote.orders.pages, 1);
  assert.equal(u.heard({ type: "attached", kind: "orders" }, 0), "refresh");
  assert.equal(u.remote.orders, undefined);
  assert.equal(u.heard({ type: "attached", kind: "bol" }, 0), "");
});

test("late events of an own upload that is over draw nothing, but an attach is looked at", () => {
  const u = new Uploads();
  u.begin("bol", () => {});
  u.end("bol", 1000);
  assert.equal(u.any, false);
  assert.equal(u.heard({ type: "progress", kind: "bol" }, 1000 + lateEvents - 1), "");
  assert.equal(u.heard({ type: "failed", kind: "bol" }, 1000 + lateEvents - 1), "");
  assert.equal(u.heard({ type: "attached", kind: "bol" }, 1000), "refresh");
  assert.equal(u.heard({ type: "progress", kind: "bol" }, 1000 + lateEvents), "changed");
  assert.equal(u.heard({ type: "failed", kind: "bol" }, 1000 + lateEvents), "failed");
});
