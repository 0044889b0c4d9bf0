package httpapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/testing/child"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
	"tallyman/internal/testing/shipments"
)

// provoked are the faults that the tests have seen. At the end they must be exactly those
// that the server's description promises: so it promises nothing that cannot happen.
// place.do checks the reverse.
var provoked = ledger{seen: map[string]bool{}}

type ledger struct {
	mu       sync.Mutex
	seen     map[string]bool
	promised map[string]bool
}

func (l *ledger) note(method, path, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[method+" "+path+": "+code] = true
}

// promise records the faults that a description promises.
func (l *ledger) promise(rs []route) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.promised != nil {
		return
	}
	l.promised = map[string]bool{}
	for _, rt := range rs {
		for _, code := range rt.codes {
			l.promised[rt.method+" "+rt.path+": "+code] = true
		}
	}
}

func (l *ledger) missing() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for what := range l.promised {
		if !l.seen[what] {
			missing = append(missing, what)
		}
	}
	slices.Sort(missing)
	return missing
}

// everyTestRan reports whether all tests ran, none left out by a flag.
func everyTestRan() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// route is one operation of the server's description.
type route struct {
	method, path string
	codes        []string
}

// routes returns all operations that the server describes.
func (d *described) routes() []route {
	var all []route
	for path, item := range d.doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			rt := route{method: method, path: path}
			for status, r := range op.(map[string]any)["responses"].(map[string]any) {
				if status < "400" {
					continue
				}
				about := r.(map[string]any)["description"].(string)
				rt.codes = append(rt.codes, strings.Split(about[strings.LastIndex(about, ": ")+2:], ", ")...)
			}
			all = append(all, rt)
		}
	}
	slices.SortFunc(all, func(a, b route) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method)) })
	return all
}

// with returns the routes that can answer with a code.
func (d *described) with(t *testing.T, code string) []route {
	t.Helper()
	rs := slices.DeleteFunc(d.routes(), func(rt route) bool { return !slices.Contains(rt.codes, code) })
	if len(rs) == 0 {
		t.Errorf("no route is said to answer with %s", code)
	}
	return rs
}

// request returns a request that succeeds on the route, for the session s, which has a
// BOL and orders. query is added to its own query.
func (rt route) request(t *testing.T, ship shipment, query string) request {
	t.Helper()
	r := request{method: strings.ToUpper(rt.method), path: strings.NewReplacer("{name}", "bol.pdf", "{version}", "x", "{id}", cmp.Or(ship.job, "j_none")).Replace(rt.path) + "?_sid=s"}
	switch rt.path {
	case "/webhooks", "/webhooks/{id}":
		if rt.method == "post" || rt.method == "patch" {
			r.kind, r.body = "application/json", strings.NewReader(`{"url": "https://localhost/"}`)
		}
	case "/upload-csv":
		r.kind, r.body = "text/csv", bytes.NewReader(ship.orders)
	case "/profile":
		if rt.method == "put" {
			r.kind, r.body = "application/toml", strings.NewReader("")
			query = strings.TrimSuffix("revision=0&"+query, "&")
		}
	case "/learn":
		if rt.method == "post" {
			r.kind, r.body = "application/json", bytes.NewReader(jsonOf(t, fields{"of": ship.version, "page": 1}))
		}
	case "/jobs":
		if rt.method == "post" {
			r.kind, r.body = "application/json", strings.NewReader("{}")
		}
	case "/carry":
		r.kind, r.body = "text/csv", bytes.NewReader(filledIn(t, ship.expected, "Load #", fmt.Sprint(time.Now().UnixNano())))
	case "/files":
		if rt.method == "delete" {
			query = strings.TrimSuffix("name=bol.pdf&"+query, "&")
		}
	case "/amendments":
		if rt.method == "post" {
			r.kind, r.body = "application/json", bytes.NewReader(jsonOf(t, fields{"add": []any{tickOf("x")}}))
		}
	default:
		if kind, body, ok := rt.bills(t, ship.bills); ok {
			r.kind, r.body = kind, bytes.NewReader(body)
		}
	}
	if rt.path == "/page-picture" && ship.version != "" {
		r.path += "&of=" + ship.version
	}
	if rt.path != "/upload-csv" && strings.HasPrefix(rt.path, "/upload") {
		query = strings.TrimSuffix("mode=append&"+query, "&") // so that the stored file is read
	}
	if query != "" {
		r.path += "&" + query
	}
	return r
}

