package sample

import (
	"bytes"
	"fmt"
	"go/build"
	"io"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// invented returns the sample of the options, or ends the test.
func invented(t *testing.T, o Options) *Sample {
	t.Helper()
	s, err := New(o)
	must.OK(t, err)
	return s
}

// rows reads what a Write method writes as named does.
func rows(t *testing.T, write func(io.Writer) error) []map[string]string {
	t.Helper()
	return named(t, must.Written(t, write))
}

// named reads CSV with a header, each row by the names of its columns.
func named(t *testing.T, file []byte) []map[string]string {
	t.Helper()
	records := must.CSV(t, bytes.NewReader(file))
	var out []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = r[i]
		}
		out = append(out, row)
	}
	return out
}

func TestItDoesNotImportThePackagesThatItTests(t *testing.T) {
	p, err := build.ImportDir(".", 0)
	must.OK(t, err)
	for _, path := range p.Imports {
		switch strings.TrimPrefix(path, "tallyman/internal/") {
		case "bol", "form", "orders", "sheet", "intake", "intake/pdf":
			t.Errorf("package sample imports %s", path)
		}
	}
}

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	o := Options{Bills: 15, Lines: 80, Seed: 7, MissingOrders: 3, NearMisses: 2, ExtraOrders: 4}
	a, b := invented(t, o), invented(t, o)
	o.Seed++
	c := invented(t, o)
	for i, f := range a.outputs() {
		first := must.Written(t, f.write)
		if !bytes.Equal(first, must.Written(t, b.outputs()[i].write)) {
			t.Errorf("%s: the same options gave other bytes", f.name)
		}
		if !bytes.Equal(first, must.Written(t, f.write)) {
			t.Errorf("%s: writing it twice gave other bytes", f.name)
		}
		if bytes.Equal(first, must.Written(t, c.outputs()[i].write)) {
			t.Errorf("%s: another seed gave the same bytes", f.name)
		}
	}
}

func TestInvalidOptionsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		says string
	}{
		{"no options at all", Options{}, "1 to 20000 bills, not 0"},
		{"no bills", Options{Bills: 0, Lines: 10}, "not 0"},
		{"a negative number of bills", Options{Bills: -1, Lines: 10}, "not -1"},
		{"too many bills", Options{Bills: MaxBills + 1, Lines: MaxBills + 1}, "not 20001"},
		{"so many bills that a product overflows", Options{Bills: 1 << 62, Lines: 1 << 62}, "bills"},
		{"fewer lines than bills", Options{Bills: 12, Lines: 11}, "11 lines are too few for 12 bills"},
		{"a negative number of lines", Options{Bills: 12, Lines: -5}, "too few"},
		{"too many lines", Options{Bills: MaxBills, Lines: MaxLines + 1}, "at most 200000 lines"},
		{"too many lines for the bills", Options{Bills: 2, Lines: 2*MaxLinesPerBill + 1}, "too many for 2 bills"},
		{"a negative number of missing orders", Options{Bills: 1, Lines: 1, MissingOrders: -1}, "negative"},
		{"a negative number of near misses", Options{Bills: 1, Lines: 1, NearMisses: -1}, "negative"},
		{"a negative number of extra orders", Options{Bills: 1, Lines: 1, ExtraOrders: -1}, "negative"},
		{"more missing orders than lines", Options{Bills: 1, Lines: 1, MissingOrders: 2}, "more than the 1 lines"},
		{"more missing orders and near misses than lines", Options{Bills: 1, Lines: 3, MissingOrders: 2, NearMisses: 2}, "more than the 3 lines"},
		{"missing orders and near misses that overflow", Options{Bills: 1, Lines: 3, MissingOrders: 1, NearMisses: 1<<63 - 1}, "more than the 3 lines"},
		{"too many extra orders", Options{Bills: 1, Lines: 1, ExtraOrders: MaxLines + 1}, "extra orders"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := New(tt.o)
			if fault.CodeOf(err) != fault.BadRequest {
				t.Fatalf("got %v and the error %v, want a bad_request", s, err)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error says %q, want it to say %q", err, tt.says)
			}
		})
	}
}

