package bol

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/paper"
	"tallyman/internal/testing/planted"
)

// billRows are the rows of a bill. All figures differ, so that a cell in a wrong row
// shows.
var billRows = []cells{
	{"2", "D95487LA", "48", "629493", "0-9M", "PANT SET", "2.03", "22.0"},
	{"13", "AX-100/2", "1,560", "00748936", "00123", "LITTLE LAMB DRESS", "40.11", "312.5"},
	{"1", "Q00007LX-XL/2", "24", "45-83672-42", "", "CREEPER", ".81", "10.4"},
	{"27", "Z1", "3,240", "629494", "12", "5 PACK SOCKS BOY", "37.40", "1,204.6"},
	{"5", "M-77", "60", "629499", "", "BIB", "6.25", "31.7"},
}

func sheetOf(number string) *typist {
	t := newTypist().form(number)
	for i, c := range billRows {
		t.row(i, c)
	}
	t.foot("48", "4,932", "1,581.2", "86.60")
	t.put9(67, 150, "LAKE BURLINGTON OUTFITTERS")
	t.put9(67, 162, "CARTER, NJ")
	t.put(312.6, 648, 8, "HOLD 3 CTNS FOR QC")
	return t
}

// laid returns a page in another layout.
func laid(l paper.Lay, p ...page.Page) page.Page {
	l.Up = max(l.Up, 1)
	return l.Pages(p)[0]
}

// sameBills ends the test unless the page holds exactly the bills with these numbers,
// each as sheetOf prints it.
func sameBills(t *testing.T, d *Document, numbers ...string) {
	t.Helper()
	for _, p := range d.Problems {
		t.Errorf("problem: %s", p.Message)
	}
	var got []string
	for _, b := range d.Bills {
		got = append(got, b.Number.Text)
		var lines []cells
		for i := range b.Lines {
			lines = append(lines, cellsOf(&b.Lines[i]))
		}
		if !slices.Equal(lines, billRows) {
			t.Errorf("bill %s has the lines\n%q, not\n%q", b.Number.Text, lines, billRows)
		}
		if b.Verdict.Outcome != Reconciled {
			t.Errorf("bill %s is %s: %s %v", b.Number.Text, b.Verdict.Outcome, b.Verdict.Reason, b.Verdict.Checks)
		}
		if c := textsOf(b.Consignee); c != "LAKE BURLINGTON OUTFITTERS | CARTER, NJ" {
			t.Errorf("bill %s goes to %q", b.Number.Text, c)
		}
		if c := textsOf(b.Instructions); c != "HOLD 3 CTNS FOR QC" {
			t.Errorf("bill %s has the instructions %q", b.Number.Text, c)
		}
	}
	slices.Sort(got)
	slices.Sort(numbers)
	if !slices.Equal(got, numbers) {
		t.Errorf("the bills are %q, want %q", got, numbers)
	}
}

func TestASlantedPageReadsAsALevelOne(t *testing.T) {
	for tenths := -50; tenths <= 50; tenths++ {
		for _, pieces := range []int{1, 2, 64} {
			t.Run(fmt.Sprintf("%.1f degrees in pieces of %d", float64(tenths)/10, pieces), func(t *testing.T) {
				p := laid(paper.Lay{Degrees: float64(tenths) / 10, Pieces: pieces}, sheetOf("T20417").done())
				d := documentOf(t, p)
				sameBills(t, d, "T20417")
				// The box of every value is at its printed place.
				for _, b := range d.Bills {
					for i := range b.Lines {
						style := b.Lines[i].Style
						if !slices.ContainsFunc(p.Words, func(w page.Word) bool {
							return strings.HasPrefix(style.Text, w.Text) && near(w.Box.X0, style.Box.X0, 2) && near(w.Box.Y0, style.Box.Y0, 12)
						}) {
							t.Errorf("the style %s is said to be at %v", style.Text, style.Box)
						}
					}
				}
			})
		}
	}
}

func TestAPageStretchedUnevenlyReadsAsAnyOther(t *testing.T) {
	for _, kx := range []float64{0.6, 0.85, 1, 1.2, 1.6} {
		for _, ratio := range []float64{0.75, 0.85, 0.95, 0.98, 1, 1.02, 1.05, 1.15, 1.3} {
			t.Run(fmt.Sprintf("%v by %v", kx, kx*ratio), func(t *testing.T) {
				sameBills(t, documentOf(t, laid(paper.Lay{Wide: kx, Tall: kx * ratio}, sheetOf("T20417").done())), "T20417")
			})
		}
	}
}

