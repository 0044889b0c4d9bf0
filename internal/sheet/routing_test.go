package sheet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
)

func routingCSV(t *testing.T, r *Routing) [][]string {
	t.Helper()
	return must.CSV(t, bytes.NewReader(must.Written(t, r.WriteCSV)))
}

func TestTheSampleIsRoutedInGroupsThatHoldEveryBillOnce(t *testing.T) {
	s := Make(sample(t))
	r := s.Routing(time.Time{})
	if len(r.Groups) != 37 || r.Orders != 50 || r.Total.Pallets != 152 || r.Total.PalletsByBill != 180 || r.Total.Count != 83 {
		t.Errorf("%d groups, %d purchase orders, %d pallets, %d bill by bill, %d bills; want 37, 50, 152, 180 and 83",
			len(r.Groups), r.Orders, r.Total.Pallets, r.Total.PalletsByBill, r.Total.Count)
	}

	// The same from the expected sheet, in whole hundredths.
	type load struct{ cartons, pieces, weight, cube, pallets int }
	want := map[string]*load{}
	var all load
	for _, row := range records(t, sampleFile(t, "expected-sheet.csv")) {
		key := strings.TrimSpace(row["Ship To Name"]) + "|" + row["Start Date"] + "|" + row["Cancel Date"]
		if want[key] == nil {
			want[key] = &load{}
		}
		for _, l := range []*load{want[key], &all} {
			l.cartons += hundredths(t, row["Cartons"])
			if row["Total Pieces"] != "" { // the first row of its bill
				l.pieces += hundredths(t, row["Total Pieces"])
				l.weight += hundredths(t, row["Total Weight"])
				l.cube += hundredths(t, row["BOL Cube"])
			}
		}
	}
	figures := func(l *RoutingLoad) load {
		return load{hundredths(t, string(l.Cartons)), hundredths(t, string(l.Pieces)), hundredths(t, string(l.Weight)), hundredths(t, string(l.Cube)), int(l.Pallets)}
	}
	bills := map[int]bool{}
	for i := range r.Groups {
		g := &r.Groups[i]
		l := want[strings.Join(g.Values, "|")]
		if l == nil {
			t.Errorf("there is a group %q", g.Values)
			continue
		}
		l.pallets = (l.cube + 7999) / 8000
		all.pallets += l.pallets
		if got := figures(&g.RoutingLoad); got != *l {
			t.Errorf("%q: %+v, want %+v", g.Values, got, *l)
		}
		for _, p := range g.Parts {
			for _, b := range p.Bills {
				if bills[b] {
					t.Errorf("bill %d is counted twice", b)
				}
				bills[b] = true
			}
		}
		if len(g.Warnings) > 0 {
			t.Errorf("%q: %v", g.Values, g.Warnings)
		}
	}
	if got := figures(&r.Total); got != all || len(bills) != 83 {
		t.Errorf("in all %+v of %d bills, want %+v of 83", got, len(bills), all)
	}

	// As a table every column adds up to the total.
	rows := routingCSV(t, r)
	sums := map[string]int{}
	for _, row := range rows[1:] {
		for i, name := range rows[0] {
			if row[i] != "" && (strings.HasPrefix(name, "Group ") || name == "Bills" || name == "Cube" || name == "Pallets Bill by Bill") {
				sums[name] += hundredths(t, row[i])
			}
		}
	}
	for name, want := range map[string]int{"Bills": 8300, "Group Pallets": 15200, "Pallets Bill by Bill": 18000, "Group Cube": all.cube, "Cube": all.cube, "Group Cartons": all.cartons} {
		if sums[name] != want {
			t.Errorf("the column %s adds up to %d hundredths, want %d", name, sums[name], want)
		}
	}
}

// routed is a sheet of four bills: two of one window, one with lines of two purchase
// orders, one without orders.
func routed() *Sheet {
	doc := document(
		bill("A1", "100.00", "30", "20.5", line("1", "S1", "10", "10.5"), line("2", "S2", "20", "10.0")),
		bill("A2", "50.00", "10", "20.0", line("1", "S1", "10", "20.0")),
		bill("A3", "", "10", "20.0", line("1", "S1", "10", "20.0")),
		bill("A4", "10.00", "10", "20.0", line("1", "S1", "10", "20.0")))
	rows := []orders.Row{
		order("A1", "S1", "1", "10", "Ross", "07302025"), order("A1", "S2", "2", "20", "Ross", "07302025"),
		order("A2", "S1", "1", "10", "Ross", "7/30/2025"), // the same day
		order("A3", "S1", "1", "10", "Ross", "08152025"),
	}
	rows[1].OrderNo = "other"
	return Make(doc, table(rows...))
}

