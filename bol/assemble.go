package bol

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tallyman/fault"
	"tallyman/page"
)

// Reader puts pages together to bills. Its methods may be called from several
// goroutines.
type Reader struct {
	layouts    []*Layout
	vocabulary map[string]bool

	mu       sync.Mutex
	readings []*reading
	bills    map[string]bool
	lines    int
	kept     int // how much the readings hold, in the measure of maxKept
	most     int // maxKept, but in tests
}

// maxKept bounds what is kept of a document: lines, problems, lines of free
// text, and each 256 bytes of text in problems and free text. 8,600 pages of
// bills come to 120,000.
const maxKept = 1_000_000

// NewReader returns a Reader for the known Layouts.
func NewReader() *Reader {
	return &Reader{layouts: Layouts, vocabulary: vocabulary(Layouts), bills: map[string]bool{}, most: maxKept}
}

// Add reads a page of the file with the given index. Pages may come in any
// order, each once. It fails with fault.TooLarge when the pages hold more than
// any document of bills does.
func (r *Reader) Add(file int, p page.Page) error {
	reading := readPage(file, &p, r.layouts, r.vocabulary)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept += reading.size(); r.kept > r.most {
		return fault.New(fault.TooLarge, "there is more text on its pages than any document of bills has; the file is damaged or hostile")
	}
	r.readings = append(r.readings, reading)
	if reading.known {
		r.bills[reading.bill.Number.Text] = true
		r.lines += len(reading.bill.Lines)
	}
	return nil
}

// size is what a reading counts for maxKept.
func (r *reading) size() int {
	b := &r.bill
	n := len(b.Lines)
	for _, p := range r.problems {
		n += 1 + len(p.Text)/256
	}
	for _, vs := range [][]Value{b.Consignee, b.OfficeAddress, b.WarehouseAddress, b.Instructions, b.Notes} {
		for _, v := range vs {
			n += 1 + len(v.Text)/256
		}
	}
	return n
}

// Progress says how much has been read so far.
func (r *Reader) Progress() (pages, bills, lines int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.readings), len(r.bills), r.lines
}

// Document makes bills of the pages that were added; see Pages.Document. files
// are the documents that they come from.
func (r *Reader) Document(files []File) (*Document, error) {
	return r.Pages(files).Document()
}

// Pages returns the pages that were added. files are the documents that they
// come from.
func (r *Reader) Pages(files []File) *Pages {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.readings, func(a, b *reading) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.page, b.page))
	})
	return &Pages{Files: files, readings: slices.Clone(r.readings)}
}

// Document makes bills of the pages.
//
// It fails with fault.NoText if no page has text, and with fault.NoBills if
// there is text but no bill in a known layout.
func (p *Pages) Document() (*Document, error) {
	d := &Document{Files: p.Files}
	// Pages of one number belong together; a page without one stands alone.
	var groups [][]*reading
	group := map[string]int{}
	for _, rd := range p.readings {
		switch {
		case rd.damage != "":
			d.Problems = append(d.Problems, rd.about(DamagedPage, rd.damage))
		case rd.blank:
			d.Problems = append(d.Problems, rd.about(NoTextOnPage, "the page has no text: it is blank, or a scan, which cannot be read"))
		case !rd.known:
			p := rd.about(NotABill, "the page is not a bill of lading in a known layout")
			p.Text = rd.text
			d.Problems = append(d.Problems, p)
		case rd.bill.Number.Text == "":
			groups = append(groups, []*reading{rd})
		default:
			number := rd.bill.Number.Text
			i, ok := group[number]
			if !ok {
				i = len(groups)
				group[number] = i
				groups = append(groups, nil)
			}
			groups[i] = append(groups[i], rd)
		}
	}
	if len(groups) == 0 {
		return nil, nothing(p.readings)
	}
	for _, g := range groups {
		b, problems := assemble(g)
		d.Bills = append(d.Bills, b)
		d.Problems = append(d.Problems, problems...)
	}
	slices.SortStableFunc(d.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Page, b.Page))
	})
	return d, nil
}

func (r *reading) about(kind ProblemKind, message string) Problem {
	return Problem{Kind: kind, File: r.file, Page: r.page, Message: message}
}

// nothing says why there is not one bill.
func nothing(readings []*reading) error {
	var blank, damaged, other []int
	for _, r := range readings {
		switch {
		case r.damage != "":
			damaged = append(damaged, r.page)
		case r.blank:
			blank = append(blank, r.page)
		default:
			other = append(other, r.page)
		}
	}
	details := map[string][]int{"pages_without_text": blank, "damaged_pages": damaged, "other_pages": other}
	switch {
	case len(other) > 0:
		message := "no bill of lading in a known layout was found"
		for _, r := range readings {
			if r.text != "" {
				message += fmt.Sprintf("; page %d begins %q", r.page, r.text)
				break
			}
		}
		return fault.New(fault.NoBills, "%s", message).With(details)
	case len(blank) > 0:
		return fault.New(fault.NoText, "there is no text on %s: it is a scan or a picture; print the bills to PDF from the billing system instead", pageList(blank)).With(details)
	default:
		return fault.New(fault.DamagedPDF, "%s cannot be read: the PDF is damaged; print or send it again", pageList(damaged)).With(details)
	}
}

