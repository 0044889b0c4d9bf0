package proof

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"tallyman/internal/page"
	"tallyman/internal/testing/planted"
)

// trial is a document with one error.
type trial struct {
	*rand.Rand
	*base
	pages []page.Page
	owned []bool // the page's words are a copy
}

// kind is a kind of error. plant returns what it changed, or "" if the document has
// nothing that it could change.
type kind struct {
	name  string
	plant func(*trial) string
	// unnamed kinds take a column its heading, without which it may be left unread.
	unnamed bool
}

var kinds = []kind{
	{"a digit of a figure is changed", (*trial).changeDigit, false},
	{"a digit of a total is changed", (*trial).changeTotal, false},
	{"a figure is cut", (*trial).cutFigure, false},
	{"a figure is lost", (*trial).loseFigure, false},
	{"a total is lost", (*trial).loseTotal, false},
	{"a row is dropped", (*trial).dropRow, false},
	{"a row is doubled", (*trial).doubleRow, false},
	{"a row takes the place of another", two((*trial).replaceRow), false},
	{"a row is shifted", (*trial).shiftRow, false},
	{"two rows are swapped", two((*trial).swapRows), false},
	{"a figure is in the neighbouring column", (*trial).moveFigure, false},
	{"two figures of a row are swapped", (*trial).swapFigures, false},
	{"a column is shifted by a row", (*trial).shiftColumn, false},
	{"a total is printed as a line", (*trial).totalAsLine, false},
	{"a heading is lost", (*trial).loseHeading, true},
	{"two headings are swapped", (*trial).swapHeadings, true},
	{"a page is lost", (*trial).losePage, false},
	{"a page is doubled", (*trial).doublePage, false},
	{"two pages are swapped", (*trial).swapPages, false},
	{"texts of two rows are swapped", two((*trial).swapTexts), false},
	{"two figures of a column are swapped", inColumn((*trial).swap), false},
	{"two figures of a column change and cancel out", inColumn((*trial).cancel), false},
}

// two plants an error in two rows of a table.
func two(plant func(t *trial, r, o *row) string) func(*trial) string {
	return func(t *trial) string {
		r := t.row()
		o := t.other(r)
		if o == nil {
			return ""
		}
		return plant(t, r, o)
	}
}

// inColumn plants an error in two figures of a column.
func inColumn(plant func(t *trial, p, i, j int) string) func(*trial) string {
	return func(t *trial) string {
		r := t.row()
		o, f := t.other(r), t.field(r)
		if o == nil {
			return ""
		}
		j, ok := o.figures[f]
		if !ok {
			return ""
		}
		return plant(t, r.page, r.figures[f], j)
	}
}

// words returns the words of a page, to be changed.
func (t *trial) words(p int) []page.Word {
	if !t.owned[p] {
		t.pages[p].Words, t.owned[p] = slices.Clone(t.pages[p].Words), true
	}
	return t.pages[p].Words
}

// set replaces the words of a page, and puts them in reading order.
func (t *trial) set(p int, words []page.Word) {
	t.pages[p].Words, t.owned[p] = words, true
	sorted := make([]page.Word, 0, len(words))
	for _, l := range lines(&t.pages[p]) {
		for _, i := range l.words {
			sorted = append(sorted, words[i])
		}
	}
	t.pages[p].Words = sorted
}

// retext gives a word another text, and keeps its left end, or its right end if that is a
// figure.
func retext(w *page.Word, text string) {
	n := utf8.RuneCountInString(text)
	each := (w.Box.X1 - w.Box.X0) / float32(max(1, utf8.RuneCountInString(w.Text)))
	if _, ok := number(w.Text); ok {
		w.Box.X0 = w.Box.X1 - each*float32(n)
	} else {
		w.Box.X1 = w.Box.X0 + each*float32(n)
	}
	w.Text, w.Joints = text, nil
	w.Edges = make([]float32, n+1)
	for i := range w.Edges {
		w.Edges[i] = w.Box.X0 + each*float32(i)
	}
}

func (t *trial) row() *row { return &t.rows[t.IntN(len(t.rows))] }

