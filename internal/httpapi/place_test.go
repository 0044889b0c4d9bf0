package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/desk"
	"tallyman/internal/httpapi"
	"tallyman/internal/intake"
	"tallyman/internal/queue"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/logged"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
	"tallyman/internal/testing/shipments"
	"tallyman/internal/webhook"
)

// reader is one for all tests: its workers take a moment to start.
var reader *intake.Reader

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	debug.SetGCPercent(400) // many small servers make much garbage
	config := service.Patient
	config.Kept = intake.NewKept() // a picture that comes several times is read once
	reader = intake.New(config)
	code := m.Run()
	reader.Close()
	if missing := provoked.missing(); code == 0 && len(missing) > 0 && everyTestRan() {
		fmt.Printf("No test provokes these faults, which the description promises:\n\t%s\n", strings.Join(missing, "\n\t"))
		code = 1
	}
	os.Exit(code)
}

// place is a server with separate stores, reached over real HTTP.
type place struct {
	*httptest.Server
	*stores
	api     *httpapi.Server
	desk    *desk.Desk
	log     *logged.Buffer
	client  *http.Client
	schemas *described
}

// newPlace starts a server for this machine without keys, unless change configures it
// otherwise.
func newPlace(t testing.TB, change ...func(*httpapi.Config)) *place {
	t.Helper()
	return newPlaceWith(t, desk.Limits{}, change...)
}

func newPlaceWith(t testing.TB, limits desk.Limits, change ...func(*httpapi.Config)) *place {
	t.Helper()
	s := newStores(t)
	return s.serve(t, desk.New(s.store, s.contents, reader, limits), change...)
}

// stores are the stores of a server's sessions and contents.
type stores struct {
	dir      string
	store    session.Store
	tasks    queue.Queue
	contents blob.Store
}

func newStores(t testing.TB) *stores {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), dir, session.Settings{})
	must.OK(t, err)
	t.Cleanup(func() { store.Close() })
	contents, err := files.Open(filepath.Join(dir, "contents"))
	must.OK(t, err)
	return &stores{dir, store, store.Tasks(), contents}
}

// webhooks returns a service that lets webhooks go to this machine, and nowhere else. It
// does not run yet.
func (s *stores) webhooks(t testing.TB) *webhook.Service {
	t.Helper()
	policy, err := webhook.NewPolicy([]string{"http://localhost:*", "localhost:*"}, []string{"127.0.0.1", "::1"})
	must.OK(t, err)
	return webhook.New(webhook.Config{Endpoints: s.store.Webhooks(), Queue: s.store.(*sqlite.Store).Tasks(), Policy: policy, Version: "test"})
}

// serve starts a server over a desk. It gives neither clients nor its storage up: a slow
// machine must not fail a test.
func (s *stores) serve(t testing.TB, d *desk.Desk, change ...func(*httpapi.Config)) *place {
	t.Helper()
	p := &place{stores: s, log: &logged.Buffer{}}
	config := httpapi.Config{
		Desk:     d,
		Loopback: true, Version: "test", Webhooks: s.webhooks(t),
		Tasks: s.tasks, BodyTimeout: time.Hour, HealthTimeout: time.Hour,
		Log: slog.New(slog.NewJSONHandler(p.log, nil)),
	}
	for _, f := range change {
		f(&config)
	}
	p.desk = config.Desk
	p.api = httpapi.New(config)
	p.Server = httptest.NewServer(p.api)
	t.Cleanup(p.Server.Close)
	t.Cleanup(p.api.EndStreams)
	p.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(p.client.CloseIdleConnections)
	p.schemas = describedBy(t, p)
	return p
}

// newFaulty starts a server whose store of sessions can be made to fail.
func newFaulty(t testing.TB) (*place, *faulty) {
	t.Helper()
	at := newStores(t)
	f := &faulty{Store: at.store}
	return at.serve(t, desk.New(f, at.contents, reader, desk.Limits{})), f
}

// dial opens a connection, which the end of the test closes.
func (p *place) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Listener.Addr().String())
	must.OK(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// answered reads an answer from a connection.
func answered(t testing.TB, conn net.Conn) answer {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must.OK(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must.OK(t, err)
	if resp.Close { // net/http takes the header away
		resp.Header.Set("Connection", "close")
	}
	return answer{resp.StatusCode, resp.Header, b}
}

// stored counts the contents that are stored.
func (p *place) stored(t testing.TB) int {
	t.Helper()
	n := 0
	for _, err := range blob.All(t.Context(), p.contents, 1000) {
		must.OK(t, err)
		n++
	}
	return n
}

// onDisk counts the contents on the disk, including those that are being stored or
// deleted.
func (p *place) onDisk(t testing.TB) int {
	t.Helper()
	found := 0
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just gone
		}
		if err == nil && d.Type().IsRegular() && blob.Key(d.Name()).Valid() {
			found++
		}
		return err
	})
	must.OK(t, err)
	return found
}

