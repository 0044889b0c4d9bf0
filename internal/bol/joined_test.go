package bol

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// list is a page of a packing list: what it says of itself, its headings, its lines and its total.
func list(says string, headings []string, rows ...string) page.Page {
	ty := newTypist()
	ty.put9(240, 40, "PACKING LIST")
	for i, text := range strings.Split(says, "|") {
		ty.put9(60+200*float32(i), 60, text)
	}
	xs := [4]float32{60, 300, 380, 470}
	row := func(y float32, texts ...string) {
		for i, text := range texts {
			ty.put9(xs[i], y, text)
		}
	}
	row(200, headings...)
	for i, r := range rows {
		row(230+14*float32(i), strings.Fields(r)...)
	}
	return ty.done()
}

// picture is such a page as two readers read it from a picture, with headings or without.
func picture(says string, headed bool, rows ...string) page.Page {
	var headings []string
	if headed {
		headings = styled
	}
	return readTwice(list(says, headings, rows...), nil, nil)
}

const (
	listed = "Packing List No: PL-4711|Page: "
	sum    = "TOTAL 153 7,344 1,960.0"
)

var (
	styled    = []string{"STYLE", "CARTONS", "PIECES", "WEIGHT"}
	twoOfFour = []string{"A-100 24 1,152 310.5", "A-101 7 336 88.0"}
	theOthers = []string{"B-200 113 5,424 1,460.2", "B-201 9 432 101.3"}
)

func firstPicture() page.Page { return picture(listed+"1 of 2", true, twoOfFour...) }

func secondPicture() page.Page {
	return picture(listed+"2 of 2", true, append(slices.Clone(theOthers), sum)...)
}

// unclaimed are those of the pages of a file that no known layout claims.
func unclaimed(r *Reader, file int, pages []page.Page) []page.Page {
	return slices.DeleteFunc(pages, func(p page.Page) bool { return !slices.Contains(r.Unclaimed(file), p.Number) })
}

// storedFile reads a file as a service does that stores what it read.
func storedFile(t *testing.T, name string, pages ...page.Page) *Pages {
	t.Helper()
	r := readerOf(t, pages...)
	must.OK(t, r.Free(0, unclaimed(r, 0, pages), nil))
	read := r.Pages([]File{{Name: name, Pages: len(pages)}})
	read.Keep = read.MayContinue()
	var b bytes.Buffer
	must.OK(t, read.Encode(&b))
	again, err := DecodePages(b.Bytes())
	must.OK(t, err)
	return again
}

// attached makes one document of files that were read one after the other.
func attached(t *testing.T, files ...*Pages) *Document {
	t.Helper()
	var all Pages
	for _, f := range files {
		all.Append(f)
	}
	d, err := all.Document()
	must.OK(t, err)
	return d
}

// told are the bills of a document, with their lines, and its problems.
func told(d *Document) string {
	var out []string
	for _, b := range d.Bills {
		s := fmt.Sprintf("%s %s:", b.Number.Text, b.Verdict.Outcome)
		for i := range b.Lines {
			l := &b.Lines[i]
			s += fmt.Sprintf(" %s at %d/%d", l.Style.Text, l.File, l.Page)
		}
		out = append(out, s)
	}
	for _, p := range d.Problems {
		if p.Kind != NoNumber {
			out = append(out, fmt.Sprintf("%s at %d/%d", p.Kind, p.File, p.Page))
		}
	}
	return strings.Join(out, "; ")
}