// pageList names pages for people: "page 3", "pages 1 to 4, 7".
func pageList(pages []int) string {
	var parts []string
	for i := 0; i < len(pages); {
		j := i
		for j+1 < len(pages) && pages[j+1] == pages[j]+1 {
			j++
		}
		if j > i {
			parts = append(parts, fmt.Sprintf("%d to %d", pages[i], pages[j]))
		} else {
			parts = append(parts, fmt.Sprint(pages[i]))
		}
		i = j + 1
		if len(parts) == 12 && i < len(pages) {
			parts = append(parts, "…")
			break
		}
	}
	if len(pages) == 1 {
		return "page " + parts[0]
	}
	return "pages " + strings.Join(parts, ", ")
}

// assemble makes one bill of its pages, which are in the order of the document.
func assemble(pages []*reading) (*Bill, []Problem) {
	pages = slices.Clone(pages)
	slices.SortStableFunc(pages, func(a, b *reading) int { return cmp.Compare(a.n, b.n) })
	number := pages[0].bill.Number.Text
	var problems []Problem
	add := func(p Problem) {
		p.Bill = number
		problems = append(problems, p)
	}

	var kept []*reading
	for _, r := range pages {
		if i := slices.IndexFunc(kept, func(k *reading) bool { return k.n == r.n && r.n > 0 }); i >= 0 {
			first := where(kept[i], r)
			if same(&kept[i].bill, &r.bill) {
				add(r.about(DuplicatePage, fmt.Sprintf("page %d of %d of bill %s is there twice, first on %s; it was counted once", r.n, r.m, number, first)))
				continue
			}
			add(r.about(DuplicatePage, fmt.Sprintf("page %d of %d of bill %s is there twice, first on %s, and they differ; both were counted", r.n, r.m, number, first)))
		}
		kept = append(kept, r)
	}

	bill := kept[0].bill
	b := &bill
	b.Lines, b.Printed = nil, Totals{}
	m := 0
	for _, r := range kept {
		b.Sheets = append(b.Sheets, Sheet{File: r.file, Page: r.page, N: r.n, M: r.m, Columns: r.columns})
		b.Lines = append(b.Lines, r.bill.Lines...)
		b.Printed.take(&r.bill.Printed)
		if r != kept[0] {
			b.Instructions = append(b.Instructions, r.bill.Instructions...)
			b.Notes = append(b.Notes, r.bill.Notes...)
		}
		for _, p := range r.problems {
			add(p)
		}
		m = max(m, r.m)
	}
	if number == "" {
		p := kept[0].about(NoNumber, "the number of this bill cannot be read; its lines are in the sheet without one")
		add(p)
	}

	var missing []int
	for n := 1; n <= m; n++ {
		if !slices.ContainsFunc(kept, func(r *reading) bool { return r.n == n }) {
			missing = append(missing, n)
		}
	}
	absent := ""
	if len(missing) > 0 {
		p := kept[0].about(MissingPage, fmt.Sprintf("%s of %d of bill %s %s missing",
			pageList(missing), m, number, map[bool]string{true: "is", false: "are"}[len(missing) == 1]))
		add(p)
		absent = fmt.Sprintf("%s of %d is missing", pageList(missing), m)
		if len(missing) > 1 {
			absent = fmt.Sprintf("%s of %d are missing", pageList(missing), m)
		}
	}
	b.reconcile(absent)
	return b, problems
}

// where names a page for a problem on page r.
func where(k, r *reading) string {
	if k.file == r.file {
		return fmt.Sprintf("page %d of the document", k.page)
	}
	return fmt.Sprintf("page %d of document %d", k.page, k.file+1)
}

// same reports whether two pages show the same lines and totals.
func same(a, b *Bill) bool {
	return slices.EqualFunc(a.Lines, b.Lines, func(x, y Line) bool {
		return x.Style.Text == y.Style.Text && x.OrderNumber.Text == y.OrderNumber.Text &&
			x.CustStyle.Text == y.CustStyle.Text && x.Description.Text == y.Description.Text &&
			x.Cartons.Text == y.Cartons.Text && x.Pieces.Text == y.Pieces.Text &&
			x.Volume.Text == y.Volume.Text && x.Weight.Text == y.Weight.Text
	}) && a.Printed.Cartons.Text == b.Printed.Cartons.Text && a.Printed.Pieces.Text == b.Printed.Pieces.Text &&
		a.Printed.Weight.Text == b.Printed.Weight.Text && a.Printed.Cube.Text == b.Printed.Cube.Text
}

// take adds the totals of another page: the foot is filled on the last page
// only, so that the last one that says something counts.
func (t *Totals) take(o *Totals) {
	for _, f := range []struct{ to, from *Number }{
		{&t.Cartons, &o.Cartons}, {&t.Pieces, &o.Pieces}, {&t.Weight, &o.Weight}, {&t.Cube, &o.Cube},
	} {
		if f.from.Text != "" {
			*f.to = *f.from
		}
	}
}
