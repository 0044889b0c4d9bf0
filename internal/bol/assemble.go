package bol

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/page"
	"tallyman/internal/text"
)

// Reader combines pages to bills. Its methods may be called from several goroutines.
type Reader struct {
	layouts    []*Layout
	vocabulary *vocabulary

	mu       sync.Mutex
	readings []*reading
	bills    map[string]bool
	lines    int
	pages    int
	kept     int // the size of the readings, as maxKept counts
	most     int // maxKept, except in tests
	forms    []form.Form
}

// maxKept bounds what a Reader keeps of a document: it counts lines, problems, lines of
// free text, and each 256 bytes of text in problems and free text. 8,600 pages of bills
// have about 120,000.
const maxKept = 1_000_000

// NewReader returns a Reader for the known Layouts.
func NewReader() *Reader {
	r, err := newReader(Layouts)
	if err != nil {
		panic(err) // one of our own, which a test checks
	}
	return r
}

// newReader fails if a layout is not valid; see Layout.Check.
func newReader(layouts []*Layout) (*Reader, error) {
	for _, l := range layouts {
		if err := l.Check(); err != nil {
			return nil, err
		}
	}
	return &Reader{layouts: layouts, vocabulary: newVocabulary(layouts), bills: map[string]bool{}, most: maxKept}, nil
}

// Add reads a page of the file with the given index. Pages may come in any order, each
// once. It fails with fault.TooLarge when the pages have more content than any document
// of bills.
func (r *Reader) Add(file int, p page.Page) error {
	readings := readPage(file, &p, r.layouts, r.vocabulary)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reading := range readings {
		if err := r.keep(reading); err != nil {
			return err
		}
		r.readings = append(r.readings, reading)
		if reading.Known {
			r.bills[reading.Bill.Number.Text] = true
			r.lines += len(reading.Bill.Lines)
		}
	}
	r.pages++
	return nil
}

// keep counts a reading, or what was added to it, against the most that is kept.
func (r *Reader) keep(rd *reading) error {
	if r.kept += rd.size(); r.kept > r.most {
		return fault.New(fault.TooLarge, "there is more text on its pages than any document of bills has; the file is damaged or hostile")
	}
	return nil
}

// size is what a reading counts for maxKept.
func (r *reading) size() int {
	b := &r.Bill
	n := len(b.Lines) + len(r.Notes)
	if r.Loose != nil {
		n += len(r.Loose.Words)
	}
	for _, p := range r.Problems {
		n += 1 + len(p.Text)/256
	}
	for _, vs := range b.texts() {
		for _, v := range *vs {
			n += 1 + len(v.Text)/256
		}
	}
	return n
}

// Progress returns how much has been read so far.
func (r *Reader) Progress() (pages, bills, lines int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pages, len(r.bills), r.lines
}

// Document makes bills of the pages that were added; see Pages.Document. files are the
// documents of the pages.
func (r *Reader) Document(files []File) (*Document, error) {
	return r.Pages(files).Document()
}

// Pages returns the pages that were added. files are the documents of the pages.
func (r *Reader) Pages(files []File) *Pages {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.readings, func(a, b *reading) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Page, b.Page), cmp.Compare(a.Part, b.Part))
	})
	return &Pages{Files: files, readings: slices.Clone(r.readings), forms: r.forms}
}

