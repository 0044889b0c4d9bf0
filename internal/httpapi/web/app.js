// @ts-check
// The page: connects the session, the three steps and the views.

import { $, h, agreed, fill, button, icon, remembered, say } from "./dom.js";
import { clock, plural } from "./format.js";
import { Session, words } from "./session.js";
import { Steps } from "./steps.js";
import { english, issuesOf, toCheck, unchecked } from "./issues.js";
import { choose, language, languages, t } from "./words.js";

const session = new Session();
const steps = new Steps(session);
let views; // loaded with the first sheet
let shown = null;

// The session in the bar: one state, and under which name and until when it lives.

const states = { empty: t("Fresh session"), ready: t("Bills read, orders missing"), merged: t("Ready") };

/** The state of an open session as the page shows it: its kind, by which it is coloured, and its name. */
function stateOf() {
  const doing = steps.bills.doing || steps.orders.doing;
  if (doing) return ["busy", doing];
  const { sheet, view } = session;
  const all = sheet ? toCheck(issuesFor(sheet)) : [], found = unchecked(all);
  const wrong = found.find((i) => i.code === "wrong_orders");
  if (wrong) return ["wrong", t("Wrong orders?")];
  // Nothing is green above what is red below.
  if (found.length) {
    return [found.some((i) => i.kind === "bad") ? "wrong" : "check", t("Check {n}", { n: found.length })];
  }
  if (all.length) return ["checked", t("All {n} checked", { n: all.length })];
  return [view.status, states[view.status]];
}

function renderBar() {
  const bar = $("session");
  const title = shipments?.entryOf(session.named)?.title;
  const name = title ? ` · ${title}`
    : session.named && !session.named.startsWith("ship-")
      ? ` · ${t("session “{name}”", { name: session.named.slice(0, 40) })}` : "";
  let kind = session.phase, state = t("Connecting …"), about = "";
  if (session.phase === "open") {
    [kind, state] = stateOf();
    about = `${name} · ${t("expires at {time}", { time: clock(session.expires) })}`;
  } else if (session.phase === "ended") [state, about] = [t("Session ended"), name];
  else if (session.phase === "signin") state = t("Not signed in");
  else if (session.phase === "away") state = t("Not connected");
  bar.dataset.phase = kind;
  if ($("session-text").textContent !== state + about) fill($("session-text"), h("strong", {}, state), about);
  for (const id of ["start-over", "profile"]) $(id).disabled = session.phase !== "open";
  $("shipments").disabled = session.phase !== "open" && session.phase !== "ended";
  $("sign-out").hidden = !session.signedIn;
  $("webhooks").hidden = session.phase !== "open" || !session.view.webhooks;
}

// The list of this browser's shipments is written with each state.

/** @type {any} the module, once it is loaded */
let shipments = null;
let shipmentsDialog;

async function note(does) {
  try {
    shipments ||= await import("./shipments.js");
    does(shipments);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the server was updated; the list waits
  }
}

// Notices under the bar.

const notices = new Map();

function notice(name, content) {
  notices.get(name)?.remove();
  notices.delete(name);
  if (!content) return;
  const role = content.kind === "warn" ? "alert" : "status";
  const at = h("div", { class: `notice ${content.kind}`, role }, h("p", {}, content.text), content.buttons || [],
    button({ class: "quiet icon", "aria-label": t("Dismiss"), onclick: () => notice(name) }, icon("cross")));
  notices.set(name, at);
  $("notices").append(at);
}

const endings = {
  expired: [t("This session has expired"),
    t("It was not used for too long, so its bills, orders and sheet were removed. Begin a fresh session to go on.")],
  cleared: [t("This session was cleared"),
    t("Another tab or program ended it, and its bills, orders and sheet were removed. Begin a fresh session to go " +
      "on.")],
  gone: [t("This session has ended"),
    t("It has expired, or was cleared elsewhere; its bills, orders and sheet were removed. " +
      "Begin a fresh session to go on.")],
  cookies: [t("No session can begin"),
    t("The browser did not keep the cookie that names it. Allow cookies for this address and try again. " +
      "Inside the page of another site this works only if the server is reached by HTTPS; " +
      "otherwise open it in a tab of its own.")],
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
    note(({ noteEnded, showSaved }) => {
      noteEnded(session);
      showSaved(session);
    });
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
      text: t("The page could not be loaded completely; the server may have been updated."),
      buttons: [button({ onclick: () => location.reload() }, t("Load it again"))],
    });
  }
}

/** Makes what step 3 says about how far the sheet can be trusted. */
steps.trust = (sheet) => {
  const all = toCheck(issuesFor(sheet)), found = unchecked(all);
  const open = (text) => button({ class: "link", onclick: () => views?.open("bills") }, text);
  if (!all.length) {
    return h("p", { class: "trust ok" }, icon("ok"), h("span", {}, sheet.match
      ? t("Every bill adds up and every line has its order.")
      : t("Every bill adds up. Add the order export for ship-to, dates and pallets.")));
  }
  if (!found.length) {
    return h("p", { class: "trust" }, icon("ok"),
      h("span", { class: "links" }, open(t("All {n} findings are checked", { n: all.length }))));
  }
  const bad = found.some((i) => i.kind === "bad");
  const wrong = sheet.match?.state === "wrong_orders" && unchecked(all).some((i) => i.code === "wrong_orders");
  return h("p", { class: `trust ${bad ? "bad" : "warn"}` }, icon("bad"), h("span", { class: "links" },
    wrong && h("span", {}, t("Wrong orders?"), " ", english(`${sheet.match.reason}.`)),
    open(t("{things} to check", { things: plural(found.length, "thing") }))));
};

