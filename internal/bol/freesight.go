package bol

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/form"
	"tallyman/internal/page"
)

// spot is a word of a page: the page's number, and the index of the word.
type spot struct{ page, word int }

// readFreely reads pages by learnt forms or freely. Of figures in pictures that the readers
// read differently, it chooses as chooseColumn does, and then the form proves what was chosen
// as it proves what is printed. chosen are the readings that count so.
func readFreely(pages []page.Page, forms []form.Form) (result form.Result, chosen map[spot]Number) {
	if !slices.ContainsFunc(pages, func(p page.Page) bool { return p.Scan == page.Recognised && p.Twice }) {
		return form.Read(pages, forms...), nil
	}
	likely := rewritten(pages, likeliest(pages))
	first := form.Read(likely, forms...)
	result = first
	chosen = map[spot]Number{}
	var choices []choice
	// A total that agrees after a choice may show another one that does not.
	for range maxRounds {
		read := rewritten(likely, chosen)
		more := false
		for i := range result.Bills {
			if c := choiceOf(&result.Bills[i], pages, read, chosen); len(c.readings) > 0 {
				choices = append(choices, c)
				maps.Copy(chosen, c.readings)
				more = true
			}
		}
		if !more {
			break
		}
		result = form.Read(rewritten(likely, chosen), forms...)
	}
	// What a form does not prove after all is not chosen; without it, the rest is read again.
	for range len(choices) + 1 {
		again := false
		for i := range choices {
			if c := &choices[i]; len(c.readings) > 0 && !c.holds(&result, choices) {
				c.readings, again = nil, true
			}
		}
		if !again {
			return result, chosen
		}
		chosen = map[spot]Number{}
		for _, c := range choices {
			maps.Copy(chosen, c.readings)
		}
		if result = first; len(chosen) > 0 {
			result = form.Read(rewritten(likely, chosen), forms...)
		}
	}
	return first, nil
}

// maxRounds bounds how often a bill is read again to choose more of its figures.
const maxRounds = 6

// specks are what the first reader takes dirt beside a figure for.
const specks = "-.,'`_~"

// likeliest returns the likeliest figures in place of words that are digits and signs between or
// around them, and no figure, such as 1.960.0 and -96: without them a form would lack a figure
// there. They are proved by nothing until they are chosen.
func likeliest(pages []page.Page) map[spot]Number {
	out := map[spot]Number{}
	for i := range pages {
		p := &pages[i]
		if p.Scan != page.Recognised {
			continue
		}
		for j := range p.Words {
			w := &p.Words[j]
			if isNumber(w.Text) || !hasDigit(w.Text) || strings.Trim(strings.Trim(w.Text, specks), "0123456789.,") != "" {
				continue
			}
			n := Number{Value: Value{Text: w.Text, Page: p.Number, Box: w.Box}}
			if sighted(p.Words, &n, isNumber); n.Valid {
				out[spot{p.Number, j}] = n
			}
		}
	}
	return out
}

// choice is what is chosen of a bill at once.
type choice struct {
	readings map[spot]Number
	bits     float64 // how much weaker it makes a proof: the logarithm of the choices that were tried
}

// holds reports whether the bill of the pages of a choice is proved, strongly enough for all
// that is chosen of it.
func (c *choice) holds(r *form.Result, all []choice) bool {
	for at := range c.readings {
		i := slices.IndexFunc(r.Bills, func(b form.Bill) bool { return has(&b, at.page) })
		if i < 0 || r.Bills[i].Outcome != form.Reconciled {
			return false
		}
		bits := 0.0
		for _, o := range all {
			for other := range o.readings {
				if has(&r.Bills[i], other.page) {
					bits += o.bits
					break
				}
			}
		}
		if r.Bills[i].Bits-bits < form.Enough {
			return false
		}
	}
	return true
}

func has(b *form.Bill, number int) bool {
	return slices.ContainsFunc(b.Pages, func(l form.Leaf) bool { return l.Page == number })
}

