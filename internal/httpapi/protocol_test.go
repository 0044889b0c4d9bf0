package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// Every way to upload a BOL (DESIGN.md §7) works, with the expected answer.
func TestEveryWayOfUploadingABOL(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	plain := base64.StdEncoding.EncodeToString(ship.bills)
	urlSafe := base64.RawURLEncoding.EncodeToString(ship.bills)
	lines := func(s string) string { // as mail programs send it
		var b strings.Builder
		for len(s) > 76 {
			b.WriteString(s[:76] + "\r\n")
			s = s[76:]
		}
		return b.String() + s
	}
	type m = map[string]any
	uploads := []struct {
		name, path, kind, filename string
		body                       []byte
		parts                      []part
	}{
		{name: "multipart", path: "/upload", filename: "bol.pdf", parts: []part{fileIn("file", "bol.pdf", ship.bills)}},
		{name: "multipart without a file name", path: "/upload", filename: "document.pdf", parts: []part{{name: "file", content: ship.bills}}},
		{name: "multipart with an empty file input beside it", path: "/upload", filename: "a.pdf",
			parts: []part{{name: "file", file: true}, fileIn("file", "a.pdf", ship.bills), textIn("note", "x")}},
		{name: "a raw body", path: "/upload?filename=raw.pdf", kind: "application/pdf", body: ship.bills, filename: "raw.pdf"},
		{name: "base64 in file_data", path: "/upload-base64", body: jsonOf(t, m{"file_data": plain, "filename": "x.pdf"}), filename: "x.pdf"},
		{name: "base64 in attachmentData", path: "/upload-base64", body: jsonOf(t, m{"name": "y.pdf", "attachmentData": plain}), filename: "y.pdf"},
		{name: "base64 without a name", path: "/upload-base64", body: jsonOf(t, m{"file_data": plain}), filename: "attachment.pdf"},
		{name: "base64 of the URL alphabet", path: "/upload-base64", body: jsonOf(t, m{"file_data": urlSafe}), filename: "attachment.pdf"},
		{name: "base64 in lines", path: "/upload-base64", body: jsonOf(t, m{"file_data": lines(plain)}), filename: "attachment.pdf"},
		{name: "a data: URL", path: "/upload-base64", body: jsonOf(t, m{"file_data": "data:application/pdf;base64," + plain}), filename: "attachment.pdf"},
		{name: "the name after the data, other members around", path: "/upload-base64", filename: "late.pdf",
			body: []byte(`{"meta":{"a":[1,2,{"b":null}]},"file_data":"` + plain + `","n":1.5e3,"ok":true,"filename":"late.pdf"}`)},
		{name: "an empty field before the full one", path: "/upload-base64", filename: "attachment.pdf",
			body: jsonOf(t, m{"attachmentData": "", "file_data": plain})},
		{name: "an attachment in JSON", path: "/upload-attachment", body: jsonOf(t, m{"attachmentData": plain, "filename": "x.pdf"}), filename: "x.pdf"},
		{name: "an attachment in data", path: "/upload-attachment", body: jsonOf(t, m{"data": "data:;base64," + plain, "name": "x.pdf"}), filename: "x.pdf"},
		{name: "an attachment in file_data", path: "/upload-attachment", body: jsonOf(t, m{"file_data": plain}), filename: "attachment.pdf"},
		{name: "an attachment in a form", path: "/upload-attachment", kind: "application/x-www-form-urlencoded",
			body: []byte(url.Values{"attachmentData": {plain}, "filename": {"f.pdf"}}.Encode()), filename: "f.pdf"},
		{name: "an attachment in a form whose plus signs were not escaped", path: "/upload-attachment", kind: "application/x-www-form-urlencoded",
			body: []byte("name=g.pdf&data=" + plain), filename: "g.pdf"},
		{name: "an attachment in a multipart form, as text", path: "/upload-attachment", filename: "m.pdf",
			parts: []part{textIn("attachmentData", plain), textIn("filename", "m.pdf")}},
		{name: "an attachment in a multipart form, as a file", path: "/upload-attachment", filename: "n.pdf",
			parts: []part{fileIn("attachmentData", "n.pdf", ship.bills)}},
	}
	for i, u := range uploads {
		if u.parts != nil {
			u.kind, u.body = multi(t, u.parts...)
		}
		if u.kind == "" {
			u.kind = "application/json; charset=utf-8"
		}
		t.Run(u.name, func(t *testing.T) {
			sid := "way " + string(rune('a'+i))
			p.post(t, named(u.path, sid), u.kind, u.body).is(t, 200, fields{
				"status": "success", "message": anyText, "filename": u.filename, "session_id": sid,
				"pages": 6, "bills": 6, "lines": 30, "reconciled": 6, "mismatched": 0, "unchecked": 0, "unproved": 0, "held": 0,
				"warnings": []string{}, "file_size": len(ship.bills),
			})
			if got := p.get(t, "/download-bol?_sid="+url.QueryEscape(sid)); got.status != 200 || !bytes.Equal(got.body, ship.unmatched) {
				t.Errorf("the sheet is not the expected one: %d, %.100s", got.status, got.body)
			}
		})
	}
}