// Document makes bills of the pages.
//
// It fails with fault.NoText if no page has text, with fault.UnreadForm if there is a bill
// of which nothing could be read, and with fault.NoBills if there is text but no such
// document, unless Keep is set.
func (p *Pages) Document() (*Document, error) {
	d := &Document{Files: p.Files}
	again := map[int]bool{} // files that were there before
	first := map[[32]byte]int{}
	for i, sum := range p.Sums {
		if sum == ([32]byte{}) {
			continue
		}
		k, ok := first[sum]
		if !ok {
			first[sum] = i
			continue
		}
		again[i] = true
		d.Problems = append(d.Problems, Problem{Kind: DuplicateFile, File: i, Message: fmt.Sprintf(
			"document %d, %s, has the same content as document %d, %s; it was counted once",
			i+1, filepath.Base(p.Files[i].Name), k+1, filepath.Base(p.Files[k].Name))})
	}
	readings := p.joined(again)
	// Pages of one number belong together; a page without a number is a bill of its
	// own.
	var groups [][]*reading
	group := map[string]int{}
	for _, rd := range readings {
		for _, n := range rd.Notes {
			n.Bill = rd.Bill.Number.Text
			d.Problems = append(d.Problems, n)
		}
		switch {
		case again[rd.File], rd.Read:
		case rd.Free:
			if p, of := repeats(groups, rd, p.Files); p != nil {
				d.Problems = append(d.Problems, *p)
				if of != nil {
					if rd.proved() && !of[0].proved() {
						of[0] = rd
					}
					continue
				}
			}
			groups = append(groups, []*reading{rd})
		case rd.Damage != "":
			d.Problems = append(d.Problems, rd.about(DamagedPage, rd.Damage))
		case rd.Blank:
			message := "the page has no text: it is blank, or a picture that could not be read"
			switch rd.Scan {
			case page.Recognised:
				message = "the page is a picture in which no text was found"
			case page.TextLayer:
				message = "the page is a scan whose only text is invisible: a scanner's reading of it, which nobody can check; it was not read"
			}
			d.Problems = append(d.Problems, rd.about(NoTextOnPage, message))
		case rd.unreadable():
			d.Problems = append(d.Problems, rd.about(NoTextOnPage, "the page is a picture with a few words over it, such as a stamp; what the picture shows cannot be read"))
		case !rd.Known && len(rd.Problems) > 0:
			d.Problems = append(d.Problems, rd.Problems...)
		case !rd.Known:
			p := rd.about(NotABill, cmp.Or(rd.Hint, "the page is not a bill of lading in a known layout"))
			p.Text = rd.Text
			d.Problems = append(d.Problems, p)
		case rd.Bill.Number.Text == "":
			groups = append(groups, []*reading{rd})
		default:
			number := rd.Bill.Number.Text
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
		err := nothing(readings)
		if code := fault.CodeOf(err); !p.Keep || code != fault.UnreadForm && code != fault.NoBills {
			return nil, err
		}
	}
	most := decimals{}
	d.most = most
	for _, rd := range readings {
		if rd.Free {
			continue
		}
		for _, f := range Fields {
			most[f] = max(most[f], rd.Bill.sum(f).places)
		}
	}
	for _, g := range groups {
		if g[0].Free {
			b := g[0].Bill
			if g[0].Scan == page.Recognised {
				b.Optical, b.Twice = true, g[0].Twice
				b.vouch()
			}
			d.Bills = append(d.Bills, &b)
			for _, p := range g[0].Problems {
				p.Bill = b.Number.Text
				d.Problems = append(d.Problems, p)
			}
			continue
		}
		b, problems := assemble(g, p.Files, most)
		d.Bills = append(d.Bills, b)
		d.Problems = append(d.Problems, problems...)
	}
	d.readings(readings)
	d.keepDoubts()
	d.sort()
	return d, nil
}

// sort puts the problems in the order of files and pages.
func (d *Document) sort() {
	slices.SortStableFunc(d.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Page, b.Page))
	})
}

// readings adds what a person should know of how values were read from pictures: whether by
// one reader, which figures were chosen, and which texts of bills that are proved are not.
func (d *Document) readings(all []*reading) {
	i := slices.IndexFunc(all, func(r *reading) bool { return r.Scan == page.Recognised && !r.Blank && !r.Twice })
	if i >= 0 {
		d.Problems = append(d.Problems, all[i].about(OneReader, "the pictures were read by one reader, since the second one is not there or failed, so nothing that was read of them is proved; install tesseract to have them read twice"))
	}
	for _, b := range d.Bills {
		if !b.Optical || b.Verdict.Outcome != Reconciled {
			continue
		}
		for _, v := range b.Keys() {
			if p, ok := v.doubt(b); ok {
				d.Problems = append(d.Problems, p)
			}
		}
	}
}

func quotedOr(s ...string) string {
	var out []string
	for _, t := range s {
		if t != "" {
			out = append(out, text.Quote(t))
		}
	}
	return cmp.Or(strings.Join(out, " or "), "nothing")
}

