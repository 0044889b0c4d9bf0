package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/desk"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// tickOf returns a tick of a finding that no sheet has.
func tickOf(text string) sheet.Amendment {
	return sheet.Amendment{Kind: sheet.Tick, Finding: &sheet.FindingKey{Kind: "note", Where: "nowhere", Text: text}}
}

// amend changes the amendments of the session s.
func (p *place) amend(t testing.TB, change any, headers ...string) answer {
	t.Helper()
	return p.sends(t, "POST", "/amendments?_sid=s", change, headers...)
}

// cells returns the rows of a CSV, each by its columns.
func cells(t testing.TB, text []byte) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%v: %.200s", err, text)
	}
	var all []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, v := range row {
			m[rows[0][i]] = v
		}
		all = append(all, m)
	}
	return all
}

// lineOf names the line of a row of the sheet.
func lineOf(row map[string]string) *sheet.LineKey {
	return &sheet.LineKey{Bill: row["Invoice No."], Style: row["Style"], Cartons: row["Cartons"], Pieces: row["Individual Pieces"]}
}

func TestWhatPeopleAddIsInEverySheet(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	before := cells(t, ship.expected)
	p.get(t, "/amendments?_sid=s").is(t, 200, fields{"session_id": "s", "revision": 3, "version": anyText, "amendments": []any{}})
	watched := p.stream(t, "/events?_sid=s", nil)
	watched.until(t, "state")

	line, was := lineOf(before[0]), before[0]["Individual Weight"]
	got := p.amend(t, fields{"revision": 3, "by": "Ana", "add": []sheet.Amendment{
		{Kind: sheet.Fill, Bill: &sheet.BillKey{Number: before[0]["Invoice No."]}, Column: "Load #", Value: "4711"},
		{Kind: sheet.Correct, Line: line, Field: "weight", Value: "1.5", Note: "blotted"},
		tickOf("x"),
	}}).is(t, 200, fields{"session_id": "s", "revision": 4, "version": anyText, "added": anyList, "amendments": []fields{
		{"id": anyText, "kind": "fill", "bill": anyObject, "column": "Load #", "value": "4711", "by": "Ana", "at": anyTime, "state": "applied"},
		{"id": anyText, "kind": "correct", "line": anyObject, "field": "weight", "value": "1.5", "note": "blotted", "by": "Ana", "at": anyTime, "state": "applied", "was": was},
		{"id": anyText, "kind": "check", "finding": anyObject, "by": "Ana", "at": anyTime, "state": "lost", "reason": anyText},
	}})
	if all := watched.until(t, "attached"); all[0].Kind != "amendments" || all[0].Status != "merged" {
		t.Errorf("an amendment sends %+v", all)
	}
	rows := cells(t, p.get(t, "/download?_sid=s").body)
	for i, row := range rows {
		want := before[i]
		if want["Invoice No."] == before[0]["Invoice No."] {
			want["Load #"] = "4711"
		}
		if i == 0 {
			want["Individual Weight"] = "1.5"
		}
		if fmt.Sprint(row) != fmt.Sprint(want) {
			t.Errorf("row %d is %v, want %v", i, row, want)
		}
	}
	for _, path := range []string{"/download?format=json&_sid=s", "/view?_sid=s"} {
		if body := string(p.get(t, path).body); !strings.Contains(body, `"4711"`) || !strings.Contains(body, "blotted") {
			t.Errorf("%s does not show the amendments: %.300s", path, body)
		}
	}
	p.get(t, "/files?_sid=s").is(t, 200, fields{"session_id": "s", "files": []fields{
		{"name": "combined_data.csv", "size": anyNumber, "type": "csv", "role": "sheet", "download_url": anyText},
		{"name": "bol.pdf", "size": anyNumber, "type": "pdf", "role": "bol", "download_url": anyText},
		{"name": "orders.csv", "size": anyNumber, "type": "csv", "role": "orders", "download_url": anyText},
		{"name": "amendments.json", "size": anyNumber, "type": "json", "role": "amendments", "download_url": "/download-bol/amendments.json"},
	}})
	stored := p.get(t, "/download-bol/amendments.json?_sid=s")
	if list, err := sheet.ParseAmendments(stored.body); err != nil || len(list) != 3 {
		t.Errorf("the file of amendments: %v, %.300s", err, stored.body)
	}

	// One step replaces an amendment.
	ids := got["added"].([]any)
	p.amend(t, fields{"add": []sheet.Amendment{{Kind: sheet.Correct, Line: line, Field: "weight", Value: "2.5"}}, "undo": ids[1:]}).is(t, 200, fields{
		"session_id": "s", "revision": 5, "version": anyText, "added": anyList, "amendments": []fields{
			{"id": ids[0], "kind": "fill", "bill": anyObject, "column": "Load #", "value": "4711", "by": "Ana", "at": anyTime, "state": "applied"},
			{"id": anyText, "kind": "correct", "line": anyObject, "field": "weight", "value": "2.5", "at": anyTime, "state": "applied", "was": was},
		}})
	p.uploadOrders(t, "s", ship.orders)
	list := p.get(t, "/amendments?_sid=s")
	if n := strings.Count(string(list.body), `"applied"`); n != 2 {
		t.Errorf("new orders leave %d amendments: %s", n, list.body)
	}
	p.uploadBills(t, "s", ship.bills)
	p.get(t, "/amendments?_sid=s").is(t, 200, fields{"session_id": "s", "revision": 7, "version": anyText, "amendments": []any{}})
	p.get(t, "/download?_sid=s").holds(t, ship.unmatched, "a new BOL keeps amendments")

	// What GET answered, the JSON of a sheet and a list are added as they are.
	for i, body := range [][]byte{list.body, bytes.TrimSpace(stored.body), []byte(`{"amendments": []}`)} {
		r := request{method: "POST", path: "/amendments?_sid=s", kind: "application/json", body: bytes.NewReader(body)}
		p.do(t, r).ok(t, "list", i)
	}
	if a := p.get(t, "/amendments?_sid=s"); strings.Count(string(a.body), `"kind":"fill"`) != 2 || !strings.Contains(string(a.body), `"by":"Ana"`) {
		t.Errorf("lists that are added: %s", a.body)
	}
}

