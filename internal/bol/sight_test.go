package bol

import (
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"tallyman/internal/page"
)

// readTwice returns a page of a bill as two readers read it. first and second are what they
// read in place of the texts that are printed; the second one may read several texts, parted
// by spaces, or nothing.
func readTwice(p page.Page, first, second map[string]string) page.Page {
	p.Scan, p.Twice = page.Recognised, true
	times := map[string]int{}
	for i := range p.Words {
		w := &p.Words[i]
		printed := w.Text
		times[printed]++
		named := func(m map[string]string) (string, bool) { // "48" is each 48, "48#2" the second one
			if t, ok := m[printed+"#"+string(rune('0'+times[printed]))]; ok {
				return t, true
			}
			t, ok := m[printed]
			return t, ok
		}
		if t, ok := named(first); ok {
			w.Text, w.Joints = t, nil
			w.Edges = evenEdges(w.Box, len([]rune(t)))
		}
		w.Glyphs = make([]page.Glyph, len([]rune(w.Text)))
		for j := range w.Glyphs {
			w.Glyphs[j].Sure = 0.999
		}
		if !hasDigit(w.Text) {
			continue
		}
		w.Second = []string{printed}
		if t, ok := named(second); ok {
			w.Second = strings.Fields(t)
		}
	}
	return p
}

func twoLines() page.Page {
	ty := newTypist().form("G24024").foot("3", "84", "35.7", "4.06")
	ty.row(0, cells{"2", "D04650LA", "48", "629543", "", "GIRLS", "2.61", "20.3"})
	ty.row(1, cells{"1", "D04651LA", "36", "629543", "", "BOYS", "1.45", "15.4"})
	return ty.done()
}

func oneLine() page.Page {
	ty := newTypist().form("G24024").foot("2", "48", "20.3", "2.03")
	ty.row(0, cells{"2", "D04650LA", "48", "629543", "", "GIRLS", "2.03", "20.3"})
	return ty.done()
}