func TestABillGoesOnInTheNextPicture(t *testing.T) {
	one, two := firstPicture(), secondPicture()
	whole := "PL-4711 reconciled: A-100 at 0/1 A-101 at 0/1 B-200 at 1/1 B-201 at 1/1"
	none := func(rows ...string) page.Page { return picture("", false, rows...) }
	other := picture("Packing List No: PL-4712|Page: 2 of 2", true, append(slices.Clone(theOthers), sum)...)
	printed := two
	printed.Scan, printed.Twice = page.Printed, false
	for name, c := range map[string]struct {
		files [][]page.Page
		want  string
	}{
		"its pages have its number":      {[][]page.Page{{one}, {two}}, whole},
		"the second one has no headings": {[][]page.Page{{one}, {none(append(slices.Clone(theOthers), sum)...)}}, whole},
		"the second one has the total alone": {
			[][]page.Page{{picture(listed+"1 of 2", true, append(slices.Clone(twoOfFour), theOthers...)...)}, {none(sum)}},
			"PL-4711 reconciled: A-100 at 0/1 A-101 at 0/1 B-200 at 0/1 B-201 at 0/1",
		},
		"they were taken from the last to the first": {
			[][]page.Page{{two}, {one}}, "PL-4711 reconciled: A-100 at 1/1 A-101 at 1/1 B-200 at 0/1 B-201 at 0/1",
		},
		"a file has two pages": {
			[][]page.Page{{picture(listed+"1 of 3", true, twoOfFour...), picture(listed+"2 of 3", true, theOthers[0])}, {picture(listed+"3 of 3", true, theOthers[1], sum)}},
			"PL-4711 reconciled: A-100 at 0/1 A-101 at 0/1 B-200 at 0/2 B-201 at 1/1",
		},
		"a bill of the known form is between": {
			[][]page.Page{{one}, {readTwice(twoLines(), nil, nil)}, {two}},
			"PL-4711 reconciled: A-100 at 0/1 A-101 at 0/1 B-200 at 2/1 B-201 at 2/1; G24024 reconciled: D04650LA at 1/1 D04651LA at 1/1",
		},
		"one of them is missing": {
			[][]page.Page{{picture(listed+"1 of 3", true, twoOfFour...)}, {picture(listed+"3 of 3", true, theOthers[1], sum)}},
			"PL-4711 unproved: A-100 at 0/1 A-101 at 0/1 B-201 at 1/1; missing_page at 0/1",
		},

		"the second one is of another bill": {
			[][]page.Page{{one}, {other}},
			"PL-4711 unproved: A-100 at 0/1 A-101 at 0/1; PL-4712 unproved: B-200 at 1/1 B-201 at 1/1; missing_page at 0/1; missing_page at 1/1",
		},
		"the second one does not say whose it is, and the total differs": {
			[][]page.Page{{one}, {picture("Page: 2 of 2", true, theOthers[0], sum)}},
			"PL-4711 unproved: A-100 at 0/1 A-101 at 0/1;  unproved: B-200 at 1/1; missing_page at 0/1; missing_page at 1/1",
		},
		"the second one is not a picture": {
			[][]page.Page{{one}, {printed}},
			"PL-4711 unproved: A-100 at 0/1 A-101 at 0/1; PL-4711 unproved: B-200 at 1/1 B-201 at 1/1; missing_page at 0/1; differing_page at 1/1; missing_page at 1/1",
		},
		"each is whole": {
			[][]page.Page{{picture("Packing List No: PL-1", true, append(append(slices.Clone(twoOfFour), theOthers...), sum)...)}, {picture("Packing List No: PL-2", true, append(append(slices.Clone(theOthers), twoOfFour...), sum)...)}},
			"PL-1 reconciled: A-100 at 0/1 A-101 at 0/1 B-200 at 0/1 B-201 at 0/1; PL-2 reconciled: B-200 at 1/1 B-201 at 1/1 A-100 at 1/1 A-101 at 1/1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader()
			var files []File
			var alone []*Pages
			for i, pages := range c.files {
				files = append(files, File{Name: fmt.Sprintf("photo%d.jpg", i+1), Pages: len(pages)})
				alone = append(alone, storedFile(t, files[i].Name, slices.Clone(pages)...))
				addTo(t, r, i, pages)
				must.OK(t, r.Free(i, unclaimed(r, i, pages), nil))
			}
			together, err := r.Document(files)
			must.OK(t, err)
			if got := told(together); got != c.want {
				t.Errorf("sent together:\n got %s\nwant %s", got, c.want)
			}
			if got := told(attached(t, alone...)); got != c.want {
				t.Errorf("sent one by one:\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

// Every place of a bill of several pictures names its file, and the page as it is there.
func TestPlacesOfABillOfSeveralPicturesNameTheirFiles(t *testing.T) {
	a, b := storedFile(t, "one.jpg", firstPicture()), storedFile(t, "two.jpg", secondPicture())
	known := storedFile(t, "known.pdf", twoLines())
	d := attached(t, known, a, b)
	bill := d.Bills[1]
	want := map[string][2]int{"PL-4711": {1, 1}, "A-101": {1, 1}, "B-200": {2, 1}, "432": {2, 1}, "153": {2, 1}, "1,960.0": {2, 1}}
	seen := 0
	for v := range bill.values() {
		if at, ok := want[v.Text]; ok {
			seen++
			if v.File != at[0] || v.Page != at[1] || v.Sight == nil || v.Sight.State != Confirmed {
				t.Errorf("%s is at %d/%d, %+v", v.Text, v.File, v.Page, v.Sight)
			}
		}
	}
	for _, r := range append(slices.Clone(bill.Tables()[0].Rows), bill.Tables()[0].Totals) {
		for _, c := range r.Cells {
			if at, ok := want[c.Text]; ok {
				seen++
				if c.File != at[0] || c.Page != at[1] {
					t.Errorf("the cell %s is at %d/%d", c.Text, c.File, c.Page)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d values were seen", seen)
	}
	sheets := []Sheet{{File: 1, Page: 1, N: 1, M: 2}, {File: 2, Page: 1, N: 2, M: 2}}
	for i := range bill.Sheets {
		if len(bill.Sheets[i].Columns) == 0 {
			t.Errorf("page %d has no columns", i+1)
		}
		bill.Sheets[i].Columns = nil
	}
	if !reflect.DeepEqual(bill.Sheets, sheets) || !bill.Optical || !bill.Twice || !d.Shows(2) {
		t.Errorf("its pages are %+v", bill.Sheets)
	}
	// What is taken away leaves the rest as it was, and nothing is changed by having been joined.
	if got, alone := told(attached(t, b)), "PL-4711 unproved: B-200 at 0/1 B-201 at 0/1; missing_page at 0/1"; got != alone {
		t.Errorf("without the first picture: %s", got)
	}
}

// A picture that was taken twice counts once, wherever it stands.
func TestAPictureThatIsSentTwiceCountsOnce(t *testing.T) {
	d := attached(t, storedFile(t, "one.jpg", firstPicture()), storedFile(t, "again.jpg", firstPicture()), storedFile(t, "two.jpg", secondPicture()))
	if got, want := told(d), "PL-4711 reconciled: A-100 at 0/1 A-101 at 0/1 B-200 at 2/1 B-201 at 2/1; duplicate_page at 1/1"; got != want {
		t.Errorf("got %s", got)
	}
	if m := d.Problems[0].Message; m != "page 1 of document 2, again.jpg, says again what page 1 of document 1, one.jpg, says; it was counted once" {
		t.Errorf("it is told as %q", m)
	}
}

// Two pictures of one bill count once, though texts are misread in one of them, or a total.
func TestTwoPicturesOfABillCountOnce(t *testing.T) {
	all := append(append(slices.Clone(twoOfFour), theOthers...), sum)
	one := picture(listed+"1 of 1", true, all...)
	whole := "PL-4711 reconciled: A-100 at %d/1 A-101 at %[1]d/1 B-200 at %[1]d/1 B-201 at %[1]d/1; duplicate_page at 1/1"
	misread := func(from, to string) page.Page {
		rows := slices.Clone(all)
		for i := range rows {
			rows[i] = strings.ReplaceAll(rows[i], from, to)
		}
		return picture(listed+"1 of 1", true, rows...)
	}
	nameless := picture("Page: 1 of 1", true, all...)
	for name, c := range map[string]struct {
		pages []page.Page
		want  string
	}{
		"the number of one is not read":   {[]page.Page{one, nameless}, strings.Replace(fmt.Sprintf(whole, 0), "; duplicate", ";  unproved: A-100 at 1/1 A-101 at 1/1 B-200 at 1/1 B-201 at 1/1; differing", 1)},
		"a style is misread":              {[]page.Page{one, misread("A-101", "4-101")}, fmt.Sprintf(whole, 0)},
		"a total is not read":             {[]page.Page{one, misread("7,344", "---")}, fmt.Sprintf(whole, 0)},
		"a total of the first one is not": {[]page.Page{misread("7,344", "---"), one}, fmt.Sprintf(whole, 1)},
		"the figures of the second one differ": {
			[]page.Page{one, misread("336", "386")},
			strings.Replace(fmt.Sprintf(whole, 0), "; duplicate", "; PL-4711 unproved: A-100 at 1/1 A-101 at 1/1 B-200 at 1/1 B-201 at 1/1; differing", 1),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := told(attached(t, storedFile(t, "a.jpg", c.pages[0]), storedFile(t, "b.jpg", c.pages[1]))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Figures of one page are chosen by the total of that page, and what it does not prove by the next.
func TestFiguresAreChosenByTheTotalsOfPages(t *testing.T) {
	ends := []string{"PAGE-TOTAL 31 1,488 398.5", "PAGE-TOTAL 122 5,856 1,561.5"}
	label := func(p page.Page, misread map[string]string) page.Page {
		for i := range p.Words {
			if w := &p.Words[i]; w.Text == "PAGE-TOTAL" {
				w.Text = "PAGE TOTAL"
			} else if text, ok := misread[w.Text]; ok {
				w.Text = text
				w.Glyphs = make([]page.Glyph, len(text))
				w.Edges = evenEdges(w.Box, len(text))
			}
		}
		return p
	}
	one := label(picture(listed+"1 of 2", true, append(slices.Clone(twoOfFour), ends[0])...), map[string]string{"1,152": "1.152"})
	two := label(picture(listed+"2 of 2", true, append(slices.Clone(theOthers), ends[1], sum)...), map[string]string{"5,424": "5.424"})
	d := attached(t, storedFile(t, "one.jpg", one), storedFile(t, "two.jpg", two))
	if got := told(d); !strings.HasPrefix(got, "PL-4711 reconciled: A-100 at 0/1 A-101 at 0/1 B-200 at 1/1 B-201 at 1/1; chosen_reading at 0/1; chosen_reading at 1/1") {
		t.Errorf("got %s: %s", got, d.Bills[0].Verdict.Reason)
	}
}