// choiceOf chooses among the readings of a bill's figures, column by column. likely are the pages
// as the form read them, with what was chosen already.
func choiceOf(b *form.Bill, pages, likely []page.Page, chosen map[spot]Number) choice {
	out := choice{readings: map[spot]Number{}}
	for _, c := range b.Checks {
		if c.Total.Text == "" || c.Kind != "" {
			continue
		}
		i := slices.IndexFunc(b.Tables, func(t form.Table) bool { return t.Role == c.Role })
		if i < 0 {
			continue
		}
		// The total is that of all lines or, if it is on one of several pages, of those above it.
		all, above := []*form.Cell{&c.Total}, []*form.Cell{&c.Total}
		for j := range b.Tables[i].Rows {
			if cell := b.Tables[i].Rows[j].Cell(c.Field); cell != nil && cell.Figure != "" {
				all = append(all, cell)
				if cell.Page == c.Total.Page && cell.Box.Y0 < c.Total.Box.Y0 {
					above = append(above, cell)
				}
			}
		}
		ways := [][]*form.Cell{all}
		if len(above) > 1 && len(above) < len(all) {
			ways = append(ways, above)
		}
		for _, cells := range ways {
			numbers, at := numbersOf(cells, pages, likely, chosen)
			if numbers == nil || !slices.ContainsFunc(numbers, func(n *Number) bool { return !n.Sight.Agreed }) {
				continue
			}
			tried := chooseColumn(numbers[1:], numbers[0], func() decimal.Decimal { return decimal.Decimal{} })
			if tried == 0 {
				continue
			}
			for k, n := range numbers {
				if n.Sight.State != Chosen {
					continue
				}
				if other, ok := out.readings[at[k]]; ok && other.Text != n.Text {
					return choice{} // a total of two columns, which they read differently
				}
				out.readings[at[k]] = *n
			}
			out.bits += math.Log2(float64(tried * len(ways)))
			break
		}
	}
	return out
}

// numbersOf returns cells of a column of figures as they were read from pictures or chosen
// already, and their words; nil if one of them is not one word that is the figure alone.
func numbersOf(cells []*form.Cell, pages, likely []page.Page, chosen map[spot]Number) (numbers []*Number, at []spot) {
	var pageWords [][]page.Word
	decimals := map[int]int{}
	for _, c := range cells {
		i := slices.IndexFunc(pages, func(p page.Page) bool { return p.Number == c.Page })
		if i < 0 || pages[i].Scan != page.Recognised {
			return nil, nil
		}
		word := -1
		for j := range pages[i].Words {
			if w := &pages[i].Words[j]; hasDigit(w.Text) && inside(w, c.Box) {
				if word >= 0 {
					return nil, nil
				}
				word = j
			}
		}
		if word < 0 {
			return nil, nil
		}
		w := &pages[i].Words[word]
		n := Number{Value: Value{Text: w.Text, Page: c.Page, Box: w.Box}, Valid: isNumber(w.Text)}
		as := Number{Value: Value{Text: likely[i].Words[word].Text}, Valid: true}
		if !isNumber(as.Text) || as.Amount().Cmp(decimal.RequireFromString(c.Figure)) != 0 {
			return nil, nil
		}
		decimals[decimalsOf(as.Text)]++
		numbers, at, pageWords = append(numbers, &n), append(at, spot{c.Page, word}), append(pageWords, pages[i].Words)
	}
	// The format of the column is that of most of its figures.
	usual := -1
	for d, n := range decimals {
		if 2*n > len(cells) {
			usual = d
		}
	}
	for k, n := range numbers {
		sighted(pageWords[k], n, func(text string) bool { return isNumber(text) && (usual < 0 || decimalsOf(text) == usual) })
		if before, ok := chosen[at[k]]; ok {
			n.Text, n.Valid = before.Text, true
			n.Sight.Agreed, n.Sight.Guesses = true, []Guess{{before.Text, 0}}
		}
	}
	return numbers, at
}

// rewritten returns pages with what was chosen in the place of what was read.
func rewritten(pages []page.Page, chosen map[spot]Number) []page.Page {
	out := slices.Clone(pages)
	for i := range out {
		words := slices.Clone(out[i].Words)
		for j := range words {
			w := &words[j]
			n, ok := chosen[spot{out[i].Number, j}]
			if !ok || n.Text == w.Text {
				continue
			}
			w.Text, w.Glyphs, w.Joints = n.Text, nil, nil
			w.Edges = evenEdges(w.Box, len(n.Text))
		}
		out[i].Words = words
	}
	return out
}

// inside reports whether the middle of a word is in a box.
func inside(w *page.Word, box page.Box) bool {
	x, y := (w.Box.X0+w.Box.X1)/2, (w.Box.Y0+w.Box.Y1)/2
	return x >= box.X0 && x <= box.X1 && y >= box.Y0 && y <= box.Y1
}

