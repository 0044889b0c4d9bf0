package bol_test

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/paper"
	"tallyman/internal/testing/shipments"
)

// read reads the pages of one document.
func read(tb testing.TB, pages []page.Page) *bol.Document {
	tb.Helper()
	r := bol.NewReader()
	for _, p := range pages {
		must.OK(tb, r.Add(0, p))
	}
	d, err := r.Document([]bol.File{{Name: "bol.pdf", Pages: len(pages)}})
	must.OK(tb, err)
	return d
}

// invented returns a sample and its pages as the PDF engine sees them.
func invented(tb testing.TB, o sample.Options) (*sample.Sample, []page.Page) {
	tb.Helper()
	s := shipments.Sample(tb, o)
	return s, pagesOf(tb, must.Written(tb, s.WritePDF))
}

// spaced returns a text with the spaces that values have.
func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }

// lines returns the texts that are not blank, of values or of printed lines.
func lines(texts []string) string {
	var out []string
	for _, t := range texts {
		if t = spaced(t); t != "" {
			out = append(out, t)
		}
	}
	return strings.Join(out, "\n")
}

func texts(vs []bol.Value) string {
	var out []string
	for _, v := range vs {
		out = append(out, v.Text)
	}
	return strings.Join(out, "\n")
}

// different lists the values of a bill that differ from the sample, whose table prints its truth.
func different(got *bol.Bill, want *sample.Bill, table sample.TruthTable) []string {
	var out []string
	is := func(name, got, want string) {
		if got != want {
			out = append(out, fmt.Sprintf("%s is %q, want %q", name, got, want))
		}
	}
	is("number", got.Number.Text, want.Number)
	is("date", got.Date.Text, want.Date)
	is("shipper", got.Shipper.Text, "QUILLBROOK TEXTILE IMPORTS INC")
	is("shipper's address", got.ShipperAddress.Text, "4417 OLD ROPEWALK LANE, PORT HALDEN, CA 90099")
	is("consignee", texts(got.Consignee), lines(want.Consignee))
	is("customer code", got.CustomerCode.Text, want.CustomerCode)
	is("office", texts(got.OfficeAddress), "88 CANDLEWICK SQUARE, SUITE 12, EAST FENMOOR, NY 10099\n"+
		"Phone: 555-555-0142 Fax: 555-555-0143 Email: Billing@quillbrook.example")
	is("warehouse", texts(got.WarehouseAddress), "NORTH PIER CROSSDOCK CO\n4417 OLD ROPEWALK LANE, PORT HALDEN, CA 90099")
	is("order number", got.OrderNumber.Text, want.OrderNumber)
	is("store", got.Store.Text, want.Store)
	is("dept", got.Dept.Text, want.Dept)
	is("vendor", got.Vendor.Text, want.Vendor)
	is("sales person", got.SalesPerson.Text, want.SalesPerson)
	is("shipped via", got.ShippedVia.Text, want.ShippedVia)
	is("reference", got.Reference.Text, want.Reference)
	is("terms", got.Terms.Text, spaced(want.Terms))
	is("f.o.b.", got.FOB.Text, "OUR WAREHOUSE - PORT HALDEN, CA 90099")
	is("internal code", got.InternalCode.Text, want.InternalCode)
	is("control no", got.ControlNo.Text, want.ControlNo)
	is("zone", got.Zone.Text, want.Zone)
	is("instructions", texts(got.Instructions), lines(want.Instructions))
	is("notes", texts(got.Notes), lines(want.Notes))
	is("total cartons", got.Printed.Cartons.Text, table.Totals["packages"])
	is("total pieces", got.Printed.Pieces.Text, table.Totals["pieces"])
	is("total weight", got.Printed.Weight.Text, table.Totals["weight"])
	is("cube", got.Printed.Cube.Text, table.Totals["volume"])
	is("number of lines", fmt.Sprint(len(got.Lines)), fmt.Sprint(len(want.Lines)))
	for i := range min(len(got.Lines), len(want.Lines)) {
		g, w, printed := &got.Lines[i], &want.Lines[i], table.Rows[i]
		row := fmt.Sprintf("line %d, ", i+1)
		is(row+"cartons", g.Cartons.Text, printed["packages"])
		is(row+"style", g.Style.Text, w.Style)
		is(row+"pieces", g.Pieces.Text, printed["pieces"])
		is(row+"order number", g.OrderNumber.Text, w.OrderNumber)
		is(row+"cust. style", g.CustStyle.Text, w.CustStyle)
		is(row+"description", g.Description.Text, spaced(w.Description))
		is(row+"volume", g.Volume.Text, printed["volume"])
		is(row+"weight", g.Weight.Text, printed["weight"])
	}
	return out
}

