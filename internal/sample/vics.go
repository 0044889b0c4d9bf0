package sample

import "fmt"

// The columns of the two tables of a VICS bill. Their widths add up to vicsWidth.
const vicsLeft, vicsWidth, vicsPitch = 30, 552, 13

var vicsOrderColumns = []column{
	{"po", 160, left, []string{"CUSTOMER ORDER NUMBER"}},
	{"packages", 56, right, []string{"# PKGS"}},
	{"weight", 70, right, []string{"WEIGHT"}},
	{"pallet_slip", 70, middle, []string{"PALLET/SLIP", "Y OR N"}},
	{"", 196, left, []string{"ADDITIONAL SHIPPER INFO"}},
}

var vicsCarrierColumns = []column{
	{"pallets", 34, right, []string{"", "QTY"}},
	{"unit_type", 36, middle, []string{"", "TYPE"}},
	{"packages", 44, right, []string{"", "QTY"}},
	{"package_type", 38, middle, []string{"", "TYPE"}},
	{"weight", 66, right, []string{"WEIGHT", "(LBS)"}},
	{"", 28, middle, []string{"H.M.", "(X)"}},
	{"description", 192, left, []string{"COMMODITY DESCRIPTION"}},
	{"nmfc", 64, middle, []string{"", "NMFC #"}},
	{"class", 50, middle, []string{"", "CLASS"}},
}

// vics draws a page of a VICS bill: the first with all boxes, the others as supplements.
func (d *drawing) vics(p Page) {
	b, t := p.Bill, VICS.truth(p.Bill)
	d.pdf.SetLineWidth(0.6)
	y := 60.0
	if p.N == 1 {
		d.write(vicsLeft, 40, 120, left, face{"Helvetica", "", 8}, "Date: "+b.Date)
		d.write(vicsLeft, 42, vicsWidth, middle, face{"Helvetica", "B", 16}, "BILL OF LADING")
		d.write(vicsLeft, 40, vicsWidth, right, face{"Helvetica", "", 8}, fmt.Sprintf("Page %d of %d", p.N, p.M))
		y = d.vicsParties(b)
	} else {
		d.write(vicsLeft, 42, vicsWidth, middle, face{"Helvetica", "B", 14}, "SUPPLEMENT TO THE BILL OF LADING")
		d.write(vicsLeft, 56, vicsWidth, right, face{"Helvetica", "", 8}, fmt.Sprintf("Page %d of %d", p.N, p.M))
		d.labelled(vicsLeft, 56, "Bill of Lading Number:", b.Number)
	}
	y = d.vicsTable(p, y, "CUSTOMER ORDER INFORMATION", vicsOrderColumns, t.Tables[0], vicsOrders)
	y = d.vicsTable(p, y, "CARRIER INFORMATION", vicsCarrierColumns, t.Tables[1], vicsCarrier)
	if p.N == 1 {
		d.vicsFoot(y)
	}
}

// vicsParties draws the boxes above the tables, and returns where they end.
func (d *drawing) vicsParties(b *Bill) float64 {
	const half, top = vicsWidth / 2, 50.0
	name, street, city := b.town()
	x, y := float64(vicsLeft), top
	party := func(title, name, street, city, id, idLabel string) {
		d.banner(x, y, half, 12, d.look.dark, title)
		for i, l := range [4][2]string{{"Name:", name}, {"Address:", street}, {"City/State/Zip:", city}, {idLabel, id}} {
			d.labelled(x+4, y+22+float64(i)*11, l[0], l[1])
		}
		if idLabel != "" {
			d.labelled(x+half-40, y+55, "FOB:", "")
			d.pdf.Rect(x+half-18, y+48, 8, 8, "D")
		}
		y += 62
	}
	party("SHIP FROM", shipper, "4417 OLD ROPEWALK LANE", "PORT HALDEN, CA 90099", b.Reference, "SID#:")
	party("SHIP TO", name, street, city, b.CustomerCode, "CID#:")
	party("THIRD PARTY FREIGHT CHARGES BILL TO", shipper, "88 CANDLEWICK SQUARE, SUITE 12", "EAST FENMOOR, NY 10099", "", "")
	y += 10
	d.pdf.Line(x, y-14, x+half, y-14)
	d.labelled(x+4, y-4, "SPECIAL INSTRUCTIONS:", "CALL BEFORE DELIVERY")

	x = vicsLeft + half
	d.labelled(x+4, top+10, "Bill of Lading Number:", b.Number)
	d.bars(x+30, top+18, b.Number)
	d.labelled(x+4, top+72, "CARRIER NAME:", b.haul.carrier)
	d.labelled(x+4, top+84, "Trailer number:", b.haul.trailer)
	d.labelled(x+4, top+96, "Seal number(s):", b.haul.seal)
	d.labelled(x+4, top+112, "SCAC:", b.haul.scac)
	d.labelled(x+4, top+124, "Pro number:", b.haul.pro)
	d.pdf.SetFont("Helvetica", "", 6.5)
	d.face = face{}
	d.pdf.Text(x+4, top+138, "Freight Charge Terms: (freight charges are prepaid unless marked otherwise)")
	d.labelled(x+4, top+152, "Prepaid __X__   Collect _____   3rd Party _____", "")
	d.pdf.Rect(x+8, top+162, 8, 8, "D")
	d.labelled(x+24, top+169, "Master Bill of Lading: with attached underlying Bills of Lading", "")
	d.pdf.Rect(vicsLeft, top, half, y-top, "D")
	d.pdf.Rect(x, top, half, y-top, "D")
	d.pdf.Line(x, top+62, x+half, top+62)
	d.pdf.Line(x, top+128, x+half, top+128)
	d.pdf.Line(x, top+157, x+half, top+157)
	return y
}

