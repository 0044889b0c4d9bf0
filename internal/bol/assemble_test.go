package bol

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// part is one page of a bill: its lines have one carton of 10 pieces, 1.00 cubic
// feet and 5.0 pounds each.
type part struct {
	number string
	of     string   // "1/2" is printed as "Page 1 of 2"
	styles []string // of the lines
	total  int      // lines that the foot adds up; 0 leaves it blank
}

func (p part) page() page.Page {
	t := newTypist().form(p.number)
	t.erase(Label{"Page 1 of 1", 497.4, 95.8})
	if n, m, ok := strings.Cut(p.of, "/"); ok {
		t.put9(497.4, 95.8, "Page "+n+" of "+m)
	}
	for i, style := range p.styles {
		t.row(i, cells{cartons: "1", style: style, pieces: "10", vol: "1.00", wgt: "5.0"})
	}
	if p.total > 0 {
		t.foot(fmt.Sprint(p.total), fmt.Sprint(p.total*10), fmt.Sprintf("%d.0", p.total*5), fmt.Sprintf("%d.00", p.total))
	}
	t.put(312.6, 648, 8, "ROUTE ONLINE")
	return t.done()
}

// styles are the styles of a bill's lines.
func styles(b *Bill) string {
	var out []string
	for i := range b.Lines {
		out = append(out, b.Lines[i].Style.Text)
	}
	return strings.Join(out, " ")
}

func TestPagesOfOneNumberAreOneBill(t *testing.T) {
	one := part{"G1", "1/2", []string{"A", "B"}, 0}
	two := part{"G1", "2/2", []string{"C"}, 3}
	other := part{"G2", "1/1", []string{"X"}, 1}
	type problem struct {
		page int
		text string
	}
	for _, tt := range []struct {
		name     string
		pages    []part
		want     string // bills with their styles and outcomes
		reason   string // of the first bill that is unchecked
		problems []problem
	}{
		{name: "in order", pages: []part{one, two, other}, want: "G1: A B C reconciled, G2: X reconciled"},
		{name: "in another order", pages: []part{two, other, one}, want: "G1: A B C reconciled, G2: X reconciled"},
		{name: "the last page is missing", pages: []part{one, other}, want: "G1: A B unchecked, G2: X reconciled",
			reason:   "page 2 of 2 is missing",
			problems: []problem{{1, "page 2 of 2 of bill G1 is missing"}}},
		{name: "the first page is missing", pages: []part{two, other}, want: "G1: C mismatched, G2: X reconciled",
			problems: []problem{{1, "page 1 of 2 of bill G1 is missing"}}},
		{name: "several pages are missing", pages: []part{{"G1", "3/6", []string{"A"}, 0}}, want: "G1: A unchecked",
			reason:   "pages 1 to 2, 4 to 6 of 6 are missing",
			problems: []problem{{1, "pages 1 to 2, 4 to 6 of 6 of bill G1 are missing"}}},
		{name: "a page twice", pages: []part{one, two, one}, want: "G1: A B C reconciled",
			problems: []problem{{3, "page 1 of 2 of bill G1 is there twice, first on page 1 of the document; it was counted once"}}},
		{name: "a page three times", pages: []part{other, other, other}, want: "G2: X reconciled",
			problems: []problem{
				{2, "page 1 of 1 of bill G2 is there twice, first on page 1 of the document; it was counted once"},
				{3, "page 1 of 1 of bill G2 is there twice, first on page 1 of the document; it was counted once"}}},
		{name: "a page twice, and they differ", pages: []part{one, {"G1", "1/2", []string{"A", "Z"}, 0}, two}, want: "G1: A B A Z C mismatched",
			problems: []problem{{2, "page 1 of 2 of bill G1 is there twice, first on page 1 of the document, and they differ; both were counted"}}},
		{name: "pages without a page number", pages: []part{{"G1", "", []string{"A", "B"}, 0}, {"G1", "", []string{"C"}, 3}},
			want: "G1: A B C reconciled"},
		{name: "copies without a page number", pages: []part{{"G1", "", []string{"A"}, 1}, {"G1", "", []string{"A"}, 1}},
			want:     "G1: A reconciled",
			problems: []problem{{2, "a page of bill G1 is there twice, first on page 1 of the document; it was counted once"}}},
		{name: "equal lines on pages without a page number", pages: []part{{"G1", "", []string{"A"}, 0}, {"G1", "", []string{"A"}, 0}, {"G1", "", []string{"A"}, 3}},
			want: "G1: A A A reconciled"},
		{name: "one page has no page number", pages: []part{{"G1", "", []string{"C"}, 3}, one}, want: "G1: A B C reconciled",
			problems: []problem{{2, "page 2 of 2 of bill G1 is missing"}}},
		{name: "page 3 of 2", pages: []part{{"G1", "3/2", []string{"A"}, 1}}, want: "G1: A reconciled"},
		{name: "pages that count differently", pages: []part{{"G1", "1/1", []string{"A"}, 0}, {"G1", "2/2", []string{"B"}, 2}}, want: "G1: A B reconciled"},
		{name: "the second page is another bill's", pages: []part{one, {"G2", "2/2", []string{"X"}, 3}},
			want: "G1: A B unchecked, G2: X mismatched", reason: "page 2 of 2 is missing",
			problems: []problem{{1, "page 2 of 2 of bill G1 is missing"}, {2, "page 1 of 2 of bill G2 is missing"}}},
		{name: "pages without a bill number are separate bills", pages: []part{{"", "1/2", []string{"A"}, 0}, {"", "2/2", []string{"B"}, 2}},
			want: ": A unchecked, : B mismatched", reason: "page 2 of 2 is missing",
			problems: []problem{
				{1, "the number of this bill cannot be read; its lines are in the sheet without one"}, {1, "page 2 of 2 of a bill without a number is missing"},
				{2, "the number of this bill cannot be read; its lines are in the sheet without one"}, {2, "page 1 of 2 of a bill without a number is missing"}}},
		{name: "totals on the first page", pages: []part{{"G1", "1/2", []string{"A"}, 2}, {"G1", "2/2", []string{"B"}, 0}}, want: "G1: A B reconciled"},
		{name: "a bill without lines", pages: []part{{"G1", "1/1", nil, 0}}, want: "G1:  unchecked",
			reason: "no total is printed for cartons, pieces, weight, cube"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var pages []page.Page
			for _, p := range tt.pages {
				pages = append(pages, p.page())
			}
			d := documentOf(t, pages...)
			var got []string
			reason := ""
			for _, b := range d.Bills {
				got = append(got, fmt.Sprintf("%s: %s %s", b.Number.Text, styles(b), b.Verdict.Outcome))
				if reason == "" {
					reason = b.Verdict.Reason
				}
				if s := textsOf(b.Instructions); s != "ROUTE ONLINE" {
					t.Errorf("the instructions of bill %s are %q", b.Number.Text, s)
				}
			}
			if s := strings.Join(got, ", "); s != tt.want || reason != tt.reason {
				t.Errorf("got  %s (%s)\nwant %s (%s)", s, reason, tt.want, tt.reason)
			}
			var problems []problem
			for _, p := range d.Problems {
				problems = append(problems, problem{p.Page, p.Message})
			}
			if !slices.Equal(problems, tt.problems) {
				t.Errorf("problems %v\nwant %v", problems, tt.problems)
			}
		})
	}
}