// settles waits until the given number of contents are stored and no others are on the
// disk, since contents are deleted after the answer.
func (p *place) settles(t testing.TB, n int) {
	t.Helper()
	until(func() bool { return p.stored(t) == n && p.onDisk(t) == n })
}

// until polls for an event that cannot be awaited. Its only limit is that of the whole
// test.
func until(happened func() bool) {
	for !happened() {
		time.Sleep(5 * time.Millisecond)
	}
}

// underway waits until an upload is being stored beside n existing contents: before that,
// the server may not have begun it.
func (p *place) underway(t testing.TB, n int) {
	t.Helper()
	until(func() bool { return p.onDisk(t) > n })
}

// request is a request to make.
type request struct {
	method, path string
	header       http.Header
	kind         string // Content-Type
	body         io.Reader
	jar          http.CookieJar
}

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a request, and checks the answer against the server's own description.
func (p *place) do(t testing.TB, r request) answer {
	t.Helper()
	a, err := p.try(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	p.schemas.check(t, r, a)
	return a
}

func (p *place) try(r request) (answer, error) { return p.tryFor(context.Background(), r) }

// tryFor is try within ctx.
func (p *place) tryFor(ctx context.Context, r request) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, p.URL+r.path, r.body)
	if err != nil {
		return answer{}, err
	}
	maps.Copy(req.Header, r.header)
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	client := *p.client
	client.Jar = r.jar
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, b}, err
}

func (p *place) get(t testing.TB, path string, header ...http.Header) answer {
	t.Helper()
	r := request{method: "GET", path: path}
	if len(header) > 0 {
		r.header = header[0]
	}
	return p.do(t, r)
}

func (p *place) post(t testing.TB, path, kind string, body []byte) answer {
	t.Helper()
	return p.do(t, request{method: "POST", path: path, kind: kind, body: bytes.NewReader(body)})
}

// form makes a request with a form.
func (p *place) form(t testing.TB, path string, parts ...part) answer {
	t.Helper()
	return p.do(t, request{path: path}.form(t, parts...))
}

// form returns the request with a form.
func (r request) form(t testing.TB, parts ...part) request {
	t.Helper()
	kind, body := multi(t, parts...)
	r.method, r.kind, r.body = "POST", kind, bytes.NewReader(body)
	return r
}

// newJar returns a jar that keeps cookies like a browser.
func newJar(t testing.TB) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must.OK(t, err)
	return jar
}

func (p *place) cookie(t testing.TB, jar http.CookieJar) string {
	t.Helper()
	u, err := url.Parse(p.URL)
	must.OK(t, err)
	for _, c := range jar.Cookies(u) {
		if c.Name == "tallyman_session" {
			return c.Value
		}
	}
	return ""
}

// fields is an expected JSON object. Values are those of encoding/json, or checks.
type fields map[string]any

type check func(v any) error

// Checks of a field's value.
var (
	anyText check = func(v any) error {
		if s, ok := v.(string); !ok || s == "" {
			return fmt.Errorf("is %v, want some text", v)
		}
		return nil
	}
	anyTime check = func(v any) error {
		s, _ := v.(string)
		_, err := time.Parse(time.RFC3339, s)
		return err
	}
	anyNumber check = func(v any) error {
		if n, ok := v.(float64); !ok || n < 0 {
			return fmt.Errorf("is %v, want a number", v)
		}
		return nil
	}
	mintedID check = func(v any) error {
		if s, _ := v.(string); len(s) != 28 || !strings.HasPrefix(s, "s_") {
			return fmt.Errorf("is %v, want a minted ID", v)
		}
		return nil
	}
	anything check = func(any) error { return nil }
	anyList  check = func(v any) error {
		if l, ok := v.([]any); !ok || len(l) == 0 {
			return fmt.Errorf("is %v, want a list", v)
		}
		return nil
	}
	anyObject check = func(v any) error {
		if o, ok := v.(map[string]any); !ok || len(o) == 0 {
			return fmt.Errorf("is %v, want an object", v)
		}
		return nil
	}
)

// is checks an answer's status and the fields of its body: exactly these.
func (a answer) is(t testing.TB, status int, want fields) map[string]any {
	t.Helper()
	if a.status != status {
		t.Errorf("the status is %d, want %d: %.300s", a.status, status, a.body)
		return nil
	}
	var got map[string]any
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Errorf("the body is not a JSON object: %v: %.300s", err, a.body)
		return nil
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("JSON comes as %q", kind)
	}
	compare(t, "", got, want)
	return got
}

