package intake_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

func TestMain(m *testing.M) {
	beRogue()
	intake.RunIfWorker()
	shared = intake.New(patient)
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

// shared is the reader of all tests that do not kill workers, since starting one takes
// a moment.
var shared *intake.Reader

// patient is a Config without limits of time: a slow machine must not fail a test.
var patient = intake.Config{Time: never, PageTime: never, Stall: never}

const never = 1000 * time.Hour

// newReader returns a Reader for one test.
func newReader(t testing.TB, c intake.Config) *intake.Reader {
	t.Helper()
	r := intake.New(c)
	t.Cleanup(r.Close)
	return r
}

func file(name string, content []byte) intake.File {
	return intake.File{Name: name, ReaderAt: bytes.NewReader(content), Size: int64(len(content))}
}

// invented returns a sample, or fails the test.
var invented = shipments.Sample

// read reads one PDF, or fails the test.
func read(t testing.TB, r *intake.Reader, pdf []byte) *bol.Document {
	t.Helper()
	d, err := r.Bills(context.Background(), []intake.File{file("bol.pdf", pdf)}, nil)
	must.OK(t, err)
	return d
}

// unmatched returns the load sheet of a document without orders.
func unmatched(t testing.TB, d *bol.Document) string {
	t.Helper()
	return string(must.Written(t, func(w io.Writer) error { return sheet.WriteCSV(w, sheet.Make(d, nil)) }))
}

// sheetIs fails the test unless the load sheet of a document without orders is that of a sample.
func sheetIs(t testing.TB, d *bol.Document, s *sample.Sample) {
	t.Helper()
	if got, want := unmatched(t, d), string(must.Written(t, s.WriteUnmatched)); got != want {
		t.Errorf("the sheet: %s", differing(got, want))
	}
}

// differing returns the first line in which two texts differ.
func differing(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	if len(g) != len(w) {
		return "one is longer"
	}
	return "none"
}

// faultIs fails the test unless the error is a fault of one of the codes with a message
// for people.
func faultIs(t testing.TB, err error, codes ...fault.Code) {
	t.Helper()
	got := fault.CodeOf(err)
	for _, c := range codes {
		if got == c && err == nil {
			return
		}
		if got == c {
			for _, internal := range []string{"panic", "goroutine", "runtime error", "wasm", "%!"} {
				if strings.Contains(err.Error(), internal) {
					t.Errorf("%q is not for people", err)
				}
			}
			return
		}
	}
	t.Fatalf("got %q (%v), want %q", got, err, codes)
}