func TestAllFormsOnAPageAreRead(t *testing.T) {
	numbers := []string{"T20411", "T20412", "T20413", "T20414", "T20415", "T20416", "T20417", "T20418", "T20419"}
	for _, forms := range []int{2, 3, 4, 6, 9} {
		for columns := 1; columns <= min(forms, 4); columns++ {
			for _, k := range []float64{0.4, 0.647, 1} {
				for _, margin := range []float64{-8, 0, 20} {
					for _, degrees := range []float64{0, 1.7} {
						t.Run(fmt.Sprintf("%d forms in %d columns at %v, %v apart, slanted by %v", forms, columns, k, margin, degrees), func(t *testing.T) {
							var pages []page.Page
							for _, n := range numbers[:forms] {
								pages = append(pages, sheetOf(n).done())
							}
							p := laid(paper.Lay{Up: forms, Columns: columns, Wide: k, Tall: k, Margin: margin * k, Degrees: degrees}, pages...)
							sameBills(t, documentOf(t, p), numbers[:forms]...)
						})
					}
				}
			}
		}
	}
}

func TestFormsOfARowComeBeforeThoseBelow(t *testing.T) {
	// The second form of the first row stands a little higher than the first.
	pages := []page.Page{sheetOf("T20411").done(), sheetOf("T20412").done(), sheetOf("T20413").done()}
	for i := range pages[1].Words {
		planted.Move(&pages[1].Words[i], 0, -30)
	}
	d := documentOf(t, laid(paper.Lay{Up: 3, Columns: 2}, pages...))
	sameBills(t, d, "T20411", "T20412", "T20413")
	if d.Bills[0].Number.Text != "T20411" || d.Bills[2].Number.Text != "T20413" {
		t.Errorf("the bills are in the order %s, %s, %s", d.Bills[0].Number.Text, d.Bills[1].Number.Text, d.Bills[2].Number.Text)
	}
}

func TestAFormBesideAnotherIsNotDroppedWithoutItsHeadings(t *testing.T) {
	broken := sheetOf("T20412")
	for _, c := range Straight.Table.Columns {
		broken.erase(Label{c.Heading, c.X, Straight.Table.Y})
	}
	for _, columns := range []int{1, 2} {
		d := documentOf(t, laid(paper.Lay{Up: 2, Columns: columns, Wide: 0.6, Tall: 0.6, Margin: 10}, sheetOf("T20411").done(), broken.done()))
		if len(d.Bills) != 1 || !slices.ContainsFunc(d.Problems, func(p Problem) bool { return p.Kind == UnreadPage }) {
			t.Errorf("%d bills and the problems %s", len(d.Bills), kindsOf(d.Problems))
		}
	}
}

// cut cuts each word of a page that begins with text, before its rune i, with a gap in
// units of the type's size.
func cut(p page.Page, text string, i int, gap float32) page.Page {
	for n := range p.Words {
		w := p.Words[n]
		if w.Text != text {
			continue
		}
		l, r := w.Split(i)
		planted.Move(&r, gap*w.Size, 0)
		p.Words = append(append(slices.Clone(p.Words[:n]), l, r), p.Words[n+1:]...)
		break
	}
	return p
}

func TestAValueInPiecesIsOneValueOrIsReported(t *testing.T) {
	for _, text := range []string{"T20417", "Q00007LX-XL/2", "1,560", "37.40", "1,204.6", "4,932", "1,581.2", "CARTONS", "VOL./WEIGHT", "STYLE"} {
		for i := 1; i < len(text); i++ {
			for _, gap := range []float32{-0.2, -0.1, 0, 0.05, 0.13, 0.19, 0.3, 0.45} {
				t.Run(fmt.Sprintf("%s cut at %d with a gap of %v", text, i, gap), func(t *testing.T) {
					d := documentOf(t, cut(sheetOf("T20417").done(), text, i, gap))
					if gap < 0.2 {
						sameBills(t, d, "T20417")
						return
					}
					b := d.Bills[0]
					same := b.Number.Text == "T20417" && len(b.Lines) == len(billRows)
					for j := range min(len(b.Lines), len(billRows)) {
						got := cellsOf(&b.Lines[j])
						got.style = strings.ReplaceAll(got.style, " ", "") // a gap of the width of a space reads as a space
						same = same && got == billRows[j]
					}
					if !same && len(d.Problems) == 0 && b.Verdict.Outcome == Reconciled {
						t.Errorf("silent: %q, %+v", b.Number.Text, b.Lines)
					}
				})
			}
		}
	}
}

