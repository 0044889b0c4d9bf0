package sample

import (
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/fault"
)

// Form is the form in which the bills are printed.
type Form string

// The forms. All but Straight are read by their headings (DESIGN.md §10).
const (
	// Straight is the uniform straight bill of lading, the known form.
	Straight Form = ""
	// VICS is the bill of lading of the Voluntary Interindustry Commerce Standards:
	// customer orders and carrier information, with a supplement page if they do not fit.
	VICS Form = "vics"
	// Packing is a packing list in landscape, with descriptions over two rows.
	Packing Form = "packing"
	// Short is a short form of the straight bill of lading, without ruling lines.
	Short Form = "short"
	// House is a list with headings of a house's own, which is read only once its form is
	// taught.
	House Form = "house"
)

// OtherForms are the forms besides Straight that are read without being taught.
var OtherForms = []Form{VICS, Packing, Short}

func (f Form) check() error {
	if f == Straight || f == House || slices.Contains(OtherForms, f) {
		return nil
	}
	return fault.New(fault.BadRequest, "%q is not a form of the sample; choose vics, packing, short or house, or leave it out", string(f))
}

// look is what differs between the documents of one form, as between the programs that
// print it. It is the same for all pages of a document.
type look struct {
	dark     bool // banners are white on black
	sentence bool // the short form's totals are labelled figures, not a row
	bare     bool // further pages of the short form repeat no headings
	subtotal bool // each page of the packing list ends with its subtotal
}

// rowsOf are the numbers of rows of a table that fit a bill's first page and each
// further one.
type rowsOf struct{ first, further int }

// pages returns the number of pages that n rows need.
func (r rowsOf) pages(n int) int {
	return 1 + (max(0, n-r.first)+r.further-1)/r.further
}

// on returns the part of n rows that page p shows, counted from 1.
func (r rowsOf) on(p, n int) (from, to int) {
	if p > 1 {
		from = r.first + (p-2)*r.further
		return min(from, n), min(from+r.further, n)
	}
	return 0, min(r.first, n)
}

var (
	vicsOrders  = rowsOf{6, 24}
	vicsCarrier = rowsOf{4, 10}
	// lineRows are the rows of the forms that have one table.
	lineRows = map[Form]rowsOf{Straight: {RowsPerPage, RowsPerPage}, Packing: {13, 17}, Short: {24, 40}, House: {22, 34}}
)

// pages returns the number of pages of a bill in the form.
func (f Form) pages(b *Bill) int {
	n := len(b.Lines)
	if f == VICS {
		return max(vicsOrders.pages(n), vicsCarrier.pages(len(b.freight())))
	}
	return lineRows[f].pages(n)
}

// haul is what the other forms print about the carrier.
type haul struct {
	carrier, scac string
	pro           string
	trailer, seal string
}

var hauls = []haul{
	{carrier: "HEADLAND FREIGHT LINES", scac: "HDFL"},
	{carrier: "MOORLINE LTL INC", scac: "MRLT"},
	{carrier: "GREY HERON CARTAGE", scac: "GHRC"},
}

// commodity is a class of goods in the carrier's tariff.
type commodity struct{ description, nmfc, class string }

var commodities = []commodity{
	{"CLOTHING NOI, IN BOXES", "049880-02", "100"},
	{"BLANKETS AND THROWS, COTTON", "049040-01", "92.5"},
	{"CANDLES, WAX", "041500-00", "60"},
	{"HARDWARE, IRON, NOI", "095190-06", "70"},
	{"PLASTIC FOAM, LOOSE", "156600-01", "250"},
	{"GLOVES, GARDEN", "049885-00", "85"},
	{"UMBRELLAS", "189860-00", "125"},
}

// adapt gives a bill what only the other forms print, and totals that are exact: other
// programs than that of the known form add up what they print.
func (in *inventor) adapt(b *Bill) {
	b.haul = pick(in, hauls)
	b.haul.pro = fmt.Sprintf("%03d-%07d", 100+in.IntN(900), in.IntN(10_000_000))
	b.haul.trailer = fmt.Sprintf("%s%05d", b.haul.scac[:2], in.IntN(100_000))
	b.haul.seal = fmt.Sprintf("%07d", in.IntN(10_000_000))
	b.copied = in.Form == Short && in.some(3)
	kinds := 1 + in.IntN(len(commodities))
	for i := range b.Lines {
		l := &b.Lines[i]
		l.Print = nil
		l.commodity = in.IntN(kinds)
		l.pallet = in.some(2)
		// Cartons and packing weigh between a fiftieth and a tenth.
		l.net = max(1, l.Weight-l.Weight/(10+in.IntN(40)))
		if in.Form == VICS {
			l.OrderNumber = in.purchaseOrder()
		}
	}
	b.add()
}

