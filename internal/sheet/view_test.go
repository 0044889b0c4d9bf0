package sheet

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

func viewOf(t testing.TB, b []byte) View {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var v View
	if err := d.Decode(&v); err != nil {
		t.Fatalf("the JSON does not read back: %v", err)
	}
	if d.More() {
		t.Fatal("something follows the JSON")
	}
	return v
}

func TestJSONReadsBackAsAView(t *testing.T) {
	doc, orderTable := showcase()
	empty := document(bill("", "", "", ""))
	for name, s := range map[string]*Sheet{
		"merged": Make(doc, orderTable), "before a merge": Make(doc, nil), "empty": Make(nil, nil),
		"a bill with nothing": Make(empty, table()), "the zero sheet": {},
	} {
		b := jsonOf(t, s)
		v := viewOf(t, b)
		again, err := json.Marshal(v)
		must.OK(t, err)
		var compact bytes.Buffer
		must.OK(t, json.Compact(&compact, b))
		// The streamed JSON equals that of the documented types, in their order.
		if got := strings.TrimSpace(compact.String()); got != string(again) {
			t.Errorf("%s: the JSON is\n%s\nand its view\n%s", name, got, again)
		}
		for _, list := range []string{"files", "bills", "problems", "columns", "rows"} {
			if strings.Contains(compact.String(), `"`+list+`":null`) {
				t.Errorf("%s: %s is null", name, list)
			}
		}
	}
}

func TestJSONHoldsEveryFigureWithItsPlace(t *testing.T) {
	doc, orderTable := showcase()
	b := doc.Bills[0]
	b.Consignee = []bol.Value{value("ROSS"), value("1 MAIN ST")}
	b.Lines[1].File, b.Lines[1].Page = 1, 7
	b.Lines[0].Cartons.Box = page.Box{X0: 36.1234, Y0: 7.005, X1: 40, Y1: 12.5}
	b.Lines[0].Volume = bol.Number{Value: value("n/a")}
	b.Printed.Cartons = bol.Number{}
	b.Verdict = bol.Verdict{Outcome: bol.Mismatched, Checks: []bol.Check{
		{Field: bol.Cartons, Sum: "1202", State: bol.NotPrinted}, {Field: bol.Pieces, Printed: "2400", Sum: "2401", State: bol.Differs},
		{Field: bol.Weight, Printed: "9.3", Sum: "9.0", State: bol.Proved, Difference: "0.3", Unit: "lb"}}}
	doc.Problems = []bol.Problem{{
		Kind: bol.UnreadRow, Bill: "G1", Page: 3, Box: page.Box{X0: 1, Y0: 2, X1: 3, Y1: 4}, Text: "1O", Message: "cannot be read"}}
	s := Make(doc, orderTable)

	v := viewOf(t, jsonOf(t, s))
	if want := (SummaryView{Pages: 2, Bills: 2, Lines: 3, Mismatched: 1}); v.Summary != want {
		t.Errorf("the summary is %+v, want %+v", v.Summary, want)
	}
	got := v.Bills[0]
	if got.Number.Text != "G1" || got.Date != nil || len(got.Consignee) != 2 || got.Consignee[1].Text != "1 MAIN ST" {
		t.Errorf("the bill is %+v", got)
	}
	cell := got.Lines[0].Cartons
	if want := (page.Box{X0: 36.12, Y0: 7, X1: 40, Y1: 12.5}); cell.Number != "1200" || cell.Text != "1,200" || cell.Page != 1 ||
		*cell.Box != want && *cell.Box != (page.Box{X0: 36.12, Y0: 7.01, X1: 40, Y1: 12.5}) {
		t.Errorf("the cartons are %+v in %+v", cell, cell.Box)
	}
	if vol := got.Lines[0].Volume; vol == nil || vol.Number != "" || vol.Text != "n/a" {
		t.Errorf("a volume that is not a number is %+v", vol)
	}
	if got.Lines[1].Volume != nil {
		t.Errorf("a volume that is not there is %+v", got.Lines[1].Volume)
	}
	if l := got.Lines[1]; l.File != 1 || l.Page != 7 || l.Box == nil {
		t.Errorf("the place of the line is %+v", l.PlaceView)
	}
	if c := got.Totals.Cube; c.Number != "1037.40" || !c.Printed || c.Value.Text != "1,037.40" {
		t.Errorf("the printed cube is %+v", c)
	}
	if c := got.Totals.Cartons; c.Number != "1202" || c.Printed || c.Value != nil {
		t.Errorf("the cartons that stand in are %+v", c)
	}
	yes, no := true, false
	wantChecks := []CheckView{{Field: bol.Cartons, Sum: "1202", State: bol.NotPrinted},
		{Field: bol.Pieces, Printed: "2400", Sum: "2401", OK: &no, State: bol.Differs},
		{Field: bol.Weight, Printed: "9.3", Sum: "9.0", OK: &yes, State: bol.Proved, Difference: "0.3", Unit: "lb"}}
	if got.Verdict.Outcome != bol.Mismatched || !reflect.DeepEqual(got.Verdict.Checks, wantChecks) {
		t.Errorf("the verdict is %+v", got.Verdict)
	}
	if p := v.Problems[0]; p.Kind != bol.UnreadRow || p.Page != 3 || p.Text != "1O" || *p.Box != (page.Box{X0: 1, Y0: 2, X1: 3, Y1: 4}) {
		t.Errorf("the problem is %+v", p)
	}
	if v.Orders == nil || v.Orders.Rows != 3 || !reflect.DeepEqual(*v.Match, s.Match) {
		t.Errorf("the orders are %+v, the match %+v", v.Orders, v.Match)
	}

	// Lines, rows and order rows refer to each other.
	for i, r := range v.Rows {
		l := v.Bills[r.Bill].Lines[r.Line]
		if l.Row == nil || *l.Row != i || &doc.Bills[r.Bill].Lines[r.Line] != s.Rows[i].Line {
			t.Errorf("row %d points at line %d of bill %d, which points at row %d", i, r.Line, r.Bill, l.Row)
		}
		if !reflect.DeepEqual(r.OrderRow, orderRow(s.Rows[i].Order)) || !reflect.DeepEqual(l.OrderRow, r.OrderRow) {
			t.Errorf("row %d has order row %v, its line %v", i, r.OrderRow, l.OrderRow)
		}
		for col, c := range r.Cells {
			if c.Text != s.Rows[i].Cells[col] || c.Number != (kinds[col] == number && c.Text != "") {
				t.Errorf("row %d, %s is %+v, want %q", i, Columns[col], c, s.Rows[i].Cells[col])
			}
		}
	}
}

