package sample

import "fmt"

const houseLeft, housePitch = 40, 14

// houseColumns are those of a house's own list, whose headings no lexicon has.
var houseColumns = []column{
	{"packages", 60, right, []string{"LAATIKOT"}},
	{"style", 100, left, []string{"TUOTE"}},
	{"description", 170, left, []string{"KUVAUS"}},
	{"pieces", 70, right, []string{"KAPPALEET"}},
	{"weight", 80, right, []string{"PAINO"}},
}

// house draws a page of a house's own list. Each page but the last ends with a row of the
// figures so far, which the next one repeats and which is not a line.
func (d *drawing) house(p Page) {
	b, truth := p.Bill, House.truth(p.Bill)
	t := ruled{d, houseLeft, houseColumns, face{"Helvetica", "", 8}}
	w := t.width()
	d.write(houseLeft, 44, w, left, face{"Helvetica", "B", 14}, "PACKING LIST")
	d.write(houseLeft, 44, w, right, face{"Helvetica", "", 8}, fmt.Sprintf("PAGE: %d OF %d", p.N, p.M))
	d.labelled(houseLeft, 60, "PACKING LIST NO.:", b.Number)
	d.labelled(houseLeft+250, 60, "DATE:", b.Date)
	y := 84.0
	if p.N == 1 {
		name, street, city := b.town()
		d.labelled(houseLeft, y, "CONSIGNEE:", name)
		d.labelled(houseLeft, y+11, "ADDRESS:", street+", "+city)
		y += 36
	}
	t.headings(y, 9, face{"Helvetica", "B", 8}, left)
	d.pdf.Line(houseLeft, y+4, houseLeft+w, y+4)
	y += 18
	table := truth.Tables[0]
	from, to := lineRows[House].on(p.N, len(table.Rows))
	total := func(label string, cells map[string]string) {
		d.write(houseLeft+62, y, 90, left, t.face, label)
		t.row(y, 0, cells)
		y += housePitch
	}
	if from > 0 {
		total("SIIRTO", table.total(0, from))
	}
	for _, row := range table.Rows[from:to] {
		t.row(y, 0, row)
		y += housePitch
	}
	t.face.style = "B"
	if p.N < p.M {
		total("SIIRTO", table.total(0, to))
		return
	}
	total("YHTEENSÄ", table.Totals)
}