// readsAs compares a document with the sample that it is of. All its bills reconcile.
func readsAs(t *testing.T, d *bol.Document, s *sample.Sample) {
	t.Helper()
	if len(d.Bills) != len(s.Bills) {
		t.Fatalf("%d bills, want %d", len(d.Bills), len(s.Bills))
	}
	truth := s.Truth()
	for i, b := range d.Bills {
		for _, what := range different(b, s.Bills[i], truth.Bills[i].Tables[0]) {
			t.Errorf("bill %s: %s", s.Bills[i].Number, what)
		}
		if b.Verdict.Outcome != bol.Reconciled {
			t.Errorf("bill %s is %s: %v", b.Number.Text, b.Verdict.Outcome, b.Verdict.Differences())
		}
	}
	for _, p := range d.Problems {
		t.Errorf("page %d: %s", p.Page, p.Message)
	}
}

func TestEveryValueIsReadAsItWasPrinted(t *testing.T) {
	for _, o := range []sample.Options{
		sample.Defaults(),
		{Bills: 1, Lines: 1, Seed: 1},
		{Bills: 12, Lines: 12, Seed: 2},
		{Bills: 1, Lines: sample.RowsPerPage, Seed: 3},
		{Bills: 2, Lines: 5 * sample.RowsPerPage, Seed: 4},
		{Bills: 60, Lines: 300, Seed: 5},
		{Bills: 60, Lines: 200, Seed: 6},
	} {
		t.Run(fmt.Sprintf("%d bills of seed %d", o.Bills, o.Seed), func(t *testing.T) {
			s, pages := invented(t, o)
			d := read(t, pages)
			readsAs(t, d, s)
			for what := range misplaced(d, pages) {
				t.Error(what)
			}
		})
	}
}

func TestEveryValueIsReadHoweverThePageLies(t *testing.T) {
	s, pages := invented(t, sample.Options{Bills: 12, Lines: 90, Seed: 6})
	var lays []paper.Lay
	for tenths := -50; tenths <= 50; tenths += 5 {
		lays = append(lays, paper.Lay{Degrees: float64(tenths) / 10}, paper.Lay{Degrees: float64(tenths) / 10, Wide: 0.7, Tall: 0.7})
	}
	for _, k := range []float64{0.6, 1, 1.4} {
		for _, ratio := range []float64{0.8, 0.9, 0.97, 1.03, 1.1, 1.25} {
			lays = append(lays, paper.Lay{Wide: k, Tall: k * ratio}, paper.Lay{Wide: k, Tall: k * ratio, Degrees: 2.3})
		}
	}
	for _, up := range []int{2, 4} {
		for columns := 1; columns <= up; columns++ {
			for _, degrees := range []float64{-1.3, 0, 0.65, 5} {
				lays = append(lays, paper.Lay{Up: up, Columns: columns, Wide: 0.647, Tall: 0.647, Degrees: degrees})
			}
		}
	}
	for pieces := 1; pieces <= 3; pieces++ {
		lays = append(lays, paper.Lay{Pieces: pieces}, paper.Lay{Pieces: pieces, Degrees: -3.1, Wide: 0.8, Tall: 0.8})
	}
	for _, l := range lays {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			d := read(t, l.Pages(pages))
			readsAs(t, d, s)
		})
	}
}
