package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/profile"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
)

// putProfile writes a profile.
func (p *place) putProfile(t *testing.T, key, match, kind, text string) answer {
	t.Helper()
	h := http.Header{"X-Api-Key": {key}}
	if match != "" {
		h.Set("If-Match", match)
	}
	return p.do(t, request{method: "PUT", path: "/profile", header: h, kind: kind, body: strings.NewReader(text)})
}

func TestAProfileIsReadAndWrittenOverTheRevisionThatItsWriterSaw(t *testing.T) {
	p, secrets, ring := keyed(t, "depot", "other")
	depot := secrets["depot"]
	get := func(key, query string) answer {
		t.Helper()
		return p.get(t, "/profile"+query, apiKey(key))
	}
	a := get(depot, "")
	if a.status != 200 || a.header.Get("ETag") != `"0"` || string(a.body) != string(profile.Default().TOML()) || a.header.Get("Content-Type") != "application/toml" {
		t.Errorf("without a profile: %d %v %.200s", a.status, a.header, a.body)
	}
	get(depot, "?format=json").is(t, 200, fields{"revision": 0.0, "version": "", "profile": anything, "toml": string(a.body)})
	get(depot, "?format=xml").fails(t, 400, "bad_request", nil)

	const first = "# ours\n[pallets]\ncube = 65\n"
	p.putProfile(t, depot, "", "application/toml", first).fails(t, 400, "bad_request", nil)
	p.putProfile(t, depot, `"x"`, "application/toml", first).fails(t, 400, "bad_request", nil)
	p.putProfile(t, depot, `"1"`, "application/toml", first).fails(t, 409, "changed", nil)
	p.putProfile(t, depot, `"0"`, "text/csv", first).fails(t, 415, "unsupported_media_type", nil)
	p.putProfile(t, depot, `"0"`, "", strings.Repeat("#", profile.MostBytes+1)).fails(t, 413, "too_large", nil)
	p.putProfile(t, depot, `"0"`, "", "[pallets]\n\ncube = \"80\"\n").fails(t, 422, "bad_profile",
		fields{"details": []fields{{"line": 3.0, "reason": anyText}}})
	a = p.putProfile(t, depot, `"0"`, "application/toml; charset=utf-8", first)
	written := a.is(t, 200, fields{"status": "success", "message": anyText, "revision": 1.0, "version": anyText})
	if a.header.Get("ETag") != `"1"` {
		t.Errorf("the ETag is %s", a.header.Get("ETag"))
	}
	if a := get(depot, ""); string(a.body) != first || a.header.Get("ETag") != `"1"` {
		t.Errorf("read back: %v %s", a.header, a.body)
	}
	got := get(depot, "?format=json").is(t, 200, fields{"revision": 1.0, "version": written["version"], "profile": anything, "toml": first})
	if c := got["profile"].(map[string]any)["pallets"].(map[string]any)["cube"]; c != 65.0 {
		t.Errorf("as JSON: %v", got["profile"])
	}
	// What GET gives as JSON, PUT takes.
	again, _ := json.Marshal(got["profile"])
	p.putProfile(t, depot, "*", "application/json", string(again)).is(t, 200, fields{"status": "success", "message": anyText, "revision": 2.0, "version": written["version"]})
	get(depot, "").shows(t, "Default: 80\ncube = 65\n", "JSON as TOML")
	p.do(t, request{method: "PUT", path: "/profile?revision=1", header: apiKey(depot)}).fails(t, 409, "changed", nil)
	p.do(t, request{method: "PUT", path: "/profile?revision=2", header: apiKey(depot)}).is(t, 200, fields{"status": "success", "message": anyText, "revision": 3.0, "version": anyText})
	none := apiKey(secrets["other"])
	none.Set("If-None-Match", "*")
	p.do(t, request{method: "PUT", path: "/profile", header: none, body: strings.NewReader(first)}).is(t, 200, fields{"status": "success", "message": anyText, "revision": 1.0, "version": written["version"]})

	reader := addKey(t, ring, keys.Key{Name: "depot", ReadOnly: true})
	p.putProfile(t, reader, "*", "", first).fails(t, 403, "read_only", nil)
	if a := get(reader, ""); a.status != 200 || a.header.Get("ETag") != `"3"` {
		t.Errorf("with a read-only key: %d %v", a.status, a.header)
	}
}

// made returns the sheet of the shipment by some rules, made without a server.
func (s shipment) made(t *testing.T, rules sheet.Rules) string {
	t.Helper()
	file := func(b []byte) intake.File {
		return intake.File{ReaderAt: bytes.NewReader(b), Size: int64(len(b))}
	}
	doc, err := reader.Bills(t.Context(), []intake.File{file(s.bills)}, nil)
	must.OK(t, err)
	table, err := reader.Orders(t.Context(), file(s.orders), nil)
	must.OK(t, err)
	var b bytes.Buffer
	must.OK(t, sheet.WriteCSV(&b, rules.Make(doc, table)))
	return b.String()
}

// matched checks that orders were attached and found their lines.
func (a answer) matched(t *testing.T) {
	t.Helper()
	if n, _ := decode(a.body).(map[string]any)["matched"].(float64); a.status != 200 || n == 0 {
		t.Errorf("%d %.300s", a.status, a.body)
	}
}