// freeSights says how the values of a bill were read that was read freely from pictures. A
// figure is confirmed if both readers read it and its form is proved, and chosen if it is among
// those that are.
func (b *Bill) freeSights(pages []page.Page, chosen map[spot]Number) {
	proved := b.Verdict.Outcome == Reconciled
	look := func(v *Value, printed string, figure bool) bool {
		if v.Text == "" || v.Page == 0 {
			return true
		}
		s := &Sight{State: Single, First: printed, Guesses: []Guess{{v.Text, 0}}}
		v.Sight = s
		for i := range pages {
			if pages[i].Number != v.Page {
				continue
			}
			s.readIn(&pages[i], v, printed, figure)
			for j := range pages[i].Words {
				n, ok := chosen[spot{v.Page, j}]
				if !ok || !inside(&pages[i].Words[j], v.Box) {
					continue
				}
				if s.First, s.Second = n.Sight.First, n.Sight.Second; proved {
					s.State = Chosen
				}
				return true
			}
		}
		if s.Agreed && (proved || !figure) {
			s.State = Confirmed
		}
		return s.Agreed
	}
	look(&b.Number, b.Number.Text, false)
	// All figures of the form count, those that the sheet does not have included.
	t := mainTable(b.Free)
	all := true
	for i := range t.Rows {
		for _, c := range t.Rows[i].Cells {
			if c.Figure != "" {
				v := Value{Text: c.Text, Page: c.Page, Box: c.Box}
				all = look(&v, c.Text, true) && all
			}
		}
	}
	for _, c := range b.Free.Checks {
		if c.Total.Text != "" {
			v := Value{Text: c.Total.Text, Page: c.Total.Page, Box: c.Total.Box}
			all = look(&v, c.Total.Text, true) && all
		}
	}
	proved = proved && all
	for i := range t.Rows {
		l, r := &b.Lines[i], &t.Rows[i]
		for _, f := range Fields {
			if c := r.Cell(formFields[f]); c != nil {
				look(&cellOf(l, f).Value, c.Text, true)
			}
		}
		look(&l.Style, l.Style.Text, false)
	}
	for _, f := range Fields {
		n := totalOf(&b.Printed, f)
		printed := n.Text
		for _, c := range b.Free.Checks {
			if c.Total.Box == n.Box && c.Total.Page == n.Page {
				printed = c.Total.Text
			}
		}
		look(&n.Value, printed, true)
	}
}

// sightOf says how a text was read at a place of a picture: as a figure, if it has to be one and
// is, or as a text.
func sightOf(words []page.Word, text string, at page.Box, figure bool) *Sight {
	n := Number{Value: Value{Text: text, Page: 1, Box: at}, Valid: isNumber(text)}
	if figure && n.Valid {
		sighted(words, &n, isNumber)
	} else {
		textSighted(words, &n.Value, false)
	}
	return n.Sight
}

// readPart is readIn of a value that is a part of a word, such as the number that stands close to
// its label.
func (s *Sight) readPart(w *page.Word, v *Value, printed string, figure bool) {
	read := sightOf([]page.Word{*w}, printed, v.Box, figure)
	s.Second, s.Doubts, s.Agreed = read.Second, read.Doubts, read.Agreed
	if printed != v.Text {
		s.Doubts = nil
	}
}

// readIn says what the second reader read in the place of a value, and whether that is what the
// first one read, which must be all of the words there.
func (s *Sight) readIn(p *page.Page, v *Value, printed string, figure bool) {
	if p, ok := partAt(p.Words, &Value{Text: printed, Box: v.Box}); ok && p.to-p.from < len(p.word.Glyphs) {
		s.readPart(p.word, v, printed, figure)
		return
	}
	first, read := "", ""
	sure := true
	for i := range p.Words {
		w := &p.Words[i]
		if !inside(w, v.Box) {
			continue
		}
		from := len([]rune(first))
		first += w.Text
		if !hasDigit(w.Text) { // it was not read again
			read += w.Text
			continue
		}
		part := sightOf(p.Words, w.Text, w.Box, figure)
		for _, d := range part.Doubts {
			s.Doubts = append(s.Doubts, from+d)
		}
		read += strings.Join(part.Second, "/")
		sure = sure && part.Agreed
	}
	if read != "" {
		s.Second = []string{read}
	}
	whole := strings.ReplaceAll(printed, " ", "")
	if first != "" && first != whole {
		s.First = first
	}
	if first != v.Text {
		s.Doubts = nil // of words in several parts no other reading is known
	}
	s.Agreed = sure && first != "" && first == whole
}