func compare(t testing.TB, at string, got map[string]any, want fields) {
	t.Helper()
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("the field %s%s is missing", at, name)
			continue
		}
		switch w := w.(type) {
		case check:
			if err := w(g); err != nil {
				t.Errorf("the field %s%s: %v", at, name, err)
			}
		case fields:
			if inner, ok := g.(map[string]any); ok {
				compare(t, at+name+".", inner, w)
			} else {
				t.Errorf("the field %s%s is %v, want an object", at, name, g)
			}
		case []fields:
			list, _ := g.([]any)
			if len(list) != len(w) {
				t.Errorf("the field %s%s has %d elements, want %d: %v", at, name, len(list), len(w), g)
				continue
			}
			for i := range w {
				inner, _ := list[i].(map[string]any)
				compare(t, fmt.Sprintf("%s%s[%d].", at, name, i), inner, w[i])
			}
		default:
			if b, _ := json.Marshal(w); !reflect.DeepEqual(decode(b), g) {
				t.Errorf("the field %s%s is %v, want %s", at, name, g, b)
			}
		}
	}
	for name, g := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("there is an unexpected field %s%s: %v", at, name, g)
		}
	}
}

// ok fails unless the request succeeded; about says which one it is.
func (a answer) ok(t testing.TB, about ...any) {
	t.Helper()
	if a.status != 200 {
		t.Errorf("%v: %d %.300s", about, a.status, a.body)
	}
}

// must is ok that ends the test.
func (a answer) must(t testing.TB, about ...any) {
	t.Helper()
	if a.ok(t, about...); a.status != 200 {
		t.FailNow()
	}
}

// shows fails unless the request succeeded, and is answered with a text.
func (a answer) shows(t testing.TB, text string, about ...any) {
	t.Helper()
	if a.status != 200 || !a.has(text) {
		t.Errorf("%v: %d %.300s, want %s", about, a.status, a.body, text)
	}
}

// holds fails unless the body is the wanted one.
func (a answer) holds(t testing.TB, want []byte, about ...any) {
	t.Helper()
	if !bytes.Equal(a.body, want) {
		t.Errorf("%v: %d %.300s\nwant %.300s", about, a.status, a.body, want)
	}
}

func decode(b []byte) (v any) {
	json.Unmarshal(b, &v)
	return v
}

// fails checks that an answer is an error. extra are further fields.
func (a answer) fails(t testing.TB, status int, code string, extra fields) {
	t.Helper()
	want := fields{"error": anyText, "code": code}
	maps.Copy(want, extra)
	a.is(t, status, want)
}

