package bol

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// Certainty says how far a value that was read from a picture is proved (DESIGN.md §13).
type Certainty string

// The certainties.
const (
	// Confirmed: two readers read the same, and the figures of its column add up.
	Confirmed Certainty = "confirmed"
	// Chosen: the readers differ, and only this reading makes the figures add up.
	Chosen Certainty = "chosen"
	// Single: what it is said to be was read, and nothing proves it.
	Single Certainty = "single"
	// Unseen: something is there, and it cannot be read.
	Unseen Certainty = "unread"
)

// Sight is how a value was read from a picture.
type Sight struct {
	State Certainty
	// First is what the first reader read. Second is what the second one did: nothing, one text,
	// or two if it looked twice and they differ.
	First  string
	Second []string
	// Agreed says that both read the same.
	Agreed bool
	// Guesses are what the value may be, the likeliest first; one if both readers agree.
	Guesses []Guess
	// Doubts are the indexes of the characters of a text, which is not a figure, that the readers do
	// not agree on.
	Doubts []int
	// Orders is what the order export has in the place of a doubtful text; "" if it does not
	// leave one choice alone.
	Orders string
}

// Guess is what a value may be.
type Guess struct {
	Text string
	// Cost is how unlikely it is: the logarithm of the odds against it.
	Cost float64
}

// Other returns what else the value may be, "" if both readers read the same: what the second
// reader read, or what the first one considered.
func (s *Sight) Other(text string) string {
	for _, o := range append([]string{s.First}, s.Second...) {
		if o != "" && o != text && !s.Agreed {
			return o
		}
	}
	for _, g := range s.Guesses {
		if g.Text != text && g.Text != "" {
			return g.Text
		}
	}
	return ""
}

// piece is a part of a word of a picture, in runes.
type piece struct {
	word     *page.Word
	from, to int
}

// partAt finds where a value was read: in one word of the page, or a part of one.
func partAt(words []page.Word, v *Value) (found piece, ok bool) {
	nearest := float32(math.MaxFloat32)
	for i := range words {
		w := &words[i]
		if len(w.Glyphs) == 0 || len(w.Edges) != len(w.Glyphs)+1 {
			continue
		}
		if !near((v.Box.Y0+v.Box.Y1)/2, (w.Box.Y0+w.Box.Y1)/2, 0.5*w.Size) || v.Box.X0 > w.Box.X1 || v.Box.X1 < w.Box.X0 {
			continue
		}
		for from := 0; ; {
			at := strings.Index(w.Text[from:], v.Text)
			if at < 0 {
				break
			}
			at += from
			from = at + 1
			p := piece{w, len([]rune(w.Text[:at])), 0}
			p.to = p.from + len([]rune(v.Text))
			if p.to >= len(w.Edges) {
				break
			}
			if d := max(abs(w.Edges[p.from]-v.Box.X0), abs(w.Edges[p.to]-v.Box.X1)); d < nearest && d < 0.5*w.Size {
				found, nearest, ok = p, d, true
			}
		}
	}
	return found, ok
}

// zeros are what the second reader takes a zero with a stroke for that is not a digit.
const zeros = "@QOoØ"

// digitsOnly returns a figure that the second reader read with zeros in place of what is no
// digit and looks like one.
func digitsOnly(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(zeros, r) {
			return '0'
		}
		return r
	}, text)
}