func TestABillInTwoDocuments(t *testing.T) {
	one, two := part{"G1", "1/2", []string{"A"}, 0}.page(), part{"G1", "2/2", []string{"B"}, 2}.page()
	r := NewReader()
	for file, pages := range [][]page.Page{{one}, {two, one}} {
		addTo(t, r, file, pages)
	}
	if pages, bills, lines := r.Progress(); pages != 3 || bills != 1 || lines != 3 {
		t.Errorf("it has read %d pages, %d bills, %d lines", pages, bills, lines)
	}
	// The first page is there twice. The problem names the document of the first copy, as
	// everywhere.
	for _, c := range []struct {
		files []File
		first string
	}{
		{[]File{{"in/a.pdf", 1}, {"in/b.pdf", 2}}, "page 1 of a.pdf"},
		{[]File{{"a.pdf", 1}, {"a.pdf", 2}}, "page 1 of document 1, which is called a.pdf as well"},
		{[]File{{"", 1}, {"", 2}}, "page 1 of document 1"},
	} {
		d, err := r.Document(c.files)
		must.OK(t, err)
		want := "page 1 of 2 of bill G1 is there twice, first on " + c.first + "; it was counted once"
		if p := d.Problems; len(p) != 1 || p[0].Message != want || p[0].File != 1 || p[0].Page != 2 {
			t.Errorf("problems %+v, want %q", p, want)
		}
	}
	d, err := r.Document([]File{{"a.pdf", 1}, {"b.pdf", 2}})
	must.OK(t, err)
	if len(d.Bills) != 1 || styles(d.Bills[0]) != "A B" || d.Bills[0].Verdict.Outcome != Reconciled {
		t.Fatalf("bills %+v", d.Bills)
	}
	if l := d.Bills[0].Lines[1]; l.File != 1 || l.Page != 1 || l.Style.File != 1 {
		t.Errorf("the second line is placed on page %d of file %d", l.Page, l.File)
	}
	if d.PageCount() != 3 || d.Lines() != 2 || d.Count(Reconciled) != 1 {
		t.Errorf("%d pages, %d lines, %d reconciled", d.PageCount(), d.Lines(), d.Count(Reconciled))
	}
}