// Every way to upload an order export works.
func TestEveryWayOfUploadingOrders(t *testing.T) {
	p := newPlace(t)
	ship := newShipment(t, sample.Options{Bills: 4, Lines: 20, Seed: 3, MissingOrders: 2, NearMisses: 1, ExtraOrders: 3})
	text := string(ship.orders)
	plain := base64.StdEncoding.EncodeToString(ship.orders)
	type m = map[string]any
	const form = "application/x-www-form-urlencoded"
	fileKind, file := multi(t, fileIn("file", "o.csv", ship.orders))
	fieldKind, field := multi(t, part{name: "csv_data", content: ship.orders})
	for _, u := range []struct {
		name, path, kind string
		body             []byte
		filename         string
	}{
		{"a multipart file", "", fileKind, file, "o.csv"},
		{"a multipart field", "", fieldKind, field, "orders.csv"},
		{"text in JSON", "", "application/json", jsonOf(t, m{"csv_data": text, "filename": "j.csv"}), "j.csv"},
		{"text in file_data", "", "application/json", jsonOf(t, m{"file_data": text}), "orders.csv"},
		{"base64 in file_data", "", "application/json", jsonOf(t, m{"file_data": plain}), "orders.csv"},
		{"a data: URL in file_data", "", "application/json", jsonOf(t, m{"file_data": "data:text/csv;base64," + plain}), "orders.csv"},
		{"a percent-encoded data: URL", "", "application/json", jsonOf(t, m{"file_data": "data:text/csv," + url.PathEscape(text)}), "orders.csv"},
		{"a form field", "", form, []byte(url.Values{"csv_data": {text}, "filename": {"f.csv"}}.Encode()), "f.csv"},
		{"a raw body", "", "text/csv", ship.orders, "orders.csv"},
		{"a raw body with a charset and a name", "&filename=r.csv", "text/csv; charset=utf-8", ship.orders, "r.csv"},
	} {
		t.Run(u.name, func(t *testing.T) {
			sid := url.QueryEscape("orders as " + u.name)
			p.uploadBills(t, "orders as "+u.name, ship.bills)
			p.post(t, "/upload-csv?_sid="+sid+u.path, u.kind, u.body).is(t, 200, fields{
				"status": "success", "message": anyText, "session_id": "orders as " + u.name, "filename": u.filename,
				"rows": 21, "matched": 17, "unmatched_lines": 3, "unmatched_orders": 4, "near_misses": 1, "state": "joined", "reason": "", "warnings": check(func(v any) error {
					for _, want := range []string{"Near miss: bill ", "No order: bill ", "Orders of other bills: order row"} {
						if !strings.Contains(fmt.Sprint(v), want) {
							return fmt.Errorf("are %v, want one with %q", v, want)
						}
					}
					return nil
				}),
			})
			p.get(t, "/download?_sid="+sid).holds(t, ship.expected)
		})
	}
}

