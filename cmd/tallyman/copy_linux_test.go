package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/client"
	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/blob/stores"
	"tallyman/internal/desk"
	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/session/postgres"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pgtest"
	"tallyman/internal/testing/s3test"
	"tallyman/internal/testing/service"
	"tallyman/internal/testing/shipments"
)

// house is the open storage of a server.
type house struct {
	sessions session.Store
	contents blob.Store
	keys     keys.Ring
}

func (h house) close(t *testing.T) {
	t.Helper()
	must.OK(t, h.sessions.Close())
}

func embeddedHouse(t *testing.T, dir string, settings session.Settings) house {
	t.Helper()
	store, err := sqlite.Open(t.Context(), dir, settings)
	must.OK(t, err)
	contents, err := files.Open(filepath.Join(dir, "contents"))
	must.OK(t, err)
	return house{store, contents, keys.Open(dir)}
}

func sharedHouse(t *testing.T, database, bucket string) house {
	t.Helper()
	store, err := postgres.Open(t.Context(), database, session.Settings{}, postgres.Options{})
	must.OK(t, err)
	at, err := stores.Parse(bucket)
	must.OK(t, err)
	contents, err := at.Open(t.Context())
	must.OK(t, err)
	return house{store, contents, store.Keys()}
}

// put attaches bytes that are not documents. The stores accept any bytes.
func (h house) put(t *testing.T, k session.Key, kind session.Kind, names ...string) session.State {
	t.Helper()
	st, _, err := h.sessions.Open(t.Context(), k, kind)
	must.OK(t, err)
	for i, name := range names {
		in := session.Input{Name: name, Summary: json.RawMessage(`{"rows":7,"format":"<&>"}`)}
		for _, ref := range []*blob.Ref{&in.Content, &in.Reading} {
			b := make([]byte, 100+i*70_000)
			rand.Read(b)
			*ref, err = h.contents.Put(t.Context(), bytes.NewReader(b))
			must.OK(t, err)
		}
		a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append, Files: []session.Input{in}}
		if strings.HasSuffix(name, ".csv") {
			a.Slot, a.Mode = session.Orders, session.Replace
		}
		st, _, err = h.sessions.Attach(t.Context(), k, a)
		must.OK(t, err)
		h.contents.Release(in.Content.Key, in.Reading.Key)
	}
	return st
}

// states returns all live sessions in a form that can be compared.
func (h house) states(t *testing.T) []session.State {
	t.Helper()
	var all []session.State
	for q := (session.Query{}); ; {
		page, err := h.sessions.List(t.Context(), q)
		must.OK(t, err)
		for _, st := range page.Sessions {
			for _, slot := range []*[]session.Input{&st.BOL, &st.Orders, &st.Amendments} {
				*slot = append([]session.Input{}, *slot...)
				for i := range *slot {
					(*slot)[i].Summary = plainJSON(t, (*slot)[i].Summary)
				}
			}
			all = append(all, st)
			q.After = st.Key
		}
		if !page.More {
			return all
		}
	}
}

func plainJSON(t *testing.T, b []byte) []byte {
	t.Helper()
	var v any
	must.OK(t, json.Unmarshal(b, &v))
	b, err := json.Marshal(v)
	must.OK(t, err)
	return b
}

// bytesOf returns all contents of sessions.
func (h house) bytesOf(t *testing.T, all []session.State) map[blob.Key][]byte {
	t.Helper()
	got := map[blob.Key][]byte{}
	for _, st := range all {
		for _, in := range st.Inputs() {
			for _, ref := range []blob.Ref{in.Content, in.Reading} {
				if ref.IsZero() {
					continue
				}
				b, err := blob.ReadAll(t.Context(), h.contents, ref)
				if err != nil {
					t.Fatalf("%q: %v", in.Name, err)
				}
				got[ref.Key] = b
			}
		}
	}
	return got
}

