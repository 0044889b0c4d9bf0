package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestAFaultDoesNotShowItsCause(t *testing.T) {
	err := New(DamagedPDF, "the PDF is damaged: %w", io.ErrUnexpectedEOF)
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "the PDF is damaged: unexpected EOF" {
		t.Errorf("got %v", err)
	}
	if New(DamagedPDF, "no cause").Unwrap() != nil {
		t.Error("a fault without a cause has one")
	}
}

func TestCodesAreFoundInTheChain(t *testing.T) {
	f := New(NoBills, "nothing here").With(map[string]int{"pages": 3})
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, ""},
		{f, NoBills},
		{fmt.Errorf("reading: %w", f), NoBills},
		{In("a.pdf", f), NoBills},
		{io.EOF, Internal},
		{In("a.pdf", io.EOF), Internal},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("%v has the code %q, want %q", c.err, got, c.want)
		}
	}
}

func TestInPutsTheNameBeforeTheMessage(t *testing.T) {
	f := New(NoBills, "nothing here").With("details")
	err := In("a.pdf", fmt.Errorf("reading: %w", f))
	if got, ok := errors.AsType[*Error](err); !ok || got.Error() != "a.pdf: nothing here" || got.Details != "details" {
		t.Errorf("got %v", err)
	}
	if f.Message != "nothing here" {
		t.Error("the original was changed")
	}
}
