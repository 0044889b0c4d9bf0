package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

var ctx = context.Background()

func keyOf(id string) session.Key { return session.Key{Owner: session.Local, ID: session.ID(id)} }

// onDisk opens a store with its database on a simulated disk.
func onDisk(t testing.TB, disk *simDisk, dir string) *Store {
	t.Helper()
	p := safe(dir)
	p.vfs, p.logPages, p.staleRows, p.reserve = disk.name, 20, 10, 0
	return openAt(t, p, session.Settings{})
}

// content returns a state without the fields that every use changes.
func content(st session.State, err error) any {
	if err != nil {
		return fault.CodeOf(err)
	}
	st.LastUsed, st.Expires = st.Created, st.Created
	return fmt.Sprintf("%+v", st)
}

// Every operation on the disk that a commit makes fails once, in every way.
func TestAnyFailureLeavesTheSessionUnchangedAndTheStoreWorking(t *testing.T) {
	for _, failure := range []struct {
		name string
		ops  string // the operations that fail
		err  error
		code fault.Code
	}{
		{"a write finds no room", "write", syscall.ENOSPC, session.StorageFull},
		{"a write finds no room, says SQLite", "write", vfs.SystemError(syscall.ENOSPC, sqlite3.FULL), session.StorageFull},
		{"a write is over quota", "write", syscall.EDQUOT, session.StorageFull},
		{"a write fails", "write", syscall.EIO, session.StorageUnavailable},
		{"a sync fails", "sync", syscall.EIO, session.StorageUnavailable},
		{"a sync finds no room", "sync", syscall.ENOSPC, session.StorageUnavailable},
		{"writes, syncs and reads fail", "write sync truncate read", syscall.EIO, session.StorageUnavailable},
	} {
		for _, lasting := range []bool{false, true} {
			for _, op := range []string{"new", "new of another", "clear", "attach", "many"} {
				if op != "attach" && failure.err == syscall.EDQUOT {
					continue // one report is enough
				}
				t.Run(fmt.Sprintf("%s, lasting=%v, %s", failure.name, lasting, op), func(t *testing.T) {
					dir := t.TempDir()
					for n := 1; ; n += 1 + n/3 {
						if !failNth(t, dir, n, failure.ops, failure.err, failure.code, lasting, op) {
							if n == 1 {
								t.Error("nothing failed")
							}
							return
						}
					}
				})
			}
		}
	}
}

// failNth makes the n-th operation of a kind on the disk fail during an operation on
// a session. It returns false if there were fewer.
func failNth(t *testing.T, dir string, n int, ops string, err error, code fault.Code, lasting bool, op string) bool {
	disk := newSimDisk(t, uint64(n))
	s := onDisk(t, disk, dir)
	defer s.Close()
	k := keyOf("x")
	for i := range 30 { // so that the log is not fresh and the file has pages
		s.New(ctx, keyOf(fmt.Sprint(i)), session.Named)
	}
	st, _, _ := s.Open(ctx, k, session.Named)
	in := sessiontest.NewInput("1.pdf")
	_, _, aerr := s.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}})
	must.OK(t, aerr)
	before := content(s.Get(ctx, k))

	count, failed := 0, false
	disk.setFault(func(o, _ string) error {
		if !slices.Contains(strings.Fields(ops), o) {
			return nil
		}
		count++
		if count == n || lasting && count > n {
			failed = true
			return err
		}
		return nil
	})
	added := sessiontest.NewInput("2.pdf")
	target := k
	var got error
	switch op {
	case "new":
		_, _, got = s.New(ctx, k, session.Named)
	case "new of another":
		target = keyOf("y")
		before = content(s.Get(ctx, target))
		_, _, got = s.New(ctx, target, session.Named)
	case "clear":
		_, got = s.Clear(ctx, k)
	case "attach", "many":
		done := make(chan struct{})
		if op == "many" {
			go func() {
				defer close(done)
				for i := range 20 {
					s.New(ctx, keyOf(fmt.Sprint(i)), session.Named)
				}
			}()
		} else {
			close(done)
		}
		_, _, got = s.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append, Files: []session.Input{added}})
		<-done
	}
	after := content(s.Get(ctx, target))
	where := fmt.Sprintf("failure %d", n)
	if got == nil {
		if reflect.DeepEqual(after, before) {
			t.Errorf("%s: acknowledged, but nothing changed", where)
		}
	} else {
		if !reflect.DeepEqual(after, before) {
			t.Errorf("%s: %v, but the session is %v, was %v", where, got, after, before)
		}
		// In a batch, an operation may fail with another one's error.
		if c := fault.CodeOf(got); c != code && !(c == session.StorageUnavailable && lasting) && op != "many" {
			t.Errorf("%s: code %s (%v), want %s", where, c, got, code)
		}
		if !lasting && op != "many" && fault.CodeOf(got) == session.StorageFull {
			t.Errorf("%s: gave up after a write found no room once", where)
		}
	}
	// If the outcome is certain, a crash now does not change it.
	if got == nil || session.Settled(got) {
		for _, crash := range []struct {
			name string
			disk *simDisk
		}{{"a kill", disk.afterKill(t)}, {"a power cut", disk.after(t)}} {
			other := t.TempDir()
			crash.disk.move(dir, other)
			again := onDisk(t, crash.disk, other)
			if now := content(again.Get(ctx, target)); !reflect.DeepEqual(now, after) {
				t.Errorf("%s (%v): after %s the session is %v, was %v", where, got, crash.name, now, after)
			}
			again.Close()
		}
	}

	// The disk works again.
	disk.setFault(nil)
	if _, _, err := s.New(ctx, keyOf("z"), session.Named); err != nil {
		t.Errorf("%s: when the disk was well again: %v", where, err)
	}
	if named, err := s.Named(ctx, []blob.Key{added.Content.Key}); err != nil || named[0] != (got == nil && (op == "attach" || op == "many")) {
		t.Errorf("%s: the attached content is named: %v, %v; the attach: %v", where, named, err, got)
	}
	z := content(s.Get(ctx, keyOf("z")))
	// A power cut now neither loses nor revives anything.
	disk.cutAfter(1)
	s.Close()
	again := onDisk(t, disk.after(t), dir)
	defer again.Close()
	if now := content(again.Get(ctx, target)); !reflect.DeepEqual(now, after) {
		t.Errorf("%s (%v): after a power cut the session is %v, was %v", where, got, now, after)
	}
	if now := content(again.Get(ctx, keyOf("z"))); !reflect.DeepEqual(now, z) {
		t.Errorf("%s: after a power cut another session is %v, was %v", where, now, z)
	}
	return failed && !t.Failed()
}

