package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/load"
)

// files are what is uploaded.
type files struct {
	Small, Usual, Large load.Documents // 1 page, 86 pages, 40,000 lines
	Million             []byte         // an export of a million rows
	Slow                []byte         // a document that is read for long
}

func newFiles() (f files) {
	f.Small = load.Invent(sample.Options{Bills: 1, Lines: 4, Seed: 2})
	f.Usual = load.Invent(sample.Options{Bills: 83, Lines: 366, Seed: 1})
	f.Large = load.Invent(sample.Options{Bills: 500, Lines: 40_000, Seed: 3})
	var rows bytes.Buffer
	rows.WriteString("Invoice No.,Style,Cartons,Pieces\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&rows, "G%d,S%d,1,1\n", i/100, i)
	}
	f.Million, f.Slow = rows.Bytes(), hostile.ManyPages(15_000, 1<<20)
	return f
}

// owner makes requests with its key.
type owner struct {
	url, key      string
	hc            *http.Client
	answers       answers
	untrue        atomic.Int64 // 503 without Retry-After
	version       atomic.Value // of the session large
	again, served answers      // requests that were made again after Retry-After, and those of them that were served, by what had refused them
}

func newOwner(url, key string) *owner {
	return &owner{url: url, key: key, hc: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
}

// answers counts answers by status and code.
type answers struct{ load.Counts }

func (a *answers) add(name string) { a.Add(name, 1) }

func (a *answers) print(title string) {
	all := a.All()
	fmt.Printf("\n%s\n", title)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Printf("  %-46s %9d\n", k, all[k])
	}
}

// refused is the number of answers other than 200.
func (a *answers) refused() int { return a.Sum() - a.Get("200") }

// digits are left out of what refuses requests, so that equal ones count together.
var digits = regexp.MustCompile(`[0-9]+`)

// ask makes a request. It returns the status, 0 if there was no answer.
func (o *owner) ask(ctx context.Context, r api.Request) (status, retry int) {
	status, retry, _ = o.hear(ctx, r)
	return status, retry
}

// hear is ask, and returns who refused the request.
func (o *owner) hear(ctx context.Context, r api.Request) (status, retry int, why string) {
	r.Key, r.Client = o.key, o.hc
	a, err := r.Do(ctx, o.url)
	if err != nil {
		if ctx.Err() == nil {
			o.answers.add("no answer")
		}
		return 0, 0, ""
	}
	name := strconv.Itoa(a.Status)
	if a.Status != http.StatusOK {
		name += " " + a.Code() + " to " + r.Path
	}
	o.answers.add(name)
	retry, _ = strconv.Atoi(a.Header.Get("Retry-After"))
	if a.Status == http.StatusServiceUnavailable {
		if retry < 1 {
			o.untrue.Add(1)
		}
		var f struct{ Error string }
		_ = a.Into(&f)
		why, _, _ = strings.Cut(digits.ReplaceAllString(f.Error, "N"), ";")
	}
	return a.Status, retry, why
}

// insist makes a request, and once more after the time of Retry-After.
func (o *owner) insist(ctx context.Context, r api.Request) {
	status, retry, why := o.hear(ctx, r)
	if status != http.StatusServiceUnavailable || retry > 60 {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(time.Duration(retry) * time.Second):
	}
	if status, _ := o.ask(ctx, r); status != 0 {
		o.again.add(why)
		if status == http.StatusOK {
			o.served.add(why)
		}
	}
}

func post(path, sid, kind string, body []byte) api.Request {
	return api.Request{Method: "POST", Path: path, SID: sid, Kind: kind, Body: body}
}

func get(path, sid string) api.Request {
	path, query, _ := strings.Cut(path, "?")
	q, _ := url.ParseQuery(query)
	return api.Request{Method: "GET", Path: path, SID: sid, Query: q}
}

const (
	pdfKind = "application/pdf"
	csvKind = "text/csv"
)

// latencies are in milliseconds, by kind of requests.
type latencies map[string][]float64

// kind is a kind of requests.
type kind struct {
	name string
	r    api.Request
}

// kinds are B's requests, in the order in which B makes them.
func kinds(f files) []kind {
	return []kind{
		{"new session", post("/new-session", "work", "", nil)},
		{"status", get("/status", "kept")},
		{"upload of 1 page", post("/upload", "work", pdfKind, f.Small.Bills)},
		{"upload of its order export", post("/upload-csv", "work", csvKind, f.Small.Orders)},
		{"download as CSV, made anew", get("/download", "work")},
		{"download as CSV, made before", get("/download", "kept")},
		{"download as XLSX", get("/download?format=xlsx", "kept")},
		{"download as JSON", get("/download?format=json", "kept")},
		{"upload of 86 pages", post("/upload", "work", pdfKind, f.Usual.Bills)},
		{"upload of its order export of 366 rows", post("/upload-csv", "work", csvKind, f.Usual.Orders)},
		{"download of that as CSV, made anew", get("/download", "work")},
		{"clear", post("/clear-session", "work", "", nil)},
	}
}

// leave leaves a session with a document and its orders.
func (o *owner) leave(ctx context.Context, sid string, d load.Documents) error {
	for _, r := range []api.Request{post("/upload", sid, pdfKind, d.Bills), post("/upload-csv", sid, csvKind, d.Orders)} {
		if status, _ := o.ask(ctx, r); status != http.StatusOK {
			return fmt.Errorf("%s was answered %d", r, status)
		}
	}
	return nil
}

