package fast

import (
	"bytes"
	"errors"
	"testing"
)

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