// siblings returns the rows of the same table on the same page, from the top, and the
// place of the row among them.
func (t *trial) siblings(r *row) (all []*row, at int) {
	for i := range t.rows {
		if o := &t.rows[i]; o.page == r.page && o.bill == r.bill && o.table == r.table {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *row) int { return cmp.Compare(a.base, b.base) })
	return all, slices.Index(all, r)
}

// other returns another row of the same table and page, or nil.
func (t *trial) other(r *row) *row {
	all, at := t.siblings(r)
	if len(all) < 2 {
		return nil
	}
	return all[(at+1+t.IntN(len(all)-1))%len(all)]
}

// field returns a field of which the row has a figure.
func (t *trial) field(r *row) string {
	var has []string
	for _, f := range figures {
		if _, ok := r.figures[f]; ok {
			has = append(has, f)
		}
	}
	return planted.Pick(t.Rand, has)
}

// figure chooses a figure of a row.
func (t *trial) figure() (p, i int, about string) {
	r := t.row()
	f := t.field(r)
	i = r.figures[f]
	return r.page, i, f + ", " + planted.About(r.page, t.pages[r.page].Words[i])
}

func (t *trial) total() (p, i int, about string) {
	if len(t.totals) == 0 {
		return 0, 0, ""
	}
	f := planted.Pick(t.Rand, t.totals)
	return f.page, f.word, f.field + ", " + planted.About(f.page, t.pages[f.page].Words[f.word])
}

func (t *trial) changeDigit() string {
	return t.otherDigit(t.figure())
}

func (t *trial) changeTotal() string {
	p, i, about := t.total()
	if about == "" {
		return ""
	}
	return t.otherDigit(p, i, about)
}

func (t *trial) otherDigit(p, i int, about string) string {
	w := &t.words(p)[i]
	if w.Text = planted.OtherDigit(t.Rand, w.Text); w.Text == "" {
		return ""
	}
	return about + " to " + w.Text
}

func (t *trial) cutFigure() string {
	p, i, about := t.figure()
	w := &t.words(p)[i]
	if utf8.RuneCountInString(w.Text) < 2 {
		return ""
	}
	planted.Cut(t.Rand, w)
	return about + " to " + w.Text
}

func (t *trial) loseFigure() string {
	p, i, about := t.figure()
	t.set(p, planted.Without(t.words(p), i))
	return about
}

func (t *trial) loseTotal() string {
	p, i, about := t.total()
	if about != "" {
		t.set(p, planted.Without(t.words(p), i))
	}
	return about
}

// about describes a row.
func (t *trial) about(r *row) string {
	return fmt.Sprintf("row at %.0f on page %d", r.base, r.page+1)
}

// move moves the words of a row.
func (t *trial) move(r *row, dy float32) {
	words := t.words(r.page)
	for _, i := range r.words {
		planted.Move(&words[i], 0, dy)
	}
}

func (t *trial) dropRow() string {
	r := t.row()
	all, at := t.siblings(r)
	what := t.about(r)
	if t.IntN(2) == 0 { // the rows below move up, as if it had never been there
		for i := len(all) - 1; i > at; i-- {
			t.move(all[i], all[i-1].base-all[i].base)
		}
		what += ", closed up"
	}
	t.set(r.page, planted.Without(t.words(r.page), r.words...))
	return what
}

// pitch returns the distance to the next row, or to the one before.
func pitch(all []*row, at int) float32 {
	switch {
	case at+1 < len(all):
		return all[at+1].base - all[at].base
	case at > 0:
		return all[at].base - all[at-1].base
	}
	return 13
}

func (t *trial) doubleRow() string {
	r := t.row()
	all, at := t.siblings(r)
	dy, what := pitch(all, at), t.about(r)
	words := t.words(r.page)
	var again []page.Word
	for _, i := range r.words {
		again = append(again, words[i])
	}
	if t.IntN(3) == 0 { // squeezed in
		dy /= 2
		what += ", squeezed in"
	} else { // all below moves down
		for i := range words {
			if words[i].Base > r.base+dy/2 && !slices.Contains(r.words, i) {
				planted.Move(&words[i], 0, dy)
			}
		}
	}
	for i := range again {
		planted.Move(&again[i], 0, dy)
	}
	t.set(r.page, append(words, again...))
	return what
}