// bars draws what looks like a bar code.
func (d *drawing) bars(x, y float64, digits string) {
	d.pdf.SetFillColor(0, 0, 0)
	for _, c := range digits {
		w := 1 + float64((c-'0')%4)/2
		d.pdf.Rect(x, y, w, 36, "F")
		x += w + 1 + float64((c-'0')%3)
		d.pdf.Rect(x, y, 1, 36, "F")
		x += 2.5
	}
}

// vicsTable draws the part of a table that page p shows, and returns where it ends. The
// first page has the total of all pages, the others that of themselves.
func (d *drawing) vicsTable(p Page, y float64, title string, columns []column, table TruthTable, fit rowsOf) float64 {
	t := ruled{d, vicsLeft, columns, face{"Helvetica", "", 8}}
	d.banner(vicsLeft, y, vicsWidth, 12, d.look.dark, title)
	y += 12
	head := face{"Helvetica", "B", 6.5}
	t.headings(y+18, 8, head, middle)
	if table.Name == "carrier" {
		for _, over := range []struct {
			x, w float64
			text string
		}{{0, 70, "HANDLING UNIT"}, {70, 82, "PACKAGE"}, {438, 114, "LTL ONLY"}} {
			d.write(vicsLeft+over.x+2, y+8, over.w-4, middle, head, over.text)
			d.pdf.Line(vicsLeft+over.x, y+11, vicsLeft+over.x+over.w, y+11)
		}
		d.write(vicsLeft+248, y+8, 188, middle, face{"Helvetica", "", 4}, "Commodities requiring special or additional care must be so marked and packaged. See Section 2(e) of NMFC Item 360")
	}
	top := y
	y += 22
	from, to := fit.on(p.N, len(table.Rows))
	rows := fit.first
	if p.N > 1 {
		rows = fit.further
	}
	for i := range rows {
		d.pdf.Line(vicsLeft, y, vicsLeft+vicsWidth, y)
		if from+i < to {
			t.row(y+9.5, 0, table.Rows[from+i])
		}
		y += vicsPitch
	}
	d.pdf.Rect(vicsLeft, top, vicsWidth, y-top, "D")
	t.uprights(top+11, y+vicsPitch)
	label, totals := "GRAND TOTAL", table.Totals
	if p.N > 1 {
		label, totals = "PAGE SUBTOTAL", map[string]string{}
		if to > from {
			totals = table.total(from, to)
		}
	}
	t.face.style = "B"
	t.row(y+9.5, 0, totals)
	at := vicsLeft + 2.0
	if table.Name == "carrier" {
		at = vicsLeft + 248
	}
	d.write(at, y+9.5, 150, left, t.face, label)
	d.pdf.Rect(vicsLeft, y, vicsWidth, vicsPitch, "D")
	return y + vicsPitch
}

func (d *drawing) vicsFoot(y float64) {
	const half = vicsWidth / 2
	small := face{"Helvetica", "", 5.5}
	for i, text := range []string{
		"Where the rate is dependent on value, shippers are required to state specifically in writing the agreed or",
		"declared value of the property as follows: the agreed or declared value of the property is specifically",
		"stated by the shipper to be not exceeding ______________ per ______________.",
	} {
		d.write(vicsLeft+4, y+9+float64(i)*8, half-8, left, small, text)
	}
	d.labelled(vicsLeft+half+4, y+10, "COD Amount: $ ____________________", "")
	d.labelled(vicsLeft+half+4, y+22, "Fee Terms:  Collect ___  Prepaid ___  Customer check acceptable ___", "")
	d.pdf.Rect(vicsLeft, y, half, 28, "D")
	d.pdf.Rect(vicsLeft+half, y, half, 28, "D")
	y += 28
	d.write(vicsLeft, y+10, vicsWidth, middle, face{"Helvetica", "B", 7}, "NOTE: Liability limitation for loss or damage in this shipment may be applicable. See 49 U.S.C. 14706(c)(1)(A) and (B).")
	d.pdf.Rect(vicsLeft, y, vicsWidth, 14, "D")
	y += 14
	d.write(vicsLeft+4, y+9, vicsWidth-8, left, small, "RECEIVED, subject to individually determined rates or contracts that have been agreed upon in writing between the carrier and shipper, if applicable, otherwise to the rates,")
	d.write(vicsLeft+4, y+17, vicsWidth-8, left, small, "classifications and rules that have been established by the carrier and are available to the shipper, on request, and to all applicable state and federal regulations.")
	d.pdf.Rect(vicsLeft, y, vicsWidth, 22, "D")
	y += 22
	d.labelled(vicsLeft+4, y+10, "SHIPPER SIGNATURE / DATE", "")
	d.labelled(vicsLeft+160, y+10, "Trailer Loaded: [ ] By Shipper [ ] By Driver", "")
	d.labelled(vicsLeft+380, y+10, "CARRIER SIGNATURE / PICKUP DATE", "")
	d.pdf.Rect(vicsLeft, y, vicsWidth, 48, "D")
}
