package bol

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// reading is the result of reading one page. All of it is stored; see Pages.Encode.
type reading struct {
	File, Page int
	Part       int // the index of the form on the page
	Damage     string
	Blank      bool   // the page has no words
	Known      bool   // the page has a known layout
	Free       bool   // it is a whole bill, of one page or more, that was read freely
	Read       bool   // the page is part of such a bill
	Hint       string // what free reading found on a page that is part of none
	// Loose is the page if it is a picture that no known layout claims, of a file of pictures:
	// its bill may go on in the next file.
	Loose    *page.Page
	N, M     int // "Page n of m", 0 if it does not say
	Text     string
	Bill     Bill // fields, lines and totals of this page alone
	Columns  []Place
	Problems []Problem
	Scan     page.Scan
	Twice    bool      // two readers read the picture
	Notes    []Problem // of the page itself, whether it is read or not
}

// readPage reads one page, which can have several forms: it returns a reading for each.
// It never fails: what cannot be read is among the problems.
func readPage(file int, p *page.Page, layouts []*Layout, v *vocabulary) []*reading {
	r := &reading{File: file, Page: p.Number, Damage: p.Damage, Scan: p.Scan, Twice: p.Twice}
	for _, n := range p.Notes {
		note := r.about(noteKinds[n.Kind], n.Message)
		note.Box, note.Text = n.Box.Round(), n.Text
		r.Notes = append(r.Notes, note)
	}
	if p.Scan == page.Recognised {
		v = v.loosely()
	}
	in := rooms.Get().(*room)
	defer in.leave()
	words := usable(p.Words, in)
	r.Blank = len(words) == 0
	if r.Damage != "" || r.Blank {
		return []*reading{r}
	}
	out, found := v.readWords(r, p, layouts, words)
	if out != nil {
		return out
	}
	if len(p.Hidden) > 0 && p.Scan == page.Printed {
		// Labels that something covers still show the places of values.
		labels := usable(p.Hidden, &room{})
		for _, w := range labels {
			w.taken = true
		}
		all := append(slices.Clone(words), labels...)
		inReadingOrder(all)
		again := *r
		out, _ := v.readWords(&again, p, layouts, all)
		if out != nil && !slices.ContainsFunc(out, func(r *reading) bool { return r.Bill.Number.Text == "" || len(r.Bill.Lines) == 0 }) {
			return out
		}
	}
	r.Text = excerpt(words)
	for _, l := range layouts {
		if n, all := v.foundOf(l, found); 2*n > all {
			r.Problems = []Problem{r.about(UnreadPage, "the page is a "+l.Name+", but the headings of its table are not where they should be; its lines cannot be read")}
		}
	}
	return []*reading{r}
}

// readWords reads the forms of the first layout that is found among a page's words; it
// returns nil if none is. found are the places of all phrases.
func (v *vocabulary) readWords(r *reading, p *page.Page, layouts []*Layout, words []*word) (out []*reading, found [][]place) {
	var lies page.Plane
	if tan := slant(words); tan != 0 {
		words, lies = turned(words, tan)
	}
	words = joined(words)
	found = v.find(words)
	for _, l := range layouts {
		forms, unsure := l.real(framesOf(&l.Table, v.in(found)), v.in(found))
		if len(forms) > 0 {
			if unsure {
				r.Problems = append(r.Problems, r.about(UnreadPage, "the page has the headings of a second table without the rest of its form; its lines cannot be read"))
			}
			return v.readForms(r, p, l, forms, words, found, lies), found
		}
	}
	return nil, found
}

