// @ts-check
// The page: connects the session, the three steps and the views.

import { $, h, fill, button, icon, ask, say } from "./dom.js";
import { clock, count, plural } from "./format.js";
import { Session, words } from "./session.js";
import { Steps } from "./steps.js";
import { issuesOf, toCheck } from "./issues.js";

const session = new Session();
const steps = new Steps(session);
let views; // loaded with the first sheet
let issues = [];
let shown = null;

// The session in the bar: one state, and under which name and until when it lives.

const states = { empty: "Fresh session", ready: "Bills read, orders missing", merged: "Ready" };

/** The state of an open session as the page shows it: its kind, by which it is coloured, and its name. */
function stateOf() {
  const doing = steps.bills.doing || steps.orders.doing;
  if (doing) return ["busy", doing];
  const { sheet, view } = session;
  if (sheet?.match?.state === "wrong_orders") return ["wrong", "Wrong orders?"];
  const found = sheet ? toCheck(issuesFor(sheet)) : [];
  // Nothing is green above what is red below.
  if (found.length) return [found.some((i) => i.kind === "bad") ? "wrong" : "check", `Check ${count(found.length)}`];
  return [view.status, states[view.status]];
}

function renderBar() {
  const bar = $("session");
  const name = session.named ? ` · session “${session.named.slice(0, 40)}”` : "";
  let kind = session.phase, state = "Connecting …", about = "";
  if (session.phase === "open") {
    [kind, state] = stateOf();
    about = `${name} · expires at ${clock(session.expires)}`;
  } else if (session.phase === "ended") [state, about] = ["Session ended", name];
  else if (session.phase === "signin") state = "Not signed in";
  else if (session.phase === "away") state = "Not connected";
  bar.dataset.phase = kind;
  if ($("session-text").textContent !== state + about) fill($("session-text"), h("strong", {}, state), about);
  for (const id of ["start-over", "profile"]) $(id).disabled = session.phase !== "open";
  $("sign-out").hidden = !session.signedIn;
}

// Notices under the bar.

const notices = new Map();

function notice(name, content) {
  notices.get(name)?.remove();
  notices.delete(name);
  if (!content) return;
  const role = content.kind === "warn" ? "alert" : "status";
  const at = h("div", { class: `notice ${content.kind}`, role }, h("p", {}, content.text), content.buttons || [],
    button({ class: "quiet icon", "aria-label": "Dismiss", onclick: () => notice(name) }, icon("cross")));
  notices.set(name, at);
  $("notices").append(at);
}

const endings = {
  expired: ["This session has expired",
    "It was not used for too long, so its bills, orders and sheet were removed. " +
      "Downloads that you saved are yours. Begin a fresh session to go on."],
  cleared: ["This session was cleared",
    "Another tab or program ended it, and its bills, orders and sheet were removed. " +
      "Begin a fresh session to go on."],
  gone: ["This session has ended",
    "It has expired, or was cleared elsewhere; its bills, orders and sheet were removed. " +
      "Begin a fresh session to go on."],
  cookies: ["No session can begin",
    "The browser did not keep the cookie that names it. Allow cookies for this address and try again. " +
      "Inside the page of another site this works only if the server is reached by HTTPS; " +
      "otherwise open it in a tab of its own."],
};

function render() {
  renderBar();
  const { phase } = session;
  const ended = phase === "ended";
  $("ended").hidden = !ended;
  $("signin").hidden = phase !== "signin";
  $("steps").hidden = phase === "signin" || ended;
  $("results").hidden = phase === "signin" || ended;
  const state = ended ? `ended ${session.ending}` : phase;
  if (ended && shown !== state) {
    [$("ended-title").textContent, $("ended-text").textContent] = endings[session.ending] || endings.gone;
    say(`${$("ended-title").textContent}.`);
    $("begin").focus();
  }
  if (phase === "signin" && shown !== "signin") {
    signInError(session.problem);
    $("key").focus();
  }
  shown = state;
  if (phase !== "open") notice("expiring");
  if (phase === "away") renderAway();
  else notice("away");
  if (phase === "away" && session.view) return; // the last view stays until the server answers
  const sheet = phase === "open" ? session.sheet : null;
  issues = sheet ? issuesFor(sheet) : [];
  steps.render();
  const have = phase === "open" && !sheet;
  for (const id of ["try-sample", "try-flawed"]) $(id).disabled = !have || steps.bills.busy || steps.orders.busy;
  $("empty").hidden = Boolean(sheet);
  $("views").hidden = !sheet;
  renderViews(sheet);
}

let last = { sheet: null, issues: [] };
function issuesFor(sheet) {
  if (last.sheet !== sheet) last = { sheet, issues: issuesOf(sheet) };
  return last.issues;
}

async function renderViews(sheet) {
  if (!sheet) return views?.render(null, []);
  try {
    if (!views) {
      const { Views } = await import("./views.js");
      views ||= new Views($("views"), session);
    }
    views.render(session.sheet, session.sheet ? issuesFor(session.sheet) : []);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // A part of the page is not there any more: the server was updated.
    notice("updated", {
      kind: "warn",
      text: "The page could not be loaded completely; the server may have been updated.",
      buttons: [button({ onclick: () => location.reload() }, "Load it again")],
    });
  }
}

