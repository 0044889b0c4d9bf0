// Package report writes what needs a person's eye in a sheet as a paper, as HTML to print or
// as PDF: for whoever mends the bills or the orders. Bills with something to check come one
// by one, each with its findings, who ticked them off, and what people amended.
package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// Format is a format of reports.
type Format string

// The formats.
const (
	HTML Format = "html"
	PDF  Format = "pdf"
)

// ParseFormat returns the format of that name; "" means HTML. It fails with
// fault.BadRequest.
func ParseFormat(name string) (Format, error) {
	switch f := Format(strings.ToLower(name)); f {
	case "":
		return HTML, nil
	case HTML, PDF:
		return f, nil
	}
	return "", fault.New(fault.BadRequest, "a report is html or pdf, not %.40q", name)
}

// ContentType returns the media type.
func (f Format) ContentType() string {
	if f == PDF {
		return "application/pdf"
	}
	return "text/html; charset=utf-8"
}

// Report is the content of the paper. All texts are for people.
type Report struct {
	// Of names the files of bills, Made says when the report was made.
	Of, Made string
	// Summary are sentences about the whole.
	Summary []string
	Groups  []Group
}

// Group is one bill, or what belongs to no bill.
type Group struct {
	Title, About string
	Items        []Item
	Changes      []Change
}

// Item is a finding.
type Item struct {
	Title, Where, Text, Action string
	Error                      bool
	// Checked says who looked at it and what they noted; "" if nobody did.
	Checked string
}

// Change is an amendment.
type Change struct{ What, Was, Now, Who string }

// Items returns how many findings the report has.
func (r *Report) Items() (n int) {
	for _, g := range r.Groups {
		n += len(g.Items) + len(g.Changes)
	}
	return n
}

// New makes the report of a sheet at a time, which is written as it stands.
func New(s *sheet.Sheet, at time.Time) *Report {
	r := &Report{Made: at.UTC().Format("2006-01-02 15:04 UTC")}
	doc := s.Document
	if doc == nil {
		return r
	}
	names := make([]string, len(doc.Files))
	for i, f := range doc.Files {
		names[i] = filepath.Base(f.Name)
	}
	r.Of = text.List(names, 5, text.Itself)
	open, checked := 0, 0
	groups := map[int]*Group{} // by bill; alone for what belongs to none
	group := func(bill int) *Group {
		if groups[bill] == nil {
			groups[bill] = &Group{}
		}
		return groups[bill]
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		if f.Severity == sheet.Info {
			continue
		}
		item := Item{
			Title: f.Title, Where: capital(f.Where), Text: capital(fault.Sentence(f.Text)), Action: f.Action, Error: f.Severity == sheet.Error,
		}
		if c := f.Checked; c != nil {
			checked++
			item.Checked = "Checked" + by(c.By, c.At)
			if c.Note != "" {
				item.Checked += ": " + c.Note
			}
		} else {
			open++
		}
		bill := alone
		if len(f.Bills) == 1 {
			bill = f.Bills[0]
		}
		g := group(bill)
		g.Items = append(g.Items, item)
	}
	byKey := map[string]int{}
	for i, b := range doc.Bills {
		if _, again := byKey[b.Number.Text]; !again {
			byKey[b.Number.Text] = i
		}
	}
	changes := 0
	for i := range s.Amendments {
		a := &s.Amendments[i]
		if a.Kind == sheet.Tick {
			continue // it stands beside its finding
		}
		changes++
		number, some := billOf(a)
		bill, ok := byKey[number]
		if !some || !ok {
			bill = alone
		}
		what := a.What() + ": " + a.About()
		if a.Reason != "" {
			what += " (without effect: " + a.Reason + ")"
		}
		who := strings.TrimPrefix(by(cmp.Or(a.By, a.Key), a.At), " ")
		if a.Note != "" {
			who += ": " + a.Note
		}
		g := group(bill)
		g.Changes = append(g.Changes, Change{What: what, Was: a.Was, Now: a.Now(), Who: who})
	}
	r.Summary = append(r.Summary, fmt.Sprintf("%s with %s.", text.Count(len(doc.Bills), "bill"), text.Count(doc.Lines(), "line")))
	switch all := open + checked; {
	case all == 0:
		r.Summary = append(r.Summary, "Nothing needs to be checked.")
	default:
		r.Summary = append(r.Summary, fmt.Sprintf("%d of %s checked.", checked, text.Verb(all, "finding", "is", "are")))
	}
	if changes > 0 {
		r.Summary = append(r.Summary, text.Count(changes, "amendment")+".")
	}
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		g := groups[k]
		if k == alone {
			g.Title = "The whole shipment"
		} else {
			b := doc.Bills[k]
			g.Title = "Bill " + cmp.Or(b.Number.Text, "without number")
			var about []string
			if len(b.Consignee) > 0 {
				about = append(about, b.Consignee[0].Text)
			}
			for _, p := range b.Sheets {
				about = append(about, s.PageName(p.File, p.Page))
			}
			g.About = text.List(about, 4, text.Itself)
		}
		r.Groups = append(r.Groups, *g)
	}
	return r
}

// alone is the key of the group of what belongs to no single bill; it comes first.
const alone = -1

// billOf returns the number of the bill that an amendment is about.
func billOf(a *sheet.Amendment) (string, bool) {
	switch {
	case a.Bill != nil:
		return a.Bill.Number, true
	case a.Line != nil:
		return a.Line.Bill, true
	}
	return "", false
}

func by(who string, at time.Time) string {
	s := ""
	if who != "" {
		s = " by " + who
	}
	if !at.IsZero() {
		s += at.UTC().Format(", 2006-01-02 15:04 UTC")
	}
	return s
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

// Write writes the report. It fails with fault.Unwritable if w does.
func (r *Report) Write(w io.Writer, f Format) error {
	if f == PDF {
		return r.writePDF(w)
	}
	return r.writeHTML(w)
}
