package browsertest

import (
	"fmt"
	"strconv"
	"testing"
)

// apiMatch is the API's description of how lines and order rows were matched.
type apiMatch struct {
	Matched        int
	UnmatchedLines []struct{ Bill, Style, Cartons, Pieces string } `json:"unmatched_lines"`
	UnmatchedRows  []struct {
		Number                       int
		Bill, Style, Cartons, Pieces string
	} `json:"unmatched_orders"`
	NearMisses []struct {
		Line  struct{ Bill, Style, Cartons, Pieces string }
		Order struct {
			Number                       int
			Bill, Style, Cartons, Pieces string
		}
	} `json:"near_misses"`
}

func TestTheMatchingAgreesWithTheAPI(t *testing.T) {
	_, w := opened(t)
	w.try("flawed")
	m := value[apiMatch](w, "fetch('view').then((r) => r.json()).then((v) => v.sheet.match)")
	if len(m.NearMisses) == 0 || len(m.UnmatchedLines) == 0 || len(m.UnmatchedRows) == 0 {
		t.Fatalf("the sample with mistakes lacks some kinds of matches: %+v", m)
	}
	w.click("#tab-matching")
	w.until("document.querySelector('.tile')")
	counts := map[string]int{"near": len(m.NearMisses), "lines": len(m.UnmatchedLines), "orders": len(m.UnmatchedRows), "matched": m.Matched}
	for name, n := range counts {
		w.says(fmt.Sprintf(".tile:has(input[value=%s]) .figure", name), strconv.Itoa(n))
	}
	rows := func(group string) [][]string {
		w.click(fmt.Sprintf(".tile:has(input[value=%s])", group))
		w.until(fmt.Sprintf("document.querySelector('input[value=%s]').checked", group))
		return value[[][]string](w, `[...document.querySelectorAll("#panel-matching tbody tr")].map((r) => [...r.children].map((c) => c.textContent.trim()))`)
	}
	for group, n := range counts {
		if got := rows(group); len(got) != n {
			t.Errorf("%s lists %d rows of %d", group, len(got), n)
		}
	}
	plain := func(text string) string {
		return value[string](w, fmt.Sprintf("Number(%q.replaceAll(',', '')).toLocaleString()", text))
	}

	// The quantities of both sides are beside each other, with their difference.
	for i, got := range rows("near") {
		near := m.NearMisses[i]
		want := []string{near.Line.Bill, near.Line.Style}
		for _, pair := range [][2]string{{near.Line.Cartons, near.Order.Cartons}, {near.Line.Pieces, near.Order.Pieces}} {
			order := plain(pair[1])
			if a, b := number(t, pair[0]), number(t, pair[1]); b > a {
				order += fmt.Sprintf(" +%d", b-a)
			} else if b < a {
				order += fmt.Sprintf(" −%d", a-b)
			}
			want = append(want, plain(pair[0]), order)
		}
		for j := range want {
			if got[j] != want[j] {
				t.Errorf("near miss %d shows %q, not %q", i, got[:len(want)], want)
				break
			}
		}
		if row := fmt.Sprintf("Row %d", near.Order.Number); got[7] != row {
			t.Errorf("near miss %d is of %q, not %q", i, got[7], row)
		}
	}
	for i, got := range rows("lines") {
		if l := m.UnmatchedLines[i]; got[0] != l.Bill || got[1] != l.Style || got[2] != plain(l.Cartons) || got[3] != plain(l.Pieces) {
			t.Errorf("line %d without order shows %q, not %+v", i, got, l)
		}
	}
	for i, got := range rows("orders") {
		if o := m.UnmatchedRows[i]; got[0] != strconv.Itoa(o.Number) || got[1] != o.Bill || got[2] != o.Style || got[3] != plain(o.Cartons) || got[4] != plain(o.Pieces) {
			t.Errorf("order row %d without line shows %q, not %+v", i, got, o)
		}
	}

	// A line leads to its place on the page.
	rows("near")
	w.inspect("#panel-matching tbody button.link")
	w.says("#inspector-title", "of bill "+m.NearMisses[0].Line.Bill)
}

// number parses a figure with separators of thousands.
func number(t *testing.T, text string) (n int) {
	t.Helper()
	for _, c := range text {
		if c >= '0' && c <= '9' {
			n = n*10 + int(c-'0')
		}
	}
	return n
}