// furnish fills a data directory with sessions of all kinds, some with real documents. It
// returns a key and the sheets of these documents.
func furnish(t *testing.T, dir string) (sheets map[session.Key][]byte, secret string) {
	t.Helper()
	past := func() time.Time { return time.Now().Add(-25 * time.Hour) }
	h := embeddedHouse(t, dir, session.Settings{Now: past})
	h.put(t, session.Key{Owner: session.Local, ID: "forgotten"}, session.Named, "old.pdf")
	h.close(t)

	h = embeddedHouse(t, dir, session.Settings{})
	defer h.close(t)
	for i, id := range []session.ID{"../x", "x", "X", "a b", "\u202e", "'; DROP TABLE session; --", session.ID(strings.Repeat("é", 127)), session.Mint()} {
		for _, owner := range []session.Owner{session.Local, "depot", "head office"} {
			h.put(t, session.Key{Owner: owner, ID: id}, session.Named, []string{"a.pdf", "Lieferschein ä.pdf", "orders.csv", ""}[:i%5%4+i/7]...)
		}
	}
	h.put(t, session.Key{Owner: session.Local, ID: "cookie"}, session.Cookie, "one.pdf", "orders.csv", "two.pdf")

	reader := intake.New(service.Patient)
	defer reader.Close()
	d := desk.New(h.sessions, h.contents, reader, desk.Limits{})
	sheets = map[session.Key][]byte{}
	for i, k := range []session.Key{{Owner: "depot", ID: "real"}, {Owner: "depot", ID: "appended"}, {Owner: session.Local, ID: "real"}} {
		st, err := d.Open(t.Context(), k, session.Named)
		must.OK(t, err)
		for n := range 1 + i%2 {
			s := shipments.Sample(t, sample.Options{Bills: 3, Lines: 9, Seed: uint64(10*i + n)})
			var bills, orders bytes.Buffer
			must.OK(t, errors.Join(s.WritePDF(&bills), s.WriteOrders(&orders)))
			in, err := d.Receive(t.Context(), k.Owner)
			must.OK(t, err)
			defer in.Discard()
			must.OK(t, in.Add(t.Context(), session.BOL, "bol.pdf", &bills))
			st, _, err = d.AttachBills(t.Context(), st, n > 0, in, nil)
			must.OK(t, err)
			in, err = d.Receive(t.Context(), k.Owner)
			must.OK(t, err)
			defer in.Discard()
			must.OK(t, in.Add(t.Context(), session.Orders, "orders.csv", &orders))
			st, _, err = d.AttachOrders(t.Context(), st, true, in)
			must.OK(t, err)
			note := sheet.Amendment{Kind: sheet.Fill, Bill: &sheet.BillKey{Number: s.Bills[0].Number}, Column: "Load #", Value: "L-7"}
			st, _, _, err = d.Amend(t.Context(), st, desk.Change{Add: []sheet.Amendment{note}})
			must.OK(t, err)
		}
		sheets[k], err = d.CSV(t.Context(), st)
		must.OK(t, err)
	}
	secret, err := h.keys.Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	_, err = h.keys.Add(t.Context(), keys.Key{Name: "head office", Admin: true})
	must.OK(t, err)
	return sheets, secret
}

// copies runs a copy, checks the exit code, and returns the output.
func copies(t *testing.T, code int, args ...string) string {
	t.Helper()
	return says(t, code, append([]string{"copy"}, args...)...)
}

// shared starts servers of PostgreSQL and S3 and returns unused addresses on them.
func shared(t *testing.T) (database, bucket string, objects func() []string) {
	t.Helper()
	pg, err := pgtest.Start(true) // the program requires a durable server
	must.OK(t, err)
	t.Cleanup(func() { pg.Close() })
	s3 := s3test.Start(t)
	s3.Setenv(t)
	name := s3.Bucket(t)
	objects = func() (paths []string) {
		filepath.WalkDir(filepath.Join(s3.Root, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && blob.Key(filepath.Base(path)).Valid() {
				paths = append(paths, path)
			}
			return nil
		})
		return paths
	}
	return pg.Address(pg.Database(t)), s3.Address(name, "moved"), objects
}