func TestWhatARoutingCannotKnowIsSaid(t *testing.T) {
	r := routed().Routing(time.Time{})
	if len(r.Groups) != 3 {
		t.Fatalf("%d groups: %+v", len(r.Groups), r.Groups)
	}
	g := r.Groups[0]
	if g.Count != 2 || g.Pallets != 2 || g.PalletsByBill != 3 || g.Cube != "150.00" || g.Weight != "40.5" || g.CancelDate != "2025-07-30" || len(g.Parts) != 2 {
		t.Errorf("the first group is %+v", g)
	}
	kinds := []string{}
	for _, g := range r.Groups {
		for _, w := range g.Warnings {
			kinds = append(kinds, w.Kind+": "+w.Text)
		}
	}
	want := []string{
		"several_values: bill A1 has lines with another Purchase Order No.; all of it is counted with its first line's",
		"no_figure: bill A3 has no cube, which is missing in the sums",
		"no_order: bill A4 has no order row, so that its ship-to and window are not known",
	}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("the warnings are %q", kinds)
	}
	if r.Total.Cartons != "6" || r.Total.Cube != "160.00" || r.Orders != 4 {
		t.Errorf("in all %+v, %d orders", r.Total, r.Orders)
	}
}

func TestWindowsAreExaminedForADay(t *testing.T) {
	s := routed()
	s.rules.Routing.NoticeDays = 2
	for day, want := range map[string]string{
		"2025-07-26": "", "2025-07-27": WindowNear + ": the window ends on 2025-07-30, in 3 days",
		"2025-07-28": WindowNear + ": the window ends on 2025-07-30, in 2 days",
		"2025-07-29": NoticeTooShort + ": the window ends on 2025-07-30, and 2 days of notice lead past it",
		"2025-07-30": NoticeTooShort + ": the window ends on 2025-07-30, and 2 days of notice lead past it",
		"2025-07-31": WindowPassed + ": the window ended on 2025-07-30, 1 day before 2025-07-31",
	} {
		at, err := time.Parse(time.DateOnly, day)
		must.OK(t, err)
		got := ""
		for _, w := range s.Routing(at.Add(20 * time.Hour)).Groups[0].Warnings {
			if w.Kind != SeveralValues {
				got += w.Kind + ": " + w.Text
			}
		}
		if got != want {
			t.Errorf("on %s: %q, want %q", day, got, want)
		}
	}
}

func TestAProfileGroupsOtherwiseAndWarnsOfParcels(t *testing.T) {
	s := routed()
	s.rules.Routing = RoutingRules{Groups: []string{"Purchase Order No."}, Within: []string{}, ParcelPounds: 20, ParcelCartons: 2}
	r := s.Routing(time.Time{})
	if len(r.Groups) != 4 || len(r.Groups[0].Parts) != 1 || r.Total.Cube != "160.00" {
		t.Fatalf("the groups are %+v", r.Groups)
	}
	var parcels []string
	for _, g := range r.Groups {
		for _, w := range g.Warnings {
			if w.Kind == ParcelSized {
				parcels = append(parcels, g.Values[0]+": "+w.Text)
			}
		}
	}
	if want := []string{"PO-A2: small enough for parcels: 1 cartons, 20.0 lb", "PO-A3: small enough for parcels: 1 cartons, 20.0 lb", ": small enough for parcels: 1 cartons, 20.0 lb"}; fmt.Sprint(parcels) != fmt.Sprint(want) {
		t.Errorf("%q", parcels)
	}
}

func TestTheRoutingIsTheSameInEveryFormat(t *testing.T) {
	s := routed()
	r := s.Routing(time.Time{})
	var b bytes.Buffer
	must.OK(t, r.WriteJSON(&b))
	var alone Routing
	must.OK(t, json.Unmarshal(b.Bytes(), &alone))
	view := viewOf(t, jsonOf(t, s))
	if fmt.Sprintf("%+v", view.Routing) != fmt.Sprintf("%+v", &alone) || len(alone.Groups) != 3 {
		t.Errorf("JSON has %+v, the sheet's %+v", alone, view.Routing)
	}

	b.Reset()
	must.OK(t, r.Write(&b, XLSX))
	want := routingCSV(t, r)
	for name, book := range map[string][]byte{"alone": b.Bytes(), "in the workbook": xlsxOf(t, s)} {
		got := cellsOf(t, book, routeTab, true)
		if len(got) != len(want)+1 || got[len(want)][0] != totalLabel {
			t.Fatalf("%s: %d rows and no total: %q", name, len(got), got)
		}
		for i := range want {
			for j, cell := range want[i] {
				have := ""
				if j < len(got[i]) {
					have = got[i][j]
				}
				if i > 0 && strings.HasSuffix(want[0][j], " Date") && cell != "" {
					if have == "" || strings.Contains(have, "/") {
						t.Errorf("%s: row %d: %q is not a date", name, i, have)
					}
				} else if have != cell && !sameNumber(have, cell) {
					t.Errorf("%s: row %d has %q, CSV %q", name, i, have, cell)
				}
			}
		}
	}
}

func sameNumber(a, b string) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err == nil && err2 == nil && x == y
}

func TestTheWorkbookEndsWithTheSumsOfItsColumns(t *testing.T) {
	s := routed()
	rows := cellsOf(t, xlsxOf(t, s), tabName, true)
	last := rows[len(rows)-1]
	if len(rows) != len(s.Rows)+2 || last[0] != totalLabel {
		t.Fatalf("the last row is %q", last)
	}
	for name, want := range map[string]string{"Cartons": "6", "Total Pieces": "60", "Total Weight": "80.5", "Individual Weight": "80.5", "Pallet": "4", "BOL Cube": ""} {
		for i, heading := range rows[0] {
			if heading == name && last[i] != want {
				t.Errorf("the sum of %s is %q, want %q", name, last[i], want)
			}
		}
	}
}