// described holds the schemas of answers in the server's own description.
type described struct {
	mu       sync.Mutex
	doc      map[string]any
	paths    *http.ServeMux // which finds the path of the description
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// descriptions are those of all servers, by their texts. Most servers have the same.
var descriptions = map[string]*described{}

func describedBy(t testing.TB, p *place) *described {
	t.Helper()
	a, err := p.try(request{method: "GET", path: "/openapi.json"})
	must.OK(t, err)
	if d := descriptions[string(a.body)]; d != nil {
		return d
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	must.OK(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	must.OK(t, c.AddResource("openapi.json", doc))
	d := &described{doc: doc.(map[string]any), paths: http.NewServeMux(), compiler: c, compiled: map[string]*jsonschema.Schema{}}
	for path := range d.doc["paths"].(map[string]any) {
		if path == "/" {
			path = "/{$}"
		}
		d.paths.Handle(path, http.NotFoundHandler())
	}
	descriptions[string(a.body)] = d
	return d
}

// check fails if an answer does not match the description.
func (d *described) check(t testing.TB, r request, a answer) {
	t.Helper()
	if r.method == http.MethodOptions || a.status == http.StatusMethodNotAllowed {
		return
	}
	method := strings.ToLower(r.method)
	if method == "head" {
		return
	}
	asked, err := http.NewRequest(r.method, "http://localhost"+r.path, nil)
	must.OK(t, err)
	_, path := d.paths.Handler(asked)
	if path = strings.TrimSuffix(path, "{$}"); path == "" {
		if a.status == http.StatusOK {
			t.Errorf("%s is not described", r.path)
		}
		return
	}
	op, _ := d.doc["paths"].(map[string]any)[path].(map[string]any)[method].(map[string]any)
	if op == nil {
		t.Errorf("%s %s is not described", method, path)
		return
	}
	status := strconv.Itoa(a.status)
	resp, _ := op["responses"].(map[string]any)[status].(map[string]any)
	if resp == nil {
		t.Errorf("%s %s answers with %s, which is not described: %.200s", method, path, status, a.body)
		return
	}
	kind := a.header.Get("Content-Type")
	if a.status == 304 {
		return // without content
	}
	content := resp["content"].(map[string]any)
	if content[kind] == nil {
		for described := range content { // a parameter of the media type may be left out
			if strings.HasPrefix(kind, described) {
				return
			}
		}
		t.Errorf("%s %s answers with %s, which is not described", method, path, kind)
		return
	}
	if kind != "application/json" {
		return
	}
	if a.status != http.StatusOK && a.status != http.StatusAccepted {
		code, _ := decode(a.body).(map[string]any)["code"].(string)
		provoked.note(method, path, code)
		if about, _ := resp["description"].(string); !strings.Contains(about, code) && a.status != http.StatusServiceUnavailable {
			t.Errorf("%s %s answers with the code %s, which is not described for %s: %s", method, path, code, status, about)
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace
	where := "openapi.json#/paths/" + escape(path) + "/" + method + "/responses/" + status + "/content/application~1json/schema"
	d.mu.Lock()
	defer d.mu.Unlock()
	schema := d.compiled[where]
	if schema == nil {
		if schema, err = d.compiler.Compile(where); err != nil {
			t.Fatalf("the schema of %s %s: %v", method, path, err)
		}
		d.compiled[where] = schema
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s %s: the answer is not as it is described: %v", method, path, err)
	}
}

// shipment is a sample: two files and the expected sheets.
type shipment struct {
	bills, orders, expected, unmatched []byte

	version string // of the sheet, once it is in a session
	job     string // that has made the sheet of the bills
}

func newShipment(t testing.TB, o sample.Options) shipment {
	t.Helper()
	return shipmentOf(t, o, "")
}

// shipmentOf makes a shipment. The numbers of its bills begin with letter, unless that is
// "".
func shipmentOf(t testing.TB, o sample.Options, letter string) shipment {
	t.Helper()
	return sheetsOf(shipments.New(t, o, letter))
}

func sheetsOf(s shipments.Shipment) shipment {
	return shipment{bills: s.Bills, orders: s.Orders, expected: s.Expected, unmatched: s.Unmatched}
}

// small returns a shipment of 6 bills and 30 lines.
func small(t testing.TB, seed uint64) shipment {
	t.Helper()
	return newShipment(t, sample.Options{Bills: 6, Lines: 30, Seed: seed})
}

// other returns a shipment like small, with other bills.
func other(t testing.TB, seed uint64) shipment {
	t.Helper()
	return shipmentOf(t, sample.Options{Bills: 6, Lines: 30, Seed: seed}, "U")
}

// part is a part of a multipart form. It is a file if it has a file name, or is marked as
// having an empty one.
type part struct {
	name, filename string
	content        []byte
	file           bool
}

// fileIn is a file in a field.
func fileIn(field, name string, content []byte) part {
	return part{name: field, filename: name, content: content}
}

// textIn is a text in a field.
func textIn(field, text string) part { return part{name: field, content: []byte(text)} }

func multi(t testing.TB, parts ...part) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		disposition := `form-data; name="` + p.name + `"`
		if p.filename != "" || p.file {
			disposition += `; filename="` + p.filename + `"`
			h.Set("Content-Type", "application/octet-stream")
		}
		h.Set("Content-Disposition", disposition)
		pw, err := w.CreatePart(h)
		must.OK(t, err)
		pw.Write(p.content)
	}
	must.OK(t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

func jsonOf(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	must.OK(t, err)
	return b
}

// named returns the path with the name of a session.
func named(path, sid string) string {
	if strings.Contains(path, "?") {
		return path + "&_sid=" + url.QueryEscape(sid)
	}
	return path + "?_sid=" + url.QueryEscape(sid)
}

// stateOf is the answer of /status to a request with these parameters of a session with these
// files.
func stateOf(sid any, status string, files, params any) fields {
	want := fields{
		"session_id": sid, "status": status, "has_processed_data": status == "merged", "session_exists": status != "no_session",
		"available_files": files, "session_age_seconds": anyNumber, "expires_at": anyTime, "query_params": params,
	}
	if status == "no_session" {
		want["session_age_seconds"], want["expires_at"] = nil, nil
	}
	return want
}

// uploadBills attaches a BOL to a session.
func (p *place) uploadBills(t testing.TB, sid string, bills []byte) answer {
	t.Helper()
	return p.form(t, "/upload?_sid="+url.QueryEscape(sid), fileIn("file", "bol.pdf", bills))
}

// uploadOrders attaches an order export to a session.
func (p *place) uploadOrders(t testing.TB, sid string, orders []byte) answer {
	t.Helper()
	return p.post(t, "/upload-csv?_sid="+url.QueryEscape(sid), "text/csv", orders)
}
