package fast

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// All read the same pages at once, so that they need the same fonts at the same time.
func TestADocumentIsReadSeveralTimesAtOnce(t *testing.T) {
	file := must.Written(t, shipments.Sample(t, sample.Options{Bills: 5, Lines: 20, Seed: 1}).WritePDF)
	read := func(d *Document) (all []Page) {
		for number := range d.Pages() {
			p, err := d.Page(number, true)
			if err != nil {
				t.Error(err)
				return nil
			}
			p.Chars = slices.Clone(p.Chars) // the next page overwrites them
			all = append(all, *p)
		}
		return all
	}
	open := func() *Document {
		d, err := Open(bytes.NewReader(file), int64(len(file)))
		must.OK(t, err)
		return d
	}
	want := read(open())
	d := open()
	var wait sync.WaitGroup
	for _, d := range []*Document{d, d.Again(), d.Again()} {
		wait.Go(func() {
			if got := read(d); !reflect.DeepEqual(got, want) {
				t.Error("the pages differ")
			}
		})
	}
	wait.Wait()
}

// PDFium looks for what a page inherits along /Parent, the fast reader on its way down.
func TestPagesThatNameAnotherParentAreDeclined(t *testing.T) {
	for parent, want := range map[string]string{
		"/Parent 2 0 R": "", "": "the page tree", "/Parent 1 0 R": "the page tree", "/Parent<<>>": "the page tree", "/Parent[2 0 R]": "the page tree",
	} {
		b := document("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 200 200]>>", "<</Type/Page"+parent+">>")
		_, err := Open(bytes.NewReader(b), int64(len(b)))
		got := ""
		if d := (*Declined)(nil); errors.As(err, &d) {
			got = d.Why
		} else if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("with %q it is declined because of %q, want %q", parent, got, want)
		}
	}
}

// An object is read in pieces of the file, which end anywhere in it.
func TestAnObjectMayEndWhereAPieceEnds(t *testing.T) {
	for pad := range 300 {
		page := "<</Type/Page/Parent 2 0 R/A[1 -2.5(a\\)b)<61>]/B<</C/D#20>>" + strings.Repeat(" ", 300+pad) + "/MediaBox[0 0 200 200]/E 1 0 R>>"
		b := document("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", page)
		d, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Errorf("with %d spaces: %v", 300+pad, err)
			continue
		}
		if _, err := d.Page(0, false); err != nil {
			t.Errorf("with %d spaces: %v", 300+pad, err)
		}
	}
}
