package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tallyman/client"
	"tallyman/internal/testing/must"
)

// workflow runs clear, new, upload, upload-csv, download-bol, clear like a front end:
// with its own ID, or with sid "" and the query that name returns after the session
// began.
func (p *place) workflow(t *testing.T, ship shipment, sid string, jar http.CookieJar, minted bool) {
	t.Helper()
	query := ""
	if sid != "" {
		query = "?_sid=" + url.QueryEscape(sid)
	}
	ask := func(method, path, kind string, body []byte) answer {
		t.Helper()
		a := p.do(t, request{method: method, path: path + query, kind: kind, body: bytes.NewReader(body), jar: jar})
		if a.status != 200 {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return a
	}
	ask("POST", "/clear-session", "", nil)
	var created struct {
		ID string `json:"session_id"`
	}
	must.OK(t, json.Unmarshal(ask("POST", "/new-session", "", nil).body, &created))
	if minted {
		query = "?_sid=" + created.ID
	}
	kind, body := multi(t, fileIn("file", "bol.pdf", ship.bills))
	ask("POST", "/upload", kind, body)
	if got := ask("GET", "/download-bol", "", nil).body; !bytes.Equal(got, ship.unmatched) {
		t.Error("the sheet without orders is not the expected one")
	}
	kind, body = multi(t, fileIn("file", "orders.csv", ship.orders))
	ask("POST", "/upload-csv", kind, body)
	if got := ask("GET", "/download-bol", "", nil).body; !bytes.Equal(got, ship.expected) {
		t.Error("the sheet is not the expected one")
	}
	var cleared struct {
		Status  string
		Removed struct{ Files int }
	}
	if err := json.Unmarshal(ask("POST", "/clear-session", "", nil).body, &cleared); err != nil || cleared.Status != "cleared" || cleared.Removed.Files != 2 {
		t.Errorf("cleared: %+v, %v", cleared, err)
	}
	p.settles(t, 0)
}

func TestTheWorkflow(t *testing.T) {
	p := newPlace(t)
	run := func(name string, ship shipment) {
		t.Run(name+" with an ID of the client's", func(t *testing.T) { p.workflow(t, ship, "external_1720_ab/../c d", nil, false) })
		t.Run(name+" with a minted ID", func(t *testing.T) { p.workflow(t, ship, "", nil, true) })
		t.Run(name+" by cookie", func(t *testing.T) { p.workflow(t, ship, "", newJar(t), false) })
	}
	run("invented", small(t, 1))
	t.Run("real", func(t *testing.T) { run("real", real(t)) })
}

func TestTheGoClientRunsTheWorkflow(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	for _, sid := range []string{"", "my own"} {
		c := &client.Client{URL: p.URL, Session: sid}
		sheet, err := c.Run(t.Context(), client.Upload{Name: "bol.pdf", Content: bytes.NewReader(ship.bills)},
			&client.Upload{Name: "orders.csv", Content: bytes.NewReader(ship.orders)})
		if err != nil || !bytes.Equal(sheet, ship.expected) {
			t.Errorf("session %q: %v, %.100s", sid, err, sheet)
		}
		_, err = c.Run(t.Context(), client.Upload{Name: "bol.pdf", Content: bytes.NewReader([]byte("hello"))}, nil)
		if client.CodeOf(err) != "not_a_pdf" {
			t.Errorf("session %q: %v", sid, err)
		}
		st, err := c.Status(t.Context())
		if err != nil || st.SessionExists {
			t.Errorf("session %q still exists: %+v, %v", sid, st, err)
		}
	}
	c := &client.Client{URL: p.URL}
	_, err := c.New(t.Context())
	must.OK(t, err)
	up := func(name string, b []byte) client.Upload {
		return client.Upload{Name: name, Content: bytes.NewReader(b)}
	}
	if _, err := c.UploadOrders(t.Context(), up("o.csv", ship.orders)); client.CodeOf(err) != "no_bol" {
		t.Errorf("orders first: %v", err)
	}
	bills, err := c.UploadBills(t.Context(), false, up("a.pdf", ship.bills))
	if err != nil || bills.Bills != 6 || bills.Filename != "a.pdf" || bills.SessionID != c.Session {
		t.Errorf("%+v, %v", bills, err)
	}
	bills, err = c.UploadBills(t.Context(), true, up("b.pdf", other(t, 2).bills))
	if err != nil || bills.Bills != 12 {
		t.Errorf("%+v, %v", bills, err)
	}
	if _, err := c.Clear(t.Context()); err != nil {
		t.Error(err)
	}
	p.settles(t, 0)
}

// node returns the program that runs JavaScript.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("Node is missing, which runs the test of client.js: install it (apt-get install nodejs)")
	}
	return path
}

const useClient = `
import { readFileSync } from "node:fs";
const [url, script, dir] = process.argv.slice(2);
const { Tallyman, TallymanError } = await import("data:text/javascript;base64," + Buffer.from(await (await fetch(url + "/client.js")).text()).toString("base64"));
const check = (ok, what) => { if (!ok) { console.error("client.js:", what); process.exit(1); } };
const blob = (name) => new Blob([readFileSync(dir + "/" + name)]);
const expected = readFileSync(dir + "/expected.csv", "utf8");

for (const session of ["", "from node"]) {
  for (const orders of [blob("orders.csv"), readFileSync(dir + "/orders.csv", "utf8")]) {
    const t = new Tallyman({ url: url + "/", session });
    const result = await t.run(blob("bol.pdf"), orders, { onProgress: () => {} });
    check(await result.sheet.text() === expected, "the sheet is not the expected one");
    check(result.bills.bills === 6 && result.orders.matched === 30, "the answers are " + JSON.stringify(result));
    const status = await t.status();
    check(status.session_exists === false, "the session was left behind");
  }
}
const t = new Tallyman({ url });
check((await t.clear()).status === "no_session", "clear without a session");
await t.start();
try {
  await t.uploadOrders("a,b");
  check(false, "orders before bills");
} catch (e) {
  check(e instanceof TallymanError && e.code === "no_bol" && e.status === 400 && e.sessionId === t.session, e);
}
const events = [];
const watching = new AbortController();
const watched = new Promise((done) => t.watch((e) => {
  events.push(e.type);
  if (e.type === "state" && e.status === "empty") t.uploadBills(blob("bol.pdf"));
  if (e.type === "attached") done(e);
}, watching.signal).catch(() => {}));
check((await watched).bills === 6 && events[0] === "state" && events.includes("reading"), "the events are " + events);
watching.abort();
await t.uploadBills([blob("bol.pdf")], { names: ["first.pdf"] });
check((await t.files()).map((f) => f.name).join() === "combined_data.csv,first.pdf", "the files");
check((await (await t.download("json")).text()).startsWith("{"), "the sheet as JSON");
check((await t.clear()).removed.files === 1, "clear");

let asked = 0;
const busy = new Tallyman({ url, fetch: (...args) => asked++ === 0
  ? new Response('{"error":"busy","code":"busy"}', { status: 503, headers: { "Retry-After": "0.01" } }) : fetch(...args) });
check((await busy.status()).status === "no_session" && asked === 2, "a busy server is not asked again");
`

func TestTheJavaScriptClientRunsTheWorkflow(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	dir := t.TempDir()
	for name, b := range map[string][]byte{"bol.pdf": ship.bills, "orders.csv": ship.orders, "expected.csv": ship.expected, "use.mjs": []byte(useClient)} {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	out, err := exec.CommandContext(t.Context(), node(t), filepath.Join(dir, "use.mjs"), p.URL, "", dir).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	p.settles(t, 0)
}
