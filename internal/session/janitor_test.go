package session_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/must"
)

var ctx = context.Background()

// house is a data directory with a janitor and a clock.
type house struct {
	*testing.T
	clock    *sessiontest.Clock
	store    *sqlite.Store
	contents *files.Store
	session.Janitor
}

const life = 24 * time.Hour

func newHouse(t *testing.T) *house {
	h := &house{T: t, clock: sessiontest.NewClock()}
	dir := t.TempDir()
	var err error
	h.store, err = sqlite.Open(ctx, dir, session.Settings{Now: h.clock.Now})
	must.OK(t, err)
	t.Cleanup(func() { h.store.Close() })
	h.contents, err = files.Open(filepath.Join(dir, "contents"))
	must.OK(t, err)
	h.Janitor = session.Janitor{Store: h.store, Contents: h.contents, Rest: -1, Step: 7}
	return h
}

func (h *house) key(i int) session.Key {
	return session.Key{Owner: session.Local, ID: session.ID(fmt.Sprint(i))}
}

func (h *house) put() blob.Ref {
	h.Helper()
	ref, err := h.contents.Put(ctx, strings.NewReader("content"))
	must.OK(h.T, err)
	return ref
}

// upload attaches a file to a session.
func (h *house) upload(k session.Key) session.Input {
	h.Helper()
	st, _, err := h.store.Open(ctx, k, session.Named)
	must.OK(h.T, err)
	in := session.Input{Name: "bol.pdf", Content: h.put(), Reading: h.put()}
	_, removed, err := h.store.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}})
	must.OK(h.T, err)
	h.contents.Release(in.Content.Key, in.Reading.Key)
	h.contents.Delete(ctx, removed.Contents...)
	return in
}

// left returns the contents that are stored and not pending.
func (h *house) left() []blob.Key {
	h.Helper()
	var keys []blob.Key
	for it, err := range blob.All(ctx, h.contents, 100) {
		must.OK(h.T, err)
		keys = append(keys, it.Key)
	}
	return keys
}

// sweeps expects a pass over all contents to delete so many.
func (h *house) sweeps(want int) {
	h.Helper()
	if s, err := h.Orphans(ctx); err != nil || s.Contents != want {
		h.Errorf("swept %+v, %v; want %d contents", s, err, want)
	}
}

// leaves expects so many contents to be left.
func (h *house) leaves(want int) {
	h.Helper()
	if got := len(h.left()); got != want {
		h.Errorf("%d contents are left, want %d", got, want)
	}
}

func TestExpiredSessionsFreeTheirDisk(t *testing.T) {
	h := newHouse(t)
	for i := range 30 {
		h.upload(h.key(i))
	}
	h.clock.Advance(life / 2)
	var kept []blob.Key
	for i := 30; i < 40; i++ {
		in := h.upload(h.key(i))
		kept = append(kept, in.Content.Key, in.Reading.Key)
	}
	h.clock.Advance(life / 2)
	gone := map[blob.Key]bool{}
	h.Gone = func(keys []blob.Key) {
		for _, k := range keys {
			gone[k] = true
		}
	}
	s, err := h.Expired(ctx)
	must.OK(t, err)
	if len(gone) != 60 || slices.ContainsFunc(kept, func(k blob.Key) bool { return gone[k] }) {
		t.Errorf("it was told of %d contents that are gone, want 60, and none that is kept", len(gone))
	}
	if s.Sessions != 30 || s.Contents != 60 || s.Bytes != 30*int64(len("content")) {
		t.Errorf("swept %+v, want 30 sessions and 60 contents", s)
	}
	if s.Steps < 30/7 {
		t.Errorf("30 sessions were swept in %d steps of at most 7", s.Steps)
	}
	slices.Sort(kept)
	if got := h.left(); !slices.Equal(got, kept) {
		t.Errorf("%d contents are left, want %d", len(got), len(kept))
	}
	if s, err := h.Expired(ctx); err != nil || s.Sessions != 0 {
		t.Errorf("a second pass swept %+v, %v", s, err)
	}
}

func TestOrphansAreSweptAndNothingElse(t *testing.T) {
	h := newHouse(t)
	var kept []blob.Key
	for i := range 10 {
		in := h.upload(h.key(i))
		kept = append(kept, in.Content.Key, in.Reading.Key)
	}
	for range 20 {
		h.contents.Release(h.put().Key) // of an upload that crashed
	}
	pending := h.put() // of one under way
	h.sweeps(20)
	if err := blob.Verify(ctx, h.contents, pending); err != nil {
		t.Errorf("a content of an upload under way: %v", err)
	}
	slices.Sort(kept)
	if got := h.left(); !slices.Equal(got, kept) {
		t.Errorf("%d contents are left, want %d", len(got), len(kept))
	}
	// An upload that took effect is safe from the next pass on.
	st, _, err := h.store.Open(ctx, h.key(0), session.Named)
	must.OK(t, err)
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append, Files: []session.Input{{Content: pending}}}
	_, _, err = h.store.Attach(ctx, h.key(0), a)
	must.OK(t, err)
	h.contents.Release(pending.Key)
	h.sweeps(0)
}