func TestEveryRouteThatMakesSheetsFollowsTheProfileOfItsOwner(t *testing.T) {
	p, secrets, _ := keyed(t, "a", "b", "c")
	ship := small(t, 1)
	send := func(owner, method, path string, parts ...part) answer {
		t.Helper()
		r := request{method: method, path: path, header: apiKey(secrets[owner])}
		if len(parts) > 0 {
			kind, body := multi(t, parts...)
			r.kind, r.body = kind, bytes.NewReader(body)
		}
		a := p.do(t, r)
		if a.status != 200 {
			t.Errorf("%s %s: %d %.300s", owner, path, a.status, a.body)
		}
		return a
	}
	made := func(text string) (sheet string) {
		t.Helper()
		own, err := profile.Parse([]byte(text))
		must.OK(t, err)
		return ship.made(t, own.Rules())
	}
	texts := map[string]string{"a": "[pallets]\ncube = 20\n", "b": "[pallets]\ncube = 7.5\n[sheet]\ncolumns = [\"Style\", \"Pallet\", \"Invoice No.\"]\n", "c": ""}
	for owner, text := range texts {
		if text != "" {
			p.putProfile(t, secrets[owner], "*", "", text)
		}
	}
	bills, orders := fileIn("file", "b.pdf", ship.bills), fileIn("csv_file", "o.csv", ship.orders)
	for owner, text := range texts {
		want := made(text)
		send(owner, "POST", "/upload?_sid=s", bills)
		send(owner, "POST", "/upload-csv?_sid=s", orders)
		if a := send(owner, "GET", "/download-bol?_sid=s"); string(a.body) != want {
			t.Errorf("the sheet of %s is\n%.300s, want\n%.300s", owner, a.body, want)
		}
		if a := send(owner, "POST", "/convert", bills, orders); string(a.body) != want {
			t.Errorf("the conversion of %s is\n%.300s, want\n%.300s", owner, a.body, want)
		}
		if a := send(owner, "POST", "/upload-stateless", bills, orders); decode(a.body).(map[string]any)["csv_data"] != want {
			t.Errorf("the conversion to JSON of %s is\n%.300s, want\n%.300s", owner, a.body, want)
		}
		named, _ := decode(send(owner, "GET", "/download-bol?_sid=s&format=json").body).(map[string]any)["profile"].(map[string]any)
		version, _ := named["version"].(string)
		if (version == "") != (text == "") {
			t.Errorf("the sheet of %s has the profile %q", owner, version)
		}
	}
	pallets := func(owner string) (n float64) {
		var r struct{ Total struct{ Pallets float64 } }
		must.OK(t, json.Unmarshal(send(owner, "GET", "/routing?_sid=s&format=json").body, &r))
		return r.Total.Pallets
	}
	if a, b, c := pallets("a"), pallets("b"), pallets("c"); !(b > a && a > c && c > 0) {
		t.Errorf("routing asks for %v, %v and %v pallets", a, b, c)
	}
	// A change has no effect until the bills are processed.
	p.putProfile(t, secrets["a"], "*", "", texts["b"])
	if a := send("a", "GET", "/download-bol?_sid=s"); string(a.body) != made(texts["a"]) {
		t.Errorf("a changed profile changed the sheet:\n%.300s", a.body)
	}
	send("a", "POST", "/process?_sid=s")
	if a := send("a", "GET", "/download-bol?_sid=s"); string(a.body) != made(texts["b"]) {
		t.Errorf("processed, the sheet is\n%.300s", a.body)
	}
}

func TestColumnsAreMappedByTheUploadOfAnOrderExport(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	theirs := []byte(strings.NewReplacer("Invoice No.", "Num", "Cartons*", "Boxed").Replace(string(ship.orders)))
	upload := func(query string, more ...part) answer {
		t.Helper()
		return p.form(t, "/upload-csv?_sid=s"+query, append([]part{{name: "file", filename: "o.csv", content: theirs}}, more...)...)
	}
	upload("").fails(t, 422, "missing_columns", fields{"details": anything, "session_id": "s"})
	upload("&map=Num").fails(t, 400, "bad_request", fields{"session_id": "s"})
	upload("&remember=maybe").fails(t, 400, "bad_request", fields{"session_id": "s"})
	upload("&remember=true").fails(t, 400, "bad_request", fields{"session_id": "s"})
	upload("&map=" + url.QueryEscape("Num=bill number") + "&map=Boxed=cartons").matched(t)
	text := []byte(`{"csv_data":` + fmt.Sprintf("%q", theirs) + `,"map":"Num=bill number\nBoxed=cartons"}`)
	p.post(t, "/upload-csv?_sid=s", "application/json", text).matched(t)
	if a := p.get(t, "/profile"); a.header.Get("ETag") != `"0"` {
		t.Errorf("a mapping for once was remembered: %s", a.body)
	}
	upload("", textIn("map", "Num=bill number\r\nBoxed=cartons\r\n"), textIn("remember", "true")).matched(t)
	upload("").matched(t)
	p.uploadBills(t, "t", ship.bills)
	p.post(t, "/upload-csv?_sid=t", "text/csv", theirs).ok(t, "in another session")
	kind, body := multi(t, fileIn("file", "b.pdf", ship.bills), fileIn("csv", "o.csv", theirs))
	if a := p.post(t, "/convert", kind, body); a.status != 200 || !bytes.Equal(a.body, ship.expected) {
		t.Errorf("a conversion: %d %.300s", a.status, a.body)
	}
	p.post(t, "/convert?map=Num=bill&remember=true", kind, body).fails(t, 400, "bad_request", nil)
	// The profile that the service gives is one for the command line.
	own, err := profile.Parse(p.get(t, "/profile").body)
	if err != nil || own.Orders.Columns["bill_number"][0] != "Num" {
		t.Errorf("the profile is %+v (%v)", own, err)
	}
}
