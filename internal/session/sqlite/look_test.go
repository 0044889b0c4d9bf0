package sqlite

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// snapshot describes a folder as seen from outside.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano(), info.Mode())
		return err
	})
	must.OK(t, err)
	return b.String()
}

// While a server writes, and restarts its log every few commits, Look sees a
// consistent state with everything that was acknowledged before.
func TestLookSeesAConsistentStateBesideABusyServer(t *testing.T) {
	p := safe(t.TempDir())
	p.logPages, p.synchronous = 8, "OFF"
	s := openAt(t, p, session.Settings{})
	var acknowledged atomic.Int64
	// Each look comes with a fixed number of sessions that keep the server busy, so
	// that the database grows with the number of looks, not with their duration.
	const each = 200
	begin, stopped := make(chan struct{}, each), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			if _, more := <-begin; !more {
				return
			}
			// Large IDs make large pages in the log.
			k := session.Key{Owner: session.Local, ID: session.ID(fmt.Sprintf("%0200d", i))}
			if _, _, err := s.New(ctx, k, session.Named); err != nil {
				t.Error(err)
			}
			acknowledged.Add(1)
		}
	}()
	scratch := t.TempDir()
	for seen := 0; seen < 15; {
		for len(begin) < each {
			begin <- struct{}{}
		}
		before := int(acknowledged.Load())
		got, err := Look(ctx, p.dir, scratch)
		if fault.CodeOf(err) == fault.Busy {
			continue // it gives no wrong answer
		}
		must.OK(t, err)
		after := int(acknowledged.Load()) + 1
		if len(got.Damage) > 0 || got.Sessions < before || got.Sessions > after || got.Schema != got.Known {
			t.Fatalf("it sees %+v, between %d and %d sessions", got, before, after)
		}
		seen++
	}
	close(begin)
	<-stopped
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

func TestLookChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	k := session.Key{Owner: session.Local, ID: "a"}
	st, _, err := s.New(ctx, k, session.Named)
	must.OK(t, err)
	in := session.Input{Name: "b.pdf", Content: blob.Ref{Key: blob.NewKey(), Size: 3}, Reading: blob.Ref{Key: blob.NewKey(), Size: 4}}
	_, _, err = s.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}})
	must.OK(t, err)
	for _, state := range []string{"in use", "closed"} {
		before := snapshot(t, dir)
		got, err := Look(ctx, dir, t.TempDir())
		if err != nil || got.Sessions != 1 || len(got.Contents) != 2 || got.Contents[0] != in.Content || got.Contents[1] != in.Reading {
			t.Errorf("%s: %+v, %v", state, got, err)
		}
		if after := snapshot(t, dir); after != before {
			t.Errorf("%s: it was\n%sand is\n%s", state, before, after)
		}
		must.OK(t, s.Close())
	}
}

func TestLookSaysWhatIsWrong(t *testing.T) {
	fresh := func() string {
		dir := t.TempDir()
		s := mustOpen(t, dir)
		for i := range 200 {
			_, _, err := s.New(ctx, session.Key{Owner: session.Local, ID: session.ID(strconv.Itoa(i))}, session.Named)
			must.OK(t, err)
		}
		must.OK(t, s.Close())
		return dir
	}
	change := func(sql string) string {
		dir := fresh()
		c, err := sqlite3.Open(filepath.Join(dir, fileName))
		must.OK(t, err)
		defer c.Close()
		must.OK(t, c.Exec(sql))
		return dir
	}
	spoil := func(at int64) string {
		dir := fresh()
		f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR, 0)
		must.OK(t, err)
		defer f.Close()
		_, err = f.WriteAt([]byte(strings.Repeat("\xa5", 3000)), at)
		must.OK(t, err)
		return dir
	}
	for name, c := range map[string]struct {
		dir  string
		code fault.Code
	}{
		"nothing there":     {t.TempDir(), fault.NotFound},
		"of a newer one":    {change("PRAGMA user_version=99"), NewerSchema},
		"something else's":  {change("PRAGMA application_id=1"), Foreign},
		"spoilt from start": {spoil(0), DamagedData},
	} {
		if _, err := Look(ctx, c.dir, t.TempDir()); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := Look(ctx, spoil(4*4096), t.TempDir()); err == nil && len(got.Damage) == 0 || err != nil && fault.CodeOf(err) != DamagedData {
		t.Errorf("a spoilt page: %+v, %v", got, err)
	}
	if got, err := Look(ctx, change("DELETE FROM session; PRAGMA user_version=0"), t.TempDir()); err != nil || got.Schema != 0 {
		t.Errorf("an older schema: %+v, %v", got, err)
	}
}

func TestUsedByFindsTheProcess(t *testing.T) {
	dir := t.TempDir()
	tell := func(want Holder) {
		t.Helper()
		if got, err := UsedBy(dir); err != nil || got != want {
			t.Errorf("%+v, %v, not %+v", got, err, want)
		}
	}
	tell(Holder{Sure: true})
	s := mustOpen(t, dir)
	tell(Holder{PID: os.Getpid(), Sure: sureHere})
	must.OK(t, s.Close())
	tell(Holder{Sure: true})
	// A killed process leaves this file.
	must.OK(t, os.WriteFile(filepath.Join(dir, lockName), []byte("1\n"), 0o600))
	tell(Holder{PID: 1})
}