// readForms reads the forms of one layout that were found on a page.
func (v *vocabulary) readForms(r *reading, p *page.Page, l *Layout, forms []located, words []*word, found [][]place, lies page.Plane) []*reading {
	if tall := v.tallness(l, forms[0].frame, found); math.Abs(tall-1) > 0.01 {
		words, lies = flattened(words, lies, tall)
		found = v.find(words)
		if again, _ := l.real(framesOf(&l.Table, v.in(found)), v.in(found)); len(again) == len(forms) {
			forms = again
		}
	}
	inRows(forms, l.Height)
	of, rest := l.share(words, forms)
	var out []*reading
	for i, f := range forms {
		s := scan{
			reading: &reading{File: r.File, Page: r.Page, Part: i, Known: true, Scan: r.Scan, Twice: r.Twice}, sheet: p, plane: lies,
			words: words, vocabulary: v, found: found, layout: l, located: f,
		}
		if len(forms) > 1 {
			// Its own words only, so that no label of another form is taken for one of
			// its own.
			s.words = of[i]
			s.found = v.find(s.words)
			own, _ := l.real(framesOf(&l.Table, s.places), s.places)
			if len(own) != 1 {
				r.Problems = append(r.Problems, r.about(UnreadPage, "the page has several forms, and one of them cannot be told from the others; its lines cannot be read"))
				continue
			}
			s.located = own[0]
		}
		s.claim()
		s.read()
		out = append(out, s.reading)
	}
	if len(rest) > 0 {
		// As many headings and labels as a table needs headings are no accident.
		if n, _ := v.foundOf(l, v.find(rest)); n >= l.Table.Need {
			r.Problems = append(r.Problems, r.about(UnreadPage, "the page has another "+l.Name+" beside what was read, but the headings of its table are not where they should be; its lines cannot be read"))
		}
	}
	if len(forms) == maxForms {
		r.Problems = append(r.Problems, r.about(UnreadPage, fmt.Sprintf("the page has more than %d forms; what follows is not read", maxForms-1)))
	}
	if len(out) == 0 {
		return []*reading{r}
	}
	out[0].Problems = append(out[0].Problems, r.Problems...)
	out[0].Notes = r.Notes
	return out
}

// real returns those of the rows of headings around which other labels of the form stand
// in their places; if there are none, the one with the most headings. A free text can
// hold all headings. unsure is true if one of those left out is as large as a form on the
// page.
func (l *Layout) real(all []located, places func(string) []place) (forms []located, unsure bool) {
	if len(all) < 2 {
		return all, false
	}
	const need = 3
	var most located
	var other []located
	for _, f := range all {
		if len(f.headings) > len(most.headings) {
			most = f
		}
		n := 0
		for _, areas := range [2][]Area{l.Areas, l.Foot} {
			for i := range areas {
				x, y := f.at(areas[i].Label.X, areas[i].Label.Y)
				if slices.ContainsFunc(places(areas[i].Label.Text), func(p place) bool {
					return near(p.x, x, stray*f.k) && near(p.y, y, f.k*(stray+0.3*abs(areas[i].Label.Y-l.Table.Y)))
				}) {
					n++
				}
			}
		}
		if n >= need {
			forms = append(forms, f)
		} else {
			other = append(other, f)
		}
	}
	if forms == nil {
		forms = []located{most}
		other = slices.DeleteFunc(other, func(f located) bool { return f.frame == most.frame })
	}
	return forms, slices.ContainsFunc(other, func(f located) bool { return near(f.k, forms[0].k, 0.1*forms[0].k) })
}

// inRows sorts forms in reading order: row by row, and from left to right within a row.
// Forms are on one row if their tops differ by less than half a form. height is that of
// a form in its own points.
func inRows(forms []located, height float32) {
	slices.SortStableFunc(forms, func(a, b located) int { return cmp.Compare(a.y, b.y) })
	for len(forms) > 0 {
		n := 1
		for n < len(forms) && forms[n].y-forms[0].y < height*forms[0].k/2 {
			n++
		}
		slices.SortStableFunc(forms[:n], func(a, b located) int { return cmp.Compare(a.x, b.x) })
		forms = forms[n:]
	}
}

// share assigns each word to the form on whose paper it is; rest are words on no form.
// Where papers overlap, a word belongs to the form with the nearer middle.
func (l *Layout) share(words []*word, forms []located) (of [][]*word, rest []*word) {
	const margin = 24
	of = make([][]*word, len(forms))
	for _, w := range words {
		best, nearest := -1, float32(math.MaxFloat32)
		for i, f := range forms {
			x, y := (w.Box.X0-f.x)/f.k, (w.Base-f.y)/f.k
			if x < -margin || x > l.Width+margin || y < -margin || y > l.Height+margin {
				continue
			}
			if d := max(abs(x/l.Width-0.5), abs(y/l.Height-0.5)); d < nearest {
				best, nearest = i, d
			}
		}
		if best < 0 {
			rest = append(rest, w)
		} else if len(forms) > 1 {
			of[best] = append(of[best], w)
		}
	}
	return of, rest
}

// word is a word of the page that is being read.
type word struct {
	*page.Word
	taken bool // it is printed by the form itself, or part of a value, or hidden
	// pieces are the words of the file that it is joined from; nil if it is one word.
	pieces []*word
}

