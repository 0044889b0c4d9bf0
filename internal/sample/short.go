package sample

import "fmt"

const shortLeft, shortPitch = 36, 13

// shortColumns are those of the short form. No rule separates them.
var shortColumns = []column{
	{"packages", 52, right, []string{"NO. OF", "PKGS"}},
	{"package_type", 40, middle, []string{"", "TYPE"}},
	{"description", 150, left, []string{"DESCRIPTION OF ARTICLES", "AND SPECIAL MARKS"}},
	{"style", 90, left, []string{"ITEM", "NUMBER"}},
	{"po", 84, left, []string{"", "P.O. NO."}},
	{"pieces", 44, right, []string{"TOTAL", "PIECES"}},
	{"weight", 54, right, []string{"WEIGHT", "LBS."}},
	{"class", 34, middle, []string{"", "CLASS"}},
}

// short draws a page of a short form.
func (d *drawing) short(p Page) {
	b, truth := p.Bill, Short.truth(p.Bill)
	t := ruled{d, shortLeft, shortColumns, face{"Courier", "", 8}}
	w := t.width()
	d.write(shortLeft, 44, w, middle, face{"Helvetica", "B", 13}, "STRAIGHT BILL OF LADING - SHORT FORM")
	mark := "ORIGINAL - NOT NEGOTIABLE"
	if p.Copy {
		mark = "COPY - NOT NEGOTIABLE"
	}
	d.write(shortLeft, 56, w, middle, face{"Helvetica", "", 8}, mark)
	d.labelled(shortLeft+400, 72, "B/L No.:", b.Number)
	d.labelled(shortLeft, 72, "Name of Carrier:", b.haul.carrier)
	d.labelled(shortLeft+280, 72, "Page:", fmt.Sprintf("%d of %d", p.N, p.M))
	y := 92.0
	if p.N == 1 {
		name, street, city := b.town()
		for i, l := range [4][4]string{
			{"TO: Consignee", name, "FROM: Shipper", shipper},
			{"Street", street, "Street", "4417 OLD ROPEWALK LANE"},
			{"Destination", city, "Origin", "PORT HALDEN, CA 90099"},
			{"Route", b.ShippedVia, "Date", b.Date},
		} {
			at := y + float64(i)*12
			d.labelled(shortLeft, at, l[0], l[1])
			d.labelled(shortLeft+290, at, l[2], l[3])
		}
		y += 64
	}
	if p.N == 1 || !d.look.bare {
		t.headings(y+10, 9, face{"Helvetica", "B", 7}, left)
		y += 26
	}
	table := truth.Tables[0]
	from, to := lineRows[Short].on(p.N, len(table.Rows))
	for _, row := range table.Rows[from:to] {
		t.row(y, 0, row)
		y += shortPitch
	}
	if p.N < p.M {
		d.write(shortLeft, y+10, w, right, face{"Helvetica", "", 8}, "continued on the next page")
		return
	}
	y += 8
	t.face.style = "B"
	if d.look.sentence {
		d.write(shortLeft, y, w, left, t.face, fmt.Sprintf("TOTAL PACKAGES: %s    TOTAL PIECES: %s    TOTAL WEIGHT: %s LBS",
			table.Totals["packages"], table.Totals["pieces"], table.Totals["weight"]))
	} else {
		t.row(y, 0, table.Totals)
		d.write(shortLeft+96, y, 120, left, t.face, "TOTAL")
	}
	y += 30
	for i, text := range []string{
		"RECEIVED, subject to the classifications and lawfully filed tariffs in effect on the date of the issue of this Bill of Lading,",
		"the property described above in apparent good order, except as noted (contents and condition of contents of packages unknown).",
	} {
		d.write(shortLeft, y+float64(i)*9, w, left, face{"Helvetica", "", 7}, text)
	}
	d.labelled(shortLeft, y+34, "Shipper ________________________   Per ____________", "")
	d.labelled(shortLeft+290, y+34, "Carrier ________________________   Per ____________", "")
}