func TestLinesAreSpreadOverTheBills(t *testing.T) {
	for _, o := range []Options{
		{Bills: 1, Lines: 1},
		{Bills: 1, Lines: MaxLinesPerBill},
		{Bills: 2, Lines: 3},
		{Bills: 3, Lines: 3 * MaxLinesPerBill},
		{Bills: 12, Lines: 60},
		{Bills: 100, Lines: 100},
		{Bills: 300, Lines: 1300},
	} {
		for seed := range uint64(3) {
			o.Seed = seed
			t.Run(fmt.Sprintf("%d bills, %d lines, seed %d", o.Bills, o.Lines, seed), func(t *testing.T) {
				s := invented(t, o)
				if len(s.Bills) != o.Bills || s.Lines() != o.Lines || len(s.Orders) != o.Lines {
					t.Errorf("got %v", s)
				}
				numbers := map[string]bool{}
				for _, b := range s.Bills {
					if n := len(b.Lines); n < 1 || n > MaxLinesPerBill {
						t.Errorf("bill %s has %d lines", b.Number, n)
					}
					numbers[b.Number] = true
				}
				if len(numbers) != o.Bills {
					t.Errorf("%d bills have %d numbers", o.Bills, len(numbers))
				}
			})
		}
	}
}

func TestEveryBillAddsUpWithinRounding(t *testing.T) {
	off := 0
	for seed := range uint64(10) {
		for _, b := range invented(t, Options{Bills: 60, Lines: 300, Seed: seed}).Bills {
			sum := Bill{Lines: b.Lines}
			sum.add()
			if b.Cartons != sum.Cartons || b.Pieces != sum.Pieces {
				t.Errorf("bill %s: %d cartons and %d pieces, the lines have %d and %d", b.Number, b.Cartons, b.Pieces, sum.Cartons, sum.Pieces)
			}
			// Half a unit per line.
			for _, d := range []int{b.Cube - sum.Cube, b.Weight - sum.Weight} {
				if 2*max(d, -d) > len(b.Lines) {
					t.Errorf("bill %s: a total is %d units off, more than %d lines explain", b.Number, d, len(b.Lines))
				}
				if d != 0 {
					off++
				}
			}
		}
	}
	if off == 0 {
		t.Error("no total is ever off by rounding")
	}
}