// version returns the version of the sheet of the session s, as /view gives it.
func (p *place) version(t *testing.T) string {
	t.Helper()
	v, _ := decode(p.get(t, "/view?_sid=s").body).(map[string]any)["version"].(string)
	return v
}

// bills returns the body of a request to a route that takes a PDF of bills.
func (rt route) bills(t *testing.T, pdf []byte) (kind string, body []byte, ok bool) {
	t.Helper()
	field := map[string]string{
		"/upload": "file", "/convert": "pdf", "/upload-stateless": "file", "/upload-stateless-multipart": "pdf_file",
		"/upload-base64": "file_data", "/upload-attachment": "attachmentData",
	}[rt.path]
	switch rt.path {
	case "/upload-base64", "/upload-attachment":
		kind, body = "application/json", jsonOf(t, fields{field: base64.StdEncoding.EncodeToString(pdf)})
	default:
		kind, body = multi(t, fileIn(field, "b.pdf", pdf))
	}
	return kind, body, field != ""
}

// faulty are stores that fail on demand.
type faulty struct {
	session.Store
	// err is the error of every operation, nil for none.
	err atomic.Pointer[error]
	// attaching, if set, is called before each attach.
	attaching func(session.Key)
	// old makes the stores store what an earlier version did, with fewer data of each
	// file.
	old bool
}

func (f *faulty) fail(err error) { f.err.Store(&err) }

func (f *faulty) failure() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *faulty) Open(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	if err := f.failure(); err != nil {
		return session.State{}, session.Removed{}, err
	}
	return f.Store.Open(ctx, key, kind)
}

func (f *faulty) New(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	if err := f.failure(); err != nil {
		return session.State{}, session.Removed{}, err
	}
	return f.Store.New(ctx, key, kind)
}

func (f *faulty) Clear(ctx context.Context, key session.Key) (session.Removed, error) {
	if err := f.failure(); err != nil {
		return session.Removed{}, err
	}
	return f.Store.Clear(ctx, key)
}

func (f *faulty) Attach(ctx context.Context, key session.Key, a session.Attachment) (session.State, session.Removed, error) {
	if f.attaching != nil {
		f.attaching(key)
	}
	if f.old {
		a.Files = slices.Clone(a.Files)
		for i := range a.Files {
			a.Files[i].Summary = nil
		}
	}
	return f.Store.Attach(ctx, key, a)
}

func (f *faulty) List(ctx context.Context, q session.Query) (session.Page, error) {
	if err := f.failure(); err != nil {
		return session.Page{}, err
	}
	return f.Store.List(ctx, q)
}

// faultyContents are the contents of faulty stores.
type faultyContents struct {
	blob.Store
	of *faulty
}

func (f faultyContents) Put(ctx context.Context, r io.Reader) (blob.Ref, error) {
	if err := f.of.failure(); err != nil {
		return blob.Ref{}, err
	}
	return f.Store.Put(ctx, r)
}

func (f faultyContents) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	if err := f.of.failure(); err != nil {
		return nil, err
	}
	return f.Store.Open(ctx, ref)
}

// Storage can fail in several ways. Every route returns each failure with its code, and
// without internal details.
func TestEveryRoutePassesFaultsOfStorageOn(t *testing.T) {
	ship := small(t, 1)
	at := newStores(t)
	broken := &faulty{Store: at.store, old: true}
	serve := func() *place {
		// Each case has a new desk, with an empty cache.
		return at.serve(t, desk.New(broken, faultyContents{at.contents, broken}, reader, desk.Limits{}))
	}
	all := serve()
	provoked.promise(all.schemas.routes())
	for code, err := range map[string]error{
		"busy":                fault.New(fault.Busy, "too much is going on").With(session.RetryAfter{Seconds: 3}),
		"owner_limit":         fault.New(desk.OwnerLimit, "your sessions have too much"),
		"storage_full":        fault.New(blob.StorageFull, "there is no room"),
		"storage_unavailable": fault.New(blob.StorageUnavailable, "storage cannot be reached"),
		"damaged_content":     fault.New(blob.Damaged, "a stored file is damaged"),
		"internal":            errors.New("/var/lib/secret is broken"),
	} {
		for _, rt := range all.schemas.with(t, code) {
			t.Run(code+" "+rt.method+" "+rt.path, func(t *testing.T) {
				// Most cases leave the session as it was.
				if v := all.version(t); v == "" || v != ship.version || !bytes.Equal(all.get(t, "/download?_sid=s").body, ship.expected) {
					all.uploadBills(t, "s", ship.bills)
					all.uploadOrders(t, "s", ship.orders)
					ship.version = all.version(t)
				}
				if ship.job == "" {
					ship.job = all.jobDone(t, ship.bills)
				}
				p := serve()
				broken.fail(err)
				defer broken.fail(nil)
				query := "_action=new_session" // makes routes use storage that otherwise would not
				if code == "damaged_content" {
					query = ""
				}
				a := p.do(t, rt.request(t, ship, query))
				if got, _ := decode(a.body).(map[string]any); got["code"] != code || (a.status < 500) != (code == "owner_limit") || got["error"] == "" {
					t.Errorf("%d %.300s", a.status, a.body)
				}
				if bytes.Contains(a.body, []byte("secret")) {
					t.Errorf("the answer shows internal details: %s", a.body)
				}
				if code == "busy" && a.header.Get("Retry-After") != "3" || code == "storage_unavailable" && a.header.Get("Retry-After") == "" {
					t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
				}
			})
		}
	}
	serve().get(t, "/download?_sid=s").holds(t, ship.expected, "the session has changed")
}

