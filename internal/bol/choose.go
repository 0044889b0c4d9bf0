package bol

import (
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// choose decides which reading of each figure of a bill counts that was read from pictures
// (DESIGN.md §13). In each column, what both readers read is taken as it is. What they differ
// on is chosen if one choice makes the lines add up to the printed total, and no other one of
// similar cost does.
//
// The same misreading can come twice: in a line and in the total, or in several figures of one
// print. So in a column of one line both readers must agree on the line or on the total, and the
// first one must have read the same in the other; and of figures that differ in one decimal
// place in a line and in the total nothing is chosen.
func (b *Bill) choose(most decimals) {
	b.Lines = slices.Clone(b.Lines)
	for _, f := range Fields {
		b.chooseOf(f, most)
	}
}

// Bounds of choosing: how many figures of a column may be in doubt, how many choices are
// tried, by how much a choice must be likelier than the next one, and how unlikely it may be.
const (
	maxDoubts  = 8
	maxChoices = 1 << 14
	margin     = 4
	maxCost    = 8
)

// term is a figure of a column: the total counts negatively.
type term struct {
	n     *Number
	sign  int64
	fixed bool
}

func (b *Bill) chooseOf(f Field, most decimals) {
	var lines []*Number
	for i := range b.Lines {
		if n := cellOf(&b.Lines[i], f); n.Text != "" {
			lines = append(lines, n)
		}
	}
	total := totalOf(&b.Printed, f)
	chooseColumn(lines, total, func() decimal.Decimal { return b.sum(f).slack(f, total, most) })
}

// chooseColumn decides which readings of the figures of a column count: those of lines, none of
// which is empty, and their total. slackOf is how far rounding may put the total off. It returns
// how many choices were tried; 0 if nothing is proved.
func chooseColumn(lines []*Number, total *Number, slackOf func() decimal.Decimal) (tried int) {
	var terms []term
	places := int32(0)
	add := func(n *Number, sign int64) {
		s := n.Sight
		if s != nil { // the choice begins with what was read
			copied := *s
			n.Sight, s = &copied, &copied
			if s.State != Unseen {
				s.State = Single
			}
			if len(s.Guesses) > 0 {
				n.Text, n.Valid = s.Guesses[0].Text, true
				for _, g := range s.Guesses {
					places = max(places, int32(decimalsOf(g.Text)))
				}
			}
		}
		if n.Text == "" {
			return
		}
		places = max(places, int32(decimalsOf(n.Plain())))
		terms = append(terms, term{n, sign, s == nil || s.Agreed})
	}
	for _, n := range lines {
		add(n, 1)
	}
	add(total, -1)
	if total.Text == "" || slices.ContainsFunc(terms, func(t term) bool { return !t.n.Valid }) {
		return 0
	}
	// scaled returns a figure in units of the last decimal place.
	ok := true
	scaled := func(text string) int64 {
		d, err := decimal.NewFromString(strings.ReplaceAll(text, ",", ""))
		d = d.Shift(places)
		if err != nil || d.Abs().GreaterThan(decimal.New(1, 15)) {
			ok = false
			return 0
		}
		return d.IntPart()
	}
	sum := int64(0)
	var doubts []term
	for _, t := range terms {
		if t.fixed {
			sum += t.sign * scaled(t.n.Text)
		} else {
			doubts = append(doubts, t)
		}
	}
	// Rounding explains a difference only where all figures have as many decimals: of one with
	// fewer, both readers may have missed the last digit.
	slack := int64(0)
	uneven := func(text string) bool { return decimalsOf(text) != decimalsOf(total.Plain()) }
	if !slices.ContainsFunc(terms, func(t term) bool { return uneven(t.n.Plain()) }) {
		slack = slackOf().Shift(places).IntPart()
	}
	fit := func(sum int64) bool { return sum <= slack && -sum <= slack }
	tried = 1
	switch {
	case !ok || len(doubts) > maxDoubts || len(lines) == 0:
		return 0
	case len(doubts) == 0:
		if !fit(sum) {
			return 0
		}
	case sameTwice(doubts, places):
		return 0
	case len(lines) == 1 && (len(doubts) > 1 || strings.Trim(doubts[0].n.Sight.First, ".") != doubts[0].n.Text || !fit(sum+doubts[0].sign*scaled(doubts[0].n.Text))):
		return 0
	default:
		choice, unique := cheapest(doubts, sum, fit, scaled)
		if !unique || !ok {
			return 0
		}
		for i, t := range doubts {
			if slack > 0 && uneven(t.n.Sight.Guesses[choice[i]].Text) {
				return 0
			}
		}
		for i, t := range doubts {
			t.n.Text = t.n.Sight.Guesses[choice[i]].Text
			t.n.Sight.State = Chosen
			tried *= len(t.n.Sight.Guesses)
		}
	}
	for _, t := range terms {
		if s := t.n.Sight; s != nil && s.Agreed {
			s.State = Confirmed
		}
	}
	return tried
}

// sameTwice reports whether a line and the total are in doubt in one decimal place.
func sameTwice(doubts []term, places int32) bool {
	in := map[int64]map[int]bool{1: {}, -1: {}}
	for _, t := range doubts {
		for _, p := range doubtfulPlaces(t.n.Sight, places) {
			in[t.sign][p] = true
		}
	}
	for p := range in[1] {
		if in[-1][p] {
			return true
		}
	}
	return false
}

// doubtfulPlaces are the decimal places in which the guesses of a figure differ: all of them
// if the second reader read no figure. A figure without guesses has none.
func doubtfulPlaces(s *Sight, places int32) (out []int) {
	if len(s.Guesses) == 0 {
		return nil
	}
	digits := func(text string) string {
		text = strings.ReplaceAll(text, ",", "")
		text += strings.Repeat("0", max(0, int(places)-decimalsOf(text)))
		text = strings.ReplaceAll(text, ".", "")
		return strings.Repeat("0", max(0, 20-len(text))) + text
	}
	all := !slices.ContainsFunc(s.Second, func(read string) bool { return isNumber(digitsOnly(read)) })
	first := digits(s.Guesses[0].Text)
	for i := range first {
		at := len(first) - i
		differ := all
		for _, g := range s.Guesses {
			if d := digits(g.Text); len(d) != len(first) || d[i] != first[i] {
				differ = true
			}
		}
		if differ {
			out = append(out, at)
		}
	}
	return out
}

// cheapest returns the guesses of the figures in doubt, by their indexes, that make a column
// add up at the least cost; unique is false if there are none, or if others do at nearly the
// same cost.
func cheapest(doubts []term, sum int64, fit func(int64) bool, scaled func(string) int64) (best []int, unique bool) {
	amounts := make([][]int64, len(doubts))
	choices := 1
	for i, t := range doubts {
		for _, g := range t.n.Sight.Guesses {
			amounts[i] = append(amounts[i], t.sign*scaled(g.Text))
		}
		if choices *= len(amounts[i]); choices > maxChoices || choices == 0 {
			return nil, false
		}
	}
	least, next := math.Inf(1), math.Inf(1)
	at := make([]int, len(doubts))
	var try func(i int, sum int64, cost float64)
	try = func(i int, sum int64, cost float64) {
		if i < len(doubts) {
			for k, a := range amounts[i] {
				if slices.Index(amounts[i], a) < k {
					continue // the same figure in another way, such as without its comma
				}
				at[i] = k
				try(i+1, sum+a, cost+doubts[i].n.Sight.Guesses[k].Cost)
			}
			return
		}
		switch {
		case !fit(sum):
		case cost < least:
			least, next, best = cost, least, slices.Clone(at)
		case cost < next:
			next = cost
		}
	}
	try(0, sum, 0)
	return best, least <= maxCost && next >= least+margin
}