// second returns what the second reader read in the part of the word: what stands in its place
// if the two readings are laid side by side with the least differences.
func (p piece) second(read string) string {
	a, b := []rune(p.word.Text), []rune(read)
	if len(a) > 64 || len(b) > 64 || len(b) == 0 {
		return ""
	}
	if p.from == 0 && p.to == len(a) {
		return read
	}
	cost := make([][]int, len(a)+1)
	for i := range cost {
		cost[i] = make([]int, len(b)+1)
		for j := range cost[i] {
			switch {
			case i == 0:
				cost[i][j] = j
			case j == 0:
				cost[i][j] = i
			default:
				differ := 1
				if a[i-1] == b[j-1] {
					differ = 0
				}
				cost[i][j] = min(cost[i-1][j]+1, cost[i][j-1]+1, cost[i-1][j-1]+differ)
			}
		}
	}
	at := make([]int, len(a)+1) // what of b stands before each rune of a
	at[len(a)] = len(b)
	for i, j := len(a), len(b); i > 0; {
		switch {
		case j > 0 && a[i-1] == b[j-1] && cost[i][j] == cost[i-1][j-1], j > 0 && cost[i][j] == cost[i-1][j-1]+1:
			i, j = i-1, j-1
			at[i] = j
		case cost[i][j] == cost[i-1][j]+1:
			i--
			at[i] = j
		default:
			j--
		}
	}
	from, to := at[p.from], at[p.to]
	if p.from == 0 {
		from = 0
	}
	return string(b[from:to])
}

// The costs of guesses. Where the readers differ the first is right nine times of ten.
const (
	costSecond = 1.5
	costSpeck  = 1 // dirt beside a figure looks like a point
	costMost   = 5 // of what the first reader considered; what is less likely is none
)

// guesses returns what the first reader considered in place of one or two characters.
func (p piece) guesses() (out []Guess) {
	runes := []rune(p.word.Text)[p.from:p.to]
	glyphs := p.word.Glyphs[p.from:p.to]
	type change struct {
		at   int
		to   string
		cost float64
	}
	var changes []change
	for i, g := range glyphs {
		c := change{at: i, cost: math.Log(float64(g.Sure) / float64(g.OtherSure))}
		switch {
		case g.Other == 0 || !(c.cost <= costMost):
			continue
		case g.Other != page.NoGlyph:
			c.to = string(g.Other)
		}
		c.cost = max(c.cost, 0.1)
		changes = append(changes, c)
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.cost, b.cost) })
	changes = changes[:min(len(changes), 4)]
	with := func(cs ...change) {
		g := Guess{}
		for i, r := range runes {
			to := string(r)
			for _, c := range cs {
				if c.at == i {
					to = c.to
					g.Cost += c.cost
				}
			}
			g.Text += to
		}
		if g.Cost <= costMost {
			out = append(out, g)
		}
	}
	for i, c := range changes {
		with(c)
		for _, o := range changes[:i] {
			with(c, o)
		}
	}
	return out
}

// sighted says how a figure was read from a picture, of whose format a text is or is not. If
// the first reader's text is none, the figure becomes the likeliest that is.
func sighted(words []page.Word, n *Number, figure func(text string) bool) {
	if n.Text == "" || n.Page == 0 {
		return
	}
	s := &Sight{State: Single, First: n.Text}
	n.Sight = s
	p, ok := partAt(words, &n.Value)
	if !ok {
		s.Guesses = []Guess{{n.Text, 0}}
		return
	}
	// What is not a figure at all says nothing of one.
	other := false
	for _, read := range p.word.Second {
		second := p.second(read)
		s.Second = append(s.Second, second)
		s.Agreed = s.Agreed || digitsOnly(second) == n.Text
		other = other || isNumber(digitsOnly(second)) && digitsOnly(second) != n.Text
	}
	s.Agreed = s.Agreed && !other && n.Valid
	if s.Agreed && figure(n.Text) {
		s.Guesses = []Guess{{n.Text, 0}}
		return
	}
	add := func(g Guess) {
		if !figure(g.Text) {
			return
		}
		for i := range s.Guesses {
			if s.Guesses[i].Text == g.Text {
				s.Guesses[i].Cost = min(s.Guesses[i].Cost, g.Cost)
				return
			}
		}
		s.Guesses = append(s.Guesses, g)
	}
	add(Guess{n.Text, 0})
	add(Guess{strings.Trim(n.Text, specks), costSpeck})
	for _, second := range s.Second {
		add(Guess{digitsOnly(second), costSecond})
	}
	for _, g := range p.guesses() {
		add(g)
	}
	slices.SortStableFunc(s.Guesses, func(a, b Guess) int { return cmp.Compare(a.Cost, b.Cost) })
	s.Guesses = s.Guesses[:min(len(s.Guesses), 6)]
	switch {
	case len(s.Guesses) > 0:
		s.Agreed = false
	case s.Agreed: // both read what no figure of this column looks like
		s.Guesses = []Guess{{n.Text, 0}}
	}
	if len(s.Guesses) > 0 && (!n.Valid || !figure(n.Text)) {
		n.Text, n.Valid = s.Guesses[0].Text, true
	}
	if !n.Valid {
		s.State = Unseen
	}
}

