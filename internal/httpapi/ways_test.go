package httpapi_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// raw returns a multipart body with the given headers of its parts.
func raw(parts ...string) (kind string, body []byte) {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--b\r\n" + p + "\r\n")
	}
	return "multipart/form-data; boundary=b", []byte(b.String() + "--b--\r\n")
}

// A BOL is accepted as mail robots and scripts send it, with the expected warning.
func TestWaysInWhichRobotsSendABOL(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	pdf := string(ship.bills)
	b64 := base64.StdEncoding.EncodeToString(ship.bills)
	const octets, form, jsonKind = "application/octet-stream", "application/x-www-form-urlencoded", "application/json"
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	if w, err := z.Create("bills/B.PDF"); err != nil {
		t.Fatal(err)
	} else if _, err := w.Write(ship.bills); err != nil {
		t.Fatal(err)
	}
	must.OK(t, z.Close())
	type way struct {
		name, path, kind string
		body             []byte
		filename         string
		warning          string // part of the only warning, "" for none
	}
	var ways []way
	add := func(name, path, filename, warning, kind string, body []byte) {
		ways = append(ways, way{name, path, kind, body, filename, warning})
	}
	addForm := func(name, path, filename, warning string, parts ...part) {
		kind, body := multi(t, parts...)
		add(name, path, filename, warning, kind, body)
	}
	for _, field := range []string{"data", "file0", "files", "files[]", "attachment", "pdf", "document", "Datei ü"} {
		for _, path := range []string{"/upload", "/upload-attachment"} {
			warning := "taken from the field " + field
			if path == "/upload-attachment" && field == "data" {
				warning = ""
			}
			addForm("one file in "+field, path, "b.pdf", warning, textIn("note", "x"), fileIn(field, "b.pdf", ship.bills), part{name: "empty", file: true})
		}
	}
	both := []part{{name: "file", filename: "b.pdf", content: ship.bills}, {name: "logo", filename: "l.png", content: []byte("x")}}
	addForm("another file after the one", "/upload", "b.pdf", "in logo was not used", both...)
	addForm("another file before it", "/upload", "b.pdf", "in logo was not used", both[1], both[0])
	addForm("two others before it", "/upload", "b.pdf", "in logo, logo was not used", both[1], both[1], both[0])
	addForm("a file in file", "/upload-attachment", "b.pdf", "", both[0])
	addForm("a name in a field", "/upload", "named.pdf", "", fileIn("file", "b.pdf", ship.bills), textIn("filename", "named.pdf"))

	for _, path := range []string{"/upload", "/upload-attachment"} {
		name := map[string]string{"/upload": "document.pdf", "/upload-attachment": "attachment.pdf"}[path]
		for _, kind := range []string{octets, "application/x-pdf", "application/pdf", "", form, "/"} {
			add("raw as "+kind, path, name, "", kind, ship.bills)
		}
		add("raw, as base64", path, name, "", octets, []byte("\r\n"+b64))
		add("raw, as base64 without a type", path, name, "", "", []byte(b64))
		add("raw, with a name", path+"?filename=r.pdf", "r.pdf", "", octets, ship.bills)
		addForm("a ZIP archive", path, "b.zip", "", fileIn("file", "b.zip", zipped.Bytes()))
		addForm("a ZIP archive in attachment", path, "b.zip", "taken from the field attachment", fileIn("attachment", "b.zip", zipped.Bytes()))
		addForm("base64 as a file", path, "b.pdf", "", fileIn("file", "b.pdf", []byte(b64)))
		kind, body := raw("Content-Disposition: form-data; name=\"file\"; filename=\"b.pdf\"\r\nContent-Transfer-Encoding: Base64\r\n\r\n" + b64)
		add("a part that says it is base64", path, "b.pdf", "", kind, body)
		kind, body = raw("Content-Disposition: form-data; name=\"file\"; filename=\"b.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + pdf)
		add("a part that says it is base64, and is not", path, "b.pdf", "", kind, body)
		for header, name := range map[string]string{
			`form-data; name="file"; filename=my file.pdf`:                             "my file.pdf",
			`form-data; name=file; filename=my file (1).pdf; size=17`:                  "my file (1).pdf",
			`form-data; name="file"; filename="my "own" file.pdf"`:                     `my "own" file.pdf`,
			`form-data; name="file"; filename=b.pdf; filename=c.pdf`:                   "b.pdf",
			`form-data; name="file"; filename="b.pdf`:                                  "b.pdf",
			`form-data;; name="file"; filename="b.pdf"`:                                "b.pdf",
			`form-data; name="file"; filename*=utf-8''m%C3%BC.pdf; x y`:                "mü.pdf",
			`attachment; name="file"; filename="b.pdf"`:                                "b.pdf",
			"form-data; name=\"file\"\r\nContent-Type: application/pdf":                map[string]string{"/upload": "document.pdf", "/upload-attachment": "attachment.pdf"}[path],
			"form-data; name=\"file\"; filename=\"b.pdf\"\r\nContent-Type: text/plain": "b.pdf",
		} {
			kind, body := raw("Content-Disposition: " + header + "\r\n\r\n" + pdf)
			add("a part with "+header, path, name, "", kind, body)
		}
	}
	type m = map[string]any
	object := m{"$content-type": "application/pdf", "x": []any{1, m{}}, "$content": b64, "y": m{"$content": "no"}}
	for _, path := range []string{"/upload-base64", "/upload-attachment"} {
		name := "attachment.pdf"
		plain := jsonOf(t, m{"file_data": b64})
		for _, kind := range []string{"text/json", "text/plain", "", octets, form, "application/vnd.api+json", "text/plain; charset=utf-8"} {
			add("JSON as "+kind, path, name, "", kind, append([]byte("\n"), plain...))
		}
		add("an object of Power Automate", path, "p.pdf", "", jsonKind, jsonOf(t, m{"file_data": object, "filename": "p.pdf"}))
		add("an object of Power Automate at the end", path, "p.pdf", "", jsonKind, []byte(`{"filename":"p.pdf","file_data":{"$content":"`+b64+`"}}`))
		add("null beside it", path, name, "", jsonKind, []byte(`{"attachmentData":null,"file_data":"`+b64+`"}`))
		add("an object beside it", path, name, "", jsonKind, []byte(`{"attachmentData":{"a":{"b":"c"}},"file_data":"`+b64+`"}`))
		add("a data: URL after blanks", path, name, "", jsonKind, jsonOf(t, m{"file_data": " \r\n\tdata:application/pdf;base64," + b64}))
		add("given twice", path, name, "only the first was used", jsonKind, jsonOf(t, m{"attachmentData": b64, "file_data": b64}))
	}
	addForm("a PDF in a text field", "/upload-attachment", "attachment.pdf", "", part{name: "attachmentData", content: ship.bills})
	add("a PDF in an escaped form", "/upload-attachment", "attachment.pdf", "", form, []byte(url.Values{"data": {pdf}}.Encode()))
	add("text that calls itself UTF-8", "/upload", "document.pdf", "", "application/pdf; charset=binary", ship.bills)

	for i, w := range ways {
		t.Run(w.path+" "+w.name, func(t *testing.T) {
			sid := fmt.Sprint("way-", i)
			size := len(ship.bills)
			if w.filename == "b.zip" {
				size = zipped.Len()
			}
			a := p.post(t, named(w.path, sid), w.kind, w.body)
			warned := check(func(v any) error {
				list, _ := v.([]any)
				if w.warning == "" && len(list) == 0 || w.warning != "" && len(list) == 1 && strings.Contains(list[0].(string), w.warning) {
					return nil
				}
				return fmt.Errorf("are %v, want one with %q", v, w.warning)
			})
			a.is(t, 200, fields{
				"status": "success", "message": anyText, "filename": w.filename, "session_id": sid, "pages": 6, "bills": 6, "lines": 30,
				"reconciled": 6, "mismatched": 0, "unchecked": 0, "unproved": 0, "held": 0, "warnings": warned, "file_size": size,
			})
		})
	}
	p.settles(t, 2*len(ways)) // each file and its reading, and nothing else
}

// An order export is accepted as robots and scripts send it.
func TestWaysInWhichRobotsSendOrders(t *testing.T) {
	p := newPlace(t)
	ship := newShipment(t, sample.Options{Bills: 4, Lines: 20, Seed: 3})
	p.uploadBills(t, "s", ship.bills)
	text := string(ship.orders)
	b64 := base64.StdEncoding.EncodeToString(ship.orders)
	const form, jsonKind = "application/x-www-form-urlencoded", "application/json"
	type m = map[string]any
	wrapped := m{"$content-type": "text/csv", "$content": b64}
	type way struct {
		name, kind string
		body       []byte
		warning    string
	}
	ways := []way{
		{"JSON without a type", "", jsonOf(t, m{"csv_data": text}), ""},
		{"JSON as text/json", "text/json", jsonOf(t, m{"csv_data": text}), ""},
		{"base64 in csv_data", jsonKind, jsonOf(t, m{"csv_data": b64}), ""},
		{"a data: URL in csv_data", jsonKind, jsonOf(t, m{"csv_data": "\ndata:text/csv;base64," + b64}), ""},
		{"Power Automate's object", jsonKind, jsonOf(t, m{"csv_data": wrapped}), ""},
		{"Power Automate's object in data", jsonKind, jsonOf(t, m{"data": wrapped}), ""},
		{"data beside csv_data", jsonKind, []byte(`{"data":"hello","csv_data":` + string(jsonOf(t, text)) + `}`), ""},
		{"broken data beside csv_data", jsonKind, []byte(`{"data":"data:text/csv;base64,%%%","csv_data":` + string(jsonOf(t, text)) + `}`), ""},
		{"the same in two", jsonKind, jsonOf(t, m{"attachmentData": text, "data": text}), "only the first was used"},
		{"a binary from curl", form, ship.orders, ""},
		{"a binary from curl with a byte order mark", form, append([]byte("\ufeff"), ship.orders...), ""},
		{"a binary with an equals sign in a later line", form, append(ship.orders, []byte("\n\"a=b\"")...), "was left out"},
		{"base64 in a form", form, []byte("csv_data=" + b64), ""},
		{"text in a form", form, []byte(url.Values{"data": {text}}.Encode()), ""},
	}
	addForm := func(name, warning string, parts ...part) {
		kind, body := multi(t, parts...)
		ways = append(ways, way{name, kind, body, warning})
	}
	for _, kind := range []string{"application/octet-stream", "text/x-csv", "text/comma-separated-values", "", "text/plain"} {
		ways = append(ways, way{"raw as " + kind, kind, ship.orders, ""})
	}
	for _, field := range []string{"csv", "csv_file", "data", "attachmentData", "orders", "files[]"} {
		warning := ""
		if field == "orders" || field == "files[]" {
			warning = "taken from the field " + field
		} else {
			ways = append(ways, way{"text in JSON in " + field, jsonKind, jsonOf(t, m{field: text}), ""})
			ways = append(ways, way{"base64 in JSON in " + field, jsonKind, jsonOf(t, m{field: b64}), ""})
			addForm("a text in "+field, "", part{name: field, content: ship.orders})
		}
		addForm("a file in "+field, warning, fileIn(field, "o.csv", ship.orders))
		addForm("a file in "+field+" beside file", "in "+field+" was not used", fileIn(field, "x.csv", []byte("x")), fileIn("file", "o.csv", ship.orders))
	}
	kind, body := raw("Content-Disposition: form-data; name=\"csv\"; filename=\"o.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64)
	ways = append(ways, way{"a part that says it is base64", kind, body, ""})
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			a := p.post(t, "/upload-csv?_sid=s", w.kind, w.body)
			var got struct {
				Matched  int
				Warnings []string
			}
			if err := json.Unmarshal(a.body, &got); err != nil || a.status != 200 || got.Matched != 20 {
				t.Fatalf("%d %.300s", a.status, a.body)
			}
			if w.warning == "" && len(got.Warnings) > 0 || w.warning != "" && !strings.Contains(strings.Join(got.Warnings, "|"), w.warning) {
				t.Errorf("warnings %q, want one with %q", got.Warnings, w.warning)
			}
			if w.name == "a binary with an equals sign in a later line" {
				return
			}
			p.get(t, "/download?_sid=s").holds(t, ship.expected)
		})
	}
}

