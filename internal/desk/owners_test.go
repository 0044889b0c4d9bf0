package desk_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

func of(owner session.Owner, id session.ID) session.Key { return session.Key{Owner: owner, ID: id} }

func TestAnOwnerHasALimitOfSessionsWhichIsNoneOfTheOthers(t *testing.T) {
	p := placeWith(t, nil, desk.Limits{OwnerSessions: 2})
	open := func(k session.Key, want fault.Code) {
		t.Helper()
		_, err := p.Open(t.Context(), k, session.Named)
		if fault.CodeOf(err) != want {
			t.Errorf("opening %v: %v, want %q", k, err, want)
		}
	}
	open(of("a", "1"), "")
	open(of("a", "2"), "")
	open(of("a", "3"), desk.OwnerLimit)
	if _, _, err := p.Begin(t.Context(), of("a", "3"), session.Named); fault.CodeOf(err) != desk.OwnerLimit {
		t.Errorf("beginning one more: %v", err)
	}
	open(of("a", "1"), "") // it is there
	if _, _, err := p.Begin(t.Context(), of("a", "1"), session.Named); err != nil {
		t.Errorf("beginning one anew: %v", err)
	}
	open(of("b", "3"), "")
	_, err := p.Clear(t.Context(), of("a", "1"))
	must.OK(t, err)
	open(of("a", "3"), "")
	var f *fault.Error
	if _, err := p.Open(t.Context(), of("a", "4"), session.Named); !errors.As(err, &f) || f.Details != (desk.Exceeded{Limit: "sessions", Most: 2}) {
		t.Errorf("the fault is %+v", f)
	}
}

func TestAnOwnerHasALimitOfBytesAndOfUploads(t *testing.T) {
	const most = 4 << 20
	p := placeWith(t, nil, desk.Limits{OwnerBytes: most, OwnerUploads: 2})
	in, err := p.Receive(t.Context(), "a")
	must.OK(t, err)
	must.OK(t, in.Add(t.Context(), session.BOL, "1", io.LimitReader(zeros{}, 3<<20)))
	second, err := p.Receive(t.Context(), "a")
	must.OK(t, err)
	if err := second.Add(t.Context(), session.BOL, "2", io.LimitReader(zeros{}, 16<<20)); fault.CodeOf(err) != desk.OwnerLimit {
		t.Errorf("a large upload: %v", err)
	}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := p.Receive(gone, "a"); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("one upload more does not wait: %v", err)
	}
	other, err := p.Receive(t.Context(), "b")
	if err != nil || p.Room("b") != nil {
		t.Fatal(err, p.Room("b"))
	}
	if err := other.Add(t.Context(), session.BOL, "1", io.LimitReader(zeros{}, 3<<20)); err != nil {
		t.Errorf("another owner: %v", err)
	}
	for _, in := range []*desk.Incoming{in, second, other, in} {
		in.Discard()
	}
	in, err = p.Receive(t.Context(), "a")
	must.OK(t, err)
	defer in.Discard()
	if err := in.Add(t.Context(), session.BOL, "1", io.LimitReader(zeros{}, 3<<20)); err != nil {
		t.Errorf("after the others ended: %v", err)
	}
	p.settles(t, 0) // what is pending is not listed
	if err := in.Add(t.Context(), session.BOL, "2", strings.NewReader(strings.Repeat("x", 2<<20))); fault.CodeOf(err) != desk.OwnerLimit {
		t.Errorf("a second file that does not fit beside the first: %v", err)
	}
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