/** The findings that nobody has ticked off. */
steps.unchecked = () => (session.sheet ? unchecked(issuesFor(session.sheet)) : []);
steps.look = () => views?.open("bills");

/** Has somebody teach the form of a page of the bills. */
steps.teach = async (at) => {
  await renderViews(session.sheet);
  return views?.teach(at);
};

session.addEventListener("unteachable", (/** @type {any} */ { detail }) => {
  notice("learnt", { kind: "warn", text: detail });
});
session.addEventListener("learnt", (/** @type {any} */ { detail: { name, proved } }) => {
  const text = proved
    ? t("The form “{name}” was learnt, and the bills were read again by it. Its totals prove this document; other " +
      "documents of this form are now read by themselves.", { name })
    : t("The form “{name}” was learnt, and the bills were read again by it. Nothing proves this document yet, so its " +
      "lines stay out of downloads until you accept them.", { name });
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
    text.textContent = t("{problem} The page tries again in {seconds}.",
      { problem: session.problem, seconds: plural(left, "second") });
  };
  tick();
  const again = () => (session.view ? session.refresh() : session.start());
  notice("away", { kind: "warn", text, buttons: [button({ onclick: again }, t("Try now"))] });
  counting = setInterval(tick, 500);
}

session.addEventListener("changed", render);
session.addEventListener("changed", () => {
  if (session.phase !== "open") return;
  note(({ remember }) => {
    if (session.phase !== "open") return;
    remember(session, stateOf());
    renderBar();
  });
});
session.addEventListener("saved", (/** @type {any} */ { detail }) =>
  note(({ noteSaved }) => noteSaved(session, detail)));
session.addEventListener("kept", () => { renderBar(); notice("expiring"); });
session.addEventListener("replaced", () => notice("replaced", {
  kind: "info",
  text: t("The session was started over in another tab or program. You see the fresh one."),
}));
session.addEventListener("expiring", () => {
  if (session.phase !== "open") return;
  const keep = () => {
    notice("expiring");
    session.refresh("expired");
  };
  notice("expiring", {
    kind: "warn",
    text: t("This session expires at {time}; its files are removed then.", { time: clock(session.expires) }),
    buttons: [button({ onclick: keep }, t("Keep it"))],
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
    say(t("A fresh session has begun."));
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
    const text = t("The bills, orders and sheet of this session are removed, and a clean one begins. Downloads that " +
      "you saved stay.");
    if (!(await agreed(t("Start over?"), text, t("Start over"), t("Keep working")))) return;
  }
  fresh();
});
$("try-sample").addEventListener("click", () => steps.sample(""));
$("try-flawed").addEventListener("click", () => steps.sample("-with-mistakes"));

$("shipments").addEventListener("click", () => note(({ Shipments }) => {
  shipmentsDialog ||= new Shipments(session);
  shipmentsDialog.open();
}));
$("other-shipments").addEventListener("click", () => $("shipments").click());

// Dialogs that are loaded when they are first opened.

for (const [id, load] of /** @type {[string, () => Promise<any>][]} */ ([
  ["profile", async () => (await import("./profile.js")).ProfileEditor],
  ["webhooks", async () => (await import("./webhooks.js")).Webhooks],
])) {
  let dialog;
  $(id).addEventListener("click", async () => {
    const Dialog = await load();
    dialog ||= new Dialog(session);
    dialog.open();
  });
}

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
  $("key").ariaInvalid = text ? "true" : null;
}

$("signin-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  signInError("");
  const submit = event.target.querySelector("button");
  submit.disabled = true;
  try {
    await session.signIn($("key").value.trim(), $("remember").checked);
    $("key").value = "";
  } catch (error) {
    signInError(words(error));
    $("key").focus();
  } finally {
    submit.disabled = false;
  }
});
$("remember").addEventListener("change", () => {
  $("kept-here").hidden = !$("remember").checked;
  $("kept-tab").hidden = $("remember").checked;
});
$("sign-out").addEventListener("click", () => session.signOut());

// Light and dark.

const themes = [
  ["", t("Appearance: as the system")], ["light", t("Appearance: light")], ["dark", t("Appearance: dark")],
];
const theme = () => document.documentElement.dataset.theme || "";

function labelTheme() {
  $("theme").setAttribute("aria-label", themes.find(([name]) => name === theme())[1]);
}

$("theme").addEventListener("click", () => {
  const next = themes[(themes.findIndex(([name]) => name === theme()) + 1) % themes.length][0];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  remembered("tallyman.theme", next); // without storage the choice holds until the page is closed
  labelTheme();
  say($("theme").getAttribute("aria-label"));
  views?.recolour();
});
labelTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => views?.recolour());

// The language: the button names the other one.

const other = Object.keys(languages).find((code) => code !== language);
Object.assign($("language"), { textContent: languages[other], lang: other, hidden: false });
$("language").addEventListener("click", () => choose(other));

session.start();
