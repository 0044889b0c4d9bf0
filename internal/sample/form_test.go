package sample

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ofForm is a sample of a form with bills of one page and of several.
func ofForm(t *testing.T, f Form, seed uint64) *Sample {
	t.Helper()
	return invented(t, Options{Form: f, Bills: 4, Lines: 90, Seed: seed})
}

// found reports whether a page has the cells of a row, other than its description, on one
// baseline.
func found(page []printed, cells map[string]string) bool {
	for _, first := range page {
		missing := 0
		for field, text := range cells {
			if field != "description" && !slices.ContainsFunc(page, func(p printed) bool {
				return p.text == text && max(p.y-first.y, first.y-p.y) < 0.01
			}) {
				missing++
			}
		}
		if missing == 0 {
			return true
		}
	}
	return false
}

func TestOtherFormsPrintTheirTruth(t *testing.T) {
	for _, f := range OtherForms {
		for seed := range uint64(4) {
			s := ofForm(t, f, seed)
			pages, at := contents(t, s), 0
			for i, b := range s.Truth().Bills {
				own := pages[at : at+b.Pages]
				at += b.Pages
				for _, page := range own {
					if !slices.ContainsFunc(page, func(p printed) bool { return p.text == b.Number }) {
						t.Fatalf("%s, seed %d: a page of bill %d does not have its number", f, seed, i)
					}
				}
				has := func(cells map[string]string) bool {
					return slices.ContainsFunc(own, func(p []printed) bool { return found(p, cells) })
				}
				for _, table := range b.Tables {
					for n, row := range table.Rows {
						if !has(row) {
							t.Errorf("%s, seed %d: row %d of %s of bill %d is not printed: %v", f, seed, n, table.Name, i, row)
						}
					}
					sentence := fmt.Sprintf("TOTAL WEIGHT: %s LBS", table.Totals["weight"])
					if !has(table.Totals) && !slices.ContainsFunc(own, func(p []printed) bool {
						return slices.ContainsFunc(p, func(p printed) bool { return strings.HasSuffix(p.text, sentence) })
					}) {
						t.Errorf("%s, seed %d: the totals of %s of bill %d are not printed: %v", f, seed, table.Name, i, table.Totals)
					}
				}
			}
			if at != len(pages) {
				t.Errorf("%s, seed %d: the bills have %d pages, the document has %d", f, seed, at, len(pages))
			}
		}
	}
}

func TestOtherFormsAddUp(t *testing.T) {
	for _, f := range OtherForms {
		s := ofForm(t, f, 3)
		for i, b := range s.Truth().Bills {
			for _, table := range b.Tables {
				for field, total := range table.Totals {
					sum := 0.0
					for _, row := range table.Rows {
						sum += figure(t, row[field])
					}
					if got := figure(t, total); got-sum > 1e-6 || sum-got > 1e-6 {
						t.Errorf("%s, bill %d: the %s of %s add up to %v, not to %s", f, i, field, table.Name, sum, total)
					}
				}
			}
			if f == VICS {
				for field, text := range b.Tables[0].Totals {
					if b.Tables[1].Totals[field] != text {
						t.Errorf("bill %d: the two tables have other %s", i, field)
					}
				}
			}
		}
	}
}

func figure(t *testing.T, text string) (v float64) {
	t.Helper()
	if _, err := fmt.Sscan(plain(text), &v); err != nil {
		t.Fatalf("%q is not a figure: %v", text, err)
	}
	return v
}

func TestTheExportHasTheLinesOfOtherForms(t *testing.T) {
	for _, f := range OtherForms {
		s := ofForm(t, f, 5)
		exported := map[string]int{}
		for _, r := range rows(t, s.WriteOrders) {
			key := r["Order No."]
			if f != VICS {
				key = strings.ToUpper(strings.TrimSpace(r["Style"]))
			}
			exported[r["Invoice No."]+key+plain(r["Cartons*"])]++
		}
		for _, b := range s.Truth().Bills {
			for _, row := range b.Tables[0].Rows {
				key := row["po"]
				if f != VICS {
					key = row["style"]
				}
				if key = b.Number + key + plain(row["packages"]); exported[key] == 0 {
					t.Errorf("%s: the export has no row for %v", f, row)
				}
				exported[key]--
			}
		}
	}
}

func TestTheCheckDigitIsThatOfGS1(t *testing.T) {
	for _, known := range []string{"4006381333931", "012345678905", "00614141123452"} {
		if got := checked(known[:len(known)-1]); got != known {
			t.Errorf("%s, not %s", got, known)
		}
	}
	if n := VICS.number(20417); len(n) != 17 {
		t.Errorf("the number %s does not have 17 digits", n)
	}
}

func TestAnUnknownFormIsRefused(t *testing.T) {
	o := Defaults()
	o.Form = "tally"
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "vics, packing, short or house") {
		t.Errorf("the error is %v", err)
	}
}