func TestASmallSampleHoldsEverythingThatIsHardToRead(t *testing.T) {
	anyBill := func(is func(*Bill) bool) func(*Sample) bool {
		return func(s *Sample) bool { return slices.ContainsFunc(s.Bills, is) }
	}
	anyLine := func(is func(*Line) bool) func(*Sample) bool {
		return anyBill(func(b *Bill) bool {
			return slices.ContainsFunc(b.Lines, func(l Line) bool { return is(&l) })
		})
	}
	anyOrder := func(is func(Order) bool) func(*Sample) bool {
		return func(s *Sample) bool { return slices.ContainsFunc(s.Orders, is) }
	}
	inTurn := func(s *Sample) []string {
		var bills []string
		for _, r := range rows(t, s.WriteExpected) {
			bills = append(bills, r["Invoice No."])
		}
		return bills
	}
	for _, tt := range []struct {
		name string
		has  func(*Sample) bool
	}{
		{"a bill of several pages", anyBill(func(b *Bill) bool { return len(b.Lines) > RowsPerPage })},
		{"a bill of one page", anyBill(func(b *Bill) bool { return len(b.Lines) <= RowsPerPage })},
		{"a cube over 1,000", anyBill(func(b *Bill) bool { return b.Cube > 1000_00 && b.Cube < 10_000_00 })},
		{"a cube over 10,000", anyBill(func(b *Bill) bool { return b.Cube > 10_000_00 })},
		{"a volume over 1,000 in a line", anyLine(func(l *Line) bool { return l.Volume > 1000_00 })},
		{"a volume under 1", anyLine(func(l *Line) bool { return l.Volume < 1_00 })},
		{"a weight with a comma in a line", anyLine(func(l *Line) bool { return strings.Contains(l.cell(Weight), ",") })},
		{"pieces with a comma in a line", anyLine(func(l *Line) bool { return strings.Contains(l.cell(Pieces), ",") })},
		{"a total weight with a comma", anyBill(func(b *Bill) bool { return strings.Contains(b.total(Weight), ",") })},
		{"a description that runs against the volume", anyLine(func(l *Line) bool { return len(l.Description) == 22 })},
		{"an order number that runs against the customer's style", anyLine(func(l *Line) bool { return len(l.OrderNumber) == 22 && l.CustStyle != "" })},
		{"a description with a number in it", anyLine(func(l *Line) bool { return strings.Contains(l.Description, " 2.03") })},
		{"no description", anyLine(func(l *Line) bool { return l.Description == "" })},
		{"no order number", anyLine(func(l *Line) bool { return l.OrderNumber == "" })},
		{"a customer's style", anyLine(func(l *Line) bool { return l.CustStyle != "" })},
		{"no customer's style", anyLine(func(l *Line) bool { return l.CustStyle == "" })},
		{"an empty strip", anyBill(func(b *Bill) bool { return b.Store+b.Dept+b.Vendor+b.ControlNo+b.Zone == "" })},
		{"a full strip", anyBill(func(b *Bill) bool {
			return b.Store != "" && b.Dept != "" && b.Vendor != "" && b.ControlNo != "" && b.Zone != ""
		})},
		{"instructions with numbers", anyBill(func(b *Bill) bool { return strings.Contains(strings.Join(b.Instructions, " "), "1,250.00") })},
		{"notes with numbers", anyBill(func(b *Bill) bool { return strings.Contains(strings.Join(b.Notes, " "), "1,037.42") })},
		{"a ship-to in Burlington", anyOrder(func(o Order) bool { return strings.Contains(o.ShipTo, "BURLINGTON") })},
		{"a ship-to in Burlington, not in capitals", anyOrder(func(o Order) bool { return strings.Contains(o.ShipTo, "Burlington") })},
		{"a ship-to with comma, apostrophe and quotes", anyOrder(func(o Order) bool {
			return strings.Contains(o.ShipTo, ",") && strings.Contains(o.ShipTo, "'") && strings.Contains(o.ShipTo, `"`)
		})},
		{"an order row without a cancel date", anyOrder(func(o Order) bool { return o.CancelDate == "" })},
		{"cancel dates of two years", func(s *Sample) bool {
			y := func(year string) func(*Sample) bool {
				return anyOrder(func(o Order) bool { return strings.HasSuffix(o.CancelDate, year) })
			}
			return y("2025")(s) && y("2026")(s)
		}},
		{"equal lines with order rows of their own", func(s *Sample) bool {
			type key struct{ bill, style, cartons, pieces string }
			seen := map[key]string{}
			for _, r := range rows(t, s.WriteExpected) {
				k := key{r["Invoice No."], r["Style"], r["Cartons"], r["Individual Pieces"]}
				if po, ok := seen[k]; ok && po != r["Purchase Order No."] {
					return true
				}
				seen[k] = r["Purchase Order No."]
			}
			return false
		}},
		{"bills in another order than that of their numbers", func(s *Sample) bool {
			return !slices.IsSortedFunc(s.Bills, func(a, b *Bill) int { return strings.Compare(a.Number, b.Number) })
		}},
		{"order rows in another order than the bills", func(s *Sample) bool {
			var lines, orders []string
			for _, b := range s.Bills {
				for range b.Lines {
					lines = append(lines, b.Number)
				}
			}
			for _, o := range s.Orders {
				orders = append(orders, o.InvoiceNo)
			}
			return !slices.Equal(lines, orders)
		}},
		{"a bill whose rows stand apart in the sheet", func(s *Sample) bool {
			var apart []string
			for _, number := range slices.Compact(inTurn(s)) {
				if slices.Contains(apart, number) {
					return true
				}
				apart = append(apart, number)
			}
			return false
		}},
		{"two bills of the same ship-to and cancel date", func(s *Sample) bool {
			ties := map[string]string{}
			for _, r := range rows(t, s.WriteExpected) {
				k := r["Ship To Name"] + r["Cancel Date"]
				if number, ok := ties[k]; ok && number != r["Invoice No."] {
					return true
				}
				ties[k] = r["Invoice No."]
			}
			return false
		}},
		{"two ship-tos with the same earliest cancel date", func(s *Sample) bool {
			earliest := map[string]string{} // a ship-to's first row has its earliest date
			for _, r := range rows(t, s.WriteExpected) {
				if _, ok := earliest[r["Ship To Name"]]; !ok {
					earliest[r["Ship To Name"]] = r["Cancel Date"]
				}
			}
			dates := map[string]bool{}
			for _, d := range earliest {
				dates[d] = true
			}
			return len(dates) < len(earliest)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(20) {
				o := Defaults()
				o.Seed = seed
				if !tt.has(invented(t, o)) {
					t.Errorf("not in the sample of seed %d", seed)
				}
			}
		})
	}
}