/** Makes what step 3 says about how far the sheet can be trusted. */
steps.trust = (sheet) => {
  const found = toCheck(issuesFor(sheet));
  if (!found.length) {
    return h("p", { class: "trust ok" }, icon("ok"), h("span", {}, sheet.match
      ? "Every bill adds up and every line has its order."
      : "Every bill adds up. Add the order export for ship-to, dates and pallets."));
  }
  const bad = found.some((i) => i.kind === "bad");
  const wrong = sheet.match?.state === "wrong_orders" && h("span", {}, `Wrong orders? ${sheet.match.reason}.`);
  return h("p", { class: `trust ${bad ? "bad" : "warn"}` }, icon("bad"), h("span", { class: "links" }, wrong,
    button({ class: "link", onclick: () => views?.open("bills") }, `${plural(found.length, "thing")} to check`)));
};

/** Has somebody teach the form of a page of the bills. */
steps.teach = async (at) => {
  await renderViews(session.sheet);
  return views?.teach(at);
};

session.addEventListener("unteachable", (/** @type {any} */ { detail }) => {
  notice("learnt", { kind: "warn", text: detail });
});
session.addEventListener("learnt", (/** @type {any} */ { detail: { name, proved } }) => {
  const text = `The form “${name}” was learnt, and the bills were read again by it. ${proved
    ? "Its totals prove this document; other documents of this form are now read by themselves."
    : "Nothing proves this document yet, so its lines stay out of downloads until you accept them."}`;
  notice("learnt", { kind: proved ? "info" : "warn", text });
  say(text);
});

let counting;
function renderAway() {
  clearInterval(counting);
  const text = h("span");
  const tick = () => {
    if (session.phase !== "away") return clearInterval(counting);
    const left = Math.max(0, Math.ceil((session.retryAt - Date.now()) / 1000));
    text.textContent = `${session.problem} The page tries again in ${plural(left, "second")}.`;
  };
  tick();
  const again = () => (session.view ? session.refresh() : session.start());
  notice("away", { kind: "warn", text, buttons: [button({ onclick: again }, "Try now")] });
  counting = setInterval(tick, 500);
}

session.addEventListener("changed", render);
session.addEventListener("kept", () => { renderBar(); notice("expiring"); });
session.addEventListener("replaced", () => notice("replaced", {
  kind: "info",
  text: "The session was started over in another tab or program. You see the fresh one.",
}));
session.addEventListener("expiring", () => {
  if (session.phase !== "open") return;
  const keep = () => {
    notice("expiring");
    session.refresh("expired");
  };
  notice("expiring", {
    kind: "warn",
    text: `This session expires at ${clock(session.expires)}; its files are removed then.`,
    buttons: [button({ onclick: keep }, "Keep it")],
  });
});
document.addEventListener("busy", render);
document.addEventListener("doing", renderBar);

// Start over, and a fresh session after one that ended.

async function fresh() {
  notice("replaced");
  steps.bills.cancel();
  steps.orders.cancel();
  try {
    await session.startOver();
    steps.bills.clear();
    steps.drop();
    if (session.phase !== "open") return;
    say("A fresh session has begun.");
    $("step-bills").querySelector(".choose").focus();
  } catch (error) {
    if (error?.status === 401) return session.failed(error);
    notice("fresh", { kind: "warn", text: words(error) });
  }
}

$("begin").addEventListener("click", fresh);
$("start-over").addEventListener("click", async () => {
  const busy = steps.bills.busy || steps.orders.busy;
  if (session.sheet || busy) {
    const answer = await ask("Start over?",
      "The bills, orders and sheet of this session are removed, and a clean one begins. Downloads that you saved stay.",
      [{ value: "yes", label: "Start over", class: "primary" }, { value: "", label: "Keep working" }]);
    if (answer !== "yes") return;
  }
  fresh();
});
$("try-sample").addEventListener("click", () => steps.sample(""));
$("try-flawed").addEventListener("click", () => steps.sample("-with-mistakes"));

// The profile.

let editor;
$("profile").addEventListener("click", async () => {
  const { ProfileEditor } = await import("./profile.js");
  editor ||= new ProfileEditor(session);
  editor.open();
});

// The list of keys.

async function showKeys() {
  const { shortcuts } = await import("./shortcuts.js");
  fill($("keys-list"), shortcuts());
  if (!$("keys-dialog").open) $("keys-dialog").showModal();
}

$("show-keys").addEventListener("click", showKeys);
document.addEventListener("keydown", (e) => {
  const writes = /** @type {HTMLElement} */ (e.target).closest?.("input, textarea, select");
  if (e.key === "?" && !writes && !document.querySelector("dialog:modal")) showKeys();
});

// Signing in and out.

function signInError(text) {
  $("signin-error").textContent = text || "";
  $("signin-error").hidden = !text;
  if (text) $("key").setAttribute("aria-invalid", "true");
  else $("key").removeAttribute("aria-invalid");
}

$("signin-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  signInError("");
  const submit = event.target.querySelector("button");
  submit.disabled = true;
  try {
    await session.signIn($("key").value.trim());
    $("key").value = "";
  } catch (error) {
    signInError(words(error));
    $("key").focus();
  } finally {
    submit.disabled = false;
  }
});
$("sign-out").addEventListener("click", () => session.signOut());

// Light and dark.

const themes = [["", "as the system"], ["light", "light"], ["dark", "dark"]];
const theme = () => document.documentElement.dataset.theme || "";

function labelTheme() {
  $("theme").setAttribute("aria-label", `Appearance: ${themes.find(([t]) => t === theme())[1]}`);
}

$("theme").addEventListener("click", () => {
  const next = themes[(themes.findIndex(([t]) => t === theme()) + 1) % themes.length][0];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem("tallyman.theme", next);
  } catch {
    // Without storage the choice holds until the page is closed.
  }
  labelTheme();
  say($("theme").getAttribute("aria-label"));
  views?.recolour();
});
labelTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => views?.recolour());

session.start();