// look says how a figure of so many decimals was read, if the page is a picture.
func (s *scan) look(n *Number, decimals int) {
	if s.Scan == page.Recognised {
		sighted(s.sheet.Words, n, func(text string) bool { return fits(text, decimals) })
	}
}

// lookText says how a text was read, if the page is a picture. The number of a bill begins
// with a letter.
func (s *scan) lookText(v *Value, number bool) {
	if s.Scan == page.Recognised {
		textSighted(s.sheet.Words, v, number)
	}
}

// asNumber returns a text with a letter in place of the digit that looks like it, if it begins
// with one of these digits, as no number of a bill does that begins with a letter.
func asNumber(text string) string {
	if text != "" {
		if i := strings.IndexByte("658210", text[0]); i >= 0 {
			return string("GSBZIO"[i]) + text[1:]
		}
	}
	return text
}

func textSighted(words []page.Word, v *Value, number bool) {
	if v.Text == "" || v.Page == 0 {
		return
	}
	s := &Sight{State: Single, First: v.Text, Guesses: []Guess{{v.Text, 0}}}
	v.Sight = s
	first := []rune(v.Text)
	doubted := make([]bool, len(first)) // by one of the readers
	agreed := make([]bool, len(first))
	p, ok := partAt(words, v)
	for i := 0; ok && i < len(first); i++ {
		doubted[i] = p.word.Glyphs[p.from+i].Sure <= 0.9
	}
	for i := 0; ok && i < len(p.word.Second); i++ {
		second := p.second(p.word.Second[i])
		s.Second = append(s.Second, second)
		all := !slices.Contains(doubted, true)
		for at, same := range alike(v.Text, second, number) {
			agreed[at] = agreed[at] || same
			all = all && same
		}
		if all && len([]rune(second)) == len(first) {
			s.Agreed, s.State = true, Confirmed
		}
	}
	if s.Agreed {
		return
	}
	for i := range first {
		if doubted[i] || !agreed[i] {
			s.Doubts = append(s.Doubts, i)
		}
	}
	if ok {
		others := p.guesses()
		slices.SortStableFunc(others, func(a, b Guess) int { return cmp.Compare(a.Cost, b.Cost) })
		s.Guesses = append(s.Guesses, others[:min(len(others), 5)]...)
	}
}

// alike reports for each character of a text whether the second reader read it, apart from
// zeros with a stroke, which it takes for other signs and digits, and from what a number begins
// with. Of a text of another length it read none.
func alike(first, second string, number bool) []bool {
	a, b := []rune(first), []rune(second)
	out := make([]bool, len(a))
	for i := 0; len(a) == len(b) && i < len(a); i++ {
		out[i] = a[i] == b[i] || a[i] == '0' && strings.ContainsRune("@Q8", b[i]) ||
			number && i == 0 && asNumber(first)[0] == asNumber(second)[0]
	}
	return out
}

// Doubtful reports whether a value was read from a picture and nothing proves it.
func (v *Value) Doubtful() bool {
	return v.Text != "" && v.Sight != nil && v.Sight.State != Confirmed && v.Sight.State != Chosen
}

