package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"tallyman/internal/fault"
)

// The paper in points: Letter, with margins.
const (
	margin = 48.0
	width  = 612 - 2*margin
	height = 792
	indent = 20.0 // of texts beside their box
	line   = 13.0
)

// paper is a PDF that is being written. Its errors are kept until Output.
type paper struct {
	*fpdf.Fpdf
	// encode converts UTF-8 to Windows-1252, the encoding of the built-in fonts. Other
	// characters become a dot.
	encode func(string) string
}

func (r *Report) writePDF(w io.Writer) error {
	pdf := fpdf.New("P", "pt", "Letter", "")
	// The same report gives the same bytes.
	at, err := time.Parse("2006-01-02 15:04 UTC", r.Made)
	if err != nil {
		at = time.Unix(0, 0)
	}
	pdf.SetCreationDate(at.UTC())
	pdf.SetModificationDate(at.UTC())
	pdf.SetCatalogSort(true)
	pdf.SetProducer("tallyman", false)
	pdf.SetTitle("To check: "+r.Of, true)
	pdf.SetLang("en")
	pdf.SetMargins(margin, margin, margin)
	pdf.SetAutoPageBreak(true, margin+10)
	pdf.AliasNbPages("")
	p := paper{pdf, pdf.UnicodeTranslatorFromDescriptor("cp1252")}
	pdf.SetFooterFunc(func() {
		pdf.SetY(-margin + 8)
		p.font("", 8, 110)
		pdf.CellFormat(width, 10, p.encode(fmt.Sprintf("%s · page %d of {nb}", r.Made, pdf.PageNo())), "", 0, "R", false, 0, "")
	})
	pdf.AddPage()
	p.font("B", 18, 0)
	p.text(0, 22, "To check")
	p.font("B", 11, 0)
	p.text(0, line+1, r.Of)
	p.font("", 10, 0)
	p.text(0, line, strings.Join(r.Summary, " "))
	for _, g := range r.Groups {
		p.group(&g)
	}
	if err := pdf.Output(w); err != nil {
		return fault.New(fault.Unwritable, "the report could not be written: %w", err)
	}
	return nil
}

func (p paper) font(style string, size float64, gray int) {
	p.SetFont("Helvetica", style, size)
	p.SetTextColor(gray, gray, gray)
}

// text writes a text over the width of the paper from an indent, in as many lines as it
// takes.
func (p paper) text(from, high float64, s string) {
	if s == "" {
		return
	}
	p.SetX(margin + from)
	p.MultiCell(width-from, high, p.encode(s), "", "L", false)
}

// room begins a new page unless there is room for a few lines.
func (p paper) room(lines int) {
	if p.GetY()+float64(lines)*line > height-margin-10 {
		p.AddPage()
	}
}

func (p paper) rule() {
	p.SetDrawColor(190, 198, 206)
	p.SetLineWidth(0.6)
	p.Line(margin, p.GetY(), margin+width, p.GetY())
}

func (p paper) group(g *Group) {
	p.room(5)
	p.SetY(p.GetY() + 10)
	p.font("B", 12, 0)
	p.text(0, 16, g.Title)
	p.font("", 9, 90)
	p.text(0, 12, g.About)
	for i := range g.Items {
		p.item(&g.Items[i])
	}
	if len(g.Changes) == 0 {
		return
	}
	p.room(3)
	p.SetY(p.GetY() + 4)
	p.font("B", 10, 0)
	p.text(0, line, "Amendments")
	for _, c := range g.Changes {
		p.room(3)
		p.rule()
		p.font("", 9, 0)
		p.text(0, 12, c.What)
		var parts []string
		if c.Was != "" {
			parts = append(parts, "read: "+c.Was)
		}
		if c.Now != "" {
			parts = append(parts, "now: "+c.Now)
		}
		if c.Who != "" {
			parts = append(parts, c.Who)
		}
		p.font("", 9, 90)
		p.text(indent, 12, strings.Join(parts, " · "))
	}
}

func (p paper) item(it *Item) {
	p.room(4)
	p.SetY(p.GetY() + 3)
	p.rule()
	p.SetY(p.GetY() + 3)
	p.SetDrawColor(0, 0, 0)
	p.SetLineWidth(0.9)
	x, y := margin, p.GetY()+2
	p.Rect(x, y, 9, 9, "D")
	if it.Checked != "" {
		p.Line(x+2, y+4.5, x+4, y+7)
		p.Line(x+4, y+7, x+7.5, y+2)
	}
	p.font("B", 10, 0)
	if it.Error && it.Checked == "" {
		p.SetTextColor(163, 23, 29)
	}
	title := it.Title
	if it.Where != "" {
		title += "  ·  " + it.Where
	}
	p.text(indent, line, title)
	p.font("", 10, 0)
	p.text(indent, line, it.Text)
	p.font("I", 9, 90)
	p.text(indent, 12, it.Action)
	p.font("B", 9, 40)
	p.text(indent, 12, it.Checked)
}