// Every route refuses these in the same way.
func TestEveryRouteRefusesWhatNoRouteTakes(t *testing.T) {
	ship := small(t, 1)
	at := newStores(t)
	d := desk.New(at.store, at.contents, reader, desk.Limits{})
	p := at.serve(t, d, func(c *httpapi.Config) { c.MaxUpload = 1 << 20 })
	hasty := at.serve(t, d, func(c *httpapi.Config) { c.BodyTimeout = 100 * time.Millisecond })
	ring, _ := ringOf(t, "depot")
	reader := addKey(t, ring, keys.Key{Name: "reader", ReadOnly: true})
	locked := at.serve(t, d, func(c *httpapi.Config) { c.Keys, c.Loopback = ring, false })
	p.uploadBills(t, "s", ship.bills)

	for _, rt := range p.schemas.routes() {
		t.Run(rt.method+" "+rt.path, func(t *testing.T) {
			json := []string{"application/json"} // the page itself is public
			action := "_action=new_session"
			echo := ""
			if rt.path == "/debug-request" { // answers with the session, unless there is an action
				echo = action
			}
			for code, c := range map[string]struct {
				at     *place
				status int
				query  string
				header http.Header
				change func(*request)
			}{
				"bad_request": {p, 400, echo, nil, func(r *request) { r.path += "&x=%zz" }},
				"bad_session_id": {p, 400, action, nil, func(r *request) {
					r.path = strings.Replace(r.path, "_sid=s", "_sid=a%00b", 1)
				}},
				"unauthorized":     {locked, 401, action, http.Header{"Accept": json}, nil},
				"cross_origin":     {p, 403, "", http.Header{"Origin": {"https://elsewhere.example"}}, nil},
				"read_only":        {locked, 403, action, http.Header{"Accept": json, "X-Api-Key": {reader}}, nil},
				"host_not_allowed": {p, 403, "", http.Header{"Host": {"rebound.example"}}, nil},
				"too_large": {p, 413, "", nil, func(r *request) {
					r.kind = cmp.Or(r.kind, "text/plain")
					head := ""
					switch rt.path {
					case "/upload", "/convert", "/upload-stateless", "/upload-stateless-multipart":
						r.kind, head = "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
					case "/upload-base64", "/upload-attachment":
						head = `{"file_data":"`
					}
					r.body = io.LimitReader(&endless{head: head}, 4<<20) // without a length
				}},
			} {
				if !slices.Contains(rt.codes, code) {
					continue
				}
				r := rt.request(t, ship, c.query)
				r.header = c.header
				if c.change != nil {
					c.change(&r)
				}
				a := c.at.do(t, r)
				if got, _ := decode(a.body).(map[string]any); a.status != c.status || got["code"] != code {
					t.Errorf("%s: %d %.300s", code, a.status, a.body)
				}
			}
			hasty.silence(t, rt)
		})
	}
}

// silence begins a request and never sends its body.
func (p *place) silence(t *testing.T, rt route) {
	t.Helper()
	conn := p.dial(t)
	r := rt.request(t, shipment{}, "")
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n", r.method, r.path, r.kind)
	a := answered(t, conn)
	p.schemas.check(t, r, a)
	if got, _ := decode(a.body).(map[string]any); a.status != 408 || got["code"] != "request_timeout" {
		t.Errorf("a body that never arrives: %d %.300s", a.status, a.body)
	}
}