// MayBe reports whether a text may stand where a value was read: whether they differ, apart
// from case, only in what the readers do not agree on.
func (v *Value) MayBe(text string) bool {
	a, b := []rune(strings.ToUpper(page.Seen(v.Text))), []rune(strings.ToUpper(page.Seen(text)))
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (v.Sight == nil || !slices.Contains(v.Sight.Doubts, i)) {
			return false
		}
	}
	return true
}

// Attestation is what an order export says of a doubtful text.
type Attestation struct {
	Bill int    // the index of the bill in the document
	Line int    // that of the line whose style it is, -1 for the number of the bill
	Text string // the one that the order export leaves
}

// Attested returns the document with what an order export says of doubtful texts: what was read
// so is chosen, and another text is named beside what was read, which stays. It does not change
// the document.
func (d *Document) Attested(all []Attestation) *Document {
	if len(all) == 0 {
		return d
	}
	out := *d
	out.Bills, out.Problems = slices.Clone(d.Bills), slices.Clone(d.Problems)
	own := map[int]*Bill{}
	said := map[int][]page.Box{} // by bill
	for _, a := range all {
		b := own[a.Bill]
		if b == nil {
			copied := *d.Bills[a.Bill]
			b = &copied
			b.Lines = slices.Clone(b.Lines)
			own[a.Bill], out.Bills[a.Bill] = b, b
		}
		v := &b.Number
		if a.Line >= 0 {
			v = &b.Lines[a.Line].Style
		}
		s := *v.Sight
		if s.Orders = a.Text; strings.EqualFold(page.Seen(v.Text), page.Seen(a.Text)) {
			s.State = Chosen
		}
		v.Sight = &s
		said[a.Bill] = append(said[a.Bill], v.Box)
	}
	for i, b := range out.Bills {
		if own[i] == nil {
			continue
		}
		proved := b.Verdict.Outcome == Reconciled
		if !proved {
			b.proveAgain(d.most)
		}
		all := !proved && b.Verdict.Outcome == Reconciled // of others it is told already
		for _, v := range b.Keys() {
			attested := slices.Contains(said[i], v.Box)
			if attested {
				out.Problems = slices.DeleteFunc(out.Problems, func(p Problem) bool { return p.doubts(&v) })
			}
			if p, ok := v.doubt(b); ok && (attested || all) {
				out.Problems = append(out.Problems, p)
			}
		}
	}
	out.sort()
	return &out
}

// doubts reports whether a problem is about how a value was read from a picture.
func (p *Problem) doubts(v *Value) bool {
	return (p.Kind == DoubtfulReading || p.Kind == ChosenReading) && v.File == p.File && v.Page == p.Page && v.Box.Meets(p.Box)
}

// doubt is what a person should know of how a value of a bill was read from a picture; ok is
// false if nothing.
func (v *Value) doubt(b *Bill) (p Problem, ok bool) {
	s := v.Sight
	if s == nil || s.State == Confirmed {
		return Problem{}, false
	}
	p = Problem{Kind: DoubtfulReading, Bill: b.Number.Text, File: v.File, Page: v.Page, Box: v.Box, Text: v.Text}
	read := fmt.Sprintf("one reader read %s, the other %s", quotedOr(s.First), quotedOr(s.Second...))
	switch {
	case s.State == Chosen && s.Orders != "":
		p.Kind, p.Message = ChosenReading, fmt.Sprintf("%s; %s was chosen, since the order export has nothing else in its place", read, text.Quote(v.Text))
	case s.State == Chosen:
		p.Kind, p.Message = ChosenReading, fmt.Sprintf("%s; %s was chosen, since only with it the lines add up to the printed totals", read, text.Quote(v.Text))
	case s.Orders != "":
		p.Message = fmt.Sprintf("%s; the order export has %s in its place", read, text.Quote(s.Orders))
	default:
		p.Message = read + ", and no total proves either"
	}
	return p, true
}
