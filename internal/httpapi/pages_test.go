package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"image/png"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"tallyman/internal/testing/must"
)

// The page shows one whole state of the session.
func TestTheViewIsTheSessionAsOfOneInstant(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	bill := fields{"name": "bol.pdf", "file": "bol.pdf", "size": len(ship.bills), "attached_at": anyTime}
	export := fields{"name": "orders.csv", "file": "orders.csv", "size": len(ship.orders), "attached_at": anyTime}
	want := fields{
		"session_id": nil, "status": "no_session", "now": anyTime, "created_at": nil, "expires_at": nil, "revision": 0, "webhooks": true,
		"bills": []any{}, "exports": []any{}, "orders": nil, "version": "", "sheet": nil,
	}
	p.get(t, "/view").is(t, 200, want)
	want["session_id"] = "s"
	p.get(t, "/view?_sid=s").is(t, 200, want)
	p.post(t, "/new-session?_sid=s", "", nil)
	maps.Copy(want, fields{"status": "empty", "created_at": anyTime, "expires_at": anyTime, "revision": 1, "version": anyText})
	p.get(t, "/view?_sid=s").is(t, 200, want)
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	maps.Copy(want, fields{"status": "merged", "revision": 3, "bills": []fields{bill}, "exports": []fields{export}, "orders": export, "sheet": anyObject})
	got := p.get(t, "/view?_sid=s").is(t, 200, want)
	sheet, err := json.Marshal(got["sheet"])
	must.OK(t, err)
	var a, b any
	if json.Unmarshal(sheet, &a) != nil || json.Unmarshal(p.get(t, "/download?_sid=s&format=json").body, &b) != nil {
		t.Fatal("the sheet is not JSON")
	}
	if left, right := string(jsonOf(t, a)), string(jsonOf(t, b)); left != right {
		t.Errorf("the sheet differs from the one to download: %.200s, %.200s", left, right)
	}
	// A caller that has the sheet does not get it again until it changes.
	version := got["version"].(string)
	want["sheet"] = nil
	p.get(t, "/view?_sid=s&have="+version).is(t, 200, want)
	p.uploadOrders(t, "s", ship.orders)
	want["sheet"], want["revision"] = anyObject, 4
	if now := p.get(t, "/view?_sid=s&have="+version).is(t, 200, want); now["version"] == version {
		t.Error("after a change the version is the same")
	}
}

func TestTheViewComesCompressedToWhoTakesThat(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	for accept, zipped := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "identity": false, "gzip;q=0": false, "": false} {
		a, err := p.try(request{method: "GET", path: "/view?_sid=s", header: http.Header{"Accept-Encoding": {accept}}})
		must.OK(t, err)
		body := a.body
		if got := a.header.Get("Content-Encoding") == "gzip"; got != zipped || !strings.Contains(a.header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%q: %v", accept, a.header)
			continue
		}
		if zipped {
			r, err := gzip.NewReader(bytes.NewReader(body))
			must.OK(t, err)
			body, err = io.ReadAll(r)
			must.OK(t, err)
		}
		if v, ok := decode(body).(map[string]any); !ok || v["sheet"] == nil {
			t.Errorf("%q: %.100s", accept, body)
		}
	}
}

// A picture shows the document that the caller sees; otherwise the request fails.
func TestAPictureIsOfTheVersionThatIsAskedFor(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	id := fields{"session_id": "s"}
	p.get(t, "/page-picture?_sid=s").fails(t, 400, "bad_request", id)
	p.get(t, "/page-picture?_sid=s&of=x").fails(t, 404, "not_found", id)
	p.uploadBills(t, "s", ship.bills)
	of := "/page-picture?_sid=s&of=" + p.version(t)
	a := p.get(t, of+"&page=2&width=300")
	img, err := png.Decode(bytes.NewReader(a.body))
	if a.status != 200 || err != nil || img.Bounds().Dx() != 300 || a.header.Get("Page-Size") != "612 792" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %v", a.status, a.header, err)
	}
	p.get(t, of+"&file=1").fails(t, 404, "not_found", id)
	p.get(t, of+"&file=-1").fails(t, 404, "not_found", id)
	p.get(t, of+"&page=7").fails(t, 404, "no_such_page", id)
	p.get(t, of+"&page=0").fails(t, 404, "no_such_page", id)
	p.get(t, of+"&page=one").fails(t, 400, "bad_request", id)
	p.get(t, of+"&width=100000").fails(t, 400, "bad_request", id)
	p.get(t, of+"&width=0").fails(t, 400, "bad_request", id)
	// The same bytes are another document when they are uploaded again, after a reset, or
	// to another session.
	p.uploadBills(t, "s", ship.bills)
	p.get(t, of).fails(t, 409, "session_changed", id)
	p.post(t, "/new-session?_sid=s", "", nil)
	p.uploadBills(t, "s", ship.bills)
	p.get(t, of).fails(t, 409, "session_changed", id)
	p.uploadBills(t, "other", ship.bills)
	p.get(t, strings.Replace(of, "_sid=s", "_sid=other", 1)).fails(t, 409, "session_changed", fields{"session_id": "other"})
}

func TestPartsOfThePageAreKeptUntilTheProgramChanges(t *testing.T) {
	p := newPlace(t)
	a := p.get(t, "/")
	tag := a.header.Get("ETag")
	if tag == "" || a.header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("the page: %v", a.header)
	}
	again, err := p.try(request{method: "GET", path: "/", header: http.Header{"If-None-Match": {`"x", W/` + tag}}})
	if err != nil || again.status != 304 || len(again.body) != 0 {
		t.Errorf("a page that is known: %d, %d bytes, %v", again.status, len(again.body), err)
	}
	_, rest, _ := strings.Cut(string(a.body), `src="static/`)
	version, _, ok := strings.Cut(rest, "/")
	if !ok {
		t.Fatalf("the page names no part: %.500s", a.body)
	}
	part := p.get(t, "/static/"+version+"/app.js")
	if part.status != 200 || !strings.Contains(part.header.Get("Cache-Control"), "immutable") || len(part.body) == 0 {
		t.Errorf("a part: %d, %v", part.status, part.header)
	}
	p.get(t, "/static/older/app.js").fails(t, 404, "not_found", nil)
	p.get(t, "/static/"+version+"/nothing.js").fails(t, 404, "not_found", nil)
}

func TestSamplesAreThereToTry(t *testing.T) {
	p := newPlace(t)
	for _, name := range []string{"bol.pdf", "bol-with-mistakes.pdf"} {
		a := p.get(t, "/sample/"+name)
		if a.status != 200 || !bytes.HasPrefix(a.body, []byte("%PDF-")) {
			t.Fatalf("%s: %d %.100s", name, a.status, a.body)
		}
		orders := p.get(t, "/sample/"+strings.NewReplacer("bol", "orders", "pdf", "csv").Replace(name))
		got, _ := decode(p.uploadBills(t, "s", a.body).body).(map[string]any)
		if flawed := strings.Contains(name, "mistakes"); got["status"] != "success" || (got["mismatched"] != 0.0) != flawed {
			t.Errorf("%s: %v", name, got)
		}
		p.uploadOrders(t, "s", orders.body).ok(t, name)
	}
	p.get(t, "/sample/nothing.pdf").fails(t, 404, "not_found", nil)
}