func TestAChangeOfAnOldStateIsRefusedWithTheNewest(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	p.amend(t, fields{"revision": 2, "add": []any{tickOf("one")}})
	p.amend(t, fields{"revision": 2, "add": []any{tickOf("two")}}).fails(t, 409, "changed", fields{"session_id": "s", "details": fields{
		"revision": 3, "amendments": []fields{{"id": anyText, "kind": "check", "finding": anyObject, "at": anyTime, "state": "lost", "reason": anyText}},
	}})
	p.uploadOrders(t, "s", ship.orders)
	p.amend(t, fields{"revision": 3, "add": []any{tickOf("two")}}).fails(t, 409, "changed", fields{"session_id": "s", "details": anyObject})
	p.amend(t, fields{"add": []any{tickOf("two")}})
	p.amend(t, fields{"undo": []string{"gone"}, "add": []any{tickOf("three")}}).fails(t, 404, "not_found", fields{"session_id": "s"})
	if a := p.get(t, "/amendments?_sid=s"); strings.Count(string(a.body), `"kind"`) != 4 || !strings.Contains(string(a.body), `"revision":5`) {
		t.Errorf("the amendments are %s", a.body)
	}
}

// Revisions count anew after a reset; versions of two lives differ.
func TestAChangeOfAnEarlierLifeIsRefused(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	first := p.get(t, "/amendments?_sid=s")
	of := decode(first.body).(map[string]any)["version"]
	if view := decode(p.get(t, "/view?_sid=s").body).(map[string]any); view["version"] != of {
		t.Errorf("the version is %v, of the view %v", of, view["version"])
	}
	p.post(t, "/new-session?_sid=s", "", nil)
	p.uploadBills(t, "s", ship.bills)
	p.amend(t, fields{"revision": 2, "of": of, "add": []any{tickOf("x")}}).fails(t, 409, "changed", fields{"session_id": "s", "details": fields{"revision": 2, "amendments": []any{}}})
	of = decode(p.get(t, "/amendments?_sid=s").body).(map[string]any)["version"]
	p.amend(t, fields{"of": of, "add": []any{tickOf("x")}}).ok(t)
	p.amend(t, fields{"of": of, "add": []any{tickOf("y")}}).fails(t, 409, "changed", fields{"session_id": "s", "details": anyObject})
}

