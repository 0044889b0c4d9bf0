package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tallyman/internal/httpapi"
	"tallyman/internal/testing/must"
)

// The tests of this file are of the later names of the API (DESIGN.md §7).

func TestASessionIsCleaned(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	noFiles := fields{"pdf_files": []any{}, "csv_files": []any{}, "other_files": []any{}}
	nothing := fields{
		"session_id": "s", "status": "no_directory", "message": anyText, "contamination_detected": false, "cleanup_performed": false,
		"files_removed": []any{}, "removed": fields{"files": 0, "bytes": 0}, "ready_for_processing": true,
		"detailed_analysis": fields{"file_breakdown": noFiles, "total_files": 0, "directory_exists": false},
	}
	p.post(t, "/auto-clean-session?_sid=s", "", nil).is(t, 200, nothing)
	p.get(t, "/status?_sid=s").shows(t, `"session_exists":false`, "cleaning began a session")
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	p.uploadBills(t, "another", ship.bills)
	p.post(t, "/auto-clean-session?_sid=s", "application/json", []byte("{}")).is(t, 200, fields{
		"session_id": "s", "status": "cleaned", "message": "The session was emptied; 2 files were removed.", "contamination_detected": true, "cleanup_performed": true,
		"files_removed": []string{"combined_data.csv", "bol.pdf", "orders.csv"}, "ready_for_processing": true,
		"removed": fields{"files": 2, "bytes": len(ship.bills) + len(ship.orders)},
		"detailed_analysis": fields{"total_files": 3, "directory_exists": true, "file_breakdown": fields{
			"pdf_files": []string{"bol.pdf"}, "csv_files": []string{"combined_data.csv", "orders.csv"}, "other_files": []any{},
		}},
	})
	p.get(t, "/download?_sid=s").fails(t, 404, "no_sheet", fields{"session_id": "s"})
	nothing["status"], nothing["detailed_analysis"] = "already_clean", fields{"file_breakdown": noFiles, "total_files": 0, "directory_exists": true}
	p.post(t, "/auto-clean-session?session_id=s", "", nil).is(t, 200, nothing)
	p.get(t, "/download?_sid=another").holds(t, ship.unmatched, "another session has changed")
	p.settles(t, 2)

	p.post(t, "/auto-clean-session", "", nil).fails(t, 400, "session_required", nil)
	jar := newJar(t) // this route ignores cookies
	p.do(t, request{method: "POST", path: "/new-session", jar: jar})
	a := p.do(t, request{method: "POST", path: "/auto-clean-session", jar: jar})
	a.fails(t, 400, "session_required", fields{"session_id": mintedID})
}

func TestStatelessRoutesAnswerTheSheetInJSON(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	for path, names := range converting {
		if !strings.Contains(path, "stateless") {
			continue
		}
		for merged, want := range map[bool][]byte{false: ship.unmatched, true: ship.expected} {
			parts := []part{{name: names.bills, filename: "b.pdf", content: ship.bills}}
			if merged {
				parts = append(parts, fileIn(names.orders, "o.csv", ship.orders))
			}
			p.form(t, path, parts...).is(t, 200, fields{
				"status": "success", "message": anyText, "request_id": anyText, "csv_data": string(want), "row_count": 30,
				"filename": "BOL_processed.csv", "has_csv_merge": merged, "warnings": []any{},
			})
		}
		p.form(t, path+"?format=xlsx", fileIn(names.bills, "b.pdf", ship.bills)).fails(t, 400, "bad_request", nil)
		kind, body := multi(t, textIn("note", "x"))
		if a := p.post(t, path, kind, body); !bytes.Contains(a.body, []byte("send it in the field "+names.orders+" or "+names.bills)) && !bytes.Contains(a.body, []byte("send it in the field "+names.bills)) {
			t.Errorf("%s without a file: %s", path, a.body)
		}
	}
	p.settles(t, 0)
}

func TestProcessWithFilesConvertsThem(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", other(t, 2).bills)
	before := p.get(t, "/download?_sid=s").body
	pdf, csv := fileIn("pdf", "b.pdf", ship.bills), fileIn("csv", "o.csv", ship.orders)
	for _, path := range []string{"/process", "/process-workflow"} {
		for _, sid := range []string{"", "?_sid=s"} {
			a := p.form(t, path+sid, pdf, csv)
			if a.status != 200 || !bytes.Equal(a.body, ship.expected) || a.header.Get("Content-Disposition") != "attachment; filename=BOL_processed.csv" {
				t.Errorf("%s%s: %d %.100s", path, sid, a.status, a.body)
			}
		}
		p.form(t, path+"?_sid=s", csv).fails(t, 400, "no_upload", fields{"session_id": "s"})
		// Without files the route reads the session's BOL again, whatever else is in the
		// request.
		kind, body := multi(t, textIn("note", "x"), part{name: "pdf", file: true})
		for contentType, content := range map[string][]byte{kind: body, "application/json": []byte(`{"pdf":"x"}`), "multipart/form-data; boundary=x": nil, "": nil} {
			p.post(t, path+"?_sid=s", contentType, content).shows(t, `"output_file":"combined_data.csv"`, path, "as", contentType)
		}
	}
	p.get(t, "/download?_sid=s").holds(t, before, "the session is not what it was")
	p.settles(t, 2)
}

