package sample

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tallyman/internal/testing/must"
)

// printed is a text in a page's content, with the place where it begins.
type printed struct {
	place
	size  float64
	scale float64
	text  string
}

var (
	contentStream = regexp.MustCompile(`<</Filter /FlateDecode /Length (\d+)>>\nstream\n`)
	operator      = regexp.MustCompile(`(?s)BT /F[0-9a-f]+ ([\d.]+) Tf ET|([\d.]+) Tz|BT (-?[\d.]+) (-?[\d.]+) Td \((.*?)\) Tj ET`)
	unescape      = strings.NewReplacer(`\(`, "(", `\)`, ")", `\\`, `\`)
)

// contents returns the texts of every page of the sample's PDF. It reads what
// this package writes, and no other PDF.
func contents(t *testing.T, s *Sample) [][]printed {
	t.Helper()
	pdf := must.Written(t, s.WritePDF)
	var pages [][]printed
	for _, m := range contentStream.FindAllSubmatchIndex(pdf, -1) {
		n, _ := strconv.Atoi(string(pdf[m[2]:m[3]]))
		z, err := zlib.NewReader(bytes.NewReader(pdf[m[1] : m[1]+n]))
		must.OK(t, err)
		content, err := io.ReadAll(z)
		must.OK(t, err)
		p := []printed{}
		now := printed{scale: 100}
		for _, op := range operator.FindAllSubmatch(content, -1) {
			number := func(i int) float64 {
				v, err := strconv.ParseFloat(string(op[i]), 64)
				must.OK(t, err)
				return v
			}
			switch {
			case op[1] != nil:
				now.size = number(1)
			case op[2] != nil:
				now.scale = number(2)
			default:
				now.place = place{number(3), number(4)}
				now.text = unescape.Replace(string(op[5]))
				p = append(p, now)
			}
		}
		pages = append(pages, p)
	}
	if len(pages) == 0 {
		t.Fatal("found no pages in the PDF")
	}
	return pages
}

// at returns the text at a place of the page, "" if there is none.
func at(page []printed, where place) string {
	for _, p := range page {
		if max(p.x-where.x, where.x-p.x) < 0.01 && max(p.y-where.y, where.y-p.y) < 0.01 {
			return strings.TrimSpace(p.text)
		}
	}
	return ""
}

// row returns the place of a column in the nth row of a page.
func row(n int, c Column) place { return place{columnX[c], firstRow - float64(n)*rowPitch} }

func TestThePDFPrintsTheBills(t *testing.T) {
	s := invented(t, Options{Bills: 30, Lines: 160, Seed: 2})
	pages := contents(t, s)
	if len(pages) != len(s.BillPages()) {
		t.Fatalf("%d pages, want %d", len(pages), len(s.BillPages()))
	}
	expect := func(n int, name string, where place, want string) {
		t.Helper()
		if got := at(pages[n], where); got != strings.TrimSpace(want) {
			t.Errorf("page %d: %s is %q, want %q", n+1, name, got, want)
		}
	}
	for i, p := range s.BillPages() {
		b := p.Bill
		expect(i, "number", atNumber, b.Number)
		expect(i, "date", atDate, b.Date)
		expect(i, "page", atPage, fmt.Sprintf("Page %d of %d", p.N, p.M))
		expect(i, "customer", atCustomerCode, b.CustomerCode)
		expect(i, "country", atConsignee, "USA")
		expect(i, "store", atStore, b.Store)
		expect(i, "internal code", atInternalCode, b.InternalCode)
		expect(i, "bar code", atBarcode, "*"+b.Number+"*")
		if len(b.Instructions) > 0 {
			expect(i, "instructions", atInstructions, b.Instructions[0])
		}
		for n := range RowsPerPage {
			var want [Weight + 1]string
			if j := (p.N-1)*RowsPerPage + n; j < len(b.Lines) {
				l := b.Lines[j]
				want = [...]string{grouped(l.Cartons), l.Style, grouped(l.Pieces), l.OrderNumber, l.CustStyle, l.Description, hundredths(l.Volume), plain(tenths(l.Weight))}
				if l.Print != nil {
					want[Weight] = tenths(l.Weight)
				}
			}
			for c, w := range want {
				expect(i, fmt.Sprintf("row %d column %d", n, c), row(n, Column(c)), w)
			}
		}
		foot := [...]string{grouped(b.Cartons), grouped(b.Pieces), tenths(b.Weight), hundredths(b.Cube)}
		if p.N < p.M {
			foot = [...]string{"", "", "", ""}
		}
		for j, where := range []place{atTotalCartons, atTotalPieces, atTotalWeight, atCube} {
			expect(i, fmt.Sprintf("total %d", j), where, foot[j])
		}
	}
}

func TestTextsDoNotOverlap(t *testing.T) {
	// The larger the sample, the more cells are completely full.
	for i, page := range contents(t, invented(t, Options{Bills: 150, Lines: 900, Seed: 4})) {
		lines := map[float64][]printed{}
		for _, p := range page {
			if p.y >= 0 && strings.TrimSpace(p.text) != "" && p.scale == fixedScale {
				lines[p.y] = append(lines[p.y], p)
			}
		}
		for _, line := range lines {
			slices.SortFunc(line, func(a, b printed) int { return int(100 * (a.x - b.x)) })
			end, before := 0.0, ""
			for _, p := range line {
				width := func(s string) float64 { return float64(len(s)) * fixedAdvance * p.size }
				text := strings.TrimLeft(p.text, " ")
				begin := p.x + width(p.text) - width(text)
				if begin < end {
					t.Errorf("page %d: %q at %.2f stands on %q, which ends at %.2f", i+1, text, begin, before, end)
				}
				end, before = p.x+width(strings.TrimRight(p.text, " ")), text
				if end > pageWidth {
					t.Errorf("page %d: %q ends at %.2f, off the page", i+1, text, end)
				}
			}
		}
	}
}

func TestFiguresOffThePageContradictThoseOnIt(t *testing.T) {
	s := invented(t, Defaults())
	off := 0
	for i, page := range contents(t, s) {
		number := at(page, atNumber)
		for _, p := range page {
			if p.x >= 0 && p.x <= pageWidth && p.y >= 0 && p.y <= pageHeight {
				continue
			}
			off++
			if p.y > -1000 {
				t.Errorf("page %d: %q at %v is neither on the page nor far off", i+1, p.text, p.place)
			}
			if p.text == number {
				t.Errorf("page %d: its number %s stands off the page too", i+1, number)
			}
		}
	}
	if off == 0 {
		t.Error("nothing stands off the page")
	}
}

func TestPrintAffectsOnlyThePDF(t *testing.T) {
	s, untouched := invented(t, Defaults()), invented(t, Defaults())
	b := s.Bills[0]
	b.Lines[0].Print = Print{Cartons: "1O", Pieces: "", Style: "NONE", Weight: "9.9"}
	b.Print = Print{Volume: "99,999.99", Pieces: ""}
	s.Bills[1].NoTotals = true
	pages := contents(t, s)
	first := s.BillPages()
	second := slices.IndexFunc(first, func(p Page) bool { return p.Bill == s.Bills[1] && p.N == p.M })
	last := slices.IndexFunc(first, func(p Page) bool { return p.Bill == b && p.N == p.M })
	for _, tt := range []struct {
		name  string
		page  int
		where place
		want  string
	}{
		{"cartons that are not a number", 0, row(0, Cartons), "1O"},
		{"no pieces", 0, row(0, Pieces), ""},
		{"another style", 0, row(0, Style), "NONE"},
		{"another weight", 0, row(0, Weight), "9.9"},
		{"a volume left alone", 0, row(0, Volume), hundredths(b.Lines[0].Volume)},
		{"another cube", last, atCube, "99,999.99"},
		{"no total pieces", last, atTotalPieces, ""},
		{"total cartons left alone", last, atTotalCartons, grouped(b.Cartons)},
		{"no total cartons at all", second, atTotalCartons, ""},
		{"no total pieces at all", second, atTotalPieces, ""},
		{"no total weight at all", second, atTotalWeight, ""},
		{"no cube at all", second, atCube, ""},
	} {
		if got := at(pages[tt.page], tt.where); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	for i, f := range s.outputs() {
		if f.name != PDFName && !bytes.Equal(must.Written(t, f.write), must.Written(t, untouched.outputs()[i].write)) {
			t.Errorf("%s follows what only the PDF says", f.name)
		}
	}
}

func TestPagesCanBeLeftOutRepeatedAndAdded(t *testing.T) {
	s := invented(t, Options{Bills: 1, Lines: 50, Seed: 1})
	p := s.BillPages()
	if len(p) != 3 {
		t.Fatalf("50 lines make %d pages", len(p))
	}
	s.Pages = []Page{p[2], {Text: []string{"PACKING LIST", "TOTAL CARTONS 12"}}, {Picture: true}, {}, p[0], p[0]}
	pages := contents(t, s)
	if len(pages) != len(s.Pages) {
		t.Fatalf("%d pages, want %d", len(pages), len(s.Pages))
	}
	for i, want := range []string{"Page 3 of 3", "", "", "", "Page 1 of 3", "Page 1 of 3"} {
		if got := at(pages[i], atPage); got != want {
			t.Errorf("page %d says %q, want %q", i+1, got, want)
		}
	}
	if got := len(pages[1]); got != 2 || pages[1][1].text != "TOTAL CARTONS 12" {
		t.Errorf("the page of text holds %d texts: %v", got, pages[1])
	}
	if len(pages[2])+len(pages[3]) != 0 {
		t.Errorf("the picture and the blank page hold text: %v %v", pages[2], pages[3])
	}
	if got, want := at(pages[0], row(0, Style)), s.Bills[0].Lines[2*RowsPerPage].Style; got != want {
		t.Errorf("page 3 begins with %s, want %s", got, want)
	}
	if got := len(rows(t, s.WriteUnmatched)); got != 50 {
		t.Errorf("the sheet has %d rows, want those of all 50 lines", got)
	}
}

func TestABillWithoutLinesHasAPage(t *testing.T) {
	s := &Sample{Bills: []*Bill{{Number: "E1"}}}
	pages := contents(t, s)
	if got := at(pages[0], atPage); len(pages) != 1 || got != "Page 1 of 1" {
		t.Errorf("%d pages, the first says %q", len(pages), got)
	}
}

// A page number without lines is allowed: the page is empty.
func TestPagesOutOfRangeAreEmpty(t *testing.T) {
	s := invented(t, Options{Bills: 1, Lines: 3})
	s.Pages = []Page{{Bill: s.Bills[0], N: -1, M: 2}, {Bill: s.Bills[0], N: 7, M: 2}}
	for i, page := range contents(t, s) {
		if got := at(page, row(0, Style)); got != "" {
			t.Errorf("page %d has the line %s", i+1, got)
		}
	}
}

// fullDisk accepts n bytes.
type fullDisk struct{ n int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.n {
		return 0, errFull
	}
	d.n -= len(p)
	return len(p), nil
}

func TestAWriterThatFailsIsReported(t *testing.T) {
	s := invented(t, Options{Bills: 60, Lines: 300})
	for _, f := range s.outputs() {
		if err := f.write(&fullDisk{5000}); !errors.Is(err, errFull) {
			t.Errorf("%s: the error is %v", f.name, err)
		}
	}
}

func BenchmarkWritePDF(b *testing.B) {
	s, err := New(Options{Bills: 83, Lines: 366})
	must.OK(b, err)
	b.ReportAllocs()
	for b.Loop() {
		must.OK(b, s.WritePDF(io.Discard))
	}
	b.ReportMetric(float64(len(s.BillPages())), "pages/op")
}
