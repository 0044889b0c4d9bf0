package bol_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/testing/must"
)

// The real document that the first layout was measured on.
func TestTheRealDocument(t *testing.T) {
	doc, err := os.ReadFile("../../../shared/testdata/midas-2025-07-10/bol.pdf")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the real document is not here")
	}
	must.OK(t, err)
	pages := pagesOf(t, doc)
	d := read(t, pages)
	if len(pages) != 86 || len(d.Bills) != 83 || d.Lines() != 366 || d.Count(bol.Reconciled) != 83 {
		t.Errorf("%d pages, %d bills, %d lines, %d reconciled; want 86, 83, 366, 83",
			len(pages), len(d.Bills), d.Lines(), d.Count(bol.Reconciled))
	}
	for _, p := range d.Problems {
		t.Errorf("page %d: %s", p.Page, p.Message)
	}
	for what := range misplaced(d, pages) {
		t.Error(what)
	}
	// Its maker leaves some of the form blank.
	for _, b := range d.Bills {
		for name, v := range valuesOf(b) {
			if _, cell, ok := strings.Cut(name, ", "); ok {
				name = cell
			}
			switch name {
			case "cust_style", "store", "dept", "vendor", "control", "zone":
			default:
				if v.Text == "" {
					t.Errorf("bill %s has no %s", b.Number.Text, name)
				}
			}
		}
	}
}
