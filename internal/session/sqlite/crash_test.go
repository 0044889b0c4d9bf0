package sqlite

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/blobtest"
	"tallyman/internal/blob/files"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
)

// TestMain can make the test binary the process to be killed.
func TestMain(m *testing.M) {
	if dir, wrong := sessiontest.VictimOf(); dir != "" {
		crashingServer(dir, wrong)
	}
	os.Exit(m.Run())
}

// crashingServer opens a data directory and works on it as package desk does, until
// it is killed. A janitor sweeps at the same time.
func crashingServer(dir, wrong string) {
	store, contents, err := openBoth(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	j := session.Janitor{Store: store, Contents: contents, Every: time.Millisecond, OrphansEvery: time.Millisecond, Rest: 1, Share: 100}
	go j.Run(ctx)
	v := sessiontest.Victim{
		Store: store,
		Input: func() session.Input { return put(contents) },
		Attached: func(f session.Input, err error) {
			if err != nil && session.Settled(err) {
				contents.Delete(ctx, f.Content.Key, f.Reading.Key)
			} else {
				contents.Release(f.Content.Key, f.Reading.Key)
			}
		},
		Removed: func(r session.Removed) { contents.Delete(ctx, r.Contents...) },
	}
	if wrong == contentsFirst {
		v.Clearing = func(k session.Key) {
			if st, err := store.Get(ctx, k); err == nil {
				contents.Delete(ctx, st.Contents()...)
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	v.Work()
}

// contentsFirst is a mistake: contents are deleted before the row that names them.
const contentsFirst = "contents first"

// put stores a small file and its reading.
func put(contents blob.Store) session.Input {
	store := func(n int) blob.Ref {
		ref, err := contents.Put(ctx, bytes.NewReader(blobtest.Bytes(n)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return ref
	}
	return session.Input{Name: "f", Content: store(rand.IntN(5000)), Reading: store(rand.IntN(500))}
}

func openBoth(dir string) (*Store, *files.Store, error) {
	store, err := Open(ctx, dir, session.Settings{})
	if err != nil {
		return nil, nil, err
	}
	contents, err := files.Open(filepath.Join(dir, "contents"))
	if err != nil {
		return nil, nil, err
	}
	return store, contents, nil
}

// A real process is killed at random moments, some while it starts, under a load on
// few sessions. Afterwards every acknowledged operation must be there, with all its
// contents; any other must be there as a whole or not at all; and after a sweep no
// content is left that no row names.
func TestKillingTheProcessLosesNothingThatWasAcknowledged(t *testing.T) {
	killer(t, "").LosesNothing(t)
}

// The test above can fail: it finds a server that deletes contents before the row
// that names them, and one that answers before it commits.
func TestKillingTheProcessFindsAWrongOrder(t *testing.T) {
	for _, wrong := range []string{contentsFirst, sessiontest.AnswerFirst} {
		t.Run(wrong, func(t *testing.T) {
			if _, err := killer(t, wrong).Kill(100); err == nil {
				t.Error("100 kills showed nothing")
			} else {
				t.Logf("%.300s", err)
			}
		})
	}
}

func killer(t *testing.T, wrong string) sessiontest.Killer {
	dir := t.TempDir()
	return sessiontest.Killer{
		Place: dir, Wrong: wrong, Start: 30 * time.Millisecond,
		Open: func() (session.Store, func() error, error) {
			store, contents, err := openBoth(dir)
			return store, func() error { return consistent(dir, store, contents) }, err
		},
	}
}

// consistent checks that all contents that rows name exist and are whole, and that a
// sweep leaves no others.
func consistent(dir string, store *Store, contents *files.Store) error {
	page, err := store.List(ctx, session.Query{})
	if err != nil {
		return err
	}
	named := map[blob.Key]bool{}
	for _, st := range page.Sessions {
		for _, f := range st.Inputs() {
			for _, ref := range []blob.Ref{f.Content, f.Reading} {
				named[ref.Key] = true
				if err := blob.Verify(ctx, contents, ref); err != nil {
					return fmt.Errorf("a content of session %q: %s: %w", st.Key.ID, fault.CodeOf(err), err)
				}
			}
		}
	}
	j := session.Janitor{Store: store, Contents: contents, Rest: -1, Share: 100}
	if _, err := j.Orphans(ctx); err != nil {
		return err
	}
	left := 0
	err = filepath.WalkDir(filepath.Join(dir, "contents"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left++
			if !named[blob.Key(e.Name())] {
				return fmt.Errorf("%s is an orphan after the sweep", path)
			}
		}
		return err
	})
	if err == nil && left != len(named) {
		err = fmt.Errorf("%d contents on disk, rows name %d", left, len(named))
	}
	return err
}
