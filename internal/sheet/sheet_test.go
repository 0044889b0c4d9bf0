package sheet

import (
	"cmp"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
)

func TestColumnsWithASourceStandWhereTheirNameSays(t *testing.T) {
	for col, name := range map[int]string{
		orderDate: "Order Date", shipToName: "Ship To Name", purchaseOrderNo: "Purchase Order No.",
		cartons: "Cartons", startDate: "Start Date", cancelDate: "Cancel Date", bolCube: "BOL Cube",
		finalCube: "Final Cube", burlingtonCube: "Burlington Cube", pallet: "Pallet",
		individualPieces: "Individual Pieces", totalPieces: "Total Pieces",
		individualWeight: "Individual Weight", totalWeight: "Total Weight",
		invoiceNo: "Invoice No.", style: "Style",
	} {
		if Columns[col] != name {
			t.Errorf("column %d is %q, want %q", col, Columns[col], name)
		}
	}
}

func TestARowHoldsItsLineItsBillAndItsOrder(t *testing.T) {
	doc := document(bill("G1", "1,037.40", "2,400", "1,100.5",
		line("1,200", "A1", "1,200", "1,000.5"),
		line("", "A2", "1,200", "100.0")))
	o := order("G1", "A1", "1200", "1200", "ROSS", "08012025")
	o.InvoiceDate, o.OrderNo, o.DeliveryDate = "07102025", "0042", "07202025"

	before := "" +
		",,,,,,,,,,,,,1200,,,1037.40,,,,1200,2400,1000.5,1100.5,G1,A1,,\n" +
		",,,,,,,,,,,,,,,,1037.40,,,,1200,,100.0,,G1,A2,,\n"
	after := "" +
		",,,,,,,,,07102025,,ROSS,0042,1200,07202025,08012025,1037.40,1690,,13,1200,2400,1000.5,1100.5,G1,A1,,\n" +
		",,,,,,,,,,,,,,,,1037.40,,,,1200,,100.0,,G1,A2,,\n"
	header := strings.Join(Columns[:], ",") + "\n"

	sameText(t, csvOf(t, Make(doc, nil)), header+before)
	s := Make(doc, table(o))
	sameText(t, csvOf(t, s), header+after)
	if s.Rows[0].Bill != doc.Bills[0] || s.Rows[0].Line != &doc.Bills[0].Lines[0] || s.Rows[0].Order != &s.Orders.Rows[0] {
		t.Error("the row does not point at what it was made from")
	}
	if s.Rows[1].Order != nil {
		t.Error("the second line has an order row")
	}
}