func (t *trial) replaceRow(r, o *row) string {
	words := t.words(r.page)
	var again []page.Word
	for _, i := range r.words {
		w := words[i]
		planted.Move(&w, 0, o.base-r.base)
		again = append(again, w)
	}
	t.set(r.page, append(planted.Without(words, o.words...), again...))
	return t.about(r) + " at " + t.about(o)
}

func (t *trial) shiftRow() string {
	r := t.row()
	all, at := t.siblings(r)
	dy := pitch(all, at) * (t.Float32()*2.4 - 1.2)
	t.move(r, dy)
	t.set(r.page, t.words(r.page))
	return fmt.Sprintf("%s by %.2f", t.about(r), dy)
}

func (t *trial) swapRows(r, o *row) string {
	d := o.base - r.base
	t.move(r, d)
	t.move(o, -d)
	t.set(r.page, t.words(r.page))
	return t.about(r) + " and " + t.about(o)
}

func (t *trial) moveFigure() string {
	r := t.row()
	if len(r.figures) < 2 {
		return ""
	}
	from, to := t.field(r), t.field(r)
	if from == to {
		return ""
	}
	words := t.words(r.page)
	i, j := r.figures[from], r.figures[to]
	what := planted.About(r.page, words[i]) + " to the column of " + to
	planted.Move(&words[i], words[j].Box.X1-words[i].Box.X1, 0)
	t.set(r.page, planted.Without(words, j))
	return what
}

// swap gives two words each other's text.
func (t *trial) swap(p, i, j int) string {
	words := t.words(p)
	a, b := words[i], words[j]
	if a.Text == b.Text {
		return ""
	}
	retext(&words[i], b.Text)
	retext(&words[j], a.Text)
	return planted.About(p, a) + " and " + planted.About(p, b)
}

func (t *trial) swapFigures() string {
	r := t.row()
	from, to := t.field(r), t.field(r)
	if from == to {
		return ""
	}
	return t.swap(r.page, r.figures[from], r.figures[to])
}

func (t *trial) swapTexts(r, o *row) string {
	words := t.words(r.page)
	i := planted.Pick(t.Rand, r.words)
	if _, ok := number(words[i].Text); ok {
		return ""
	}
	for _, j := range o.words {
		if d := words[i].Box.X0 - words[j].Box.X0; d > -2 && d < 2 {
			return t.swap(r.page, i, j)
		}
	}
	return ""
}

func (t *trial) shiftColumn() string {
	r := t.row()
	f := t.field(r)
	all, at := t.siblings(r)
	if len(all) < 2 {
		return ""
	}
	words := t.words(r.page)
	up := t.IntN(2) == 0
	for i := at; i < len(all); i++ {
		j, ok := all[i].figures[f]
		if !ok {
			return ""
		}
		switch {
		case up && i == 0:
			planted.Move(&words[j], 0, -pitch(all, 0))
		case up:
			planted.Move(&words[j], 0, all[i-1].base-all[i].base)
		default:
			planted.Move(&words[j], 0, pitch(all, i))
		}
	}
	t.set(r.page, words)
	return fmt.Sprintf("%s from the %s, up: %t", f, t.about(r), up)
}

// totalAsLine takes the label away from a row of totals and gives it the texts of a line.
func (t *trial) totalAsLine() string {
	if len(t.totals) == 0 {
		return ""
	}
	f := planted.Pick(t.Rand, t.totals)
	words := t.words(f.page)
	base := words[f.word].Base
	var label []int
	for i, w := range words {
		if _, ok := number(w.Text); !ok && w.Base-base < 2 && base-w.Base < 2 {
			label = append(label, i)
		}
	}
	if len(label) == 0 {
		return ""
	}
	what := "the label of " + planted.About(f.page, words[f.word])
	var texts []page.Word
	if t.IntN(3) > 0 {
		for i := range t.rows {
			if r := &t.rows[i]; r.page == f.page && len(texts) == 0 {
				for _, j := range r.words {
					if _, ok := number(words[j].Text); !ok || !slices.Contains(slices.Collect(maps.Values(r.figures)), j) {
						w := words[j]
						planted.Move(&w, 0, base-r.base)
						texts = append(texts, w)
					}
				}
			}
		}
	}
	t.set(f.page, append(planted.Without(words, label...), texts...))
	return fmt.Sprintf("%s, with %d texts", what, len(texts))
}