// Other bodies are refused with a sentence that says why.
func TestWhatRobotsSendWronglyIsExplained(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	b64 := base64.StdEncoding.EncodeToString(ship.bills)
	const octets, form, jsonKind = "application/octet-stream", "application/x-www-form-urlencoded", "application/json"
	pdf, csv := fileIn("a", "a.pdf", ship.bills), fileIn("b", "b.csv", ship.orders)
	pdf2, csv2 := fileIn("c", "c.pdf", ship.bills), fileIn("d", "d.csv", ship.orders)
	utf16 := func(s string) []byte {
		b := []byte{}
		for _, c := range s {
			b = append(b, byte(c), 0)
		}
		return b
	}
	type wrong struct {
		name, path, kind string
		body             []byte
		status           int
		code             string
		says             []string
	}
	cases := []wrong{
		{"text of urlencoded CSV in one line", "/upload-csv", form, []byte("Invoice No.,Style"), 400, "no_upload", []string{"Content-Type: text/csv"}},
		{"a form that a CSV might be", "/upload-csv", form, []byte("Invoice=No.,Style\nA,B"), 400, "no_upload", []string{"Content-Type: text/csv", "Invoice"}},
		{"a CSV that curl has joined", "/upload-csv", form, []byte(strings.NewReplacer("\r", "", "\n", "").Replace(string(ship.orders))), 400, "bad_request", []string{"Content-Type: text/csv"}},
		{"a stray percent sign", "/upload-csv", form, []byte("a=100% cotton"), 400, "bad_request", []string{"percent", "Content-Type: text/csv"}},
		{"JSON in UTF-16", "/upload-base64", jsonKind, utf16(`{"file_data":"x"}`), 400, "bad_request", []string{"UTF-8"}},
		{"JSON in UTF-16 with its mark", "/upload-csv", jsonKind, append([]byte("\xff\xfe"), utf16(`{"csv_data":"x"}`)...), 400, "bad_request", []string{"UTF-8"}},
		{"a list", "/upload-base64", jsonKind, []byte(`[{"file_data":"` + b64 + `"}]`), 400, "bad_request", []string{"one object"}},
		{"a list without a type", "/upload-base64", "", []byte(`[{"file_data":"` + b64 + `"}]`), 400, "bad_request", []string{"one object"}},
		{"a PDF in JSON", "/upload-base64", jsonKind, []byte(`{"file_data":"%PDF-1.4 …"}`), 400, "bad_base64", []string{"file_data", "base64"}},
		{"raw text", "/upload", octets, []byte("hello"), 422, "not_a_pdf", nil},
		{"raw text without a type", "/upload-attachment", "", []byte("hello"), 422, "not_a_pdf", nil},
		{"base64 of no PDF", "/upload-attachment", "", []byte(base64.StdEncoding.EncodeToString([]byte("hello"))), 422, "not_a_pdf", nil},
		{"broken base64 of a PDF", "/upload", octets, []byte(b64[:4001]), 400, "bad_base64", nil},
		{"an unknown mode", "/upload?mode=Prepend", octets, ship.bills, 400, "bad_request", []string{"Prepend"}},
	}
	addForm := func(name, path string, status int, code string, says []string, parts ...part) {
		kind, body := multi(t, parts...)
		cases = append(cases, wrong{name, path, kind, body, status, code, says})
	}
	for what, value := range map[string]string{"null": "null", "an object": `{"a":"b"}`, "a list": "[1]", "a number": "17", "true or false": "true"} {
		for _, path := range []string{"/upload-base64", "/upload-attachment", "/upload-csv"} {
			cases = append(cases, wrong{what, path, jsonKind, []byte(`{"x":1,"file_data":` + value + `}`), 400, "no_upload", []string{"file_data is " + what}})
		}
	}
	cases = append(cases, wrong{"an object with a number", "/upload-base64", jsonKind, []byte(`{"file_data":{"$content":17}}`), 400, "no_upload", []string{"file_data is an object"}})
	for _, path := range []string{"/upload", "/upload-base64", "/upload-csv", "/upload-attachment", "/convert"} {
		for _, kind := range []string{"", jsonKind, octets, "multipart/form-data; boundary=x", "image/png"} {
			cases = append(cases, wrong{"nothing as " + kind, path, kind, nil, 400, "no_upload", []string{"no body", "send it in the field"}})
		}
	}
	for _, path := range []string{"/upload", "/upload-attachment", "/upload-csv"} {
		addForm("two files of other names", path, 400, "no_upload", []string{"(a, c)", "file"}, pdf, pdf2)
		addForm("two files of another name", path, 400, "no_upload", []string{"(a, a)"}, pdf, pdf)
	}
	addForm("a text and a file of other names", "/upload-csv", 400, "no_upload", []string{"(data, b)"}, part{name: "data", content: ship.orders}, csv)
	addForm("two that could be the export", "/convert", 400, "no_upload", []string{"(b, d)", "csv or csv_file"}, pdf, csv, csv2)
	addForm("two that could be the bills", "/convert", 400, "no_upload", []string{"(a, c)", "file or pdf"}, pdf, pdf2, csv)
	addForm("bills beside the bills", "/convert", 400, "bad_request", []string{"in a is not taken", "file or pdf"}, fileIn("pdf", "p.pdf", ship.bills), pdf)
	addForm("an export beside the export", "/convert", 400, "bad_request", []string{"in d is not taken", "csv or csv_file"}, csv2, fileIn("pdf", "p.pdf", ship.bills), fileIn("csv", "o.csv", ship.orders))
	addForm("an export alone", "/convert", 400, "no_upload", []string{"no PDF"}, csv)
	kind, body := raw("Content-Type: text/plain\r\n\r\nx", "Content-Disposition: form-data; nonsense\r\n\r\nx")
	cases = append(cases, wrong{"parts without a name", "/upload", kind, body, 400, "no_upload", []string{"whose name cannot be read"}})
	kind, body = raw("Content-Disposition: form-data; filename=\"a\"\r\n\r\nx", "Content-Disposition: form-data; filename=b c\r\n\r\nx")
	cases = append(cases, wrong{"files without a name", "/upload", kind, body, 400, "no_upload", []string{"(a field whose name cannot be read, a field whose name cannot be read)"}})
	for _, c := range cases {
		t.Run(c.path+" "+c.name, func(t *testing.T) {
			a := p.post(t, named(c.path, "s"), c.kind, c.body)
			got, _ := decode(a.body).(map[string]any)
			if a.status != c.status || got["code"] != c.code {
				t.Fatalf("%d %.400s, want %d %s", a.status, a.body, c.status, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(got["error"].(string), text) {
					t.Errorf("%q does not say %q", got["error"], text)
				}
			}
		})
	}
	for _, coding := range []string{"gzip", "br", "deflate", "GZIP, gzip"} {
		for _, path := range []string{"/upload", "/upload-base64", "/upload-attachment", "/upload-csv", "/convert"} {
			a := p.do(t, request{method: "POST", path: path + "?_sid=s", kind: octets, header: http.Header{"Content-Encoding": {coding}}, body: bytes.NewReader(ship.bills)})
			if got, _ := decode(a.body).(map[string]any); a.status != 415 || got["code"] != "unsupported_media_type" || !strings.Contains(got["error"].(string), strings.ToLower(coding)) {
				t.Errorf("%s as %s: %d %s", path, coding, a.status, a.body)
			}
		}
	}
	for _, coding := range []string{"identity", "utf-8"} {
		p.do(t, request{method: "POST", path: "/upload?_sid=s", kind: octets, header: http.Header{"Content-Encoding": {coding}}, body: bytes.NewReader(ship.bills)}).ok(t, coding)
	}
	p.settles(t, 2)
}

// A conversion recognises files in unknown fields by their content.
func TestConvertTellsFilesApart(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	pdf, csv := fileIn("a", "a", ship.bills), fileIn("b", "b", ship.orders)
	encoded := fileIn("a", "a", []byte(base64.StdEncoding.EncodeToString(ship.bills)))
	known := func(p part, name string) part { p.name = name; return p }
	for name, c := range map[string]struct {
		parts []part
		want  []byte
	}{
		"bills alone":              {[]part{pdf}, ship.unmatched},
		"both":                     {[]part{pdf, csv}, ship.expected},
		"both, the export first":   {[]part{csv, pdf}, ship.expected},
		"the bills known":          {[]part{csv, known(pdf, "pdf")}, ship.expected},
		"the export known":         {[]part{known(csv, "csv_file"), pdf}, ship.expected},
		"bills as base64":          {[]part{encoded, csv}, ship.expected},
		"an export as base64 text": {[]part{pdf, {name: "csv", content: []byte(base64.StdEncoding.EncodeToString(ship.orders))}}, ship.expected},
		"one field for both":       {[]part{known(pdf, "files"), known(csv, "files")}, ship.expected},
	} {
		if a := p.form(t, "/convert", c.parts...); a.status != 200 || !bytes.Equal(a.body, c.want) {
			t.Errorf("%s: %d %.200s", name, a.status, a.body)
		}
	}
	p.settles(t, 0)
}

func TestTheOutcomeOfEachConversionIsCountedOnce(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	kind, body := multi(t, fileIn("pdf", "b.pdf", ship.bills))
	p.post(t, "/convert", kind, body)
	p.post(t, "/convert?format=pdf", kind, body).fails(t, 400, "bad_request", nil)
	// The format is refused before the body arrives: this one never arrives.
	a := p.do(t, request{method: "POST", path: "/convert?format=pdf", kind: kind, body: &endless{}})
	a.fails(t, 400, "bad_request", nil)
	p.form(t, "/convert", fileIn("pdf", "b.pdf", []byte("hello"))).fails(t, 422, "not_a_pdf", nil)
	p.form(t, "/convert", fileIn("pdf", "b.pdf", ship.bills), textIn("format", "pdf")).fails(t, 400, "bad_request", nil)
	p.post(t, "/convert", "image/png", []byte("x")).fails(t, 415, "unsupported_media_type", nil)
	for outcome, want := range map[string]float64{"ok": 1, "bad_request": 3, "not_a_pdf": 1, "unsupported_media_type": 1} {
		if got := p.metric(t, `tallyman_uploads_total{kind="convert",outcome="`+outcome+`"}`); got != want {
			t.Errorf("%s was counted %v times, want %v", outcome, got, want)
		}
	}
}

// A name applies to a single file. Several files keep their own names, in the answer, in
// its warnings and in the list.
func TestANameBelongsToOneFile(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	for _, field := range []string{"filename", "name"} {
		kind, body := multi(t, fileIn("file", "aa.pdf", ship.bills), fileIn("file", "zz.pdf", ship.bills),
			textIn(field, "both.pdf"))
		a := p.post(t, "/upload?_sid=s", kind, body)
		var got struct {
			Filename string
			Warnings []string
		}
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != 200 || got.Filename != "aa.pdf" {
			t.Fatalf("%d %.300s", a.status, a.body)
		}
		all := strings.Join(got.Warnings, "\n")
		if !strings.Contains(all, `The name "both.pdf" was not used`) || !strings.Contains(all, "zz.pdf, has the same content as document 1, aa.pdf; it was counted once") {
			t.Errorf("warnings:\n%s", all)
		}
		files := string(p.get(t, "/files?_sid=s").body)
		if !strings.Contains(files, "aa.pdf") || !strings.Contains(files, "zz.pdf") || strings.Contains(files, "both.pdf") {
			t.Errorf("the files are %s", files)
		}
	}
}

func TestTheModeIsUnderstoodInAnyCase(t *testing.T) {
	p, ship, more := newPlace(t), small(t, 1), other(t, 2)
	p.uploadBills(t, "s", ship.bills)
	p.post(t, "/upload?_sid=s&mode=Append", "application/pdf", more.bills).shows(t, `"bills":12`, "Append")
	p.form(t, "/upload?_sid=s", fileIn("file", "b.pdf", ship.bills), textIn("mode", "REPLACE\r\n")).shows(t, `"bills":6`, "REPLACE")
}

func TestALargeBodyWhereNoneIsNeededIsToldTheTrueLimit(t *testing.T) {
	p := newPlace(t)
	for _, path := range []string{"/process", "/new-session", "/clear-session"} {
		a := p.post(t, path+"?_sid=s", "text/plain", make([]byte, 2<<20))
		a.fails(t, 413, "too_large", fields{"session_id": "s"})
		if !bytes.Contains(a.body, []byte("this request needs no body, and one of more than 1 MB")) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// The description has each media type and field that the tests above use by its proper
// name.
func TestWhatMayBeSentIsDescribed(t *testing.T) {
	p := newPlace(t)
	content := func(path string) map[string]any {
		op := p.schemas.doc["paths"].(map[string]any)[path].(map[string]any)["post"].(map[string]any)
		return op["requestBody"].(map[string]any)["content"].(map[string]any)
	}
	for path, kinds := range map[string][]string{
		"/upload":            {"multipart/form-data", "application/pdf", "application/x-pdf", "application/octet-stream"},
		"/upload-base64":     {"application/json"},
		"/upload-attachment": {"multipart/form-data", "application/json", "application/x-www-form-urlencoded", "application/pdf", "application/x-pdf", "application/octet-stream"},
		"/upload-csv":        {"multipart/form-data", "application/json", "application/x-www-form-urlencoded", "text/csv", "text/x-csv", "text/comma-separated-values", "application/octet-stream"},
		"/convert":           {"multipart/form-data"},
		"/process":           {"multipart/form-data"},
		"/upload-stateless":  {"multipart/form-data"},
	} {
		for _, kind := range kinds {
			if content(path)[kind] == nil {
				t.Errorf("%s: %s is missing", path, kind)
			}
		}
	}
	for path, names := range map[string][]string{
		"/upload":           {"file", "mode", "filename"},
		"/process":          {"pdf", "file", "csv", "csv_file", "format"},
		"/upload-stateless": {"file", "csv_file"},

		"/upload-stateless-multipart": {"pdf_file", "csv_file"},
		"/upload-attachment":          {"file", "attachmentData", "file_data", "data"},
		"/upload-csv":                 {"file", "csv_data", "file_data", "csv", "csv_file", "data", "attachmentData", "name"},
	} {
		schema := content(path)["multipart/form-data"].(map[string]any)["schema"].(map[string]any)
		properties := schema["properties"].(map[string]any)
		missing := slices.DeleteFunc(names, func(n string) bool { return properties[n] != nil })
		if len(missing) > 0 {
			t.Errorf("%s: %v are missing", path, missing)
		}
	}
}