// On a full disk whose files can still be overwritten, the outcome is always certain,
// even if a crash follows at once.
func TestOnAFullDiskTheOutcomeIsCertain(t *testing.T) {
	dir := t.TempDir()
	for room := int64(0); room < 20_000; room += 700 {
		disk := newSimDisk(t, uint64(room))
		s := onDisk(t, disk, dir)
		k := keyOf("x")
		st, _, err := s.Open(ctx, k, session.Named)
		must.OK(t, err)
		disk.setRoom(room)
		for err == nil {
			before := content(s.Get(ctx, k))
			a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append, Files: []session.Input{sessiontest.NewInput("1.pdf")}}
			if _, _, err = s.Attach(ctx, k, a); err == nil {
				continue
			}
			if fault.CodeOf(err) != session.StorageFull {
				t.Errorf("with room for %d bytes: %v", room, err)
			}
			for name, crashed := range map[string]*simDisk{"a kill": disk.afterKill(t), "a power cut": disk.after(t)} {
				other := t.TempDir()
				crashed.move(dir, other)
				again := onDisk(t, crashed, other)
				for what, now := range map[string]any{"now": content(s.Get(ctx, k)), "after " + name: content(again.Get(ctx, k))} {
					if now != before {
						t.Errorf("with room for %d bytes: the session is %v %s, was %v", room, now, what, before)
					}
				}
				again.Close()
			}
		}
		disk.setRoom(1 << 20)
		if _, _, err := s.New(ctx, k, session.Named); err != nil {
			t.Errorf("when there was room again: %v", err)
		}
		s.Close()
	}
}

func TestHistoriesWithFailuresAreLinearizable(t *testing.T) {
	disk := newSimDisk(t, rand.Uint64())
	dir := t.TempDir()
	s := onDisk(t, disk, dir)
	failures := []error{syscall.EIO, syscall.ENOSPC}
	var met atomic.Int64
	for round := range sessiontest.Times(15, 300) {
		h := sessiontest.NewHistory()
		run := sessiontest.Load{Clients: 5, Operations: 400, Stubborn: true}.Start(s, h, round)
		next, burst := 5+rand.IntN(200), 0
		disk.setFault(func(op, _ string) error {
			if next--; next == 0 {
				burst = 1 + rand.IntN(4)
				next = 100 + rand.IntN(200)
			}
			if burst == 0 {
				return nil
			}
			burst--
			met.Add(1)
			return failures[rand.IntN(2)]
		})
		run.Clients()
		disk.setFault(nil)
		run.ReadAll()
		if round%3 == 2 {
			if rand.IntN(2) == 0 {
				disk.cutAfter(1)
				s.Close()
				disk = disk.after(t)
			} else {
				s.Close()
			}
			s = onDisk(t, disk, dir)
			h.Restarted()
			run.ReadAll()
		}
		if err := h.Check(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	if met.Load() == 0 {
		t.Error("nothing failed")
	}
	t.Logf("%d failures", met.Load())
}