// number returns the number of the nth bill.
func (f Form) number(n int) string {
	switch f {
	case VICS:
		return checked(fmt.Sprintf("06199%03d%08d", n%7, n))
	case Packing, House:
		return fmt.Sprintf("PL-2025-%05d", n)
	case Short:
		return fmt.Sprint(2_500_000 + n)
	}
	return fmt.Sprintf("T%05d", n)
}

// checked appends the check digit of GS1 keys: the digits count three times and once in
// turn, beginning with the last, and the sum with the check digit is a multiple of ten.
func checked(digits string) string {
	sum := 0
	for i, weight := len(digits)-1, 3; i >= 0; i, weight = i-1, 4-weight {
		sum += weight * int(digits[i]-'0')
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

// freight are the rows of the carrier information: the lines by commodity.
func (b *Bill) freight() []freight {
	byKind := make([]freight, len(commodities))
	for i := range b.Lines {
		l := &b.Lines[i]
		f := &byKind[l.commodity]
		f.commodity = commodities[l.commodity]
		f.cartons += l.Cartons
		f.weight += l.Weight
		f.volume += l.Volume
	}
	out := byKind[:0]
	for _, f := range byKind {
		if f.cartons > 0 {
			f.pallets = (f.volume + 7999) / 8000
			out = append(out, f)
		}
	}
	return out
}

// freight is a row of the carrier information.
type freight struct {
	commodity
	pallets, cartons, weight, volume int
}

// column is a column of a table of the other forms.
type column struct {
	field    string // of the truth; "" for a column that is not filled
	width    float64
	align    align
	headings []string // one per storey
}

type align int

const (
	left align = iota
	middle
	right
)

// ruled is a table on a page whose columns begin at x.
type ruled struct {
	*drawing
	x       float64
	columns []column
	face    face
}

// width returns the width of the table.
func (t *ruled) width() (w float64) {
	for _, c := range t.columns {
		w += c.width
	}
	return w
}

// row prints the cells of a row on the baseline y. A field may have several rows of text,
// of which this prints the nth.
func (t *ruled) row(y float64, n int, cells map[string]string) {
	x := t.x
	for _, c := range t.columns {
		if parts := strings.Split(cells[c.field], "\n"); c.field != "" && n < len(parts) {
			t.write(x+2, y, c.width-4, c.align, t.face, parts[n])
		}
		x += c.width
	}
}

// headings prints the headings, the last storey on the baseline y.
func (t *ruled) headings(y, pitch float64, f face, at align) {
	x := t.x
	for _, c := range t.columns {
		for i, h := range c.headings {
			a := c.align
			if at == middle {
				a = middle
			}
			t.write(x+2, y-float64(len(c.headings)-1-i)*pitch, c.width-4, a, f, h)
		}
		x += c.width
	}
}

// uprights draws the vertical rules from y0 to y1.
func (t *ruled) uprights(y0, y1 float64) {
	x := t.x
	t.pdf.Line(x, y0, x, y1)
	for _, c := range t.columns {
		x += c.width
		t.pdf.Line(x, y0, x, y1)
	}
}

// write prints a text within a width, from its baseline y down from the page's top. A
// text that is too wide is printed smaller.
func (d *drawing) write(x, y, width float64, a align, f face, text string) {
	if text == "" {
		return
	}
	text = d.encode(text)
	d.font(f, 100)
	w := d.pdf.GetStringWidth(text)
	if w > width {
		f.size *= width / w
		d.font(f, 100)
		w = d.pdf.GetStringWidth(text)
	}
	switch a {
	case middle:
		x += (width - w) / 2
	case right:
		x += width - w
	}
	d.pdf.Text(x, y, text)
}

// banner prints a text in the middle of a filled box.
func (d *drawing) banner(x, y, w, h float64, dark bool, text string) {
	fill := 210
	if dark {
		fill = 0
		d.pdf.SetTextColor(255, 255, 255)
	}
	d.pdf.SetFillColor(fill, fill, fill)
	d.pdf.Rect(x, y, w, h, "DF")
	d.write(x+4, y+h-3.2, w-8, middle, face{"Helvetica", "B", 8}, text)
	d.pdf.SetTextColor(0, 0, 0)
}

// labelled prints a label and, after it, a value.
func (d *drawing) labelled(x, y float64, label, value string) {
	d.font(face{"Helvetica", "", 8}, 100)
	d.pdf.Text(x, y, label)
	x += d.pdf.GetStringWidth(label) + 4
	d.font(face{"Helvetica", "B", 8}, 100)
	d.pdf.Text(x, y, d.encode(value))
}

// town returns the parts of an address: its name, what stands below, and the last line.
func (b *Bill) town() (name, street, city string) {
	lines := b.Consignee[:len(b.Consignee)-1] // without the country
	return lines[0], strings.Join(lines[1:len(lines)-1], ", "), lines[len(lines)-1]
}
