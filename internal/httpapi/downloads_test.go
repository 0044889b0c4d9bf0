package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// A client that has a download need not get it again, and one whose connection broke gets
// the rest.
func TestDownloadsHaveTagsAndRanges(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	p.uploadBills(t, "other", ship.bills)
	get := func(path string, header http.Header) answer {
		t.Helper()
		return p.get(t, path, header)
	}
	tags := map[string]string{}
	for _, path := range []string{"/download?_sid=s", "/download-bol?_sid=s&format=xlsx", "/download-bol?_sid=s&format=json", "/download-bol/bol.pdf?_sid=s", "/download-bol/combined_data.csv?_sid=s", "/download?_sid=other"} {
		whole := get(path, nil)
		tag := whole.header.Get("ETag")
		if whole.status != 200 || len(tag) < 10 || tag[0] != '"' || tags[tag] != "" {
			t.Fatalf("%s: %d, ETag %s, as of %q", path, whole.status, tag, tags[tag])
		}
		tags[tag] = path
		for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			if a := get(path, http.Header{"If-None-Match": {have}}); a.status != 304 || len(a.body) > 0 || a.header.Get("ETag") != tag {
				t.Errorf("%s: with %s: %d", path, have, a.status)
			}
		}
		if a := get(path, http.Header{"If-None-Match": {`"other"`}}); a.status != 200 || !bytes.Equal(a.body, whole.body) {
			t.Errorf("%s: with another tag: %d", path, a.status)
		}
		if head := p.do(t, request{method: "HEAD", path: path, header: http.Header{"Range": {"bytes=1-2"}}}); head.status != 200 || head.header.Get("ETag") != tag {
			t.Errorf("%s: HEAD: %d", path, head.status)
		}
		n := len(whole.body)
		if whole.header.Get("Accept-Ranges") == "" { // its length is not known before it is made
			if a := get(path, http.Header{"Range": {"bytes=1-2"}}); a.status != 200 || !bytes.Equal(a.body, whole.body) {
				t.Errorf("%s: a range: %d", path, a.status)
			}
			continue
		}
		for asked, want := range map[string][2]int{
			"bytes=0-0": {0, 1}, "bytes=5-9": {5, 10}, fmt.Sprintf("bytes=%d-", n-3): {n - 3, n}, "bytes=-7": {n - 7, n}, "bytes=3-99999999999": {3, n},
			"bytes=0-": {0, n}, "bytes=-99999999999": {0, n}, "bytes=0-1,3-4": {0, n}, "lines=0-1": {0, n}, "bytes=9-5": {0, n}, "bytes=": {0, n}, "bytes=-": {0, n}, "bytes=x-3": {0, n}, "bytes=99999999999999999999-": {0, n},
		} {
			for _, condition := range []string{"", tag, `"other"`} {
				h := http.Header{"Range": {asked}}
				from, to := want[0], want[1]
				if condition != "" {
					h.Set("If-Range", condition)
				}
				if condition == `"other"` {
					from, to = 0, n
				}
				status, said := 206, fmt.Sprintf("bytes %d-%d/%d", from, to-1, n)
				if to-from == n {
					status, said = 200, ""
				}
				if a := get(path, h); a.status != status || !bytes.Equal(a.body, whole.body[from:to]) || a.header.Get("Content-Range") != said {
					t.Errorf("%s: %s if %s: %d %q, %d bytes", path, asked, condition, a.status, a.header.Get("Content-Range"), len(a.body))
				}
			}
		}
		for _, asked := range []string{fmt.Sprintf("bytes=%d-", n), "bytes=-0"} {
			a := get(path, http.Header{"Range": {asked}})
			a.fails(t, 416, "bad_range", fields{"session_id": anyText})
			if want := fmt.Sprintf("bytes */%d", n); a.header.Get("Content-Range") != want {
				t.Errorf("%s: %s: Content-Range is %q", path, asked, a.header.Get("Content-Range"))
			}
		}
	}
	// What changed has another tag.
	p.uploadOrders(t, "s", ship.orders)
	for tag, path := range tags {
		if path == "/download?_sid=other" {
			continue
		}
		get(path, http.Header{"If-None-Match": {tag}, "Range": {"bytes=0-3"}, "If-Range": {tag}}).ok(t, path, "after a change")
	}
}