func TestTextInTwoLayersIsReadOnce(t *testing.T) {
	for _, dx := range []float32{-2, -1, 0, 0.5, 1, 2} {
		for _, dy := range []float32{-2, -1, 0, 0.5, 1, 2} {
			p := sheetOf("T20417").done()
			for _, w := range slices.Clone(p.Words) {
				planted.Move(&w, dx, dy)
				p.Words = append(p.Words, w)
			}
			page.Order(p.Words)
			t.Run(fmt.Sprintf("%v, %v apart", dx, dy), func(t *testing.T) { sameBills(t, documentOf(t, p), "T20417") })
		}
	}
}

// everyHyphen are the characters that look like a hyphen, and other look-alikes.
var looks = map[string][]string{
	"-": {"\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\uF02D"},
	"/": {"\u2044", "\u2215", "\uF02F"},
	"2": {"\uF032", "\uFF12"},
	"A": {"\uF041", "\uFF21"},
}

func TestKeysFiguresAndLabelsAreReadAsTheyLook(t *testing.T) {
	for plain, others := range looks {
		for _, other := range others {
			p := sheetOf("T-20412A").done()
			for i := range p.Words {
				if !strings.HasPrefix(p.Words[i].Text, "*") {
					p.Words[i].Text = strings.ReplaceAll(p.Words[i].Text, plain, other)
				}
			}
			t.Run(fmt.Sprintf("%U for %s", []rune(other)[0], plain), func(t *testing.T) {
				d := documentOf(t, p)
				for _, p := range d.Problems {
					t.Errorf("problem: %s", p.Message)
				}
				b := d.Bills[0]
				if b.Number.Text != "T-20412A" || b.Verdict.Outcome != Reconciled || len(b.Lines) != len(billRows) {
					t.Fatalf("bill %q is %s, with %d lines", b.Number.Text, b.Verdict.Outcome, len(b.Lines))
				}
				for i, l := range b.Lines {
					if l.Style.Text != billRows[i].style {
						t.Errorf("the style is %q, want %q", l.Style.Text, billRows[i].style)
					}
				}
			})
		}
	}
}

// hideWords moves the chosen words of a page to its hidden words.
func hideWords(p page.Page, hidden func(page.Word) bool) page.Page {
	var seen []page.Word
	for _, w := range p.Words {
		if hidden(w) {
			p.Hidden = append(p.Hidden, w)
		} else {
			seen = append(seen, w)
		}
	}
	p.Words = seen
	return p
}

func TestCoveredLabelsStillSayWhereValuesStand(t *testing.T) {
	label := func(w page.Word) bool { return w.Size != 9 && w.Size != 8 }
	for _, degrees := range []float64{0, 2} {
		p := sheetOf("T20417").done()
		if degrees != 0 {
			p = laid(paper.Lay{Degrees: degrees}, p)
		}
		p = hideWords(p, label)
		if len(p.Hidden) < 20 {
			t.Fatalf("only %d words are labels", len(p.Hidden))
		}
		sameBills(t, documentOf(t, p), "T20417")
	}
}

func TestHiddenValuesAreNotRead(t *testing.T) {
	p := sheetOf("T20417").done()
	d := documentOf(t, hideWords(p, func(w page.Word) bool { return w.Text == "1,560" }))
	if b := d.Bills[0]; b.Verdict.Outcome != Mismatched || b.Lines[1].Pieces.Text != "" {
		t.Errorf("the bill is %s, the hidden figure %q", b.Verdict.Outcome, b.Lines[1].Pieces.Text)
	}
	// A page is not a bill if only its hidden words would make it one.
	packing := newTypist()
	packing.put9(60, 60, "PACKING LIST")
	other := numbered(packing.done(), 2)
	other.Hidden = sheetOf("T20418").done().Words
	if d := documentOf(t, p, other); len(d.Bills) != 1 {
		t.Errorf("there are %d bills", len(d.Bills))
	}
	// The hidden text of a scan is what OCR software read.
	scan := hideWords(sheetOf("T20417").done(), func(w page.Word) bool { return w.Size != 9 })
	scan.Scan = page.Picture
	if d := documentOf(t, sheetOf("T20418").done(), numbered(scan, 2)); len(d.Bills) != 1 {
		t.Errorf("there are %d bills", len(d.Bills))
	}
}

func numbered(p page.Page, n int) page.Page {
	p.Number = n
	return p
}