func TestCopyToSharedStorageAndBackKeepsEverything(t *testing.T) {
	database, bucket, _ := shared(t)
	from, back := t.TempDir(), filepath.Join(t.TempDir(), "back")
	sheets, secret := furnish(t, from)
	h := embeddedHouse(t, from, session.Settings{})
	want := h.states(t)
	contents := h.bytesOf(t, want)
	ring, err := h.keys.All(t.Context())
	must.OK(t, err)
	if said := copies(t, 1, "--from", from, "--to", database, "--to-blobs", bucket); !strings.Contains(said, "the source: the data directory "+from+" is in use by the process with ID ") {
		t.Errorf("a source in use: %s", said)
	}
	h.close(t)

	same := func(what string, h house) {
		t.Helper()
		got := h.states(t)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the sessions are not the same\n got %+v\nwant %+v", what, got, want)
		}
		if !reflect.DeepEqual(h.bytesOf(t, got), contents) {
			t.Errorf("%s: the contents are not the same", what)
		}
		if got, err := h.keys.All(t.Context()); err != nil || !reflect.DeepEqual(got, ring) {
			t.Errorf("%s: the keys are %+v, %v, not %+v", what, got, err, ring)
		}
		if _, err := h.sessions.Get(t.Context(), session.Key{Owner: session.Local, ID: "forgotten"}); err == nil {
			t.Errorf("%s: a session that had expired is there", what)
		}
	}
	there := []string{"--from", from, "--to", database, "--to-blobs", bucket}
	if said := copies(t, 0, append(there, "--dry-run")...); !strings.Contains(said, fmt.Sprintf("%d sessions with ", len(want))) || !strings.Contains(said, "1 expired session left out") {
		t.Errorf("a dry run says %s", said)
	}
	said := copies(t, 0, there...)
	if !strings.Contains(said, fmt.Sprintf("%d sessions, %d contents of ", len(want), len(contents))) || !strings.Contains(said, "1 expired session left out") || strings.Contains(said, "postgres@") {
		t.Errorf("a copy says %s", said)
	}
	if said := copies(t, 0, there...); !strings.Contains(said, "0 sessions, 0 contents of 0 bytes, 0 keys copied") || !strings.Contains(said, fmt.Sprintf("%d sessions and 2 keys were there already", len(want))) {
		t.Errorf("a second copy says %s", said)
	}
	h = sharedHouse(t, database, bucket)
	same("in PostgreSQL and S3", h)
	home := []string{"--from", database, "--from-blobs", bucket, "--to", back}
	if said := copies(t, 1, home...); !strings.Contains(said, "is in use by other Tallyman programs") {
		t.Errorf("a source in use: %s", said)
	}
	h.close(t)
	copies(t, 0, home...)
	h = embeddedHouse(t, back, session.Settings{})
	same("back again", h)
	h.close(t)

	// A server of the target gives the same sheets to clients with the key.
	s := startServer(t, back, nil, "--listen", "127.0.0.1:0")
	for k, sheet := range sheets {
		if k.Owner != "depot" {
			continue
		}
		var b bytes.Buffer
		c := &client.Client{URL: s.url, Key: secret, Session: string(k.ID)}
		if err := c.Download(t.Context(), &b, "csv"); err != nil || !bytes.Equal(b.Bytes(), sheet) {
			t.Errorf("the sheet of %q: %v, %.100s", k.ID, err, b.Bytes())
		}
	}
	s.end(t)
}

// A copy is killed repeatedly, later each time. Meanwhile only whole sessions are visible
// in the target, and in the end everything is there.
func TestAKilledCopyIsContinued(t *testing.T) {
	database, bucket, objects := shared(t)
	from := t.TempDir()
	h := embeddedHouse(t, from, session.Settings{})
	for i := range 30 {
		h.put(t, session.Key{Owner: "depot", ID: session.ID(fmt.Sprintf("session %d", i))}, session.Named, "a.pdf", "b.pdf", "orders.csv")
	}
	want := h.states(t)
	contents := h.bytesOf(t, want)
	_, err := h.keys.Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	h.close(t)
	args := []string{"--from", from, "--to", database, "--to-blobs", bucket}
	kills := 0
	for _, at := range []int{1, 40, 41, 100, 150, 175} {
		cmd := exec.Command("tallyman", append([]string{"copy"}, args...)...)
		out, err := cmd.StderrPipe()
		must.OK(t, err)
		must.OK(t, cmd.Start())
		ended := make(chan struct{})
		go func() { io.Copy(io.Discard, out); close(ended) }()
	watch:
		for len(objects()) < at {
			select {
			case <-ended:
				break watch
			case <-time.After(time.Millisecond):
			}
		}
		cmd.Process.Kill()
		<-ended
		if err := cmd.Wait(); err != nil {
			kills++
		}
		h := sharedHouse(t, database, bucket)
		got := h.states(t)
		visible := map[session.Key]session.State{}
		for _, st := range got {
			visible[st.Key] = st
		}
		for _, st := range want {
			if v, ok := visible[st.Key]; ok && !reflect.DeepEqual(v, st) {
				t.Errorf("a part of a session is visible: %+v of %+v", v, st)
			}
		}
		for k, b := range h.bytesOf(t, got) { // fails if one is missing
			if !bytes.Equal(b, contents[k]) {
				t.Error("a content has changed")
			}
		}
		t.Logf("killed at %d contents: %d sessions are visible", len(objects()), len(got))
		if ring, err := h.keys.All(t.Context()); err != nil || len(ring) > 0 && len(got) < len(want) {
			t.Errorf("keys before all sessions: %v, %v", ring, err)
		}
		h.close(t)
	}
	if kills < 4 {
		t.Errorf("only %d copies were killed before they ended", kills)
	}
	t.Log(copies(t, 0, args...))
	h = sharedHouse(t, database, bucket)
	defer h.close(t)
	got := h.states(t)
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(h.bytesOf(t, got), contents) {
		t.Error("in the end not everything is there")
	}
	// If a copy is killed while it tests its target, the probe stays.
	stored := slices.DeleteFunc(objects(), func(path string) bool {
		b, err := os.ReadFile(path)
		return err == nil && strings.HasPrefix(string(b), "tallyman copy ")
	})
	if len(stored) != len(contents) {
		t.Errorf("%d contents are stored, and %d are named", len(stored), len(contents))
	}
}