// Two copies of a page are the same only if everything on them is, including what could
// not be read.
func TestARowThatCannotBeReadIsNotLostWithACopy(t *testing.T) {
	good := newTypist().form("G1").row(0, plain)
	bad := newTypist().form("G1").row(0, plain).row(1, with(func(c *cells) { c.pieces = "4O" }))
	d := documentOf(t, good.done(), bad.done())
	var kinds []string
	for _, p := range d.Problems {
		kinds = append(kinds, string(p.Kind))
	}
	if strings.Join(kinds, " ") != "unread_row differing_page" && strings.Join(kinds, " ") != "differing_page unread_row" {
		t.Errorf("problems: %s", kindsOf(d.Problems))
	}
}

// Making a document does not change another one of the same pages.
func TestDocumentsShareNothing(t *testing.T) {
	pagesOf := func(parts ...part) *Pages {
		var pages []page.Page
		for _, part := range parts {
			p := part.page()
			for j, style := range part.styles { // each line has a note, too
				w := page.Word{Text: style, Size: 8, Base: 680 + 12*float32(j), Box: page.Box{X0: 20, Y0: 672, X1: 60, Y1: 682}}
				p.Words = append(p.Words, w)
			}
			pages = append(pages, p)
		}
		return readerOf(t, pages...).Pages([]File{{"a.pdf", len(parts)}})
	}
	documentOf := func(p *Pages) *Document {
		d, err := p.Document()
		must.OK(t, err)
		return d
	}
	first := pagesOf(part{"G1", "1/3", []string{"A", "B", "C"}, 0}, part{"G1", "3/3", []string{"Z"}, 0})
	before := documentOf(first)
	var both Pages
	both.Append(first)
	both.Append(pagesOf(part{"G1", "2/3", []string{"M"}, 0}))
	after := documentOf(&both)
	if b := before.Bills[0]; textsOf(b.Notes) != "A | B | C | Z" || styles(b) != "A B C Z" {
		t.Errorf("notes %s, lines %s", textsOf(b.Notes), styles(b))
	}
	if b := after.Bills[0]; textsOf(b.Notes) != "A | B | C | M | Z" || styles(b) != "A B C M Z" {
		t.Errorf("notes %s, lines %s", textsOf(b.Notes), styles(b))
	}
}

func TestADocumentWithoutBillsSaysWhy(t *testing.T) {
	text := newTypist()
	text.put9(72, 72, "Please note our new bank account.")
	broken := page.Page{Damage: "the page is damaged"}
	for _, tt := range []struct {
		name  string
		pages []page.Page
		code  fault.Code
		says  string
	}{
		{"scans", []page.Page{{}, {}, {}}, fault.NoText, "pages 1 to 3"},
		{"a scan", []page.Page{{}}, fault.NoText, "page 1"},
		{"other text", []page.Page{{}, text.done()}, fault.NoBills, `page 2 begins "Please note our new bank account."`},
		{"damaged pages", []page.Page{broken, broken}, fault.DamagedPDF, "pages 1 to 2"},
		{"nothing", nil, fault.DamagedPDF, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := readerOf(t, tt.pages...).Document([]File{{"a.pdf", len(tt.pages)}})
			if d != nil || fault.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v and %v, want %s and %q", d, err, tt.code, tt.says)
			}
		})
	}
}

func TestPageListsAreForPeople(t *testing.T) {
	for _, tt := range []struct {
		pages []int
		want  string
	}{
		{[]int{3}, "page 3"},
		{[]int{1, 2, 3, 4, 7}, "pages 1 to 4, 7"},
		{[]int{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27}, "pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, …"},
	} {
		if got := pageList(tt.pages); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.pages, got, tt.want)
		}
	}
}