// unreadable are documents that are refused, by the code of the refusal.
func unreadable(t *testing.T) map[string][]byte {
	t.Helper()
	s := shipments.Sample(t, sample.Defaults())
	s.Pages = []sample.Page{{}} // a picture takes seconds on each route; see TestAPictureOfABillIsUploaded
	blank := must.Written(t, s.WritePDF)
	whole := small(t, 1).bills
	return map[string][]byte{
		"not_a_pdf":       []byte("hello"),
		"damaged_pdf":     whole[:len(whole)/2],
		"encrypted_pdf":   hostile.LockedPDF(),
		"damaged_picture": []byte("\xff\xd8\xff\xe0 no picture"),
		"no_text":         blank,
		"no_bills":        hostile.TextPDF("no bill of lading"),
		"unread_form":     hostile.TextPDF("BILL OF LADING"),
		"empty_file":      nil,
	}
}

// A document that cannot be read is refused with the same code on every route that takes
// one. So is a stored document that the present program cannot read.
func TestEveryRouteThatReadsBillsSaysWhyItCannot(t *testing.T) {
	ship := small(t, 1)
	at := newStores(t)
	swapped := &swap{Store: at.contents}
	p := at.serve(t, desk.New(at.store, swapped, reader, desk.Limits{}))
	for code, pdf := range unreadable(t) {
		for _, rt := range p.schemas.with(t, code) {
			if rt.path == "/upload-csv" || rt.path == "/carry" {
				continue
			}
			t.Run(code+" "+rt.path, func(t *testing.T) {
				p.uploadBills(t, "s", ship.bills)
				ship.version = p.version(t)
				r := rt.request(t, ship, "")
				if kind, body, ok := rt.bills(t, pdf); ok {
					if len(pdf) == 0 && kind == "application/json" {
						// In JSON an empty text means no file, and an empty data: URL an
						// empty file.
						body = bytes.Replace(body, []byte(`""`), []byte(`"data:application/pdf;base64,"`), 1)
					}
					r.kind, r.body = kind, bytes.NewReader(body)
				} else {
					swapped.content.Store(&pdf)
					defer swapped.content.Store(nil)
				}
				a := p.do(t, r)
				want := fields{}
				if code == "no_text" || code == "no_bills" || code == "unread_form" {
					want["details"] = anyObject
				}
				if strings.Contains(r.path, "_sid") {
					want["session_id"] = "s"
				}
				a.fails(t, 422, code, want)
				swapped.content.Store(nil)
				p.get(t, "/download?_sid=s").holds(t, ship.unmatched, "the session is not what it was")
			})
		}
	}
}

// swap are contents with one file that was stored when the program accepted other
// documents as bills.
type swap struct {
	blob.Store
	content atomic.Pointer[[]byte]
}

type swapped struct {
	*bytes.Reader
	io.Closer
}

func (s *swap) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	r, err := s.Store.Open(ctx, ref)
	if content := s.content.Load(); content != nil && err == nil {
		return swapped{bytes.NewReader(*content), r}, nil
	}
	return r, err
}

// converting are the routes that make a sheet without a session, and their fields.
var converting = map[string]struct{ bills, orders string }{
	"/convert":                    {"pdf", "csv"},
	"/process":                    {"pdf", "csv"},
	"/process-workflow":           {"pdf", "csv"},
	"/upload-stateless":           {"file", "csv_file"},
	"/upload-stateless-multipart": {"pdf_file", "csv_file"},
}

func TestEveryRouteThatTakesOrdersSaysWhyItCannot(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	for code, export := range map[string][]byte{
		"empty_file":        nil,
		"not_an_order_file": ship.bills[:2000],
		"damaged_orders":    []byte("PK\x03\x04 and no more"),
		"xls_unsupported":   []byte("\x09\x00\x04\x00\x02\x00\x10\x00"), /* Excel 2 */
		"missing_columns":   []byte("Invoice No.,Style\nA1,B\n"),
		"no_order_rows":     []byte("Invoice No.,Style,Cartons,Pieces\n"),
	} {
		extra := fields{}
		if code == "missing_columns" {
			extra["details"] = anyObject
		}
		for path, names := range converting {
			p.form(t, path, fileIn(names.bills, "b.pdf", ship.bills), fileIn(names.orders, "o.csv", export)).fails(t, 422, code, extra)
		}
		extra["session_id"] = "s"
		kind, body := multi(t, fileIn("file", "o.csv", export))
		p.post(t, "/upload-csv?_sid=s", kind, body).fails(t, 422, code, extra)
		delete(extra, "details")
		p.post(t, "/carry?_sid=s", kind, body).fails(t, 422, code, extra)
		p.get(t, "/download?_sid=s").holds(t, ship.unmatched, code, "the session is not what it was")
	}
}