// keepDoubts drops doubtful readings of what no figure, style or number of a bill is, or what
// is proved, and names the bills of the others.
func (d *Document) keepDoubts() {
	if !slices.ContainsFunc(d.Problems, func(p Problem) bool { return p.Kind == DoubtfulReading }) {
		return
	}
	type at struct{ file, page int }
	type value struct {
		box  page.Box
		bill string
	}
	values := map[at][]value{}
	for _, b := range d.Bills {
		for _, v := range b.Keys() {
			if v.Sight != nil && !v.Doubtful() {
				continue
			}
			k := at{v.File, v.Page}
			values[k] = append(values[k], value{v.Box, b.Number.Text})
		}
	}
	d.Problems = slices.DeleteFunc(d.Problems, func(p Problem) bool {
		return p.Kind == DoubtfulReading && !slices.ContainsFunc(values[at{p.File, p.Page}], func(v value) bool { return v.box.Meets(p.Box) })
	})
	for i := range d.Problems {
		p := &d.Problems[i]
		if p.Kind != DoubtfulReading {
			continue
		}
		for _, v := range values[at{p.File, p.Page}] {
			if v.box.Meets(p.Box) {
				p.Bill = v.bill
			}
		}
	}
}

// Keys are the values of a bill that decide: its number, the totals, and the figures and
// style of each line, without those that are empty.
func (b *Bill) Keys() []Value {
	out := append([]Value{b.Number}, b.figures()...)
	for i := range b.Lines {
		out = append(out, b.Lines[i].Style)
	}
	return slices.DeleteFunc(out, func(v Value) bool { return v.Text == "" || v.Page == 0 })
}

// figures are the totals of a bill and the figures of its lines, without those that are empty.
func (b *Bill) figures() (out []Value) {
	for _, f := range Fields {
		out = append(out, totalOf(&b.Printed, f).Value)
		for i := range b.Lines {
			out = append(out, cellOf(&b.Lines[i], f).Value)
		}
	}
	return slices.DeleteFunc(out, func(v Value) bool { return v.Text == "" })
}

// Unsettled are the values of a bill, of those of Keys, that were read from a picture and that
// nothing proves.
func (b *Bill) Unsettled() []Value {
	return slices.DeleteFunc(b.Keys(), func(v Value) bool { return !v.Doubtful() })
}

// repeats returns a problem if a bill that was read freely has the number of another one,
// and that one if it says the same. Bills of pictures with the same figures are told as well if
// one of them has no number: they may be two bills, or one that was photographed twice.
func repeats(groups [][]*reading, rd *reading, files []File) (p *Problem, of []*reading) {
	number := rd.Bill.Number.Text
	for _, g := range groups {
		if number == "" || g[0].Bill.Number.Text != number {
			continue
		}
		about := rd.about(DifferingPage, fmt.Sprintf("%s is there twice, first on %s, and they differ; both were counted", rd.called(), where(g[0], rd, files)))
		if g[0].Free && (g[0].content() == rd.content() || g[0].countsSame(rd)) {
			about, of = rd.about(DuplicatePage, fmt.Sprintf("%s is there twice, first on %s; it was counted once", rd.called(), where(g[0], rd, files))), g
		}
		about.Bill = rd.Bill.Number.Text
		return &about, of
	}
	for _, g := range groups {
		if (number == "" || g[0].Bill.Number.Text == "") && g[0].countsSame(rd) {
			about := rd.about(DifferingPage, fmt.Sprintf("%s has the same figures as %s on %s, and may be a copy of it; both were counted", rd.called(), g[0].called(), where(g[0], rd, files)))
			about.Bill = number
			return &about, nil
		}
	}
	return nil, nil
}

// countsSame reports whether two bills that were read from pictures have the same figures, and
// one of them is proved: then they are pictures of one bill, whatever was misread beside them.
// Totals may be missing in the other.
func (r *reading) countsSame(o *reading) bool {
	if r.Scan != page.Recognised || o.Scan != page.Recognised || !r.proved() && !o.proved() {
		return false
	}
	for _, f := range Fields {
		a, b := totalOf(&r.Bill.Printed, f).Text, totalOf(&o.Bill.Printed, f).Text
		if a != b && a != "" && b != "" {
			return false
		}
	}
	return slices.EqualFunc(r.Bill.Lines, o.Bill.Lines, func(x, y Line) bool {
		return !slices.ContainsFunc(Fields[:], func(f Field) bool { return cellOf(&x, f).Text != cellOf(&y, f).Text })
	})
}