func TestWakeUpNamesASession(t *testing.T) {
	p := newPlace(t)
	sid := func(path string, h http.Header) any {
		v, _ := decode(p.get(t, path, h).body).(map[string]any)
		return v["session_id"]
	}
	if got := sid("/wake-up?_sid=mine", nil); got != "mine" {
		t.Errorf("it names %v", got)
	}
	if got := sid("/wake-up", http.Header{"X-Session-Id": {"mine"}}); got != "mine" {
		t.Errorf("it names %v", got)
	}
	for _, query := range []string{"?_sid=a%00b", "?_sid=a&session_id=b"} {
		if got := sid("/wake-up"+query, nil); got != nil {
			t.Errorf("%s: it names %v, which cannot be a session", query, got)
		}
	}
	first, second := sid("/wake-up", nil), sid("/wake-up", nil)
	if first == second {
		t.Errorf("two callers are given the session %v", first)
	}
	for _, id := range []any{"mine", first} {
		p.get(t, "/status?_sid="+id.(string)).shows(t, `"session_exists":false`, "waking up began a session")
	}
	p.post(t, "/upload?_sid="+first.(string), "application/pdf", small(t, 1).bills).ok(t, "the session that it named cannot be used")
}

func TestHealthSaysHowCookiesAreSet(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*httpapi.Config)
		proto    string
		samesite string
		secure   bool
		valid    bool
	}{
		{"this machine", func(*httpapi.Config) {}, "", "Lax", false, true},
		{"HTTPS", func(c *httpapi.Config) { c.Open, c.Loopback = true, false }, "https", "Lax", true, true},
		{"framed over HTTPS", func(c *httpapi.Config) { c.Open, c.Loopback, c.Embed = true, false, []string{"https://a.example"} }, "https", "None", true, true},
		{"framed over HTTP", func(c *httpapi.Config) { c.Open, c.Loopback, c.Embed = true, false, []string{"https://a.example"} }, "", "None", true, false},
	} {
		p := newPlace(t, c.change, func(c *httpapi.Config) { c.Version = "" })
		a := p.get(t, "/health", http.Header{"X-Forwarded-Proto": {c.proto}})
		var got struct {
			Environment string `json:"environment"`
			Cookie      struct {
				SameSite string `json:"samesite"`
				Secure   bool   `json:"secure"`
				HTTPOnly bool   `json:"httponly"`
				Valid    bool   `json:"cookies_valid"`
			} `json:"cookie_config"`
		}
		must.OK(t, json.Unmarshal(a.body, &got))
		if k := got.Cookie; k.SameSite != c.samesite || k.Secure != c.secure || k.Valid != c.valid || !k.HTTPOnly || got.Environment != "development" {
			t.Errorf("%s: %s", c.name, a.body)
		}
	}
}

func TestDebugSessionsSaysWhatNamesTheSession(t *testing.T) {
	p, jar := newPlace(t), newJar(t)
	p.do(t, request{method: "POST", path: "/new-session", jar: jar})
	minted := p.cookie(t, jar)
	for query, want := range map[string]fields{
		"":                   {"external_session_id": nil, "flask_session_id": minted, "query_params": fields{"_sid": nil, "_action": nil, "_t": nil}},
		"?session_id=x":      {"external_session_id": "x", "flask_session_id": minted, "query_params": fields{"_sid": nil, "_action": nil, "_t": nil}},
		"?_sid=x&_t=1&other": {"external_session_id": "x", "flask_session_id": minted, "query_params": fields{"_sid": "x", "_action": nil, "_t": "1"}},
	} {
		want["current_session"], want["workflow_status"], want["all_sessions"] = anyObject, anyObject, anyList
		want["total_sessions"], want["next"], want["debug_timestamp"] = 1, nil, anyNumber
		p.do(t, request{method: "GET", path: "/debug-sessions" + query, jar: jar}).is(t, 200, want)
	}
}

// No answer of the service names a path of its machine.
func TestNoAnswerNamesAPathOfTheServer(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	kind, body := multi(t, fileIn("file", "b.pdf", ship.bills))
	for _, a := range []answer{
		p.get(t, "/health"), p.get(t, "/wake-up?_sid=s"), p.get(t, "/validate-session?_sid=s"), p.get(t, "/debug-sessions?_sid=s"),
		p.post(t, "/upload-stateless", kind, body), p.post(t, "/auto-clean-session?_sid=s", "", nil),
	} {
		if a.status != 200 || bytes.Contains(a.body, []byte(p.dir)) || bytes.Contains(a.body, []byte("/tmp")) || bytes.Contains(a.body, []byte("contents/")) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