func TestASweepThatWouldRemoveALargeShareStops(t *testing.T) {
	h := newHouse(t)
	stopped, found := false, 0
	h.Stopped = func(stop bool, orphans int) { stopped, found = stop, orphans }
	var lost []session.Key
	for i := range 20 {
		h.upload(h.key(i)) // two contents each
		lost = append(lost, h.key(i))
	}
	for _, k := range lost[:17] { // their rows are lost, and nobody deletes what they named
		_, err := h.store.Clear(ctx, k)
		must.OK(t, err)
	}
	if s, err := h.Orphans(ctx); fault.CodeOf(err) != session.SweepStopped || s.Contents != 0 || !stopped || found != 34 {
		t.Errorf("swept %+v, %v; stopped %v with %d orphans", s, err, stopped, found)
	}
	h.leaves(40)
	h.Share = 100 // as the operator allows
	if s, err := h.Orphans(ctx); err != nil || s.Contents != 34 || stopped {
		t.Errorf("swept %+v, %v; stopped %v", s, err, stopped)
	}
	h.leaves(6)
}

func TestContentsThatAreNobodysAreClaimedOnlyIfASessionNamesOne(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	if err := session.Own(ctx, other.store, other.contents, "b"); err != nil {
		t.Errorf("an empty place: %v", err)
	}
	h.upload(h.key(1))
	if err := session.Own(ctx, other.store, h.contents, "b"); fault.CodeOf(err) != blob.Foreign {
		t.Errorf("a place with contents of somebody: %v", err)
	}
	if err := session.Own(ctx, h.store, h.contents, "a"); err != nil {
		t.Errorf("a place with contents of its own: %v", err)
	}
	h.Owner = "b"
	if s, err := h.Orphans(ctx); fault.CodeOf(err) != blob.Foreign || s.Contents != 0 {
		t.Errorf("a sweep for another owner: %+v, %v", s, err)
	}
}

func TestYoungOrphansStayWhereOtherProcessesUpload(t *testing.T) {
	h := newHouse(t)
	h.contents.Release(h.put().Key)
	h.OrphanAge = time.Hour
	if s, err := h.Orphans(ctx); err != nil || s.Contents != 0 || s.Young != 1 {
		t.Errorf("swept %+v, %v; want nothing", s, err)
	}
	h.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	h.sweeps(1)
}

// While a janitor sweeps without rest, no session in use loses anything.
func TestSweepingDoesNotDisturbSessionsInUse(t *testing.T) {
	h := newHouse(t)
	sweeping, stop := context.WithCancel(ctx)
	h.Every, h.OrphansEvery = time.Nanosecond, time.Nanosecond
	h.Log = slog.New(slog.DiscardHandler)
	ended := make(chan struct{})
	go func() {
		h.Janitor.Run(sweeping)
		close(ended)
	}()
	must.AtOnce(4, func(c int) {
		k := h.key(c)
		for i := range 40 {
			in := h.upload(k)
			st, err := h.store.Get(ctx, k)
			if err != nil || len(st.BOL) != 1 {
				t.Errorf("after an upload: %+v, %v", st, err)
				return
			}
			for _, ref := range []blob.Ref{in.Content, in.Reading} {
				if err := blob.Verify(ctx, h.contents, ref); err != nil {
					t.Errorf("upload %d of client %d: %v", i, c, err)
				}
			}
			if i%10 == 9 {
				r, err := h.store.Clear(ctx, k)
				if err != nil || r.Files != 1 {
					t.Errorf("clear: %+v, %v", r, err)
				}
				h.contents.Delete(ctx, r.Contents...)
			}
		}
	})
	stop()
	<-ended
	h.sweeps(0)
	h.leaves(0) // of cleared sessions
}

func TestTheNextPassContinuesAnInterruptedOne(t *testing.T) {
	h := newHouse(t)
	for i := range 30 {
		h.upload(h.key(i))
	}
	h.clock.Advance(life)
	for range 100 {
		cut, cancel := context.WithCancel(ctx)
		h.Contents = cancelling{h.contents, cancel}
		s, err := h.Expired(cut)
		if err == nil {
			break
		}
		if fault.CodeOf(err) != fault.Cancelled {
			t.Fatalf("cut off: %+v, %v", s, err)
		}
	}
	h.Contents = h.contents
	if _, err := h.Expired(ctx); err != nil {
		t.Error(err)
	}
	if _, err := h.Orphans(ctx); err != nil {
		t.Error(err)
	}
	h.leaves(0)
}

// cancelling ends the pass after one step, like a crash between two steps.
type cancelling struct {
	blob.Store
	cancel func()
}

func (c cancelling) Delete(ctx context.Context, keys ...blob.Key) error {
	c.cancel()
	return c.Store.Delete(ctx, keys[:len(keys)/2]...)
}

// failing is a blob store whose Delete fails.
type failing struct{ blob.Store }

func (failing) Delete(context.Context, ...blob.Key) error {
	return fault.New(blob.StorageUnavailable, "the disk is broken")
}

func TestUndeletableContentsAreSweptLater(t *testing.T) {
	h := newHouse(t)
	for i := range 10 {
		h.upload(h.key(i))
	}
	h.clock.Advance(life)
	h.Contents = failing{h.contents}
	if s, err := h.Expired(ctx); fault.CodeOf(err) != blob.StorageUnavailable || s.Sessions != 10 {
		t.Errorf("with a broken disk: %+v, %v; want all 10 sessions removed all the same", s, err)
	}
	if _, err := h.Orphans(ctx); fault.CodeOf(err) != blob.StorageUnavailable {
		t.Errorf("with a broken disk: %v", err)
	}
	told, cancel := context.WithCancel(ctx)
	h.Log = slog.New(slog.NewTextHandler(until{"the disk is broken", cancel}, nil))
	h.Janitor.Run(told) // until the log tells
	h.Contents = h.contents
	h.sweeps(20) // with a disk that is well again
}

// until is a log that calls a function at its first message.
type until struct {
	text string
	then func()
}

func (u until) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(u.text)) {
		u.then()
	}
	return len(line), nil
}