// The answer of every route is checked field by field, in all states of a session.
func TestEveryAnswerFieldByField(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	id := fields{"session_id": "s"}
	with := func(more fields) fields {
		all := maps.Clone(id)
		maps.Copy(all, more)
		return all
	}
	noFiles := fields{"pdf_files": []any{}, "csv_files": []any{}, "other_files": []any{}}
	noParams := fields{"_sid": "s", "_action": nil, "_t": nil}
	bol, orders := len(ship.bills), len(ship.orders)

	t.Run("not there", func(t *testing.T) {
		params := fields{"_sid": "s", "_action": nil, "_t": "17"}
		p.get(t, "/status?_sid=s&_t=17&x=y").is(t, 200, stateOf("s", "no_session", []any{}, params))
		p.get(t, "/files?_sid=s").is(t, 200, with(fields{"files": []any{}}))
		p.get(t, "/validate-session?_sid=s").is(t, 200, with(fields{
			"status": "valid", "is_clean": true, "contamination_risk": "none", "files_found": []any{}, "file_breakdown": noFiles, "proper_workflow": anyList,
			"recommendations": []string{"The session does not exist yet; its first use begins it, empty."}, "directory_exists": false,
		}))
		p.get(t, "/download-bol?_sid=s").fails(t, 404, "no_sheet", id)
		p.get(t, "/download?_sid=s").fails(t, 404, "no_sheet", id)
		p.get(t, "/download-bol/combined_data.csv?_sid=s").fails(t, 404, "not_found", id)
		p.post(t, "/process?_sid=s", "", nil).fails(t, 400, "no_bol", id)
		p.post(t, "/process-workflow?_sid=s", "", nil).fails(t, 400, "no_bol", id)
		p.uploadOrders(t, "s", ship.orders).fails(t, 400, "no_bol", id)
		if p.get(t, "/status?_sid=s").is(t, 200, stateOf("s", "no_session", []any{}, noParams)) == nil {
			t.Error("one of these made a session")
		}
		p.post(t, "/clear-session?_sid=s", "", nil).is(t, 200, with(fields{
			"status": "cleared", "message": anyText, "removed": fields{"files": 0, "bytes": 0},
		}))
	})
	t.Run("empty", func(t *testing.T) {
		for _, method := range []string{"POST", "GET"} {
			p.do(t, request{method: method, path: "/new-session?_sid=s"}).is(t, 200, with(fields{
				"status": "created", "type": "external", "message": anyText, "cleanup_performed": false,
				"previous_files_removed": false, "removed": fields{"files": 0, "bytes": 0}, "expires_at": anyTime,
			}))
		}
		p.get(t, "/?format=json&_sid=s").is(t, 200, with(fields{
			"status": "ready", "message": anyText, "service": "Tallyman", "version": "test", "endpoints": anyObject,
		}))
		p.get(t, "/status?_sid=s").is(t, 200, stateOf("s", "empty", []any{}, noParams))
		p.get(t, "/validate-session?_sid=s").is(t, 200, with(fields{
			"status": "valid", "is_clean": true, "contamination_risk": "none", "files_found": []any{}, "file_breakdown": noFiles, "proper_workflow": anyList,
			"recommendations": []string{"The session is empty and ready for a workflow."}, "directory_exists": true,
		}))
		p.get(t, "/download-bol?_sid=s").fails(t, 404, "no_sheet", id)
		p.uploadOrders(t, "s", ship.orders).fails(t, 400, "no_bol", id)
	})
	t.Run("with a BOL", func(t *testing.T) {
		p.uploadBills(t, "s", ship.bills)
		p.get(t, "/validate-session?_sid=s").is(t, 200, with(fields{
			"status": "contaminated", "is_clean": false, "contamination_risk": "low",
			"files_found": []string{"combined_data.csv", "bol.pdf"}, "proper_workflow": anyList,
			"file_breakdown":  fields{"pdf_files": []string{"bol.pdf"}, "csv_files": []string{"combined_data.csv"}, "other_files": []any{}},
			"recommendations": check(func(any) error { return nil }), "directory_exists": true,
		}))
		p.get(t, "/download-bol?_sid=s&format=tsv").fails(t, 400, "bad_request", id)
	})
	t.Run("with orders", func(t *testing.T) {
		p.uploadOrders(t, "s", ship.orders)
		p.get(t, "/status?_sid=s").is(t, 200, stateOf("s", "merged", []fields{
			{"name": "combined_data.csv", "size": len(ship.expected), "type": "csv"},
			{"name": "bol.pdf", "size": bol, "type": "pdf"},
			{"name": "orders.csv", "size": orders, "type": "csv"},
		}, noParams))
		p.get(t, "/files?_sid=s").is(t, 200, with(fields{"files": []fields{
			{"name": "combined_data.csv", "size": len(ship.expected), "type": "csv", "role": "sheet", "download_url": "/download-bol/combined_data.csv"},
			{"name": "bol.pdf", "size": bol, "type": "pdf", "role": "bol", "download_url": "/download-bol/bol.pdf"},
			{"name": "orders.csv", "size": orders, "type": "csv", "role": "orders", "download_url": "/download-bol/orders.csv"},
		}}))
		for _, path := range []string{"/process", "/process-workflow"} {
			p.post(t, path+"?_sid=s", "", nil).is(t, 200, with(fields{
				"status": "success", "message": anyText, "output_file": "combined_data.csv", "download_url": "/download-bol",
				"file_size": len(ship.expected), "row_count": 30,
			}))
		}
		p.get(t, "/debug-sessions?_sid=s").is(t, 200, fields{
			"current_session": fields{"session_id": "s", "type": "external", "status": "merged", "exists": true},
			"workflow_status": fields{"session_identified": true, "session_directory_exists": true, "ready_for_pdf": true, "ready_for_csv": true, "ready_for_download": true},
			"all_sessions": []fields{{
				"session_id": "s", "owner": "local", "status": "merged", "has_pdf": true, "has_csv": true, "has_combined_csv": true, "size_mb": anyNumber,
				"created_at": anyTime, "last_used_at": anyTime, "expires_at": anyTime,
				"files": []fields{{"name": "bol.pdf", "size": bol, "type": "pdf"}, {"name": "orders.csv", "size": orders, "type": "csv"}},
			}},
			"total_sessions": 1, "next": nil, "external_session_id": "s", "flask_session_id": nil, "query_params": noParams, "debug_timestamp": anyNumber,
		})
		p.get(t, "/validate-session?session_id=s").is(t, 200, with(fields{
			"status": "contaminated", "is_clean": false, "contamination_risk": "medium",
			"files_found": []string{"combined_data.csv", "bol.pdf", "orders.csv"}, "recommendations": anyList, "directory_exists": true,
			"proper_workflow": anyList, "file_breakdown": fields{"pdf_files": []string{"bol.pdf"}, "csv_files": []string{"combined_data.csv", "orders.csv"}, "other_files": []any{}},
		}))
	})
	t.Run("with more bills", func(t *testing.T) {
		more := other(t, 2)
		for i, where := range []string{"query", "field"} {
			path, parts := "/upload?_sid=s&mode=append", []part{{name: "file", filename: "bol.pdf", content: more.bills}}
			if where == "field" {
				path, parts = "/upload?_sid=s", append(parts, textIn("mode", "append"))
			}
			got := p.form(t, path, parts...)
			var a struct {
				Bills, Lines, Pages int
				Filename            string
			}
			if err := json.Unmarshal(got.body, &a); err != nil || got.status != 200 || a.Filename != "bol.pdf" || a.Pages != 6*(i+2) {
				t.Errorf("appended by the %s: %d %.300s", where, got.status, got.body)
			}
		}
		names := []string{"combined_data.csv", "bol.pdf", "bol (2).pdf", "bol (3).pdf", "orders.csv"}
		p.get(t, "/validate-session?_sid=s").is(t, 200, with(fields{
			"status": "contaminated", "is_clean": false, "contamination_risk": "high", "files_found": names, "recommendations": anyList, "directory_exists": true,
			"proper_workflow": anyList, "file_breakdown": fields{"pdf_files": names[1:4], "csv_files": []string{"combined_data.csv", "orders.csv"}, "other_files": []any{}},
		}))
		p.get(t, "/download-bol/bol%20(2).pdf?_sid=s").holds(t, more.bills, "the second file is not the one that was appended")
		p.post(t, "/upload?_sid=s&mode=prepend", "application/pdf", more.bills).fails(t, 400, "bad_request", id)
		p.post(t, "/new-session?_sid=s", "", nil).is(t, 200, with(fields{
			"status": "created", "type": "external", "message": anyText, "cleanup_performed": true, "previous_files_removed": true,
			"removed": fields{"files": 4, "bytes": bol + 2*len(more.bills) + orders}, "expires_at": anyTime,
		}))
	})
	t.Run("reset and cleared", func(t *testing.T) {
		p.uploadBills(t, "s", ship.bills)
		p.post(t, "/auto-reset?_sid=s", "", nil).is(t, 200, with(fields{
			"status": "success", "old_session_id": "s", "new_session_id": "s", "ready_for_next_workflow": true, "message": anyText,
			"removed": fields{"files": 1, "bytes": bol},
		}))
		p.get(t, "/download?_sid=s").fails(t, 404, "no_sheet", id)
		p.uploadBills(t, "s", ship.bills)
		params := fields{"_sid": "s", "_action": "new_session", "_t": nil}
		p.get(t, "/status?_sid=s&_action=new_session").is(t, 200, stateOf("s", "empty", []any{}, params))
		p.uploadBills(t, "s", ship.bills)
		p.post(t, "/clear-session?_sid=s", "", nil).is(t, 200, with(fields{
			"status": "cleared", "message": anyText, "removed": fields{"files": 1, "bytes": bol},
		}))
		p.settles(t, 0)
	})
	t.Run("without naming one", func(t *testing.T) {
		p.post(t, "/clear-session", "", nil).is(t, 200, fields{"status": "no_session", "message": anyText, "removed": fields{"files": 0, "bytes": 0}})
		p.get(t, "/status").is(t, 200, stateOf(nil, "no_session", []any{}, fields{"_sid": nil, "_action": nil, "_t": nil}))
		p.get(t, "/files").is(t, 200, fields{"session_id": nil, "files": []any{}})
		p.get(t, "/validate-session").fails(t, 400, "session_required", nil)
		p.get(t, "/events").fails(t, 400, "session_required", nil)
		p.get(t, "/download-bol").fails(t, 404, "no_sheet", nil)
		p.get(t, "/download-bol/x").fails(t, 404, "not_found", nil)
		p.post(t, "/process", "", nil).fails(t, 400, "no_bol", nil)
		p.post(t, "/upload-csv", "text/csv", ship.orders).fails(t, 400, "no_bol", nil)
		p.post(t, "/auto-reset", "", nil).is(t, 200, fields{
			"status": "success", "old_session_id": nil, "new_session_id": mintedID, "session_id": mintedID,
			"ready_for_next_workflow": true, "message": anyText, "removed": fields{"files": 0, "bytes": 0},
		})
		for _, method := range []string{"GET", "POST"} {
			p.do(t, request{method: method, path: "/new-session?_sid="}).is(t, 200, fields{
				"status": "created", "session_id": mintedID, "type": "internal", "message": anyText, "cleanup_performed": false,
				"previous_files_removed": false, "removed": fields{"files": 0, "bytes": 0}, "expires_at": anyTime,
			})
		}
		p.post(t, "/upload", "application/pdf", ship.bills).is(t, 200, fields{
			"status": "success", "message": anyText, "filename": "document.pdf", "session_id": mintedID,
			"pages": 6, "bills": 6, "lines": 30, "reconciled": 6, "mismatched": 0, "unchecked": 0, "unproved": 0, "held": 0, "warnings": []any{}, "file_size": bol,
		})
		p.get(t, "/", http.Header{"Accept": {"application/json"}}).is(t, 200, fields{
			"status": "ready", "session_id": mintedID, "message": anyText, "service": "Tallyman", "version": "test", "endpoints": anyObject,
		})
	})
	t.Run("the server itself", func(t *testing.T) {
		alive := fields{"status": "alive", "message": anyText, "service": "Tallyman", "version": "test", "endpoints": anyObject}
		p.get(t, "/ping").is(t, 200, alive)
		alive["status"], alive["session_id"], alive["wake_time"], alive["instructions"] = "awake", mintedID, anyTime, anyList
		p.get(t, "/wake-up").is(t, 200, alive)
		for _, path := range []string{"/health", "/api/health"} {
			p.get(t, path).is(t, 200, health("healthy", "working"))
		}
		p.get(t, "/api/docs").is(t, 200, fields{"service": "Tallyman", "version": "test", "description": anyText, "openapi": "/openapi.json", "endpoints": anyObject})
		p.get(t, "/nothing/here").fails(t, 404, "not_found", nil)
		p.get(t, "/static/nothing.js").fails(t, 404, "not_found", nil)
		for path, kind := range map[string]string{
			"/": "text/html; charset=utf-8", "/docs": "text/html; charset=utf-8", "/help": "text/html; charset=utf-8", "/client.js": "text/javascript; charset=utf-8",
			"/static/app.js": "text/javascript; charset=utf-8", "/static/style.css": "text/css; charset=utf-8", "/openapi.json": "application/json",
		} {
			if got := p.get(t, path); got.status != 200 || got.header.Get("Content-Type") != kind || len(got.body) == 0 {
				t.Errorf("%s: %d, %q, %d bytes", path, got.status, got.header.Get("Content-Type"), len(got.body))
			}
		}
	})
}

