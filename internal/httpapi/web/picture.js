// @ts-check
// The pictures of pages. They are kept here and nowhere else, so that they are dropped with
// the sheet.

/** The place of the mouse on the picture of a page, in points of a page of that size. */
export function pointOn(picture, { w, h }, { clientX, clientY }) {
  const r = picture.getBoundingClientRect();
  return { x: ((clientX - r.left) / r.width) * w, y: ((clientY - r.top) / r.height) * h };
}

/** Has an element that is pressed follow the pointer until it is released. */
export function follow(e, move) {
  const { currentTarget, pointerId } = e;
  e.preventDefault();
  currentTarget.setPointerCapture(pointerId);
  currentTarget.addEventListener("pointermove", move);
  currentTarget.addEventListener("lostpointercapture", () => currentTarget.removeEventListener("pointermove", move),
    { once: true });
}

const most = 16; // pictures that are kept

export class Pictures {
  constructor(session) {
    this.session = session;
    this.got = new Map();
  }

  /** Drops all pictures. */
  drop() {
    for (const p of this.got.values()) p.then(({ url }) => URL.revokeObjectURL(url), () => {});
    this.got.clear();
  }

  /**
   * Returns the picture of a page for a width on the screen, in CSS pixels, with the page's
   * size in points.
   * @returns {Promise<{url: string, size: {w: number, h: number}}>}
   */
  of(file, page, wide) {
    const wanted = Math.ceil((wide * devicePixelRatio * 1.5) / 400) * 400;
    const width = Math.min(2400, Math.max(1200, wanted));
    const key = `${file}/${page}/${width}`;
    let got = this.got.get(key);
    if (got) this.got.delete(key);
    else {
      const query = { of: this.session.version, file, page, width };
      got = this.session.client.request("GET", "/page-picture", { query }).then(async (response) => {
        const [w, h] = response.headers.get("Page-Size").split(" ").map(Number);
        return { url: URL.createObjectURL(await response.blob()), size: { w, h } };
      });
      got.catch(() => this.got.delete(key));
    }
    this.got.set(key, got);
    for (const [old, picture] of this.got) {
      if (this.got.size <= most) break;
      this.got.delete(old);
      picture.then(({ url }) => URL.revokeObjectURL(url), () => {});
    }
    return got;
  }
}
