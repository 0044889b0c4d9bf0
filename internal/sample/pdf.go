package sample

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"tallyman/internal/page"
)

// WritePDF writes the document. fpdf builds it in memory first: about 80 kB per page.
func (s *Sample) WritePDF(w io.Writer) error {
	d, err := newDrawing()
	if err != nil {
		return fmt.Errorf("beginning the sample's PDF: %w", err)
	}
	d.form, d.look = s.form, s.look
	for _, p := range s.pages() {
		d.page(p)
	}
	if err := d.pdf.Output(w); err != nil {
		return fmt.Errorf("writing the sample's PDF: %w", err)
	}
	return nil
}

// drawing is a PDF that is being written. Errors are kept in pdf until its Output.
type drawing struct {
	pdf *fpdf.Fpdf
	// encode converts UTF-8 to Windows-1252, the encoding of the built-in fonts.
	encode func(string) string
	// face and scale are the current settings of the page. Setting them again for
	// each text would double the size of the content.
	face  face
	scale float64 // horizontal scaling, percent
	form  Form
	look  look
	// seen, if not nil, takes the words of the page, and nothing is drawn.
	seen *page.Page
}

// face is a built-in font.
type face struct {
	family, style string
	size          float64
}

func newDrawing() (*drawing, error) {
	picture, err := logoPNG()
	if err != nil {
		return nil, err
	}
	pdf := fpdf.New("P", "pt", "Letter", "")
	// With the present time the same sample would give other bytes every second.
	made := time.Date(2025, 12, 8, 0, 0, 0, 0, time.UTC)
	pdf.SetCreationDate(made)
	pdf.SetModificationDate(made)
	pdf.SetCatalogSort(true)
	pdf.SetProducer("tallyman sample", false)
	pdf.SetTitle("Invented bills of lading", false)
	pdf.SetAutoPageBreak(false, 0)
	pdf.RegisterImageOptionsReader("logo", fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(picture))
	return &drawing{pdf: pdf, encode: pdf.UnicodeTranslatorFromDescriptor("cp1252")}, pdf.Error()
}

func (d *drawing) page(p Page) {
	if d.form == Packing {
		d.pdf.AddPageFormat("L", fpdf.SizeType{Wd: pageWidth, Ht: pageHeight})
	} else {
		d.pdf.AddPage()
	}
	d.face, d.scale = face{}, 100
	switch {
	case p.Bill != nil && d.form == VICS:
		d.vics(p)
	case p.Bill != nil && d.form == Packing:
		d.packing(p)
	case p.Bill != nil && d.form == Short:
		d.short(p)
	case p.Bill != nil && d.form == House:
		d.house(p)
	case p.Bill != nil:
		d.furniture()
		d.header(p)
		d.rows(p)
		if p.N == p.M {
			d.foot(p.Bill)
		}
	case p.Text != nil:
		for i, line := range p.Text {
			d.fixed(place{72, 700 - float64(i)*14}, "", 9, line)
		}
	case p.Picture:
		d.image(40, 100, pageWidth-80, pageHeight-200)
	}
}

// furniture draws the parts that are the same on every page.
func (d *drawing) furniture() {
	d.image(logo.x, logo.y, logo.w, logo.h)
	d.pdf.SetLineWidth(0.12)
	d.pdf.SetDrawColor(0, 0, 0)
	for _, b := range boxes {
		style := "D"
		if b.gray {
			d.fill(true)
			style = "DF"
		}
		d.pdf.Rect(b.x, pageHeight-b.y-b.h, b.w, b.h, style)
	}
	d.fixed(place{63, 664.415}, "", 9, blankLine)
	d.fixed(place{10, -7087.104}, "", 9, " ")
	d.fixed(place{63, 580.415}, "", 9, blankLine)
	for _, l := range labels {
		d.font(face{"Helvetica", "B", l.size}, 100)
		d.text(l.place, l.size, l.gray, d.pdf.GetStringWidth(l.text), l.text)
	}
}

// header prints the values above the table and the texts below it.
func (d *drawing) header(p Page) {
	b := p.Bill
	d.barcode(atBarcode, "*"+b.Number+"*")
	d.offPage(b)
	for _, v := range []struct {
		place
		text string
	}{
		{atNumber, b.Number},
		{atDate, b.Date},
		{atPage, fmt.Sprintf("Page %d of %d", p.N, p.M)},
		{atShipperAddress, shipperAddress},
		{atCustomerCode, b.CustomerCode},
		{atSalesPerson, b.SalesPerson + " "},
		{atShippedVia, b.ShippedVia},
		{atReference, b.Reference},
		{atTerms, b.Terms},
		{atZone, b.Zone},
		{atWarehouse, warehouse},
		{atFOB, fob},
		{atWarehouse2, shipperAddress},
		{atInternalCode, b.InternalCode},
		{atVendor, b.Vendor},
		{atStore, b.Store},
		{atDept, b.Dept},
		{atControlNo, b.ControlNo},
		{atOrderNumber, b.OrderNumber},
	} {
		d.fixed(v.place, "", 9, v.text)
	}
	for i, line := range b.Consignee {
		at := atConsignee
		at.y += float64(len(b.Consignee)-1-i) * consigneePitch
		d.fixed(at, "", 9, line)
	}
	for i, line := range b.Instructions {
		d.fixed(place{atInstructions.x, atInstructions.y - float64(i)*rowPitch}, "B", 8, line)
	}
	for i, line := range b.Notes {
		d.fixed(place{atNotes.x, atNotes.y - float64(i)*consigneePitch}, "B", 8, fmt.Sprintf("%-60s", line))
	}
}