// proved reports whether the totals of a bill that was read freely prove it.
func (r *reading) proved() bool {
	return r.Bill.Free != nil && r.Bill.Free.Outcome == form.Reconciled
}

func (r *reading) about(kind ProblemKind, message string) Problem {
	return Problem{Kind: kind, File: r.File, Page: r.Page, Message: message}
}

// unreadable reports whether the page is no more than a picture, with a stamp or a
// fax machine's line over it.
func (r *reading) unreadable() bool {
	return !r.Known && (r.Scan == page.Picture || r.Scan == page.TextLayer)
}

// nothing returns the fault of a document without bills.
func nothing(readings []*reading) error {
	var blank, damaged, other []int
	for _, r := range readings {
		switch {
		case r.Damage != "":
			damaged = append(damaged, r.Page)
		case r.Blank || r.unreadable():
			blank = append(blank, r.Page)
		default:
			other = append(other, r.Page)
		}
	}
	advice := "is it the right document?"
	poor := ""
	for _, r := range readings {
		for _, n := range r.Notes {
			switch {
			case n.Kind == Attachment:
				advice = n.Message
			case n.Kind == PoorPicture && poor == "":
				poor = fmt.Sprintf("; page %d: %s", r.Page, n.Message)
			}
		}
	}
	details := map[string][]int{"pages_without_text": blank, "damaged_pages": damaged, "other_pages": other}
	for _, r := range readings {
		if r.Hint != "" {
			return fault.New(fault.UnreadForm, "no line of a bill could be read; page %d: %s", r.Page, r.Hint).With(details)
		}
	}
	switch {
	case len(other) > 0:
		message := "no bill of lading in a known layout was found"
		for _, r := range readings {
			if r.Text != "" {
				message += fmt.Sprintf("; page %d begins %s", r.Page, text.Quote(r.Text))
				break
			}
		}
		return fault.New(fault.NoBills, "%s; %s%s", message, advice, poor).With(details)
	case len(blank) > 0:
		return fault.New(fault.NoText, "there is no text on %s, and none could be read in a picture there; print the bills to PDF from the billing system, or scan them again%s", pageList(blank), poor).With(details)
	default:
		i := slices.IndexFunc(readings, func(r *reading) bool { return r.Damage != "" })
		if i < 0 {
			return fault.New(fault.DamagedPDF, "the PDF has no pages; print or send it again").With(details)
		}
		return fault.New(fault.DamagedPDF, "%s cannot be read (%s); print or send it again", pageList(damaged), readings[i].Damage).With(details)
	}
}

// pageList returns pages for people: "page 3", "pages 1 to 4, 7".
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

// assemble makes one bill of its pages, which are in the order of the document. files
// are the documents of the pages, most has the decimals of all of them.
func assemble(pages []*reading, files []File, most decimals) (*Bill, []Problem) {
	// A page that does not say which it is comes last; its n less one is the
	// greatest of all.
	pages = slices.Clone(pages)
	slices.SortStableFunc(pages, func(a, b *reading) int { return cmp.Compare(uint(a.N-1), uint(b.N-1)) })
	number := pages[0].Bill.Number.Text
	var problems []Problem
	add := func(p Problem) {
		p.Bill = number
		problems = append(problems, p)
	}

	kept, m, there := once(pages, files, add)
	bill := kept[0].Bill
	b := &bill
	// Appending must not overwrite what the page keeps.
	b.Lines, b.Instructions, b.Notes = slices.Clip(b.Lines), slices.Clip(b.Instructions), slices.Clip(b.Notes)
	for i, r := range kept {
		b.Sheets = append(b.Sheets, Sheet{File: r.File, Page: r.Page, N: r.N, M: r.M, Columns: r.Columns})
		if i > 0 {
			b.Lines = append(b.Lines, r.Bill.Lines...)
			takeTotals(&b.Printed, &r.Bill.Printed)
			// Most of these are printed on every page of a bill.
			before := &kept[i-1].Bill
			if !sameText(before.Instructions, r.Bill.Instructions) {
				b.Instructions = append(b.Instructions, r.Bill.Instructions...)
			}
			if !sameText(before.Notes, r.Bill.Notes) {
				b.Notes = append(b.Notes, r.Bill.Notes...)
			}
		}
		for _, p := range r.Problems {
			add(p)
		}
	}

	var missing []int
	for n := 1; n <= m; n++ {
		if there[n] == nil {
			missing = append(missing, n)
		}
	}
	absent := ""
	if len(missing) > 0 {
		are := "are"
		if len(missing) == 1 {
			are = "is"
		}
		add(kept[0].about(MissingPage, fmt.Sprintf("%s of %d of %s %s missing", pageList(missing), m, kept[0].called(), are)))
		absent = fmt.Sprintf("%s of %d %s missing", pageList(missing), m, are)
	}
	b.absent = absent
	b.Optical = slices.ContainsFunc(kept, func(r *reading) bool { return r.Scan == page.Recognised })
	b.Twice = b.Optical && !slices.ContainsFunc(kept, func(r *reading) bool { return r.Scan == page.Recognised && !r.Twice })
	b.reconcile(absent, most)
	return b, problems
}

