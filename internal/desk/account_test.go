package desk

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// An upload over the limit waits for its turn: whoever is told to come again finds the places
// taken by those that came in between.
func TestAnUploadOverTheLimitWaitsItsTurnAndIsThenToldWhenAPlaceMayBeFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOwners(nil, Limits{OwnerUploads: 2})
		var ends []func(int64)
		begun := 0
		begin := func() {
			end, err := o.begin(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			begun++
			ends = append(ends, end)
		}
		retry := func(err error) time.Duration {
			t.Helper()
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != fault.Busy {
				t.Fatalf("one more upload: %v", err)
			}
			return time.Duration(f.Details.(session.RetryAfter).Seconds) * time.Second
		}
		begin()
		begin()
		go begin()
		synctest.Wait()
		if begun != 2 {
			t.Fatalf("%d uploads are under way", begun)
		}
		time.Sleep(10 * time.Second)
		ends[0](0)
		if synctest.Wait(); begun != 3 {
			t.Fatal("the upload that waits is not next")
		}

		// Two wait, so that a third is refused at once.
		late := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := o.begin(t.Context(), "a")
				late <- err
			}()
		}
		synctest.Wait()
		began := time.Now()
		_, err := o.begin(t.Context(), "a")
		if s := retry(err); s < 10*time.Second || s > mostWait || time.Since(began) > 0 {
			t.Errorf("beside an upload of 10 seconds: %v, after %v", s, time.Since(began))
		}
		if retry(o.check("a")) == 0 || o.check("b") != nil {
			t.Errorf("check says %v for a, %v for b", o.check("a"), o.check("b"))
		}
		for range 2 {
			if s := retry(<-late); s < 20*time.Second || s > mostWait {
				t.Errorf("beside an upload of half a minute: %v", s)
			}
		}
		if took := time.Since(began); took != beginWait {
			t.Errorf("they have waited for %v", took)
		}

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := o.begin(ctx, "a"); fault.CodeOf(err) != fault.Cancelled {
			t.Errorf("a client that hangs up: %v", err)
		}
		for _, end := range ends[1:] {
			end(0)
		}
		begin()
		if _, waiting := o.uploads.Load(); waiting != 0 || len(o.m["a"].uploads) != 1 {
			t.Errorf("%d wait, and %d are under way", waiting, len(o.m["a"].uploads))
		}
	})
}