func TestWhatTwoReadersReadIsReconciledOnlyIfNothingElseIsPossible(t *testing.T) {
	type texts = map[string]string
	for name, c := range map[string]struct {
		page          page.Page
		first, second texts
		outcome       Outcome
		// figures are those of the bill that are chosen, as "text of first and second".
		chosen []string
		loose  []string
	}{
		"both read the same":                         {page: twoLines(), outcome: Reconciled},
		"zeros with a stroke are not digits for one": {page: twoLines(), second: texts{"20.3": "2@.3", "4.06": "4.Q6"}, outcome: Reconciled},
		"one misreads a line":                        {page: twoLines(), second: texts{"48": "43"}, outcome: Reconciled, chosen: []string{"48 of 48 and 43"}},
		"the other misreads it":                      {page: twoLines(), first: texts{"48": "43"}, outcome: Reconciled, chosen: []string{"48 of 43 and 48"}},
		"one misreads two figures":                   {page: twoLines(), second: texts{"48": "43", "36": "38"}, outcome: Reconciled, chosen: []string{"48 of 48 and 43", "36 of 36 and 38"}},
		"one looks twice and differs":                {page: twoLines(), second: texts{"2.61": "2.81 2.61"}, outcome: Reconciled, chosen: []string{"2.61 of 2.61 and 2.81/2.61"}},
		"one reads no figure":                        {page: twoLines(), second: texts{"48": "aB"}, outcome: Reconciled, chosen: []string{"48 of 48 and aB"}},
		"a comma in place of the point":              {page: twoLines(), first: texts{"2.61": "2,61"}, outcome: Reconciled, chosen: []string{"2.61 of 2,61 and 2.61"}},
		"dirt that both take for a point":            {page: twoLines(), first: texts{"48": ".48"}, second: texts{"48": ".48"}, outcome: Reconciled, chosen: []string{"48 of .48 and .48"}},

		"both misread a figure in one way":                          {page: twoLines(), first: texts{"48": "43"}, second: texts{"48": "43"}, outcome: Unproved, loose: []string{"43", "36", "84"}},
		"neither reads it":                                          {page: twoLines(), first: texts{"48": "43"}, second: texts{"48": "46"}, outcome: Unproved, loose: []string{"43", "36", "84"}},
		"one misreads the same place of a line and the total":       {page: twoLines(), second: texts{"48": "46", "84": "82"}, outcome: Unproved, loose: []string{"48", "36", "84"}},
		"one reads neither the line nor the total":                  {page: twoLines(), second: texts{"48": "", "84": ""}, outcome: Unproved, loose: []string{"48", "36", "84"}},
		"two choices add up":                                        {page: twoLines(), second: texts{"48": "47", "36": "37"}, outcome: Unproved, loose: []string{"48", "36", "84"}},
		"the paper does not add up, and a reader differs elsewhere": {page: twoLines(), first: texts{"84": "85"}, second: texts{"84": "85", "48": "43"}, outcome: Unproved, loose: []string{"48", "36", "85"}},
		"the number is read differently":                            {page: twoLines(), second: texts{"G24024": "G24924"}, outcome: Unproved},
		"the number begins with a digit for one":                    {page: twoLines(), second: texts{"G24024": "624024"}, outcome: Reconciled},

		"one line, both read the same":                    {page: oneLine(), outcome: Reconciled},
		"one line, a reader differs in the total":         {page: oneLine(), second: texts{"2.03#2": "2.83"}, outcome: Reconciled, chosen: []string{"2.03 of 2.03 and 2.83"}},
		"one line, a reader differs in both":              {page: oneLine(), second: texts{"2.03": "2.83"}, outcome: Unproved, loose: []string{"2.03", "2.03"}},
		"one line, the first misreads both in one way":    {page: oneLine(), first: texts{"2.03": "2.83"}, outcome: Unproved, loose: []string{"2.83", "2.83"}},
		"one line, both miss the last digit of the total": {page: oneLine(), first: texts{"2.03#2": "2.0"}, second: texts{"2.03#2": "2.0"}, outcome: Unproved, loose: []string{"2.03", "2.0"}},
		"one line, both miss the last digit of it":        {page: oneLine(), first: texts{"20.3": "20", "20.3#2": "20.3"}, second: texts{"20.3": "20", "20.3#2": "20.3"}, outcome: Unproved, loose: []string{"20", "20.3"}},
		"one line, the first misreads what is the total":  {page: oneLine(), first: texts{"2.03#2": "2.83"}, outcome: Unproved, loose: []string{"2.03", "2.83"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := documentOf(t, readTwice(c.page, c.first, c.second))
			b := d.Bills[0]
			if b.Verdict.Outcome != c.outcome {
				t.Errorf("%s: %s", b.Verdict.Outcome, b.Verdict.Reason)
			}
			var chosen, loose, told []string
			for _, v := range b.figures() {
				switch v.Sight.State {
				case Chosen:
					chosen = append(chosen, v.Text+" of "+v.Sight.First+" and "+strings.Join(v.Sight.Second, "/"))
				case Confirmed:
				default:
					loose = append(loose, v.Text)
				}
			}
			for _, list := range []*[]string{&chosen, &c.chosen, &loose, &c.loose} {
				slices.Sort(*list)
			}
			if c.outcome == Reconciled && !slices.Equal(chosen, c.chosen) {
				t.Errorf("chosen: %q, want %q", chosen, c.chosen)
			}
			if c.loose != nil && !slices.Equal(loose, c.loose) {
				t.Errorf("not proved: %q, want %q", loose, c.loose)
			}
			for _, p := range d.Problems {
				if p.Kind == ChosenReading && p.Box != (page.Box{}) && p.Bill == "G24024" {
					told = append(told, p.Text)
				}
			}
			if c.outcome == Reconciled && len(told) != len(c.chosen) {
				t.Errorf("%d choices are told: %v", len(told), d.Problems)
			}
		})
	}
}

// The lines of a reconciled bill are in the sheet, so a style that is not proved is named.
func TestAStyleThatTheReadersReadDifferentlyIsNamed(t *testing.T) {
	d := documentOf(t, readTwice(twoLines(), nil, map[string]string{"D04650LA": "D@465OLA", "D04651LA": "DO4651LA"}))
	b := d.Bills[0]
	if b.Verdict.Outcome != Reconciled || len(b.Unsettled()) != 2 {
		t.Fatalf("%s, %v", b.Verdict.Outcome, b.Unsettled())
	}
	var named []string
	for _, p := range d.Problems {
		if p.Kind == DoubtfulReading {
			named = append(named, p.Text)
		}
	}
	if !slices.Equal(named, []string{"D04650LA", "D04651LA"}) {
		t.Errorf("named: %q", named)
	}
}