func TestOrdersAreMissingNearOrExtraAsAsked(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		missing, near, extra int
	}{
		{"none", 0, 0, 0},
		{"some missing", 5, 0, 0},
		{"some near", 0, 7, 0},
		{"some extra", 0, 0, 9},
		{"some of each", 4, 3, 2},
		{"all missing", 60, 0, 0},
		{"all near, and more", 0, 60, 70},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := invented(t, Options{Bills: 12, Lines: 60, Seed: 3, MissingOrders: tt.missing, NearMisses: tt.near, ExtraOrders: tt.extra})
			if got, want := len(rows(t, s.WriteOrders)), 60-tt.missing+tt.extra; got != want {
				t.Errorf("the export has %d rows, want %d", got, want)
			}
			unmatched := 0
			styles := map[string]int{} // of the unmatched lines
			matched := map[*Order]bool{}
			for _, r := range s.merge() {
				if r.order == nil {
					unmatched++
					styles[r.bill.Number+r.line.Style]++
				}
				matched[r.order] = true
			}
			if want := tt.missing + tt.near; unmatched != want {
				t.Errorf("%d lines have no order row, want %d", unmatched, want)
			}
			near := 0
			for i, o := range s.Orders {
				k := o.InvoiceNo + strings.ToUpper(strings.TrimSpace(o.Style))
				if !matched[&s.Orders[i]] && styles[k] > 0 {
					styles[k]--
					near++
				}
			}
			if near != tt.near {
				t.Errorf("%d order rows are near misses, want %d", near, tt.near)
			}
		})
	}
}

func TestNumbersArePrintedAsTheLayoutDoes(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{grouped(0), "0"},
		{grouped(999), "999"},
		{grouped(1000), "1,000"},
		{grouped(1234567), "1,234,567"},
		{grouped(-1000), "-1,000"},
		{hundredths(0), ".00"},
		{hundredths(5), ".05"},
		{hundredths(81), ".81"},
		{hundredths(203), "2.03"},
		{hundredths(103742), "1,037.42"},
		{hundredths(1003742), "10,037.42"},
		{hundredths(-81), "-.81"},
		{tenths(0), "0.0"},
		{tenths(7), "0.7"},
		{tenths(12773), "1,277.3"},
		{tenths(-15), "-1.5"},
		{plain("1,234,567.8"), "1234567.8"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