func TestNothingGivesAHeaderOnly(t *testing.T) {
	want := strings.Join(Columns[:], ",") + "\n"
	for name, s := range map[string]*Sheet{
		"no document":               Make(nil, nil),
		"an empty document":         Make(document(), nil),
		"a bill without lines":      Make(document(bill("G1", "1.00", "1", "1.0")), table(order("G1", "A", "1", "1", "X", ""))),
		"no document but orders":    Make(nil, table(order("G1", "A", "1", "1", "X", ""))),
		"an export without any row": Make(document(), table()),
		"the zero sheet":            {},
	} {
		if got := csvOf(t, s); got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestTotalsThatAreNotPrintedAreTheSums(t *testing.T) {
	doc := document(bill("G1", "", "", "",
		line("1", "A", "1,500", "10.5"),
		line("1", "B", "500", "9.5")))
	doc.Bills[0].Lines[0].Volume, doc.Bills[0].Lines[1].Volume = num("80.01"), num("79.99")
	s := Make(doc, table())
	for name, want := range map[string][]string{
		"Total Pieces": {"2000", ""}, "Total Weight": {"20.0", ""},
		"BOL Cube": {"160.00", "160.00"}, "Pallet": {"2", ""}, "Final Cube": {"", ""},
	} {
		if got := column(t, s, name); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestPalletsAreTheCubeOverEightyRoundedUp(t *testing.T) {
	for _, c := range []struct{ cube, pallets string }{
		{"0.00", "0"}, {"0.01", "1"}, {"79.99", "1"}, {"80.00", "1"}, {"80.01", "2"}, {"160", "2"},
		{"1,037.42", "13"}, {"1,040.00", "13"}, {"1,040.01", "14"},
		{"80.0000000000000000000000000000001", "2"},
		{"80000000000000000000000000000000000", "1000000000000000000000000000000000"},
		{"-5.00", "0"}, {"", ""}, {"n/a", ""},
	} {
		s := Make(document(bill("G1", c.cube, "1", "1.0", line("1", "A", "1", "1.0"))), table())
		if got := column(t, s, "Pallet")[0]; got != c.pallets {
			t.Errorf("cube %s books %q pallets, want %q", c.cube, got, c.pallets)
		}
	}
}

func TestTheShipToDecidesWhichCubeIsBooked(t *testing.T) {
	for _, c := range []struct{ shipTo, final, burlington string }{
		{"ROSS", "260", ""},
		{"BURLINGTON COAT DC 5", "", "186"},
		{"New Burlington Stores", "", "186"},
		{"bUrLiNgToN", "", "186"},
		{"BURLINGT0N", "260", ""},
		{"", "", ""},
		{"   ", "", ""},
	} {
		doc := document(bill("G1", "81.36", "1", "1.0", line("1", "A", "1", "1.0")))
		s := Make(doc, table(order("G1", "A", "1", "1", c.shipTo, "")))
		final, burlington := column(t, s, "Final Cube")[0], column(t, s, "Burlington Cube")[0]
		if final != c.final || burlington != c.burlington {
			t.Errorf("ship-to %q: final cube %q and Burlington cube %q, want %q and %q",
				c.shipTo, final, burlington, c.final, c.burlington)
		}
	}
}

func TestABillTakesTheFirstShipToThatItsRowsShow(t *testing.T) {
	doc := document(bill("G1", "81.36", "3", "3.0",
		line("1", "A", "1", "1.0"), line("1", "B", "1", "1.0"), line("1", "C", "1", "1.0")))

	// The first row has no ship-to, so the second row's counts.
	s := Make(doc, table(
		order("G1", "A", "1", "1", "", "07012025"),
		order("G1", "B", "1", "1", "BURLINGTON", "07022025")))
	if got := column(t, s, "Style"); !slices.Equal(got, []string{"A", "C", "B"}) {
		t.Fatalf("the rows are %q", got)
	}
	if got := column(t, s, "Burlington Cube"); !slices.Equal(got, []string{"186", "", ""}) {
		t.Errorf("Burlington cube is %q", got)
	}

	// There are two ship-tos: the first in the sheet counts, whatever the document's
	// order.
	s = Make(doc, table(
		order("G1", "A", "1", "1", "BURLINGTON", "07092025"),
		order("G1", "B", "1", "1", "ROSS", "07022025")))
	if got := column(t, s, "Style"); !slices.Equal(got, []string{"B", "A", "C"}) {
		t.Fatalf("the rows are %q", got)
	}
	if got := column(t, s, "Final Cube"); !slices.Equal(got, []string{"260", "", ""}) {
		t.Errorf("final cube is %q", got)
	}
	if got := column(t, s, "Burlington Cube"); !slices.Equal(got, []string{"", "", ""}) {
		t.Errorf("Burlington cube is %q", got)
	}
}

func TestTwoBillsOfOneNumberEachHaveTheirTotals(t *testing.T) {
	doc := document(
		bill("G1", "81.36", "1", "1.0", line("1", "A", "1", "1.0")),
		bill("G1", "10.00", "2", "2.0", line("2", "A", "2", "2.0")))
	if got := column(t, Make(doc, nil), "Total Pieces"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("total pieces are %q", got)
	}
}

// chance makes documents and exports from few different values, so that keys, names and
// dates often collide.
type chance struct {
	*rand.Rand
}

func (c chance) of(s ...string) string { return s[c.Intn(len(s))] }

func (c chance) quantity() string { return c.of("1", "2", "2", "1,200", "", "x") }

func (c chance) inputs() (*bol.Document, *orders.Table) {
	var bills []*bol.Bill
	for i := range c.Intn(6) {
		b := bill(c.of("G1", "G2", "g3", "")+strings.Repeat("x", i%2),
			c.of("81.36", "", "1,037.42"), c.of("10", "", "1,000"), c.of("10.5", ""))
		for range c.Intn(5) {
			b.Lines = append(b.Lines, line(c.quantity(), c.of("A", "B", "a"), c.quantity(), c.of("10.5", "")))
		}
		bills = append(bills, b)
	}
	var rows []orders.Row
	for range c.Intn(25) {
		rows = append(rows, order(c.of("G1", "G2", "G3", "G1x", "g2X"), c.of("A", "B", " a "),
			c.of("1", "2", "1200", ""), c.of("1", "2", "1,200", ""),
			c.of("", "ROSS", "BURLINGTON", "DD'S"),
			c.of("", "7022025", "07022025", "2025-07-02", "7/2/2025", "12312024", "soon")))
	}
	return document(bills...), table(rows...)
}

func TestMakeKeepsItsPromises(t *testing.T) {
	for seed := range int64(2000) {
		doc, orderTable := chance{rand.New(rand.NewSource(seed))}.inputs()
		checkMake(t, doc, orderTable)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// checkMake checks what must hold for every document and export.
func checkMake(t *testing.T, doc *bol.Document, orderTable *orders.Table) {
	t.Helper()
	s := Make(doc, orderTable)
	if again := Make(doc, orderTable); !reflect.DeepEqual(s, again) {
		t.Error("the same inputs gave two sheets")
	}

	// Every line of every bill is in the sheet exactly once.
	seq := map[*bol.Line]int{}
	for _, b := range doc.Bills {
		for i := range b.Lines {
			seq[&b.Lines[i]] = len(seq)
		}
	}
	seen := map[*bol.Line]bool{}
	for _, r := range s.Rows {
		if _, ok := seq[r.Line]; !ok || seen[r.Line] {
			t.Error("a row is of no line, or of one that has a row")
		}
		seen[r.Line] = true
	}
	if len(s.Rows) != len(seq) {
		t.Errorf("%d rows of %d lines", len(s.Rows), len(seq))
	}

	checkTotals(t, s)
	if orderTable == nil {
		for i, r := range s.Rows {
			if seq[r.Line] != i || r.Order != nil || r.Cells[pallet] != "" {
				t.Errorf("row %d is not as in the document", i)
			}
		}
		if !reflect.DeepEqual(s.Match, Match{}) {
			t.Error("a match without orders")
		}
		return
	}
	checkMatch(t, s)
	checkOrder(t, s, seq)
}

// checkTotals checks that each bill has its totals on its first row and nowhere else,
// and that the pallets are enough for the cube.
func checkTotals(t *testing.T, s *Sheet) {
	t.Helper()
	begun := map[*bol.Bill]bool{}
	for i, r := range s.Rows {
		c := r.Cells
		if c[bolCube] != r.Bill.Total(bol.Cube) {
			t.Errorf("row %d: cube %q", i, c[bolCube])
		}
		if begun[r.Bill] {
			if c[totalPieces]+c[totalWeight]+c[pallet]+c[finalCube]+c[burlingtonCube] != "" {
				t.Errorf("row %d repeats a total of bill %s", i, r.Bill.Number.Text)
			}
			continue
		}
		begun[r.Bill] = true
		if c[totalPieces] != r.Bill.Total(bol.Pieces) || c[totalWeight] != r.Bill.Total(bol.Weight) {
			t.Errorf("row %d: totals %q and %q", i, c[totalPieces], c[totalWeight])
		}
		if c[finalCube] != "" && c[burlingtonCube] != "" {
			t.Errorf("row %d has both cubes", i)
		}
		if c[pallet] == "" {
			continue
		}
		cube, pallets := decimal.RequireFromString(c[bolCube]), decimal.RequireFromString(c[pallet])
		room := pallets.Mul(decimal.NewFromInt(80))
		if room.LessThan(cube) || room.Sub(decimal.NewFromInt(80)).GreaterThanOrEqual(cube) {
			t.Errorf("row %d: %s pallets for a cube of %s", i, pallets, cube)
		}
	}
}

// checkMatch checks the pairs against the definition, by brute force.
func checkMatch(t *testing.T, s *Sheet) {
	t.Helper()
	same := func(a, b string) bool {
		clean := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(strings.TrimSpace(s), ",", "")) }
		return strings.EqualFold(clean(a), clean(b))
	}
	want := map[*bol.Line]*orders.Row{}
	near := 0
	used := map[*orders.Row]bool{}
	each := func(do func(*bol.Bill, *bol.Line, *orders.Row)) {
		for i := range s.Orders.Rows {
			o := &s.Orders.Rows[i]
			for _, b := range s.Document.Bills {
				for j := range b.Lines {
					l := &b.Lines[j]
					if want[l] == nil && !used[o] && same(b.Number.Text, o.InvoiceNo) && same(l.Style.Text, o.Style) {
						do(b, l, o)
					}
				}
			}
		}
	}
	each(func(_ *bol.Bill, l *bol.Line, o *orders.Row) {
		if orders.Quantity(l.Cartons.Text, false) == orders.Quantity(o.Cartons, false) && orders.Quantity(l.Pieces.Text, false) == orders.Quantity(o.Pieces, false) {
			want[l], used[o] = o, true
		}
	})
	matched := len(used)
	for _, r := range s.Rows {
		if len(r.More) == 0 {
			continue
		}
		matched++
		var sum [2]int64
		for _, o := range append([]*orders.Row{r.Order}, r.More...) {
			n, _ := amounts(orderKey(o).normal(false, false))
			sum[0], sum[1] = sum[0]+n[0], sum[1]+n[1]
			if used[o] || !same(r.Line.Style.Text, o.Style) || !same(r.Bill.Number.Text, o.InvoiceNo) {
				t.Errorf("order row %d is used twice, or of another style", o.Number)
			}
			used[o] = true
		}
		if n, _ := amounts(lineKey(r.Bill, r.Line).normal(false, false)); n != sum || want[r.Line] != nil {
			t.Errorf("order rows of %d add up to %d", n, sum)
		}
		want[r.Line] = r.Order
	}
	matchedOrders := len(used)
	for _, r := range s.Rows {
		if r.Order != want[r.Line] {
			t.Errorf("line %s of bill %s has another order row than the definition says", r.Line.Style.Text, r.Bill.Number.Text)
		}
	}
	each(func(_ *bol.Bill, l *bol.Line, o *orders.Row) {
		want[l], used[o] = o, true
		near++
	})

	m := s.Match
	if m.Matched != matched || m.Matched+len(m.UnmatchedLines) != len(s.Rows) ||
		m.MatchedOrders != matchedOrders || m.MatchedOrders+len(m.UnmatchedOrders) != len(s.Orders.Rows) || len(m.NearMisses) != near {
		t.Errorf("matched %d, unmatched %d lines and %d orders, near misses %d; want %d matched, %d near misses, %d lines, %d orders in all",
			m.Matched, len(m.UnmatchedLines), len(m.UnmatchedOrders), len(m.NearMisses), matched, near, len(s.Rows), len(s.Orders.Rows))
	}
	lines, rows := map[int]bool{}, map[int]bool{}
	for _, n := range m.NearMisses {
		if lines[n.Line.Row] || rows[n.Order.Number] {
			t.Error("a line or an order row is in two near misses")
		}
		lines[n.Line.Row], rows[n.Order.Number] = true, true
		if !slices.Contains(m.UnmatchedLines, n.Line) || !slices.Contains(m.UnmatchedOrders, n.Order) {
			t.Error("a near miss is not among the unmatched")
		}
		if !same(n.Line.Bill, n.Order.Bill) || !same(n.Line.Style, n.Order.Style) ||
			same(n.Line.Cartons, n.Order.Cartons) && same(n.Line.Pieces, n.Order.Pieces) {
			t.Errorf("no near miss: %+v", n)
		}
	}
	for _, l := range m.UnmatchedLines {
		if r := s.Rows[l.Row]; r.Order != nil || r.Bill.Number.Text != l.Bill || r.Line.Style.Text != l.Style {
			t.Errorf("row %d is not the unmatched line %+v", l.Row, l)
		}
	}
}

// checkOrder checks that the rows are in the order of a plain stable sort.
func checkOrder(t *testing.T, s *Sheet, seq map[*bol.Line]int) {
	t.Helper()
	instant := func(cancel string) int64 {
		if day, _, ok := s.dates.Guess(orders.CancelDates, cancel); ok {
			return day.Unix()
		}
		return never
	}
	earliest := map[string]int64{}
	for _, r := range s.Rows {
		name := strings.TrimSpace(r.Cells[shipToName])
		at := instant(r.Cells[cancelDate])
		if e, ok := earliest[name]; !ok || at < e {
			earliest[name] = at
		}
	}
	rows := slices.Clone(s.Rows)
	slices.SortFunc(rows, func(a, b Row) int { return seq[a.Line] - seq[b.Line] })
	slices.SortStableFunc(rows, func(a, b Row) int {
		an, bn := strings.TrimSpace(a.Cells[shipToName]), strings.TrimSpace(b.Cells[shipToName])
		return cmp.Or(cmp.Compare(earliest[an], earliest[bn]), strings.Compare(an, bn),
			cmp.Compare(instant(a.Cells[cancelDate]), instant(b.Cells[cancelDate])))
	})
	for i := range rows {
		if rows[i].Line != s.Rows[i].Line {
			t.Errorf("row %d is not where a stable sort puts it", i)
		}
	}
}

func TestOrderRowsOfDifferentKeysMayComeInAnyOrder(t *testing.T) {
	for seed := range int64(300) {
		c := chance{rand.New(rand.NewSource(seed))}
		doc, orderTable := c.inputs()
		seen := map[key]bool{}
		var rows []orders.Row
		for _, o := range orderTable.Rows {
			if k := orderKey(&o).normal(false, false); !seen[k] {
				seen[k] = true
				rows = append(rows, o)
			}
		}
		made := Make(doc, table(slices.Clone(rows)...))
		c.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		again := Make(doc, table(rows...))
		if slices.ContainsFunc(append(made.Rows, again.Rows...), func(r Row) bool { return len(r.More) > 0 }) {
			continue // rows of sizes must follow each other
		}
		if csvOf(t, again) != csvOf(t, made) {
			t.Fatalf("seed %d: shuffling the export changed the sheet", seed)
		}
	}
}
