// @ts-check
// Reads a long JSON answer without holding up the page. The server writes one element of a
// long array per line of text, so that the lines can be decoded one after the other.

const most = 8; // milliseconds of work, before the page has its turn

// Lets the page do what waits. A timer would take a second in a tab in the background.
const turn = () => new Promise((resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); resolve(undefined); };
  port2.postMessage(0);
});

/**
 * Decodes JSON whose long arrays have a line of their own for each element. A line that is
 * only `"name":[` begins one; the line of its last element ends it.
 * @param {AsyncIterable<string>} texts the pieces of the text, in order
 * @param {string} inside the member that holds the arrays
 * @param {() => Promise<unknown>} [rest] gives way to others
 * @param {() => number} [now] the time in milliseconds
 * @returns {Promise<any>}
 */
export async function decode(texts, inside, rest = turn, now = () => performance.now()) {
  /** @type {Record<string, any[]>} */
  const arrays = {};
  let frame = "", name = "", half = "", began = now();
  const line = (text) => {
    if (!name) {
      name = /^"(\w+)":\[$/.exec(text)?.[1] ?? "";
      if (name) arrays[name] = [];
      frame += text;
      return;
    }
    const end = text.endsWith("},") ? text.length - 1 : text.lastIndexOf("}]") + 1;
    arrays[name].push(JSON.parse(text.slice(0, end)));
    if (text.endsWith("},")) return;
    name = "";
    frame += text.slice(end);
  };
  for await (const text of texts) {
    const lines = (half + text).split("\n");
    half = lines.pop() ?? "";
    for (const one of lines) {
      line(one);
      if (now() - began < most) continue;
      await rest();
      began = now();
    }
  }
  if (half) line(half);
  await rest();
  const all = JSON.parse(frame);
  if (all[inside]) Object.assign(all[inside], arrays);
  return all;
}

/** The texts of an answer, as they come. */
export async function* texts(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}
