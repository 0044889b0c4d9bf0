package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/blobtest"
	"tallyman/internal/blob/files"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/smalldisk"
)

func TestAFullDiskChangesNothingAndCanBeCleared(t *testing.T) {
	smalldisk.Run(t, "6m", func(t *testing.T, dir string) {
		store, err := Open(ctx, dir, session.Settings{})
		must.OK(t, err)
		contents, err := files.Open(filepath.Join(dir, "contents"))
		must.OK(t, err)
		d := &fullDisk{t, store, contents}
		kept := d.upload(keyOf("kept"), 10_000)
		for round := range 3 {
			d.fill(round)
			d.same(keyOf("kept"), kept)
			if round == 2 { // a restart makes no difference
				if err := d.store.Close(); err != nil {
					t.Errorf("closing on a full disk: %v", err)
				}
				if d.store, err = Open(ctx, dir, session.Settings{}); err != nil {
					t.Fatalf("opening on a full disk: %v", err)
				}
				d.same(keyOf("kept"), kept)
			}
			removed, err := d.store.Clear(ctx, keyOf(fmt.Sprint("big ", round)))
			if err != nil {
				t.Fatalf("clearing a session on a full disk: %v", err)
			}
			if removed.Files == 0 {
				t.Error("the session that filled the disk had no files")
			}
			if err := d.contents.Delete(ctx, removed.Contents...); err != nil {
				t.Errorf("deleting contents on a full disk: %v", err)
			}
			// There is room again, and soon a reserve for the next time.
			for {
				if _, err := os.Stat(filepath.Join(dir, reserveName)); err == nil {
					break
				}
				must.OK(t, d.store.Check(ctx))
				time.Sleep(10 * time.Millisecond)
			}
			must.OK(t, d.store.Check(ctx))
			must.OK(t, d.contents.Check(ctx))
			d.upload(keyOf(fmt.Sprint("after ", round)), 100_000)
			d.same(keyOf("kept"), kept)
		}
		d.orphans(0)
		must.OK(t, d.store.Close())
	})
}

type fullDisk struct {
	*testing.T
	store    *Store
	contents *files.Store
}

// upload attaches a file of random bytes to a session, and must succeed.
func (d *fullDisk) upload(k session.Key, size int) session.State {
	d.Helper()
	st, err := d.try(k, size)
	if err != nil {
		d.Fatalf("uploading: %v", err)
	}
	return st
}

func (d *fullDisk) try(k session.Key, size int) (session.State, error) {
	d.Helper()
	st, _, err := d.store.Open(ctx, k, session.Named)
	if err != nil {
		return st, err
	}
	ref, err := d.contents.Put(ctx, bytes.NewReader(blobtest.Bytes(size)))
	if err != nil {
		return st, err
	}
	after, removed, err := d.store.Attach(ctx, k, session.Attachment{
		Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append,
		Files: []session.Input{{Name: "bol.pdf", Content: ref}},
	})
	if err != nil {
		if !session.Settled(err) {
			d.Errorf("on a full disk: %v (%v), which leaves the outcome open", err, errors.Unwrap(err))
		}
		d.contents.Delete(ctx, ref.Key)
		return st, err
	}
	d.contents.Release(ref.Key)
	d.contents.Delete(ctx, removed.Contents...)
	return after, nil
}

// fill uploads smaller and smaller files, and begins sessions, until nothing fits any
// more.
func (d *fullDisk) fill(round int) {
	d.Helper()
	k := keyOf(fmt.Sprint("big ", round))
	full := func(what string, err error) {
		d.Helper()
		if c := fault.CodeOf(err); c != session.StorageFull && c != session.TooManyFiles {
			d.Fatalf("%s on a full disk: code %s (%v), want storage_full", what, c, err)
		}
	}
	files := 0
	for size := 500_000; size > 0; size /= 4 {
		for {
			if _, err := d.try(k, size); err != nil {
				full("uploading", err)
				break
			}
			files++
		}
	}
	// The full disk has no room for these sessions.
	for i := 0; ; i++ {
		if i > 100_000 {
			d.Fatal("the disk never got full")
		}
		if _, _, err := d.store.New(ctx, keyOf(fmt.Sprintf("%0200d, %d", i, round)), session.Named); err != nil {
			full("new", err)
			break
		}
	}
	if err := d.store.Check(ctx); err != nil {
		full("check", err)
	}
	full("check", d.contents.Check(ctx))
	if files == 0 {
		d.Fatal("the disk was full from the beginning")
	}
	d.orphans(0)
}

// same expects a session to be unchanged, and its files to be whole.
func (d *fullDisk) same(k session.Key, want session.State) {
	d.Helper()
	got, err := d.store.Get(ctx, k)
	must.OK(d, err)
	if !reflect.DeepEqual(content(got, nil), content(want, nil)) {
		d.Errorf("the session is %+v, was %+v", got, want)
	}
	for _, f := range got.BOL {
		if err := blob.Verify(ctx, d.contents, f.Content); err != nil {
			d.Error(err)
		}
	}
}

// orphans expects that many contents that no row names.
func (d *fullDisk) orphans(want int) {
	d.Helper()
	j := session.Janitor{Store: d.store, Contents: d.contents, Rest: -1, Share: 100}
	s, err := j.Orphans(ctx)
	if err != nil || s.Contents != want {
		d.Errorf("%d orphans (%v), want %d", s.Contents, err, want)
	}
}