// once returns the pages of a bill without duplicates, the number of pages that the
// bill should have, and those that exist.
func once(pages []*reading, files []File, add func(Problem)) (kept []*reading, m int, there map[int]*reading) {
	type content struct {
		n    int
		text string
	}
	seen := map[content]*reading{}
	there = map[int]*reading{}
	for _, r := range pages {
		m = max(m, r.M)
		page := fmt.Sprintf("page %d of %d of %s", r.N, r.M, r.called())
		first := there[r.N]
		c := content{r.N, ""}
		if len(pages) > 1 {
			c.text = r.content()
		}
		if r.N == 0 {
			// Two pages of a bill are equal only if they have no totals, which are on
			// one page.
			page = "a page of " + r.called()
			if first = seen[c]; r.Bill.Printed == (Totals{}) {
				first = nil
			}
		}
		if first == nil {
			there[r.N] = r
		} else if seen[c] != nil {
			add(r.about(DuplicatePage, fmt.Sprintf("%s is there twice, first on %s; it was counted once", page, where(first, r, files))))
			continue
		} else {
			add(r.about(DifferingPage, fmt.Sprintf("%s is there twice, first on %s, and they differ; both were counted", page, where(first, r, files))))
		}
		seen[c] = r
		kept = append(kept, r)
	}
	return kept, m, there
}

// content returns everything on a page that concerns lines and totals, whether it was
// read or not. Two copies of a page have the same content.
func (r *reading) content() string {
	var b strings.Builder
	cell := func(text string) {
		b.WriteString(text)
		b.WriteByte('\t')
	}
	for i := range r.Bill.Lines {
		l := &r.Bill.Lines[i]
		for _, v := range Values(&l.Cells) {
			cell(v.Text)
		}
	}
	for _, v := range Values(&r.Bill.Printed) {
		cell(v.Text)
	}
	for i := range r.Problems {
		cell(r.Problems[i].Text)
	}
	return b.String()
}

func sameText(a, b []Value) bool {
	return slices.EqualFunc(a, b, func(x, y Value) bool { return x.Text == y.Text })
}

// called returns the name of a page's bill for people.
func (r *reading) called() string {
	if r.Bill.Number.Text == "" {
		return "a bill without a number"
	}
	return "bill " + r.Bill.Number.Text
}

// where returns the name of page k for a problem on page r.
func where(k, r *reading, files []File) string {
	if k.File == r.File {
		return fmt.Sprintf("page %d of the document", k.Page)
	}
	if k.File >= len(files) || r.File >= len(files) || files[k.File].Name == "" {
		return fmt.Sprintf("page %d of document %d", k.Page, k.File+1)
	}
	name := filepath.Base(files[k.File].Name)
	if name == filepath.Base(files[r.File].Name) {
		return fmt.Sprintf("page %d of document %d, which is called %s as well", k.Page, k.File+1, name)
	}
	return fmt.Sprintf("page %d of %s", k.Page, name)
}

// takeTotals takes the totals of another page. The foot is filled on the last page
// only, so the last page with totals counts.
func takeTotals(t, o *Totals) {
	for _, f := range Fields {
		if n := totalOf(o, f); n.Text != "" {
			*totalOf(t, f) = *n
		}
	}
}