func TestTheSheetComesInEveryFormatUnderItsName(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	st, err := p.store.Get(t.Context(), session.Key{Owner: session.Local, ID: "s"})
	must.OK(t, err)
	made, err := p.desk.Sheet(t.Context(), st)
	must.OK(t, err)
	want := map[string][]byte{"csv": ship.expected, "bills": ship.bills, "orders": ship.orders}
	for _, f := range []sheet.Format{sheet.XLSX, sheet.JSON} {
		var b bytes.Buffer
		must.OK(t, sheet.Write(&b, made, f))
		want[strings.TrimPrefix(f.Ext(), ".")] = b.Bytes()
	}
	for _, d := range []struct{ path, name, kind, body string }{
		{"/download-bol?_sid=s", "BOL_processed.csv", "text/csv; charset=utf-8", "csv"},
		{"/download-bol?_sid=s&format=csv", "BOL_processed.csv", "text/csv; charset=utf-8", "csv"},
		{"/download-bol?_sid=s&format=XLSX", "BOL_processed.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
		{"/download-bol?_sid=s&format=json", "BOL_processed.json", "application/json", "json"},
		{"/download?_sid=s", "combined_data.csv", "text/csv; charset=utf-8", "csv"},
		{"/download?_sid=s&format=json", "combined_data.json", "application/json", "json"},
		{"/download-bol/combined_data.csv?_sid=s", "combined_data.csv", "text/csv; charset=utf-8", "csv"},
		{"/download-bol/bol.pdf?_sid=s", "bol.pdf", "application/pdf", "bills"},
		{"/download-bol/orders.csv?_sid=s", "orders.csv", "text/csv; charset=utf-8", "orders"},
	} {
		got := p.get(t, d.path)
		if got.status != 200 || got.header.Get("Content-Type") != d.kind || got.header.Get("Content-Disposition") != "attachment; filename="+d.name || !bytes.Equal(got.body, want[d.body]) {
			t.Errorf("%s: %d, %v, %d bytes, %.40q", d.path, got.status, got.header, len(got.body), got.body)
		}
		head := p.do(t, request{method: "HEAD", path: d.path})
		if head.status != 200 || len(head.body) != 0 || head.header.Get("Content-Disposition") != got.header.Get("Content-Disposition") {
			t.Errorf("HEAD %s: %d, %v", d.path, head.status, head.header)
		}
	}
}

func TestConvertNeedsNoSessionAndKeepsNothing(t *testing.T) {
	p, ship, more := newPlace(t), small(t, 1), other(t, 2)
	for _, c := range []struct {
		name, query string
		parts       []part
		want        string
	}{
		{"bills alone", "", []part{{name: "pdf", filename: "b.pdf", content: ship.bills}}, string(ship.unmatched)},
		{"bills and orders", "", []part{{name: "pdf", filename: "b.pdf", content: ship.bills}, {name: "csv", filename: "o.csv", content: ship.orders}}, string(ship.expected)},
		{"under the other names", "", []part{{name: "csv_file", filename: "o.csv", content: ship.orders}, {name: "file", filename: "b.pdf", content: ship.bills}}, string(ship.expected)},
		{"with a file that nobody chose", "", []part{{name: "pdf", filename: "b.pdf", content: ship.bills}, {name: "csv", file: true}}, string(ship.unmatched)},
	} {
		got := p.form(t, "/convert"+c.query, c.parts...)
		if got.status != 200 || string(got.body) != c.want || got.header.Get("Content-Disposition") != "attachment; filename=BOL_processed.csv" {
			t.Errorf("%s: %d, %.100s", c.name, got.status, got.body)
		}
	}
	for where, query := range map[string]string{"field": "", "query": "?format=json"} {
		parts := []part{{name: "pdf", filename: "a.pdf", content: ship.bills}, {name: "pdf", filename: "b.pdf", content: more.bills}}
		if where == "field" {
			parts = append(parts, textIn("format", "json"))
		}
		got := p.form(t, "/convert"+query, parts...)
		var sheet struct{ Bills []any }
		if err := json.Unmarshal(got.body, &sheet); err != nil || len(sheet.Bills) != 12 {
			t.Errorf("two files, format in the %s: %d, %v, %d bills", where, got.status, err, len(sheet.Bills))
		}
	}
	csv := fileIn("csv", "1.csv", ship.orders)
	p.form(t, "/convert", fileIn("pdf", "b.pdf", ship.bills), csv, csv).fails(t, 400, "bad_request", nil)
	p.form(t, "/convert", csv).fails(t, 400, "no_upload", nil)
	p.form(t, "/convert?format=pdf", fileIn("pdf", "b.pdf", ship.bills)).fails(t, 400, "bad_request", nil)
	p.settles(t, 0)
}

// Every route that takes a document reports the faults of the document and of the body.
func TestEveryFaultOfAnUpload(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	before := p.get(t, "/download?_sid=s").body
	id := fields{"session_id": "s"}
	b64 := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	type m = map[string]any
	const jsonKind, formKind = "application/json", "application/x-www-form-urlencoded"

	documents := []struct {
		code string
		pdf  []byte
	}{
		{"not_a_pdf", []byte("hello")},
		{"damaged_pdf", ship.bills[:len(ship.bills)/2]},
		{"encrypted_pdf", hostile.LockedPDF()},
		{"no_bills", hostile.TextPDF("no bill of lading")},
		{"empty_file", nil},
	}
	for _, d := range documents {
		id, none := fields{"session_id": "s"}, fields{}
		if d.code == "no_bills" {
			id["details"], none["details"] = anyObject, anyObject
		}
		kind, body := multi(t, fileIn("file", "x.pdf", d.pdf))
		p.post(t, "/upload?_sid=s", kind, body).fails(t, 422, d.code, id)
		p.post(t, "/upload?_sid=s&mode=append", kind, body).fails(t, 422, d.code, id)
		p.form(t, "/convert", fileIn("pdf", "x.pdf", d.pdf)).fails(t, 422, d.code, none)
		if d.pdf != nil {
			p.post(t, "/upload-base64?_sid=s", jsonKind, jsonOf(t, m{"file_data": b64(d.pdf)})).fails(t, 422, d.code, id)
			p.post(t, "/upload-attachment?_sid=s", jsonKind, jsonOf(t, m{"data": b64(d.pdf)})).fails(t, 422, d.code, id)
			p.post(t, "/upload?_sid=s", "application/pdf", d.pdf).fails(t, 422, d.code, id)
		}
	}
	scan := shipments.Sample(t, sample.Defaults())
	scan.Pages = []sample.Page{{Picture: true}}
	p.post(t, "/upload?_sid=s", "application/pdf", must.Written(t, scan.WritePDF)).fails(t, 422, "no_text", fields{"session_id": "s", "details": anyObject})

	for _, e := range []struct {
		name, code string
		export     string
		extra      fields
	}{
		{"columns missing", "missing_columns", "Invoice No.,Style\nA1,B\n", fields{"details": anyObject}},
		{"a header only", "no_order_rows", "Invoice No.,Style,Cartons,Pieces\n", nil},
		{"a PDF", "not_an_order_file", string(ship.bills[:2000]), nil},
		{"a workbook cut off", "damaged_orders", "PK\x03\x04 and no more", nil},
	} {
		extra := maps.Clone(id)
		maps.Copy(extra, e.extra)
		p.form(t, "/upload-csv?_sid=s", fileIn("file", "o.csv", []byte(e.export))).fails(t, 422, e.code, extra)
		p.post(t, "/upload-csv?_sid=s", "text/csv", []byte(e.export)).fails(t, 422, e.code, extra)
		p.post(t, "/upload-csv?_sid=s", jsonKind, jsonOf(t, m{"file_data": "data:;base64," + b64([]byte(e.export))})).fails(t, 422, e.code, extra)
	}
	p.form(t, "/upload-csv?_sid=s", part{name: "file", filename: "o.csv"}).fails(t, 422, "empty_file", id)

	other, otherForm := multi(t, fileIn("pdf", "b.pdf", ship.bills))
	note, noteForm := multi(t, part{name: "note", content: ship.bills})
	nobody, nobodyForm := multi(t, part{name: "file", file: true})
	two, twoForm := multi(t, fileIn("file", "1.csv", ship.orders), fileIn("file", "2.csv", ship.orders))
	good := b64(ship.bills)
	for _, c := range []struct {
		name, path, kind string
		body             string
		status           int
		code             string
	}{
		{"no body", "/upload", "", "", 400, "no_upload"},
		{"JSON where a form belongs", "/upload", jsonKind, "{}", 415, "unsupported_media_type"},
		{"a text field of another name", "/upload", note, string(noteForm), 400, "no_upload"},
		{"a file that nobody chose", "/upload", nobody, string(nobodyForm), 400, "no_upload"},
		{"no boundary", "/upload", "multipart/form-data", "x", 400, "bad_request"},
		{"a form cut off", "/upload", other, string(otherForm[:len(otherForm)/2]), 400, "bad_request"},
		{"no form at all", "/upload", other, "nothing like it", 400, "bad_request"},
		{"a raw body without anything", "/upload", "application/pdf", "", 400, "no_upload"},
		{"no JSON", "/upload-base64", jsonKind, "", 400, "no_upload"},
		{"nothing but blanks", "/upload-base64", jsonKind, " ", 400, "bad_request"},
		{"broken JSON", "/upload-base64", jsonKind, `{"file_data":`, 400, "bad_request"},
		{"JSON cut off in the data", "/upload-base64", jsonKind, `{"file_data":"` + good[:5000], 400, "bad_request"},
		{"JSON with something behind", "/upload-base64", jsonKind, `{"file_data":"` + good + `"} x`, 400, "bad_request"},
		{"an array", "/upload-base64", jsonKind, `["file_data"]`, 400, "bad_request"},
		{"no data", "/upload-base64", jsonKind, `{"filename":"x"}`, 400, "no_upload"},
		{"empty data", "/upload-base64", jsonKind, `{"file_data":""}`, 400, "no_upload"},
		{"a number for data", "/upload-base64", jsonKind, `{"file_data":17}`, 400, "no_upload"},
		{"no base64", "/upload-base64", jsonKind, `{"file_data":"%%%"}`, 400, "bad_base64"},
		{"base64 cut off", "/upload-base64", jsonKind, `{"file_data":"` + good[:4001] + `"}`, 400, "bad_base64"},
		{"something behind the padding", "/upload-base64", jsonKind, `{"file_data":"aGVsbG8=aGVsbG8="}`, 400, "bad_base64"},
		{"a data: URL without a comma", "/upload-base64", jsonKind, `{"file_data":"data:application/pdf;base64"}`, 400, "bad_base64"},
		{"a form where JSON belongs", "/upload-base64", formKind, "file_data=" + good, 415, "unsupported_media_type"},
		{"text", "/upload-attachment", "text/plain", "hello", 415, "unsupported_media_type"},
		{"a form without data", "/upload-attachment", formKind, "filename=x", 400, "no_upload"},
		{"a form with a broken escape", "/upload-attachment", formKind, "data=%zz", 400, "bad_request"},
		{"a name as long as a file", "/upload-base64", jsonKind, `{"filename":"` + strings.Repeat("x", 70_000) + `"}`, 400, "bad_request"},
		{"two exports", "/upload-csv", two, string(twoForm), 400, "bad_request"},
		{"no export", "/upload-csv", jsonKind, "{}", 400, "no_upload"},
		{"a form without an export", "/upload-csv", formKind, "x=y", 400, "no_upload"},
		{"no kind of body", "/upload-base64", "", "Invoice No.", 415, "unsupported_media_type"},
		{"a picture", "/upload-csv", "image/png", "x", 415, "unsupported_media_type"},
		{"text that is not an export", "/upload-csv", jsonKind, `{"csv_data":"hello"}`, 422, "missing_columns"},
	} {
		t.Run(c.path+": "+c.name, func(t *testing.T) {
			extra := fields{"session_id": "s"}
			if c.code == "missing_columns" {
				extra["details"] = anyObject
			}
			p.post(t, c.path+"?_sid=s", c.kind, []byte(c.body)).fails(t, c.status, c.code, extra)
		})
	}
	if got := p.get(t, "/download?_sid=s").body; !bytes.Equal(got, before) {
		t.Error("a failed upload changed the session")
	}
	p.settles(t, 2)
}

func TestEveryRouteRefusesOtherMethods(t *testing.T) {
	p := newPlace(t)
	methods := []string{"GET", "POST", "PUT", "DELETE", "PATCH"}
	for path, item := range p.schemas.doc["paths"].(map[string]any) {
		for _, m := range methods {
			if item.(map[string]any)[strings.ToLower(m)] != nil {
				continue
			}
			got := p.do(t, request{method: m, path: strings.ReplaceAll(path, "{name}", "x")})
			got.fails(t, 405, "method_not_allowed", nil)
			if allow := got.header.Get("Allow"); allow == "" || strings.Contains(allow, m) {
				t.Errorf("%s %s: Allow is %q", m, path, allow)
			}
		}
	}
}

// DESIGN.md §7 lists the routes; this list is copied from there by hand.
func TestAllRoutesOfTheContractAreThere(t *testing.T) {
	p := newPlace(t)
	paths := p.schemas.doc["paths"].(map[string]any)
	for _, want := range []string{
		"get /", "post /new-session", "get /new-session", "post /clear-session", "post /auto-reset", "post /upload", "post /upload-base64",
		"post /upload-attachment", "post /upload-csv", "post /process", "post /process-workflow", "get /download-bol", "get /download",
		"get /download-bol/{name}", "get /status", "get /files", "get /validate-session", "get /debug-sessions", "get /debug-request",
		"post /debug-request", "put /debug-request", "delete /debug-request", "post /convert", "get /ping", "get /wake-up", "get /health",
		"get /api/health", "get /api/docs", "get /openapi.json", "get /docs", "get /metrics",
		"post /auto-clean-session", "post /upload-stateless", "post /upload-stateless-multipart",
	} {
		method, path, _ := strings.Cut(want, " ")
		if item, _ := paths[path].(map[string]any); item[method] == nil {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestWarningsSayWhatAPersonShouldLookAt(t *testing.T) {
	p := newPlace(t)
	s := shipments.Sample(t, sample.Options{Bills: 3, Lines: 9, Seed: 4})
	s.Bills[1].Print = sample.Print{sample.Pieces: "1"}
	b := must.Written(t, s.WritePDF)
	got := p.uploadBills(t, "s", b)
	var a struct {
		Reconciled, Mismatched int
		Warnings               []string
	}
	must.OK(t, json.Unmarshal(got.body, &a))
	if a.Reconciled != 2 || a.Mismatched != 1 || len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "Does not add up: bill "+s.Bills[1].Number) || !strings.Contains(a.Warnings[0], "pieces: the lines add up to") || !strings.Contains(a.Warnings[0], "prints 1. Compare the lines") {
		t.Errorf("%+v", a)
	}
}

// real returns the real documents, which are not part of the repository.
func real(t *testing.T) shipment {
	t.Helper()
	s, ok := shipments.Real(t, "../..")
	if !ok {
		t.Skip("the real documents are not here")
	}
	return sheetsOf(s)
}