func TestJSONBeforeAMergeHasNoOrdersAndNoMatch(t *testing.T) {
	doc, _ := showcase()
	v := viewOf(t, jsonOf(t, Make(doc, nil)))
	if v.Orders != nil || v.Match != nil || v.Rows[0].OrderRow != nil || v.Bills[0].Lines[0].OrderRow != nil {
		t.Errorf("orders %+v, match %+v", v.Orders, v.Match)
	}
}

func TestFiguresAreNumbersOfJSON(t *testing.T) {
	for _, c := range []struct {
		text string
		want Figure
	}{
		{"0", "0"}, {"1037.40", "1037.40"}, {"-1.5", "-1.5"}, {"007", "7"}, {"000", "0"}, {".50", "0.50"}, {"-.5", "-0.5"}, {"-007.0", "-7.0"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"", ""}, {"-", ""}, {".", ""}, {"5.", ""}, {"1e5", ""}, {"+5", ""}, {"1,000", ""}, {"0x1", ""}, {"NaN", ""}, {"--5", ""}, {"٣", ""},
	} {
		got := figure(c.text)
		if got != c.want {
			t.Errorf("%q is %q, want %q", c.text, got, c.want)
		}
		if b, err := json.Marshal(got); err != nil || !json.Valid(b) {
			t.Errorf("%q is %q in JSON (%v)", c.text, b, err)
		}
	}
}

func TestABoxThatIsNoBoxIsNull(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, b := range []page.Box{{}, {X0: nan}, {X1: inf}, {Y0: -inf}} {
		if got := viewBox(b); got != nil {
			t.Errorf("%v is %v", b, got)
		}
	}
	doc := document(bill("G1", "1.00", "1", "1.0", line("1", "A", "1", "1.0")))
	doc.Bills[0].Lines[0].Box.X0 = nan
	if v := viewOf(t, jsonOf(t, Make(doc, nil))); v.Bills[0].Lines[0].Box != nil {
		t.Errorf("the box is %v", v.Bills[0].Lines[0].Box)
	}
}