// Every route that reads a document reports whether it took too long, took too much
// memory, or killed the worker.
func TestEveryRouteTellsWhatADocumentDidToItsWorker(t *testing.T) {
	ship := small(t, 1)
	wide := append([]byte("Invoice No.,Style,Cartons,Pieces\n"), bytes.Repeat([]byte("T1,S1,1,1\n"), 2_000_000)...)
	slowly, endless := hostile.ManyPages(15_000, 1<<20), hostile.FormBomb(10, 10)
	reader.Warm() // otherwise its workers would be killed, too
	others := children(t)
	for code, how := range map[string]struct {
		config intake.Config
		bills  []byte
		page   []byte // its first page alone has that effect
		orders []byte
		signal os.Signal // to the worker, in the middle
	}{
		"too_slow":        {config: intake.Config{Time: 250 * time.Millisecond}, bills: slowly, page: endless, orders: wide},
		"too_much_memory": {config: intake.Config{Memory: 64 << 20}, bills: hostile.NumberBomb(40 << 20), page: hostile.NumberBomb(40 << 20), orders: wide},
		"worker_crashed":  {config: service.Patient, bills: slowly, page: endless, orders: wide, signal: syscall.SIGABRT},
		"worker_stopped":  {config: service.Patient, bills: slowly, page: endless, orders: wide, signal: syscall.SIGKILL},
	} {
		at := newStores(t)
		c := how.config
		c.Workers, c.Stall, c.Time = 1, service.Patient.Stall, cmp.Or(c.Time, service.Patient.Time)
		tight := intake.New(c)
		t.Cleanup(tight.Close)
		swapped := &swap{Store: at.contents}
		p := at.serve(t, desk.New(at.store, swapped, tight, desk.Limits{}))
		// Another reader, without a short time limit, makes the session.
		patient := at.serve(t, desk.New(at.store, at.contents, reader, desk.Limits{}))
		patient.uploadBills(t, "s", ship.bills)
		ship.version = patient.version(t)
		tight.Warm()
		for _, rt := range p.schemas.with(t, code) {
			t.Run(code+" "+rt.path, func(t *testing.T) {
				r := rt.request(t, ship, "")
				if kind, body, ok := rt.bills(t, how.bills); ok {
					r.kind, r.body = kind, bytes.NewReader(body)
				} else if rt.path == "/upload-csv" || rt.path == "/carry" {
					r.body = bytes.NewReader(how.orders)
				} else {
					stored := how.bills
					if rt.path == "/page-picture" || rt.path == "/learn" {
						stored = how.page
					}
					swapped.content.Store(&stored)
					defer swapped.content.Store(nil)
				}
				done := make(chan struct{})
				if how.signal != nil {
					go func() {
						for p.desk.Load().Reading == 0 {
							select {
							case <-done:
								return
							case <-time.After(time.Millisecond):
							}
						}
						for { // repeat it if the worker had not begun
							select {
							case <-done:
								return
							case <-time.After(50 * time.Millisecond):
								kill(t, others, how.signal)
							}
						}
					}()
				}
				a := p.do(t, r)
				close(done)
				status := 422
				if code == "worker_stopped" {
					status = 503 // the document did not cause it
				}
				a.fails(t, status, code, fields{"session_id": "s"})
				patient.get(t, "/download?_sid=s").holds(t, ship.unmatched, "the session is not what it was")
			})
		}
	}
}

// A change of the session at the last moment mixes nothing up.
func TestEveryRouteThatAttachesIsSuperseded(t *testing.T) {
	ship := small(t, 1)
	p, late := newFaulty(t)
	reset := func(key session.Key) {
		late.attaching = nil
		if _, _, err := p.store.New(context.Background(), key, session.Named); err != nil {
			t.Error(err)
		}
	}
	replace := func(session.Key) {
		late.attaching = nil
		p.uploadBills(t, "s", ship.bills)
	}
	for code, interfere := range map[string]func(session.Key){"session_superseded": reset, "session_changed": replace} {
		for _, rt := range p.schemas.with(t, code) {
			if rt.path == "/page-picture" || rt.path == "/learn" {
				continue // see TestAPictureIsOfTheVersionThatIsAskedFor and TestAFormIsKept…
			}
			t.Run(code+" "+rt.path, func(t *testing.T) {
				p.uploadBills(t, "s", ship.bills)
				late.attaching = interfere
				p.do(t, rt.request(t, ship, "")).fails(t, 409, code, fields{"session_id": "s"})
				if late.attaching != nil {
					t.Error("nothing was attached")
				}
				a := p.get(t, "/validate-session?_sid=s")
				if clean := bytes.Contains(a.body, []byte(`"is_clean":true`)); clean != (code == "session_superseded") {
					t.Errorf("after it: %s", a.body)
				}
			})
		}
	}
}