// A choice is made again when somebody corrects a figure, and what a person says needs no
// reader.
func TestCorrectionsOfWhatTwoReadersRead(t *testing.T) {
	d := documentOf(t, readTwice(twoLines(), map[string]string{"48": "43"}, map[string]string{"48": "46"}))
	if d.Bills[0].Verdict.Outcome != Unproved {
		t.Fatal("it is proved before")
	}
	corrected, _ := withPieces(t, d, "48")
	if b := corrected.Bills[0]; b.Verdict.Outcome != Reconciled || !b.Amended() {
		t.Errorf("after the correction: %s, %s", b.Verdict.Outcome, b.Verdict.Reason)
	}
	if d.Bills[0].Lines[0].Pieces.Text != "43" {
		t.Error("the document before the correction changed")
	}
	if wrong, _ := withPieces(t, d, "47"); wrong.Bills[0].Verdict.Outcome != Unproved {
		t.Error("a wrong correction is proved")
	}
}

// Where two cells touch, the second reader's text is cut where the first one's is.
func TestTheSecondReadersTextIsCutAtTheSamePlace(t *testing.T) {
	w := page.Word{Text: "PANT2.03"}
	for _, c := range []struct{ read, want string }{
		{"PANT2.03", "2.03"}, {"PANT2.83", "2.83"}, {"PAN12.03", "2.03"}, {"PANT2.0", "2.0"}, {"", ""},
	} {
		if got := (piece{&w, 4, 8}).second(c.read); got != c.want {
			t.Errorf("of %q: %q, want %q", c.read, got, c.want)
		}
	}
}

// Cells that a scan glues are parted where only one place leaves both in the format of their
// columns, and each is compared with its part of what the second reader read; else the row is
// said to be unread.
func TestCellsThatAScanGluesArePartedOrSaidToBeUnread(t *testing.T) {
	glued := func(to string, from ...string) page.Page {
		p := twoLines()
		rename(&p, from, to)
		return p
	}
	type texts = map[string]string
	for name, c := range map[string]struct {
		page    page.Page
		second  texts
		outcome Outcome
		volume  string
		unread  int
	}{
		"volume and weight":                 {page: glued("2.6120.3", "2.61", "20.3"), outcome: Reconciled, volume: "2.61"},
		"one reader misreads a part":        {page: glued("2.6120.3", "2.61", "20.3"), second: texts{"2.6120.3": "2.8120.3"}, outcome: Reconciled, volume: "2.61"},
		"one reader loses the point":        {page: glued("2.6120.3", "2.61", "20.3"), second: texts{"2.6120.3": "2.61203"}, outcome: Reconciled, volume: "2.61"},
		"the first reader loses the point":  {page: glued("2.61203", "2.61", "20.3"), outcome: Unproved, unread: 1},
		"pieces and the number of an order": {page: glued("48629543", "48", "629543"), outcome: Unproved, unread: 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := documentOf(t, readTwice(c.page, nil, c.second))
			b := d.Bills[0]
			if b.Verdict.Outcome != c.outcome {
				t.Errorf("%s: %s; %v", b.Verdict.Outcome, b.Verdict.Reason, d.Problems)
			}
			if c.volume != "" && b.Lines[0].Volume.Text != c.volume {
				t.Errorf("the volume is %s", b.Lines[0].Volume.Text)
			}
			unread := 0
			for _, p := range d.Problems {
				if p.Kind == UnreadRow && p.Box != (page.Box{}) {
					unread++
				}
			}
			if unread != c.unread {
				t.Errorf("%d rows are said to be unread: %v", unread, d.Problems)
			}
		})
	}
}

// A figure with a comma and without it is one figure, and no two choices.
func TestAFigureThatMayBeWrittenInTwoWaysIsOneChoice(t *testing.T) {
	figure := func(guesses ...Guess) *Number {
		return &Number{Valid: true, Value: Value{Text: guesses[0].Text, Sight: &Sight{
			State: Single, First: "2.016", Second: []string{guesses[0].Text}, Agreed: len(guesses) == 1, Guesses: guesses,
		}}}
	}
	line := figure(Guess{"2,016", 0.1}, Guess{"2016", 0.2}, Guess{"2,076", 5})
	total := figure(Guess{"2,028", 0})
	tried := chooseColumn([]*Number{figure(Guess{"12", 0}), line}, total, func() decimal.Decimal { return decimal.Decimal{} })
	if tried != 3 || line.Sight.State != Chosen || line.Text != "2,016" || total.Sight.State != Confirmed {
		t.Errorf("%d choices: %s is %s, the total %s", tried, line.Text, line.Sight.State, total.Sight.State)
	}
}