// offPage writes invisible texts.
func (d *drawing) offPage(b *Bill) {
	d.barcode(offLow, "*T20024*")
	for _, text := range []string{
		"T20024", b.CustomerCode, "ACCOUNTS PAYABLE - 2ND FLOOR", "PO BOX 219", "X", warehouse,
		"MAKE CHECKS PAYABLE TO: " + shipper, "TOTAL CARTONS 288", "6,912", "1,204.66",
	} {
		d.fixed(offLeft, "", 9, text)
	}
}

func (d *drawing) rows(p Page) {
	for i := range RowsPerPage {
		line := (p.N-1)*RowsPerPage + i
		if line < 0 || line >= len(p.Bill.Lines) {
			continue
		}
		y := firstRow - float64(i)*rowPitch
		for _, c := range printOrder {
			d.cell(place{columnX[c], y}, numberWidth[c], p.Bill.Lines[line].cell(c))
		}
	}
}

// foot prints the totals, and others outside the page.
func (d *drawing) foot(b *Bill) {
	d.cell(atTotalCartons, numberWidth[Cartons], b.total(Cartons))
	d.cell(offRight, numberWidth[Cartons], grouped(b.Cartons+3))
	d.cell(atTotalPieces, numberWidth[Pieces], b.total(Pieces))
	d.cell(offRight, numberWidth[Pieces], grouped(b.Pieces+12))
	d.cell(atTotalWeight, totalWeightWidth, b.total(Weight))
	d.cell(atCube, 0, b.total(Volume))
	for _, text := range []string{"   31,480.25", "        0.00", "  5,120.9"} {
		d.fixed(offRight, "", 9, text)
	}
}

// cell prints a text in the table's font, right-aligned to width characters. An empty
// text is not in the file at all.
func (d *drawing) cell(at place, width int, text string) {
	if text != "" {
		d.fixed(at, "", 9, fmt.Sprintf("%*s", width, text))
	}
}

// fixed prints a text in the fixed-width font, bold if style is "B".
func (d *drawing) fixed(at place, style string, size float64, text string) {
	if text == "" {
		return
	}
	d.font(face{"Courier", style, size}, fixedScale)
	text = d.encode(text)
	n := len(strings.TrimLeft(text, "\n")) // a line feed has no width
	d.text(at, size, false, float64(n)*fixedAdvance*size, text)
}

// barcode writes the text of a bar code. Real bills set it in a bar code font that
// few viewers show; in the file it is a separate word below the table.
func (d *drawing) barcode(at place, text string) {
	const size, scale = 28, 63.67
	d.font(face{"Courier", "", size}, scale)
	if d.seen != nil {
		d.see(at, size, text)
		return
	}
	d.pdf.SetTextRenderingMode(3) // invisible
	d.pdf.Text(at.x, pageHeight-at.y, text)
	d.pdf.SetTextRenderingMode(0)
}

// text prints a text in the current font on a background of the given width, which
// hides the rules behind it as on real bills.
func (d *drawing) text(at place, size float64, gray bool, width float64, text string) {
	if d.seen != nil {
		d.see(at, size, text)
		return
	}
	const descent, leading = 2.76, 1
	d.fill(gray)
	d.pdf.Rect(at.x, pageHeight-(at.y-descent+size+leading), width, size+leading, "F")
	d.pdf.Text(at.x, pageHeight-at.y, text)
}

// fill sets the colour of backgrounds: the layout's gray, or white.
func (d *drawing) fill(gray bool) {
	v := 255
	if gray {
		v = 192
	}
	if r, _, _ := d.pdf.GetFillColor(); r != v {
		d.pdf.SetFillColor(v, v, v)
	}
}

// font sets the font and its horizontal scaling, for which fpdf has no call.
func (d *drawing) font(f face, scale float64) {
	if d.face != f {
		d.face = f
		d.pdf.SetFont(f.family, f.style, f.size)
	}
	if d.scale != scale {
		d.scale = scale
		d.pdf.RawWriteStr(fmt.Sprintf("%.2f Tz", scale))
	}
}

func (d *drawing) image(x, y, w, h float64) {
	if d.seen != nil {
		return
	}
	d.pdf.ImageOptions("logo", x, pageHeight-y-h, w, h, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
}

// logoPNG draws the shipper's pale emblem, a tally of five.
func logoPNG() ([]byte, error) {
	const w, h = 256, 144
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	ground, ink := color.RGBA{255, 255, 255, 255}, color.RGBA{236, 226, 206, 255}
	for y := range h {
		for x := range w {
			c := ground
			stroke := y > 20 && y < 124 && x > 40 && x < 200 && x%40 < 10
			slash := math.Abs(float64(x)-float64(h-y)*1.5-20) < 7 && y > 14 && y < 130
			if stroke || slash {
				c = ink
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("drawing the logo: %w", err)
	}
	return b.Bytes(), nil
}