// room is memory for the words of a page. Nothing that was read refers to them.
type room struct {
	words []word
	of    []*word
}

var rooms = sync.Pool{New: func() any { return &room{} }}

// leave gives the room to another page.
func (r *room) leave() {
	clear(r.words[:cap(r.words)])
	rooms.Put(r)
}

// usable returns the words that are on the page, each once: bold text that is printed
// twice, or a second layer of the same text, is the same word, up to two points apart.
func usable(all []page.Word, in *room) []*word {
	in.words, in.of = slices.Grow(in.words[:0], len(all)), slices.Grow(in.of[:0], len(all))
	backing, out := in.words, in.of
	for i := range all {
		w := &all[i]
		sum := w.Box.X0 + w.Box.Y0 + w.Box.X1 + w.Box.Y1 + w.Base + w.Size
		if sum-sum != 0 || w.Size <= 0 || w.Text == "" { // sum is NaN or infinite
			continue
		}
		if n := utf8.RuneCountInString(w.Text); len(w.Edges) != n+1 || len(w.Joints) > n {
			w = &page.Word{Text: w.Text, Box: w.Box, Base: w.Base, Size: w.Size, Edges: evenEdges(w.Box, n)}
		}
		again := false
		for j := len(out) - 1; j >= max(0, len(out)-40) && !again && out[j].Base > w.Base-w.Size; j-- {
			again = sameAgain(out[j].Word, w)
		}
		if !again {
			backing = append(backing, word{Word: w})
			out = append(out, &backing[len(backing)-1])
		}
	}
	return out
}

// sameAgain reports whether a word is another one printed again: the same text in the
// same type, closer than a word could be beside or below itself.
func sameAgain(a, b *page.Word) bool {
	const apart = 2.1
	return near(a.Box.X0, b.Box.X0, min(apart, 0.7*(a.Box.X1-a.Box.X0))) && near(a.Base, b.Base, min(apart, 0.4*a.Size)) &&
		a.Text == b.Text && near(a.Size, b.Size, 0.1*a.Size)
}

// evenEdges divides a box among n characters.
func evenEdges(b page.Box, n int) []float32 {
	edges := make([]float32, n+1)
	for i := range edges {
		edges[i] = b.X0 + (b.X1-b.X0)*float32(i)/float32(n)
	}
	return edges
}

