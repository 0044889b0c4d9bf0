package desk

import (
	"errors"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// An upload that stands still holds its place for long, and many quick ones do not: who
// is refused is told to come back after about as long as the oldest has taken.
func TestWhoIsRefusedIsToldWhenAPlaceMayBeFree(t *testing.T) {
	o := &owners{limits: Limits{OwnerUploads: 2}, m: map[session.Owner]*account{}}
	first, err := o.begin("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.begin("a"); err != nil {
		t.Fatal(err)
	}
	wait := func() int {
		t.Helper()
		var f *fault.Error
		if err := o.check("a"); !errors.As(err, &f) || f.Code != fault.Busy {
			t.Fatalf("a third upload: %v", err)
		}
		return f.Details.(session.RetryAfter).Seconds
	}
	aged := func(by time.Duration) {
		o.with("a", func(a *account) { a.uploads[0] = a.uploads[0].Add(-by) })
		first = first.Add(-by)
	}
	aged(20 * time.Second)
	if s := wait(); s < 20 || s > mostWait {
		t.Errorf("beside an upload of 20 seconds: %d seconds", s)
	}
	aged(time.Hour)
	if s := wait(); s != mostWait {
		t.Errorf("beside an upload of an hour: %d seconds", s)
	}
	o.end("a", first, 0)
	o.end("a", first, 0) // it has ended already
	if err := o.check("a"); err != nil {
		t.Errorf("after the end of one: %v", err)
	}
	if _, err := o.begin("a"); err != nil {
		t.Fatal(err)
	}
	if s := wait(); s >= 20 {
		t.Errorf("beside new uploads: %d seconds", s)
	}
}