// Who does not know whether an upload succeeded repeats it under the same key.
func TestAnUploadIsAttachedOncePerIdempotencyKey(t *testing.T) {
	p, ship, more := newPlace(t), small(t, 1), other(t, 2)
	upload := func(path, key string, bills []byte) answer {
		t.Helper()
		r := request{path: path, header: http.Header{"Idempotency-Key": {key}}}
		return p.do(t, r.form(t, fileIn("file", "b.pdf", bills)))
	}
	state := func() session.State {
		t.Helper()
		st, err := p.store.Get(t.Context(), session.Key{Owner: session.Local, ID: "s"})
		must.OK(t, err)
		return st
	}
	files := func() int { return len(state().BOL) }
	first := upload("/upload?_sid=s", "one", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	if again := upload("/upload?_sid=s", "one", ship.bills); again.status != 200 || !bytes.Contains(again.body, []byte(`"lines":30,`)) || first.status != 200 {
		t.Errorf("repeated: %d %.300s", again.status, again.body)
	}
	p.get(t, "/download?_sid=s").holds(t, ship.expected, "a repeated upload dropped the orders")
	var wg sync.WaitGroup
	for range 4 { // at once
		wg.Go(func() {
			upload("/upload?_sid=s&mode=append", "two", more.bills).ok(t)
		})
	}
	wg.Wait()
	if n := files(); n != 2 {
		t.Errorf("after one upload of four times there are %d files", n)
	}
	p.post(t, "/process?_sid=s", "", nil).must(t)
	upload("/upload?_sid=s&mode=append", "two", more.bills)
	if n := files(); n != 2 {
		t.Errorf("when it was read again, and repeated, there are %d files", n)
	}
	upload("/upload-attachment?_sid=s&mode=append", "two", ship.bills).fails(t, 422, "idempotency_key_reused", fields{"session_id": "s"})
	upload("/upload?_sid=s", "one", more.bills).fails(t, 422, "idempotency_key_reused", fields{"session_id": "s"})
	p.do(t, request{method: "POST", path: "/upload-base64?_sid=s", kind: "application/json", header: http.Header{"Idempotency-Key": {"one"}},
		body: bytes.NewReader(jsonOf(t, map[string]any{"file_data": more.bills}))}).fails(t, 422, "idempotency_key_reused", fields{"session_id": "s"})
	if a := upload("/upload?_sid=s&mode=append", "three", more.bills); a.status != 200 || files() != 3 {
		t.Errorf("under another key: %d, %d files", a.status, files())
	}
	// A file of the same size is another file all the same.
	same := bytes.Clone(more.bills)
	same[len(same)-1] ^= 1
	upload("/upload?_sid=s&mode=append", "three", same).fails(t, 422, "idempotency_key_reused", fields{"session_id": "s"})
	export := func(key string, content []byte) answer {
		t.Helper()
		return p.do(t, request{method: "POST", path: "/upload-csv?_sid=s", kind: "text/csv", body: bytes.NewReader(content), header: http.Header{"Idempotency-Key": {key}}})
	}
	revision := func() int64 { return state().Revision }
	one := export("one", ship.orders) // the keys of bills are others
	before := revision()
	if again := export("one", ship.orders); one.status != 200 || !bytes.Equal(again.body, one.body) || revision() != before {
		t.Errorf("orders repeated: %d %s, then %d %s, revision %d and %d", one.status, one.body, again.status, again.body, before, revision())
	}
	altered := bytes.Clone(ship.orders)
	altered[bytes.LastIndexByte(bytes.TrimSpace(altered), ',')+1] ^= 1
	export("one", altered).fails(t, 422, "idempotency_key_reused", fields{"session_id": "s"})
	if a := export("two", altered); a.status != 200 || revision() != before+1 {
		t.Errorf("orders under another key: %d, revision %d", a.status, revision())
	}
	// In a new incarnation nothing is remembered.
	p.post(t, "/new-session?_sid=s", "", nil)
	if a := upload("/upload?_sid=s", "one", more.bills); a.status != 200 || files() != 1 {
		t.Errorf("in a new session: %d, %d files", a.status, files())
	}
	p.settles(t, 2) // one file and its reading
}

func TestTheRoutingAcceptsWhatNothingProves(t *testing.T) {
	p := newPlace(t)
	invented := shipments.Sample(t, sample.Options{Form: sample.Short, Bills: 3, Lines: 4, Seed: 1})
	p.uploadBills(t, "s", must.Written(t, invented.WritePDF))
	tags := map[string]bool{}
	get := func(query string) (r sheet.Routing) {
		t.Helper()
		a := p.do(t, request{method: "GET", path: "/routing?_sid=s&format=json&on=2025-07-01" + query})
		if err := json.Unmarshal(a.body, &r); err != nil {
			t.Fatalf("%v: %d %s", err, a.status, a.body)
		}
		tags[a.header.Get("ETag")] = true
		return r
	}
	if plain, accepted := get(""), get("&accept_unproved=true"); accepted.Total.Count != 3 || plain.Total.Count >= 3 || len(tags) != 2 {
		t.Errorf("%d bills, with the unproved %d of 3; %d tags", plain.Total.Count, accepted.Total.Count, len(tags))
	}
}

func TestTheRoutingHoldsEveryBillInEveryFormat(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.do(t, request{method: "GET", path: "/routing?_sid=s"}).fails(t, 404, "no_sheet", fields{"session_id": anyText})
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	get := func(query string) answer {
		t.Helper()
		return p.do(t, request{method: "GET", path: "/routing?_sid=s" + query})
	}
	var r sheet.Routing
	must.OK(t, json.Unmarshal(get("&format=json&on=2025-07-01").body, &r))
	var v sheet.View
	must.OK(t, json.Unmarshal(p.do(t, request{method: "GET", path: "/download-bol?_sid=s&format=json"}).body, &v))
	if r.Total.Count != len(v.Bills) || r.Day != "2025-07-01" || v.Routing == nil || v.Routing.Total.Cube != r.Total.Cube || v.Routing.Day != "" {
		t.Errorf("%d bills and %+v; the sheet has %d and %+v", r.Total.Count, r.Total, len(v.Bills), v.Routing)
	}
	late := get("&format=json&on=2099-01-01")
	if !bytes.Contains(late.body, []byte(sheet.WindowPassed)) || bytes.Contains(get("&format=json&on=1999-01-01").body, []byte(sheet.WindowPassed)) {
		t.Error("windows are not examined for the day that is named")
	}
	csv := get("")
	if csv.header.Get("Content-Disposition") != "attachment; filename=routing.csv" || !bytes.HasPrefix(csv.body, []byte("Ship To Name,Start Date,Cancel Date,Purchase Order No.,Bills,")) {
		t.Errorf("%v %.200s", csv.header, csv.body)
	}
	if book := get("&format=xlsx"); book.status != 200 || !bytes.HasPrefix(book.body, []byte("PK")) {
		t.Errorf("the workbook: %d", book.status)
	}
	if late.header.Get("ETag") == "" || late.header.Get("ETag") == get("&format=json&on=2099-01-02").header.Get("ETag") {
		t.Error("two days have the same tag")
	}
	get("&accept_unproved=perhaps").fails(t, 400, "bad_request", fields{"session_id": anyText})
	get("&on=tomorrow").fails(t, 400, "bad_request", fields{"session_id": anyText})
	get("&format=pdf").fails(t, 400, "bad_request", fields{"session_id": anyText})
	get("&format=ebol").fails(t, 400, "bad_request", fields{"session_id": anyText})
	p.get(t, "/routing?_sid=s&format=xlsx&on=2025-07-01", http.Header{"Range": {"bytes=99999999-"}}).fails(t, 416, "bad_range", fields{"session_id": anyText})
}

func TestTheReportHoldsWhatNeedsAPersonsEye(t *testing.T) {
	p := newPlace(t)
	p.do(t, request{method: "GET", path: "/report?_sid=s"}).fails(t, 404, "no_sheet", fields{"session_id": anyText})
	flawed, err := sample.Flawed()
	must.OK(t, err)
	bills := must.Written(t, flawed.WritePDF)
	p.uploadBills(t, "s", bills)
	var v sheet.View
	must.OK(t, json.Unmarshal(p.do(t, request{method: "GET", path: "/download-bol?_sid=s&format=json"}).body, &v))
	page := p.do(t, request{method: "GET", path: "/report?_sid=s"})
	if kind, how := page.header.Get("Content-Type"), page.header.Get("Content-Disposition"); kind != "text/html; charset=utf-8" || how != "inline; filename=to-check.html" {
		t.Errorf("the page is sent as %s, %s", kind, how)
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "style-src 'sha256-") {
		t.Errorf("the page may do %s", policy)
	}
	count := 0
	for _, f := range v.Findings {
		if f.Severity != sheet.Info {
			count++
			if !bytes.Contains(page.body, []byte(html.EscapeString(f.Where[1:]))) {
				t.Errorf("the page lacks %s", f.Where)
			}
		}
	}
	if got := bytes.Count(page.body, []byte("<li ")); got != count || count == 0 {
		t.Errorf("the page has %d findings of %d", got, count)
	}
	paper := p.do(t, request{method: "GET", path: "/report?_sid=s&format=pdf"})
	if paper.status != 200 || !bytes.HasPrefix(paper.body, []byte("%PDF-")) || paper.header.Get("Content-Disposition") != "attachment; filename=to-check.pdf" {
		t.Errorf("the paper: %d %v %.20q", paper.status, paper.header, paper.body)
	}
	p.do(t, request{method: "GET", path: "/report?_sid=s&format=xlsx"}).fails(t, 400, "bad_request", fields{"session_id": anyText})
}

func TestEveryBillHasADraftForCarriers(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	a := p.do(t, request{method: "GET", path: "/download-bol?_sid=s&format=ebol"})
	var v sheet.EBOLView
	must.OK(t, json.Unmarshal(a.body, &v))
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Content-Disposition") != "attachment; filename=BOL_processed.ebol.json" {
		t.Errorf("the drafts are sent as %v", a.header)
	}
	if len(v.Drafts) == 0 || v.Version != sheet.EBOLVersion || len(v.Drafts[0].Missing) == 0 || v.Drafts[0].Request["origin"] == nil {
		t.Errorf("the drafts are %+v", v)
	}
}