// heading returns the words above the figures of a field in the first row of a table on its
// page: the nearest lines of text.
func (t *trial) heading(r *row, field string) (out []int) {
	all, _ := t.siblings(r)
	first := all[0]
	i, ok := first.figures[field]
	if !ok {
		return nil
	}
	words := t.pages[r.page].Words
	w := words[i]
	for j, h := range words {
		if _, ok := number(h.Text); ok || first.base-h.Base < 5 || first.base-h.Base > 36 {
			continue
		}
		if h.Box.X0 < w.Box.X1+4 && h.Box.X1 > w.Box.X0-4 {
			out = append(out, j)
		}
	}
	return out
}

func (t *trial) loseHeading() string {
	r := t.row()
	f := t.field(r)
	h := t.heading(r, f)
	if len(h) == 0 {
		return ""
	}
	t.set(r.page, planted.Without(t.words(r.page), h...))
	return fmt.Sprintf("%s, %d words on page %d", f, len(h), r.page+1)
}

func (t *trial) swapHeadings() string {
	r := t.row()
	f, g := t.field(r), t.field(r)
	a, b := t.heading(r, f), t.heading(r, g)
	if f == g || len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(i int) bool { return slices.Contains(b, i) }) {
		return ""
	}
	words := t.words(r.page)
	dx := words[r.figures[g]].Box.X1 - words[r.figures[f]].Box.X1
	for _, i := range a {
		planted.Move(&words[i], dx, 0)
	}
	for _, i := range b {
		planted.Move(&words[i], -dx, 0)
	}
	t.set(r.page, words)
	return fmt.Sprintf("%s and %s on page %d", f, g, r.page+1)
}

// renumber numbers the pages by their places.
func (t *trial) renumber() {
	for i := range t.pages {
		t.pages[i].Number = i + 1
	}
}

func (t *trial) losePage() string {
	p := t.IntN(len(t.pages))
	if len(t.pages) == 1 {
		return ""
	}
	t.pages = slices.Delete(t.pages, p, p+1)
	t.renumber()
	return fmt.Sprintf("page %d", p+1)
}

func (t *trial) doublePage() string {
	p, at := t.IntN(len(t.pages)), t.IntN(len(t.pages)+1)
	t.pages = slices.Insert(t.pages, at, t.pages[p])
	t.renumber()
	return fmt.Sprintf("page %d at %d", p+1, at+1)
}

func (t *trial) swapPages() string {
	p, q := t.IntN(len(t.pages)), t.IntN(len(t.pages))
	if p == q {
		return ""
	}
	t.pages[p], t.pages[q] = t.pages[q], t.pages[p]
	t.renumber()
	return fmt.Sprintf("pages %d and %d", p+1, q+1)
}

// cancel raises a digit of a figure and lowers the same digit of another.
func (t *trial) cancel(p, i, j int) string {
	words := t.words(p)
	a, b := &words[i], &words[j]
	if decimals(a.Text) != decimals(b.Text) {
		return ""
	}
	x, y := []byte(a.Text), []byte(b.Text)
	n := 1 + t.IntN(min(len(x), len(y)))
	c, d := &x[len(x)-n], &y[len(y)-n]
	if *c < '0' || *c > '8' || *d < '1' || *d > '9' {
		return ""
	}
	*c, *d = *c+1, *d-1
	what := planted.About(p, *a) + " and " + planted.About(p, *b)
	a.Text, b.Text = string(x), string(y)
	return what
}

// decimals returns the number of digits after the point.
func decimals(text string) int {
	_, after, _ := strings.Cut(text, ".")
	return len(after)
}
