package sample

import (
	"encoding/json"
	"io"
	"maps"
	"strconv"
	"strings"
)

// Truth says what a document prints, for those who measure how it is read.
type Truth struct {
	Layout   string `json:"layout"`
	Document string `json:"document"`
	// Expected is the outcome of a correct reader (DESIGN.md §10).
	Expected string      `json:"expected"`
	Bills    []TruthBill `json:"bills"`
}

// TruthBill is a bill as printed. Copies of a page count once.
type TruthBill struct {
	Number string            `json:"number"`
	Pages  int               `json:"pages"`
	Fields map[string]string `json:"fields"`
	Tables []TruthTable      `json:"tables"`
}

// TruthTable is a table of a bill: its rows and totals by the names of the fields, each
// value as printed. An empty cell is left out.
type TruthTable struct {
	Name   string              `json:"name"`
	Rows   []map[string]string `json:"rows"`
	Totals map[string]string   `json:"totals"`
}

var documentNames = map[Form]string{
	Straight: "uniform straight bill of lading",
	VICS:     "VICS bill of lading",
	Packing:  "packing list",
	Short:    "straight bill of lading, short form",
	House:    "packing list of a house's own form",
}

// Truth returns what the bills print. It does not know Print, NoTotals and Pages.
func (s *Sample) Truth() *Truth {
	t := &Truth{Layout: "sample-" + string(s.form), Document: documentNames[s.form], Expected: "reconciled"}
	if s.form == Straight {
		t.Layout += "straight"
	}
	for _, b := range s.Bills {
		t.Bills = append(t.Bills, s.form.truth(b))
	}
	return t
}

// WriteTruth writes Truth as JSON.
func (s *Sample) WriteTruth(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(s.Truth())
}

// truth returns what the form prints of a bill. The drawings print just these texts.
func (f Form) truth(b *Bill) TruthBill {
	t := TruthBill{Number: b.Number, Pages: f.pages(b), Fields: map[string]string{"ship_from": shipper}}
	t.Fields["ship_to"], _, _ = b.town()
	if b.copied {
		t.Pages *= 2
	}
	if f != Straight {
		t.Fields["carrier"] = b.haul.carrier
	}
	if f == VICS {
		t.Fields["scac"], t.Fields["pro"], t.Fields["trailer"], t.Fields["seal"] = b.haul.scac, b.haul.pro, b.haul.trailer, b.haul.seal
		t.Tables = []TruthTable{b.orderTable(), b.carrierTable()}
		return t
	}
	lines := TruthTable{Name: "lines"}
	for i := range b.Lines {
		l := &b.Lines[i]
		row := map[string]string{
			"packages": grouped(l.Cartons), "pieces": grouped(l.Pieces), "weight": tenths(l.Weight),
			"style": l.Style, "po": l.OrderNumber, "description": l.Description,
		}
		switch f {
		case Straight:
			row["volume"] = hundredths(l.Volume)
			row["weight"] = l.cell(Weight)
		case Packing:
			row["volume"], row["net_weight"] = feet(l.Volume), tenths(l.net)
			row["description"] = strings.TrimSpace(l.Description + " " + b.shade(i))
			row["pack_size"] = strconv.Itoa(l.Pieces / l.Cartons)
		case Short:
			row["class"] = commodities[l.commodity].class
			row["package_type"] = "CTNS"
		}
		maps.DeleteFunc(row, func(_, text string) bool { return text == "" })
		lines.Rows = append(lines.Rows, row)
	}
	lines.Totals = lines.total(0, len(b.Lines))
	if f == Straight { // whose cube and weight may differ by the rounding of the lines
		lines.Totals["volume"], lines.Totals["weight"] = hundredths(b.Cube), tenths(b.Weight)
	}
	t.Tables = []TruthTable{lines}
	return t
}

// shade is the second row of the description of the packing list's line i.
func (b *Bill) shade(i int) string {
	return "COLOR " + []string{"ASSORTED", "NAVY", "NATURAL"}[i%3] + ", CS " + b.Reference
}

// total adds up the figures of some rows.
func (t *TruthTable) total(from, to int) map[string]string {
	sums := map[string]int{}
	for _, row := range t.Rows[from:to] {
		for field := range format {
			if text, ok := row[field]; ok {
				n, err := strconv.Atoi(strings.NewReplacer(",", "", ".", "").Replace(text))
				if err != nil {
					panic(err) // the text is from format
				}
				sums[field] += n
			}
		}
	}
	out := map[string]string{}
	for field, n := range sums {
		out[field] = format[field](n)
	}
	return out
}

// format are the figures that have a total, and how they are printed.
var format = map[string]func(int) string{
	"packages": grouped, "pieces": grouped, "pallets": grouped,
	"weight": tenths, "net_weight": tenths, "volume": feet,
}

// feet returns hundredths of a cubic foot with a zero before the point.
func feet(n int) string {
	if n < 100 {
		return "0" + hundredths(n)
	}
	return hundredths(n)
}

// orderTable is the customer order information of a VICS bill: an order per line.
func (b *Bill) orderTable() TruthTable {
	t := TruthTable{Name: "orders"}
	for i := range b.Lines {
		l := &b.Lines[i]
		slip := "N"
		if l.pallet {
			slip = "Y"
		}
		t.Rows = append(t.Rows, map[string]string{
			"po": l.OrderNumber, "packages": grouped(l.Cartons), "weight": tenths(l.Weight), "pallet_slip": slip,
		})
	}
	t.Totals = t.total(0, len(t.Rows))
	return t
}

// carrierTable is the carrier information of a VICS bill.
func (b *Bill) carrierTable() TruthTable {
	t := TruthTable{Name: "carrier"}
	for _, f := range b.freight() {
		t.Rows = append(t.Rows, map[string]string{
			"pallets": grouped(f.pallets), "unit_type": "PLT",
			"packages": grouped(f.cartons), "package_type": "CTN", "weight": tenths(f.weight),
			"description": f.description, "nmfc": f.nmfc, "class": f.class,
		})
	}
	t.Totals = t.total(0, len(t.Rows))
	return t
}