func TestARepeatedChangeIsMadeOnce(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	first := p.amend(t, fields{"revision": 2, "add": []any{tickOf("one"), tickOf("two")}}, "Idempotency-Key", "a")
	p.amend(t, fields{"add": []any{tickOf("three")}}, "Idempotency-Key", "b")
	again := p.amend(t, fields{"revision": 2, "add": []any{tickOf("one"), tickOf("two")}}, "Idempotency-Key", "a")
	added := func(a answer) string { return fmt.Sprint(decode(a.body).(map[string]any)["added"]) }
	if again.status != 200 || added(first) != added(again) || strings.Count(string(again.body), `"finding"`) != 3 {
		t.Errorf("a repeated change: %d %s, %s before", again.status, again.body, first.body)
	}
	p.amend(t, fields{"add": []any{tickOf("four")}}, "Idempotency-Key", "a").fails(t, 422, "idempotency_key_reused", fields{"session_id": "s"})
	// Only the last changes are known again, so that the summary stays small.
	for i := range 40 {
		p.amend(t, fields{"add": []any{tickOf("more")}}, "Idempotency-Key", fmt.Sprint(i))
	}
	if a := p.amend(t, fields{"add": []any{tickOf("more")}}, "Idempotency-Key", "39"); strings.Count(string(a.body), `"finding"`) != 43 {
		t.Errorf("the last change was made again: %s", a.body)
	}
}

func TestBadAmendmentsAreRefused(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.amend(t, fields{"add": []any{tickOf("x")}}).fails(t, 400, "no_bol", fields{"session_id": "s"})
	p.get(t, "/amendments?_sid=s").fails(t, 404, "no_sheet", fields{"session_id": "s"})
	p.uploadBills(t, "s", ship.bills)
	for _, body := range []string{
		``, `{`, `7`, `"x"`, `{}`, `{"add": 7}`, `{"add": [{"kind": "sing"}]}`, `[{"kind": "fill"}]`, `{"undo": [7]}`, `{"unknown": 1}`, `{"revision": -1, "undo": ["x"]}`,
		`{"amendments": 7}`, `[[[[`, strings.Repeat("[", 100_000), `{"add": [{"kind": "check", "finding": {"kind": "a", "where": "b", "text": "c"}}], "by": "` + strings.Repeat("x", 300) + `"}`,
		`{"add": [{"kind": "fill", "ship_to": "a", "column": "Cartons", "value": "1"}]}`,
	} {
		r := request{method: "POST", path: "/amendments?_sid=s", kind: "application/json", body: strings.NewReader(body)}
		if a := p.do(t, r); a.status != 400 || !strings.Contains(string(a.body), `"bad_request"`) {
			t.Errorf("%.60s: %d %.300s", body, a.status, a.body)
		}
	}
	p.do(t, request{method: "POST", path: "/amendments?_sid=s", kind: "text/plain", body: strings.NewReader("[]")}).fails(t, 415, "unsupported_media_type", fields{"session_id": "s"})
	p.get(t, "/amendments?_sid=s").is(t, 200, fields{"session_id": "s", "revision": 2, "version": anyText, "amendments": []any{}})
}