// Every route that takes a file refuses these wrong bodies.
func TestEveryRouteThatTakesFilesRefusesWhatIsNone(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	var parts, files []part
	for i := range 1100 {
		parts = append(parts, part{name: "x" + strconv.Itoa(i), content: []byte("y")})
	}
	for range session.MaxFiles + 1 {
		for _, name := range []string{"file", "attachmentData", "pdf_file"} {
			files = append(files, fileIn(name, "a.pdf", []byte("x")))
		}
	}
	manyKind, many := multi(t, parts...)
	filesKind, tooMany := multi(t, files...)
	brokenKind, broken := multi(t, fileIn("file", "a.pdf", []byte("JVBERi0x"+strings.Repeat("LjQK", 2000)+"%%%")))
	noneKind, none := multi(t, textIn("note", "x"))
	orderKind, order := multi(t, fileIn("csv", "o.csv", ship.orders))
	members := []byte(`{` + strings.Repeat(`"a":"b",`, 1100) + `"c":"d"}`)
	const jsonKind = "application/json"
	tries := map[string]map[string][]byte{
		"unsupported_media_type": {"image/gif": []byte("x")},
		"too_many_parts":         {manyKind: many, jsonKind: members},
		"no_upload":              {noneKind: none, jsonKind: []byte("{}")},
		"bad_base64":             {jsonKind: []byte(`{"file_data":"data:;base64,%%%"}`), brokenKind: broken},
		"too_many_files":         {filesKind: tooMany},
	}
	for code, bodies := range tries {
		for _, rt := range p.schemas.with(t, code) {
			bodies, header := bodies, http.Header{}
			if strings.HasPrefix(rt.path, "/process") { // needs no file, and ignores bodies that are not forms
				switch code {
				case "unsupported_media_type":
					bodies, header = map[string][]byte{noneKind: none}, http.Header{"Content-Encoding": {"gzip"}}
				case "no_upload":
					bodies = map[string][]byte{orderKind: order}
				default:
					bodies = maps.Clone(bodies)
					delete(bodies, jsonKind)
				}
			}
			if rt.path == "/jobs" && (code == "no_upload" || code == "too_many_parts") { // its JSON names files of the session
				bodies = maps.Clone(bodies)
				delete(bodies, jsonKind)
			}
			kinds := slices.Sorted(maps.Keys(bodies))
			ok := false
			for _, kind := range kinds {
				a := p.do(t, request{method: strings.ToUpper(rt.method), path: rt.path + "?_sid=s", kind: kind, header: header, body: bytes.NewReader(bodies[kind])})
				got, _ := decode(a.body).(map[string]any)
				if got["code"] == "unsupported_media_type" && code != "unsupported_media_type" {
					continue // the route has no such bodies
				}
				ok = true
				if got["code"] != code || a.status/100 != 4 {
					t.Errorf("%s, %s: %d %.200s, want %s", rt.path, kind, a.status, a.body, code)
				}
			}
			if !ok {
				t.Errorf("%s: no body was tried for %s", rt.path, code)
			}
		}
	}
}

// children returns the running child processes of this one.
func children(t *testing.T) map[int]bool {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must.OK(t, err)
	found := map[int]bool{}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, after, _ := strings.Cut(string(b), " ")
		rest := strings.Fields(after[strings.LastIndex(after, ")")+1:]) // the name may hold anything
		if parent, _ := strconv.Atoi(rest[1]); parent == os.Getpid() {
			n, _ := strconv.Atoi(pid)
			found[n] = true
		}
	}
	return found
}

// kill sends a signal to the child processes that are not in before.
func kill(t *testing.T, before map[int]bool, signal os.Signal) {
	t.Helper()
	for pid := range children(t) {
		if before[pid] {
			continue
		}
		// It may have ended meanwhile.
		if err := child.Signal(pid, os.Getpid(), signal); err != nil && !errors.Is(err, child.ErrGone) && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	}
}
