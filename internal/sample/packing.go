package sample

import (
	"fmt"
	"maps"
)

const packingLeft, packingPitch = 30, 24

// packingColumns are those of a packing list on a landscape page.
var packingColumns = []column{
	{"no", 26, middle, []string{"NO."}},
	{"style", 84, left, []string{"STYLE NO."}},
	{"po", 88, left, []string{"P.O. NO."}},
	{"description", 142, left, []string{"DESCRIPTION OF GOODS"}},
	{"packages", 42, right, []string{"CTNS"}},
	{"pack_size", 40, right, []string{"PCS", "/ CTN"}},
	{"pieces", 52, right, []string{"TOTAL", "PCS"}},
	{"net_weight", 62, right, []string{"N.W.", "(LBS)"}},
	{"weight", 62, right, []string{"G.W.", "(LBS)"}},
	{"volume", 62, right, []string{"MEAS.", "(CU FT)"}},
	{"hs", 42, middle, []string{"HS", "CODE"}},
	{"origin", 30, middle, []string{"ORIG."}},
}

// packing draws a page of a packing list.
func (d *drawing) packing(p Page) {
	b, truth := p.Bill, Packing.truth(p.Bill)
	d.pdf.SetLineWidth(0.5)
	t := ruled{d, packingLeft, packingColumns, face{"Helvetica", "", 8}}
	w := t.width()
	y := 40.0
	d.write(packingLeft, y, w, middle, face{"Helvetica", "B", 14}, "PACKING LIST")
	d.write(packingLeft, y, w, right, face{"Helvetica", "", 8}, fmt.Sprintf("PAGE: %d OF %d", p.N, p.M))
	d.labelled(packingLeft, y+14, "PACKING LIST NO.:", b.Number)
	d.labelled(packingLeft+250, y+14, "DATE:", b.Date)
	y += 20
	if p.N == 1 {
		name, street, city := b.town()
		for i, l := range [4][4]string{
			{"SHIPPER:", shipper, "CONSIGNEE:", name},
			{"ADDRESS:", shipperAddress, "ADDRESS:", street},
			{"CARRIER:", b.haul.carrier, "", city},
			{"SEAL NO.:", b.haul.seal, "CONTAINER NO.:", b.haul.trailer},
		} {
			at := y + 12 + float64(i)*11
			d.labelled(packingLeft, at, l[0], l[1])
			d.labelled(packingLeft+380, at, l[2], l[3])
		}
		y += 52
	}
	d.pdf.SetFillColor(230, 230, 230)
	d.pdf.Rect(packingLeft, y, w, 24, "DF")
	t.headings(y+19, 9, face{"Helvetica", "B", 7}, middle)
	top := y
	y += 24
	table := truth.Tables[0]
	from, to := lineRows[Packing].on(p.N, len(table.Rows))
	for i := from; i < to; i++ {
		row := map[string]string{"no": fmt.Sprint(i + 1), "hs": "6302.31", "origin": "IN"}
		maps.Copy(row, table.Rows[i])
		row["description"] = b.Lines[i].Description + "\n" + b.shade(i)
		t.row(y+10, 0, row)
		t.row(y+20, 1, row)
		y += packingPitch
		d.pdf.Line(packingLeft, y, packingLeft+w, y)
	}
	t.uprights(top, y)
	t.face = face{"Helvetica", "B", 8}
	total := func(label string, cells map[string]string) {
		d.write(packingLeft+30, y+12, 200, left, t.face, label)
		t.row(y+12, 0, cells)
		d.pdf.Rect(packingLeft, y, w, 18, "D")
		y += 18
	}
	if d.look.subtotal && p.M > 1 {
		total("PAGE TOTAL", table.total(from, to))
	}
	if p.N == p.M {
		total("TOTAL", table.Totals)
		d.labelled(packingLeft, y+24, "COUNTRY OF ORIGIN:", "INDIA")
		d.labelled(packingLeft, y+36, "AUTHORIZED SIGNATURE:", "______________________")
	}
}