func TestAnAmendmentNamesItsKey(t *testing.T) {
	p, secrets, _ := keyed(t, "acme")
	ship := small(t, 1)
	p.do(t, request{path: "/upload?_sid=s", header: apiKey(secrets["acme"])}.form(t, fileIn("file", "bol.pdf", ship.bills)))
	a := p.amend(t, fields{"add": []any{tickOf("x")}}, "X-Api-Key", secrets["acme"])
	if !strings.Contains(string(a.body), `"key":"acme"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestManyWhoAmendAtOnceAllSucceed(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				p.amend(t, fields{"by": fmt.Sprint(i), "add": []any{tickOf(fmt.Sprint(i, " ", j))}}).ok(t)
			}
		})
	}
	all.Wait()
	a := p.get(t, "/amendments?_sid=s")
	for i := range 8 {
		for j := range 5 {
			if text := fmt.Sprintf(`"text":"%d %d"`, i, j); strings.Count(string(a.body), text) != 1 {
				t.Errorf("%s is there %d times", text, strings.Count(string(a.body), text))
			}
		}
	}
}

func TestFilesAreAddedAndTakenAwayOneByOne(t *testing.T) {
	p, ship, more := newPlace(t), small(t, 1), other(t, 2)
	p.form(t, "/upload?_sid=s", fileIn("file", "a.pdf", ship.bills), fileIn("file", "b.pdf", more.bills))
	upload := func(name string, orders []byte) answer {
		t.Helper()
		return p.form(t, "/upload-csv?mode=append&_sid=s", fileIn("file", name, orders))
	}
	upload("orders.csv", ship.orders)
	a := upload("orders.csv", more.orders)
	if got := decode(a.body).(map[string]any); a.status != 200 || got["rows"] != float64(60) {
		t.Fatalf("a second order export: %d %.300s", a.status, a.body)
	}
	view := decode(p.get(t, "/view?_sid=s").body).(map[string]any)
	if exports := view["exports"].([]any); len(exports) != 2 || exports[1].(map[string]any)["file"] != "orders (2).csv" {
		t.Errorf("the exports are %v", exports)
	}
	exports := map[any]int{}
	for _, row := range view["sheet"].(map[string]any)["rows"].([]any) {
		if r := row.(map[string]any); r["order_row"] != nil {
			exports[r["export"]]++
		}
	}
	if len(exports) != 2 || exports["orders.csv"] == 0 || exports["orders (2).csv"] == 0 {
		t.Errorf("rows with order rows by export: %v", exports)
	}
	p.amend(t, fields{"add": []any{tickOf("x")}})
	away := func(query string) answer {
		t.Helper()
		return p.do(t, request{method: "DELETE", path: "/files?_sid=s&" + query})
	}
	watched := p.stream(t, "/events?_sid=s", nil)
	away("name=b.pdf&revision=4").fails(t, 409, "changed", fields{"session_id": "s", "details": fields{"revision": 5}})
	away("name=b.pdf&of=x").fails(t, 409, "changed", fields{"session_id": "s", "details": fields{"revision": 5}})
	away("name=b.pdf&revision=x").fails(t, 400, "bad_request", fields{"session_id": "s"})
	away("name=c.pdf").fails(t, 404, "not_found", fields{"session_id": "s"})
	away("name=combined_data.csv").fails(t, 400, "bad_request", fields{"session_id": "s"})
	away("name=b.pdf&revision=5").is(t, 200, fields{"status": "success", "message": anyText, "session_id": "s", "revision": 6,
		"removed": fields{"name": "b.pdf", "size": len(more.bills), "type": "pdf"}})
	if all := watched.until(t, "detached"); all[len(all)-1].Kind != "bol" {
		t.Errorf("a file that is taken away sends %+v", all)
	}
	away("name=orders+(2).csv")
	p.get(t, "/download?_sid=s").holds(t, ship.expected, "the sheet of what is left")
	if a := p.get(t, "/amendments?_sid=s"); strings.Count(string(a.body), `"finding"`) != 1 {
		t.Errorf("the amendments are gone: %s", a.body)
	}
	// Without bills there is no sheet, and the rest waits for others.
	away("name=a.pdf")
	p.get(t, "/download?_sid=s").fails(t, 404, "no_sheet", fields{"session_id": "s"})
	if a := p.get(t, "/files?_sid=s"); strings.Count(string(a.body), `"role"`) != 2 {
		t.Errorf("what is left: %s", a.body)
	}
	p.form(t, "/upload?mode=append&_sid=s", fileIn("file", "a.pdf", ship.bills))
	p.get(t, "/download?_sid=s").holds(t, ship.expected, "the sheet after the bills came back")
	away("name=amendments.json")
	p.get(t, "/amendments?_sid=s").is(t, 200, fields{"session_id": "s", "revision": 10, "version": anyText, "amendments": []any{}})
}

// filledIn returns a sheet as CSV whose column has a value in all rows.
func filledIn(t testing.TB, sheet []byte, column, value string) []byte {
	t.Helper()
	rows := must.CSV(t, bytes.NewReader(sheet))
	if len(rows) == 0 {
		return nil
	}
	at := slices.Index(rows[0], column)
	for _, row := range rows[1:] {
		row[at] = value
	}
	var b bytes.Buffer
	csv.NewWriter(&b).WriteAll(rows)
	return b.Bytes()
}

func TestAnEarlierSheetIsCarriedOver(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	earlier := filledIn(t, ship.expected, "Load #", "4711")
	carry := func(data []byte, key string) answer {
		t.Helper()
		r := request{path: "/carry?_sid=s", header: http.Header{"Idempotency-Key": {key}}}
		return p.do(t, r.form(t, fileIn("file", "earlier.csv", data), textIn("by", "Ana")))
	}
	carry(earlier, "a").fails(t, 400, "no_bol", fields{"session_id": "s"})
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	want := fields{"session_id": "s", "revision": 4, "version": anyText, "amendments": anyList, "added": anyList, "carried": 30, "lost": []any{}}
	carry(earlier, "a").is(t, 200, want)
	p.get(t, "/download?_sid=s").holds(t, earlier, "the sheet is not the earlier one")
	a := p.get(t, "/amendments?_sid=s")
	if n := strings.Count(string(a.body), `"by":"Ana"`); n != 6 {
		t.Errorf("%d amendments of 6 bills: %s", n, a.body)
	}
	// Again it has nothing to fill in, whether the key is the same or not.
	want["carried"] = 0
	delete(want, "added")
	carry(earlier, "a").is(t, 200, want)
	carry(earlier, "b").is(t, 200, want)
	carry(filledIn(t, ship.expected, "Load #", "4712"), "a").fails(t, 422, "idempotency_key_reused", fields{"session_id": "s"})
	row := cells(t, ship.expected)[0]
	gone := bytes.Replace(filledIn(t, ship.expected, "Customer", "ACME"), []byte(row["Invoice No."]), []byte("X1"), 1)
	if got := decode(carry(gone, "c").body).(map[string]any); got["carried"] != float64(29) || len(got["lost"].([]any)) != 1 {
		t.Errorf("a row without a line: %.2000v", got)
	}
	carry([]byte("a,b\n1,2\n"), "d").fails(t, 422, "missing_columns", fields{"session_id": "s"})
}

// A clerk's whole work on a shipment: one value corrected, one near miss paired, one column
// filled in for a ship-to, one finding ticked off. The downloads have that, and everything
// else is as if nothing had been wrong.
func TestAShipmentIsFinishedWithAmendments(t *testing.T) {
	ships := map[string]shipment{"invented": small(t, 1)}
	if s, ok := shipments.Real(t, "../.."); ok {
		ships["real"] = sheetsOf(s)
	}
	for name, ship := range ships {
		t.Run(name, func(t *testing.T) { finish(t, ship) })
	}
}

func finish(t *testing.T, ship shipment) {
	p := newPlace(t)
	whole := cells(t, ship.expected)
	seen := map[string]int{}
	for _, row := range whole {
		seen[fmt.Sprint(row["Invoice No."], "\x00", row["Style"])]++
	}
	// The order row of a line that no other resembles is spoilt.
	at := slices.IndexFunc(whole, func(row map[string]string) bool {
		return row["Ship To Name"] != "" && seen[fmt.Sprint(row["Invoice No."], "\x00", row["Style"])] == 1 && row["Total Pieces"] == ""
	})
	near := whole[at]
	order := *lineOf(near)
	order.Pieces = "987654"
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", spoilt(t, ship.orders, *lineOf(near), order.Pieces))

	var v sheet.View
	must.OK(t, json.Unmarshal(p.get(t, "/download?_sid=s&format=json").body, &v))
	if len(v.Match.NearMisses) == 0 {
		t.Fatalf("there is no near miss: %+v", v.Match)
	}
	var ticked sheet.Finding
	for _, f := range v.Findings {
		if f.Kind != sheet.NearMissFound && f.Kind != sheet.LineWithoutOrder {
			ticked = f
			break
		}
	}
	key := ticked.Key()
	shipTo := whole[0]["Ship To Name"]
	corrected := whole[len(whole)-1]
	a := p.amend(t, fields{"by": "Ana", "add": []sheet.Amendment{
		{Kind: sheet.Correct, Line: lineOf(corrected), Field: "weight", Value: "1.5"},
		{Kind: sheet.Pair, Line: lineOf(near), Order: &order},
		{Kind: sheet.Fill, ShipTo: shipTo, Column: "Load #", Value: "4711"},
		{Kind: sheet.Tick, Finding: &key, Note: "called them"},
	}})
	if a.status != 200 || strings.Count(string(a.body), `"state":"applied"`) != 4 {
		t.Fatalf("%d %s", a.status, a.body)
	}

	want := bytes.Split(ship.expected, []byte("\n"))
	number := 0
	for i, row := range whole {
		line := &want[i+1]
		c := strings.Split(string(*line), ",")
		if row["Ship To Name"] == shipTo {
			c[2] = "4711"
			number++
		}
		if i == len(whole)-1 {
			c = slices.Concat(c[:len(c)-6], []string{"1.5"}, c[len(c)-5:])
		}
		*line = []byte(strings.Join(c, ","))
	}
	csv := p.get(t, "/download?_sid=s")
	if !bytes.Equal(csv.body, bytes.Join(want, []byte("\n"))) {
		for i, line := range bytes.Split(csv.body, []byte("\n")) {
			if i >= len(want) || !bytes.Equal(line, want[i]) {
				t.Fatalf("line %d is\n%s, want\n%s", i+1, line, want[min(i, len(want)-1)])
			}
		}
		t.Fatal("lines are missing")
	}
	book, err := excelize.OpenReader(bytes.NewReader(p.get(t, "/download?_sid=s&format=xlsx").body))
	must.OK(t, err)
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0), excelize.Options{RawCellValue: true})
	must.OK(t, err)
	loads := 0
	for i, row := range cells(t, csv.body) {
		if rows[i+1][2] == "4711" {
			loads++
		}
		if rows[i+1][24] != row["Invoice No."] || rows[i+1][25] != row["Style"] || row["Ship To Name"] != rows[i+1][11] {
			t.Errorf("row %d of the workbook is %q", i+2, rows[i+1])
		}
	}
	if loads != number || rows[len(whole)][22] != "1.5" {
		t.Errorf("%d rows of the workbook have the load, want %d; the last one is %q", loads, number, rows[len(whole)])
	}
	changes, err := book.GetRows("Changes")
	if err != nil || len(changes) != 5 {
		t.Errorf("the changes are %q, %v", changes, err)
	}
	check, err := book.GetRows("To check")
	if err != nil || !strings.Contains(fmt.Sprint(check), "Ana") || !strings.Contains(fmt.Sprint(check), "called them") {
		t.Errorf("the tick is not in the list: %q, %v", check, err)
	}
	// Undone, everything is as before.
	var got struct{ Added []string }
	must.OK(t, json.Unmarshal(a.body, &got))
	p.amend(t, fields{"undo": got.Added[:1]})
	p.amend(t, fields{"undo": got.Added[2:]})
	p.get(t, "/download?_sid=s").holds(t, ship.expected, "after undoing the rest")
}

// spoilt returns an order export in which the row of a line has other pieces.
func spoilt(t *testing.T, export []byte, line sheet.LineKey, pieces string) []byte {
	t.Helper()
	rows := must.CSV(t, bytes.NewReader(export))
	column := func(names ...string) int {
		return slices.IndexFunc(rows[0], func(h string) bool { return slices.Contains(names, strings.TrimSpace(h)) })
	}
	invoice, style, at := column("Invoice No."), column("Style"), column("Pieces*", "Individual Pieces")
	found := 0
	for _, row := range rows[1:] {
		if row[invoice] == line.Bill && row[style] == line.Style {
			row[at] = pieces
			found++
		}
	}
	if found != 1 || at < 0 {
		t.Fatalf("%d order rows of %+v in %q", found, line, rows[0])
	}
	var b bytes.Buffer
	csv.NewWriter(&b).WriteAll(rows)
	return b.Bytes()
}

func TestUnprovedBillsAreAcceptedByAmendment(t *testing.T) {
	p := newPlace(t)
	invented := shipments.Sample(t, sample.Options{Form: sample.Short, Bills: 3, Lines: 4, Seed: 1})
	p.uploadBills(t, "s", must.Written(t, invented.WritePDF))
	plain, all := p.get(t, "/download?_sid=s").body, p.get(t, "/download?_sid=s&accept_unproved=true").body
	var v sheet.View
	if err := json.Unmarshal(p.get(t, "/download?_sid=s&format=json").body, &v); err != nil || bytes.Equal(plain, all) {
		t.Fatalf("nothing is unproved: %v", err)
	}
	var add []sheet.Amendment
	for _, b := range v.Bills {
		if b.Held {
			add = append(add, sheet.Amendment{Kind: sheet.Vouch, Bill: &sheet.BillKey{Number: b.Number.Text}})
		}
	}
	a := p.amend(t, fields{"add": add})
	if n := strings.Count(string(a.body), `"state":"applied"`); n != len(add) || n == 0 {
		t.Errorf("%d of %d bills were accepted: %s", n, len(add), a.body)
	}
	for _, query := range []string{"", "&accept_unproved=true"} {
		if got := p.get(t, "/download?_sid=s"+query).body; !bytes.Equal(got, all) {
			t.Errorf("with the bills accepted%s: %s, want %s", query, got, all)
		}
	}
	if body := p.get(t, "/download?_sid=s&accept_unproved=true&format=json").body; bytes.Contains(body, []byte(`"lost"`)) {
		t.Errorf("an acceptance is lost where all are accepted: %.500s", body)
	}
}

// An amendment was made for the bills that its author saw, whether or not it names them.
func TestAnAmendmentNeverReachesOtherBills(t *testing.T) {
	ship, next := small(t, 1), other(t, 2)
	p, late := newFaulty(t)
	p.uploadBills(t, "s", ship.bills)
	late.attaching = func(session.Key) {
		late.attaching = nil
		p.uploadBills(t, "s", next.bills)
	}
	p.amend(t, fields{"add": []any{tickOf("x")}}).fails(t, 409, "changed", fields{"session_id": "s", "details": fields{"revision": 3, "amendments": []any{}}})
	// Orders that come between do no harm.
	late.attaching = func(session.Key) {
		late.attaching = nil
		p.uploadOrders(t, "s", next.orders)
	}
	p.amend(t, fields{"add": []any{tickOf("x")}}).shows(t, `"revision":5`)
	p.settles(t, 5) // bills and orders with their readings, and the amendments
	// Whoever makes the sheet anew makes the same one.
	whole := cells(t, next.expected)
	p.amend(t, fields{"add": []any{sheet.Amendment{Kind: sheet.Correct, Line: lineOf(whole[0]), Field: "weight", Value: "1.5"}}})
	anew := p.serve(t, desk.New(p.store, p.contents, reader, desk.Limits{}))
	for _, format := range []string{"csv", "json", "xlsx"} {
		path := "/download?_sid=s&format=" + format
		if a, b := p.get(t, path), anew.get(t, path); !bytes.Equal(a.body, b.body) || a.status != 200 {
			t.Errorf("%s: %d bytes and %d bytes", format, len(a.body), len(b.body))
		}
	}
	p.post(t, "/clear-session?_sid=s", "", nil)
	p.settles(t, 0)
}

// Whatever ends a session, or the server, in the middle of an amendment: it is refused and
// nothing of it is there afterwards, in no later life either; what was acknowledged stays as
// long as the session.
func TestAnAmendmentEndsWithWhatItWasMadeIn(t *testing.T) {
	ship := small(t, 1)
	for name, c := range map[string]struct {
		end  func(t *testing.T, p *place, clock *atomic.Int64)
		code string
		kept int // amendments that are left
	}{
		"a reset":   {func(t *testing.T, p *place, _ *atomic.Int64) { p.post(t, "/new-session?_sid=s", "", nil) }, "session_superseded", 0},
		"a clear":   {func(t *testing.T, p *place, _ *atomic.Int64) { p.post(t, "/clear-session?_sid=s", "", nil) }, "session_superseded", 0},
		"expiry":    {func(_ *testing.T, _ *place, clock *atomic.Int64) { clock.Add(int64(25 * time.Hour)) }, "session_superseded", 0},
		"an end":    {func(_ *testing.T, p *place, _ *atomic.Int64) { p.store.Close() }, "storage_unavailable", 1},
		"new bills": {func(t *testing.T, p *place, _ *atomic.Int64) { p.uploadBills(t, "s", other(t, 2).bills) }, "changed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var clock atomic.Int64
			at := newStores(t)
			at.store.Close()
			open := func() {
				var err error
				now := func() time.Time {
					return time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC).Add(time.Duration(clock.Load()))
				}
				at.store, err = sqlite.Open(t.Context(), at.dir, session.Settings{Now: now})
				must.OK(t, err)
				t.Cleanup(func() { at.store.Close() })
			}
			open()
			late := &faulty{Store: at.store}
			p := at.serve(t, desk.New(late, at.contents, reader, desk.Limits{}))
			p.uploadBills(t, "s", ship.bills)
			p.amend(t, fields{"add": []any{tickOf("acknowledged")}})
			late.attaching = func(session.Key) {
				late.attaching = nil
				c.end(t, p, &clock)
			}
			if a := p.amend(t, fields{"add": []any{tickOf("cut off")}}); !bytes.Contains(a.body, []byte(`"`+c.code+`"`)) {
				t.Errorf("%d %s", a.status, a.body)
			}
			at.store.Close()
			open()
			after := at.serve(t, desk.New(at.store, at.contents, reader, desk.Limits{}))
			if c.kept == 0 && c.code == "session_superseded" {
				after.uploadBills(t, "s", ship.bills)
			}
			a := after.get(t, "/amendments?_sid=s")
			if n := bytes.Count(a.body, []byte(`"kind"`)) / 2; n != c.kept || bytes.Contains(a.body, []byte("cut off")) {
				t.Errorf("%d amendments are left: %s", n, a.body)
			}
		})
	}
}
