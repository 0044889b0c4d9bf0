// @ts-check
// Saves a file that the server makes of the session.

import { fill, h, say } from "./dom.js";
import { words } from "./session.js";
import { t } from "./words.js";

/** Saves a Blob as a file of the browser. */
export function keep(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A name for downloads: what they are, and the first file of bills, so that they can be told apart. */
function nameOf(session, what) {
  const first = session.view?.bills[0]?.name || "";
  const stem = first.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N} ._-]/gu, "_").trim().slice(0, 60);
  return stem ? `${what}-${stem}` : what;
}

/**
 * Saves what the server answers. The button is busy meanwhile; an error is shown in trouble.
 * @param {any} session
 * @param {() => Promise<Blob>} get
 * @param {string} file the name, like "routing.csv"; the bills' name is added
 * @param {any} pressed the button
 * @param {any} trouble where an error is shown
 * @param {(name: string) => void} done says that the file was saved
 */
export async function save(session, get, file, pressed, trouble,
  done = (name) => say(t("Saved as {name}.", { name }))) {
  // A button that is disabled would lose the focus.
  if (pressed.ariaBusy === "true") return;
  pressed.ariaBusy = "true";
  fill(trouble);
  try {
    const blob = await get();
    const [what, end] = file.split(/\.(.*)/);
    const name = `${nameOf(session, what)}.${end}`;
    keep(blob, name);
    done(name);
  } catch (error) {
    fill(trouble, h("p", { class: "error", role: "alert" }, words(error)));
    session.refresh();
  } finally {
    pressed.ariaBusy = null;
  }
}