// excerpt returns the beginning of a page's text, for people.
func excerpt(words []*word) string {
	const most = 60
	var b strings.Builder
	for _, w := range words {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if b.Len()+len(w.Text) > most {
			b.WriteString("…")
			break
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// scan reads one page in one layout.
type scan struct {
	*reading
	*vocabulary
	sheet  *page.Page
	words  []*word
	found  [][]place
	layout *Layout
	plane  page.Plane
	located
	foot  bool    // the foot was found
	below float32 // how much lower the foot, and what is below it, is than on the form
}

// stray is how far a label may be from its place, in points of the form.
const stray = 18

func (s *scan) places(text string) []place { return s.in(s.found)(text) }

// in returns the function that looks up the places of a phrase.
func (v *vocabulary) in(found [][]place) func(text string) []place {
	return func(text string) []place {
		if i, ok := v.index[text]; ok {
			return found[i]
		}
		return nil
	}
}

// claim marks the words that the form itself prints.
func (s *scan) claim() {
	for _, h := range s.headings {
		s.take(h.place)
	}
	s.placeFoot()
	for _, labels := range [2][]Label{s.labels[s.layout], s.layout.Printed} {
		for _, l := range labels {
			if p, ok := s.label(l); ok {
				s.take(p)
			}
		}
	}
}

func (s *scan) take(p place) {
	for _, w := range s.words[p.first : p.last+1] {
		w.taken = w.taken || near(w.Base, p.y, p.size/10)
	}
}

// at maps a position of the form to the page.
func (s *scan) at(x, y float32) (float32, float32) {
	px, py := s.frame.at(x, y)
	if y > s.layout.Table.Y {
		py += s.below
	}
	return px, py
}

// placeFoot finds the foot where most of its labels are together, since a table of
// another height has the same foot.
func (s *scan) placeFoot() {
	type label struct {
		*Area
		shift float32 // how much lower it stands than on the form
	}
	var labels []label
	_, top := s.at(0, s.layout.Table.Y)
	for i := range s.layout.Foot {
		a := &s.layout.Foot[i]
		x, y := s.at(a.Label.X, a.Label.Y)
		n := 0
		for _, p := range s.places(a.Label.Text) {
			// A foot has each label once; a page with more has no foot there, and would
			// take long.
			if n < 20 && p.y > top && near(p.x, x, stray*s.k) {
				labels = append(labels, label{a, p.y - y})
				n++
			}
		}
	}
	most := 0
	for _, l := range labels {
		together := map[*Area]bool{}
		for _, o := range labels {
			if near(o.shift, l.shift, 4*s.k) {
				together[o.Area] = true
			}
		}
		n := len(together)
		if n > most && (n > 1 || near(l.shift, 0, stray*s.k)) {
			most, s.below, s.foot = n, l.shift, true
		}
	}
}

// label finds a label of the form: of all places where it is printed, the one nearest
// to its own.
func (s *scan) label(l Label) (best place, ok bool) {
	x, y := s.at(l.X, l.Y)
	nearest := stray * s.k
	for _, p := range s.places(l.Text) {
		if d := max(abs(p.x-x), abs(p.y-y)); d <= nearest {
			best, nearest, ok = p, d, true
		}
	}
	return best, ok
}

func abs(v float32) float32 { return max(v, -v) }

// sized reports whether a word is set in the type of values.
func (s *scan) sized(w *word) bool {
	t := s.layout.Type * s.k
	return w.Size > t/3 && w.Size < t*2
}

func (s *scan) read() {
	for i := range s.layout.Foot {
		s.total(&s.layout.Foot[i])
	}
	for i := range s.layout.Areas {
		s.area(&s.layout.Areas[i])
	}
	for i := range s.layout.Strips {
		s.strip(&s.layout.Strips[i])
	}
	s.table()
	s.Bill.Lines = slices.Clone(s.Bill.Lines) // which is as short as it can be
}

// within returns the words that begin in a box and are not taken.
func (s *scan) within(b page.Box) []*word {
	var out []*word
	for _, w := range s.words {
		if w.Base >= b.Y0 && w.Base < b.Y1 && w.Box.X0 >= b.X0 && w.Box.X0 < b.X1 && !w.taken && s.sized(w) {
			out = append(out, w)
		}
	}
	return out
}

// wordsOf returns the words of an area, measured from its label.
func (s *scan) wordsOf(a *Area) []*word {
	p, ok := s.label(a.Label)
	if !ok {
		return nil
	}
	x := func(v float32) float32 { return p.x + (v-a.Label.X)*s.k }
	y := func(v float32) float32 { return p.y + (v-a.Label.Y)*s.k }
	words := s.within(page.Box{X0: x(a.Left), Y0: y(a.Top), X1: x(a.Right), Y1: y(a.Bottom)})
	if a.Apart != 0 {
		words = s.apart(words, x(a.Apart))
	}
	return words
}

// apart returns the words of the lowest row, from the first that begins at x or has a
// wide gap to its left.
func (s *scan) apart(words []*word, x float32) []*word {
	grouped := rows(words)
	if len(grouped) == 0 {
		return nil
	}
	row := grouped[len(grouped)-1]
	end := float32(math.Inf(-1))
	for _, w := range s.words {
		if w.Box.X0 < row[0].Box.X0 && near(w.Base, row[0].Base, w.Size/2) && s.sized(w) {
			end = max(end, w.Box.X1)
		}
	}
	for i, w := range row {
		if near(w.Box.X0, x, 2.5*s.k) || w.Box.X0-end > w.Size {
			return row[i:]
		}
		end = max(end, w.Box.X1)
	}
	return nil
}

// area reads a value into the bill's field of the same name.
func (s *scan) area(a *Area) {
	words := s.wordsOf(a)
	for _, w := range words {
		w.taken = true
	}
	switch a.Name {
	case pageOfArea:
		s.N, s.M = pageOf(page.Seen(s.value(words).Text))
	case "number":
		s.Bill.Number = s.billNumber(words)
	default:
		s.set(&s.Bill.FieldsOf, fieldIndex[a.Name], words)
	}
}

// A bill's number is a letter and digits; other programs' numbers have several
// letters, or a dash, or digits alone.
var (
	numberOfBill = regexp.MustCompile(`^[A-Za-z]{1,4}-?\d[0-9A-Za-z-]*$`)
	digitsOfBill = regexp.MustCompile(`^\d[0-9A-Za-z-]*$`)
)

// billNumber returns the bill's number. If other words are beside it, the number is the
// one in the form of a number; if none is, there is no number, since a wrong one would
// put the lines under another bill.
func (s *scan) billNumber(words []*word) Value {
	var numbers []*word
	for _, w := range words {
		if text := page.Seen(w.Text); numberOfBill.MatchString(text) || len(words) == 1 && digitsOfBill.MatchString(text) {
			numbers = append(numbers, w)
		}
	}
	if len(numbers) == 1 && !goesOnBeside(numbers[0], words) {
		v := s.value(numbers)
		v.Text = page.Seen(v.Text)
		s.lookText(&v, numberOfBill.MatchString(v.Text))
		return v
	}
	at := s.value(words)
	what := "the number of this bill cannot be read"
	if at.Text != "" {
		what += fmt.Sprintf(" (%s)", text.Quote(at.Text))
	}
	s.problem(NoNumber, at, "%s; its lines are in the sheet without one", what)
	return Value{}
}

// goesOnBeside reports whether the words beside a bill's number may be the rest of it:
// they are nearer than a separate word.
func goesOnBeside(number *word, words []*word) bool {
	for _, w := range words {
		gap := max(w.Box.X0-number.Box.X1, number.Box.X0-w.Box.X1)
		if w != number && near(w.Base, number.Base, w.Size/2) && gap < w.Size*0.5 && hasDigit(w.Text) {
			return true
		}
	}
	return false
}

// Specks of a picture are read as points and dashes beside the numbers.
var pageOfM = regexp.MustCompile(`(?i)\bpage:?[\s.,'-]*(\d{1,4})[\s.,'-]*(?:[o0]f|/)[\s.,'-]*(\d{1,4})\b`)

// pageOf parses "Page n of m". It returns zeros for any other text, and if the numbers
// cannot be right.
func pageOf(text string) (n, m int) {
	match := pageOfM.FindStringSubmatch(text)
	if match == nil {
		return 0, 0
	}
	n, _ = strconv.Atoi(match[1])
	m, _ = strconv.Atoi(match[2])
	if n < 1 || n > m {
		return 0, 0
	}
	return n, m
}

// total reads a total at the foot. Free text can be close to it; the total is then the
// one word in the form of a total.
func (s *scan) total(a *Area) {
	words := s.wordsOf(a)
	var figures []*word
	digits := false
	for _, w := range words {
		digits = digits || hasDigit(w.Text)
		if fits(w.Text, a.Decimals) {
			figures = append(figures, w)
		}
	}
	switch {
	case len(figures) == 1:
		words = figures
	case len(words) == 0, len(words) > 1 && !digits:
		return
	}
	for _, w := range words {
		w.taken = true
	}
	n := s.number(words)
	s.look(&n, a.Decimals)
	if !n.Valid {
		s.problem(UnreadTotal, n.Value, "the total of %s is not a number: %s", a.Name, text.Quote(n.Text))
	} else if have := decimalsOf(n.Plain()); have < a.Decimals && !n.Amount().IsZero() {
		// The rest of it may even be what the lines add up to.
		s.problem(UnreadTotal, n.Value, "the total of %s has %s instead of %d, so it may be cut off: %s", a.Name, text.Count(have, "decimal"), a.Decimals, text.Quote(n.Text))
	}
	*totalOf(&s.Bill.Printed, Field(a.Name)) = n
}

// strip reads a grid of one row.
func (s *scan) strip(g *Grid) {
	var n, shift float32
	for _, c := range g.Columns {
		_, y := s.at(c.X, g.Y)
		if p, ok := s.label(Label{c.Heading, c.X, g.Y}); ok {
			n, shift = n+1, shift+p.y-y
		}
	}
	if int(n) < g.Need {
		return
	}
	grid := s.gridOf(g)
	_, y := s.at(0, g.Y)
	y += shift / n
	cells := make([][]*word, len(g.Columns))
	for _, row := range rows(s.within(page.Box{
		X0: grid.edges[0] - 4*s.k, Y0: y + g.From*s.k, X1: grid.edges[len(g.Columns)], Y1: y + g.To*s.k,
	})) {
		rowCells, _ := grid.split(row)
		for i, cell := range rowCells {
			cells[i] = append(cells[i], cell...)
		}
	}
	for i, c := range g.Columns {
		s.set(&s.Bill.FieldsOf, fieldIndex[c.Name], cells[i])
	}
}