// work makes all kinds of requests, one after the other, for a time.
func (o *owner) work(ctx context.Context, f files, d time.Duration) latencies {
	l, kinds := latencies{}, kinds(f)
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		for _, k := range kinds {
			began := time.Now()
			if status, _ := o.ask(ctx, k.r); status == http.StatusOK {
				l[k.name] = append(l[k.name], float64(time.Since(began).Microseconds())/1000)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return l
}

// way is a way to do harm.
type way struct {
	name    string
	clients int
	do      func(ctx context.Context, client, round int)
}

// look finds the version of the session large.
func (o *owner) look(ctx context.Context) error {
	r := get("/view", "large")
	r.Key, r.Client = o.key, o.hc
	a, err := r.Do(ctx, o.url)
	if err != nil {
		return err
	}
	var v struct{ Version string }
	if err := a.Into(&v); err != nil || v.Version == "" {
		return fmt.Errorf("%s was answered %d %.100s", r, a.Status, a.Body)
	}
	o.version.Store(v.Version)
	return nil
}

// ways are all ways in which an owner is limited.
func (o *owner) ways(f files) []way {
	return []way{
		{"sessions", 4, func(ctx context.Context, i, n int) {
			o.ask(ctx, post("/new-session", fmt.Sprintf("flood %d %d", i, n), "", nil))
		}},
		{"reading", 12, func(ctx context.Context, i, n int) {
			body := f.Usual.Bills
			if i%3 == 0 {
				body = f.Slow
			}
			o.insist(ctx, post("/upload", fmt.Sprint("reading ", i), pdfKind, body))
		}},
		{"sheets", 8, func(ctx context.Context, i, n int) {
			format := []string{"csv", "xlsx", "json"}[n%3]
			if n%5 == 0 { // so that it is made anew
				o.insist(ctx, post("/upload-csv", "large", csvKind, f.Large.Orders))
			}
			o.insist(ctx, get("/download?format="+format, "large"))
		}},
		{"exports", 4, func(ctx context.Context, i, n int) {
			sid := fmt.Sprint("export ", i)
			if n%10 == 0 {
				o.insist(ctx, post("/upload", sid, pdfKind, f.Small.Bills))
			}
			o.insist(ctx, post("/upload-csv", sid, csvKind, f.Million))
		}},
		{"slow readers", 12, func(ctx context.Context, i, n int) { o.slowly(ctx) }},
		{"streams", 300, func(ctx context.Context, i, n int) { o.stream(ctx, i) }},
		{"half-sent", 12, func(ctx context.Context, i, n int) { o.half(ctx, i, f) }},
		{"pictures", 4, func(ctx context.Context, i, n int) {
			r := get(fmt.Sprintf("/page-picture?of=%s&width=2000&page=%d", o.version.Load(), 1+n%500), "large")
			if status, _ := o.ask(ctx, r); status == http.StatusConflict { // its orders were uploaded meanwhile
				_ = o.look(ctx)
			}
		}},
		{"conversions", 4, func(ctx context.Context, i, n int) {
			kind, body := api.Form(api.Part{Field: "pdf", Name: "a.pdf", Content: f.Usual.Bills}, api.Part{Field: "csv", Name: "a.csv", Content: f.Usual.Orders})
			o.insist(ctx, post("/convert", "", kind, body))
		}},
	}
}

// open sends the beginning of a request on a connection of its own.
func (o *owner) open(request string) net.Conn {
	c, err := net.Dial("tcp", strings.TrimPrefix(o.url, "http://"))
	if err != nil {
		return nil
	}
	head, rest, _ := strings.Cut(request, "\r\n")
	fmt.Fprintf(c, "%s\r\nHost: localhost\r\nX-API-Key: %s\r\n%s", head, o.key, rest)
	return c
}

// wait waits until a connection or ctx ends, for a minute at most.
func wait(ctx context.Context, c net.Conn, each time.Duration, do func() error) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && ctx.Err() == nil && do() == nil; {
		select {
		case <-ctx.Done():
		case <-time.After(each):
		}
	}
}

// slowly reads a large JSON slowly.
func (o *owner) slowly(ctx context.Context) {
	c := o.open("GET /download?format=json&_sid=large HTTP/1.1\r\n\r\n")
	if c == nil {
		return
	}
	c.(*net.TCPConn).SetReadBuffer(4 << 10)
	b := make([]byte, 16<<10)
	wait(ctx, c, 100*time.Millisecond, func() error { _, err := c.Read(b); return err })
}

// stream holds an event stream.
func (o *owner) stream(ctx context.Context, i int) {
	c := o.open(fmt.Sprintf("GET /events?_sid=stream%%20%d HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n", i))
	if c == nil {
		return
	}
	b := make([]byte, 4<<10)
	n, _ := c.Read(b)
	if n > 12 {
		o.answers.add(string(b[9:12]) + " to a stream")
	}
	wait(ctx, c, time.Second, func() error {
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(b); err == io.EOF {
			return err
		}
		return nil
	})
}

// half sends half of an upload, and the rest byte by byte.
func (o *owner) half(ctx context.Context, i int, f files) {
	body, at := f.Usual.Bills, len(f.Usual.Bills)/2
	c := o.open(fmt.Sprintf("POST /upload?_sid=half%%20%d HTTP/1.1\r\nContent-Type: application/pdf\r\nContent-Length: %d\r\n\r\n", i, len(body)))
	if c == nil {
		return
	}
	c.Write(body[:at])
	wait(ctx, c, 200*time.Millisecond, func() error { at++; _, err := c.Write(body[at-1 : at]); return err })
}
