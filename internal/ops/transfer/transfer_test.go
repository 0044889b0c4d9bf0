package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/must"
)

// place is a data directory, opened as for a copy.
type place struct {
	dir      string
	sessions *sqlite.Store
	contents *files.Store
	keys     *keys.File
	now      time.Time
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir(), now: time.Date(2025, 7, 10, 14, 0, 0, 0, time.UTC)}
	var err error
	p.sessions, err = sqlite.Open(t.Context(), p.dir, session.Settings{
		Lives: session.Lives{Named: 1e6 * time.Hour, Cookie: 1e6 * time.Hour}, Now: func() time.Time { return p.now },
	})
	must.OK(t, err)
	t.Cleanup(func() { p.sessions.Close() })
	p.contents, err = files.Open(filepath.Join(p.dir, "contents"))
	must.OK(t, err)
	p.keys = keys.Open(p.dir)
	return p
}

func (p *place) source() Source { return Source{p.sessions, p.contents, p.keys} }
func (p *place) target() Target { return Target{p.sessions, p.contents, p.keys} }
func (p *place) options() Options {
	return Options{Now: func() time.Time { return p.now }, Parallel: 3}
}

func key(id string) session.Key { return session.Key{Owner: "depot", ID: session.ID(id)} }

// attach attaches files whose names are their contents.
func (p *place) attach(t *testing.T, id string, names ...string) session.State {
	t.Helper()
	st, _, err := p.sessions.Open(t.Context(), key(id), session.Named)
	must.OK(t, err)
	for _, name := range names {
		in := session.Input{Name: name, Summary: json.RawMessage(`{"a": "<"}`)}
		for _, ref := range []*blob.Ref{&in.Content, &in.Reading} {
			*ref, err = p.contents.Put(t.Context(), strings.NewReader(id+name))
			must.OK(t, err)
		}
		st, _, err = p.sessions.Attach(t.Context(), st.Key, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append, Files: []session.Input{in}})
		must.OK(t, err)
		p.contents.Release(in.Content.Key, in.Reading.Key)
	}
	return st
}

func (p *place) path(ref blob.Ref) string {
	return filepath.Join(p.dir, "contents", string(ref.Key[:2]), string(ref.Key))
}

func (p *place) ids(t *testing.T) string {
	t.Helper()
	page, err := p.sessions.List(t.Context(), session.Query{})
	must.OK(t, err)
	var ids []string
	for _, st := range page.Sessions {
		ids = append(ids, fmt.Sprintf("%s:%d", st.Key.ID, st.Revision))
	}
	return strings.Join(ids, " ")
}

func (p *place) whole(t *testing.T, id string) {
	t.Helper()
	st, err := p.sessions.Get(t.Context(), key(id))
	must.OK(t, err)
	for _, in := range st.Inputs() {
		for _, ref := range []blob.Ref{in.Content, in.Reading} {
			if b, err := blob.ReadAll(t.Context(), p.contents, ref); err != nil || string(b) != id+in.Name {
				t.Errorf("%s, %s: %q, %v", id, in.Name, b, err)
			}
		}
	}
}

func code(t *testing.T, err error, want fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != want {
		t.Errorf("code %q (%v), want %q", fault.CodeOf(err), err, want)
	}
}

func TestDamagedContentsAreReportedAndEverythingElseIsCopied(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	a := from.attach(t, "a", "one", "two", "three")
	from.attach(t, "b", "four")
	c := from.attach(t, "c", "", "six")
	good := must.Read(t, from.path(a.BOL[0].Content))
	must.OK(t, errors.Join(
		os.WriteFile(from.path(a.BOL[0].Content), []byte("aonE"), 0o600), // a changed bit
		os.WriteFile(from.path(a.BOL[1].Reading), []byte("at"), 0o600),   // truncated
		os.Remove(from.path(c.BOL[0].Content)),
	))
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.Copied != 3 || r.Contents != 9 || len(r.Problems) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	told := ""
	for _, p := range r.Problems {
		if p.Whole() || strings.Contains(p.String(), `"a"`) {
			t.Errorf("it is about a file, and says no ID: %s", p)
		}
		told += p.String() + "\n"
	}
	for _, want := range []string{
		"session " + a.Key.Hash() + ` of depot, file "one": a stored file is not what was uploaded`,
		"session " + a.Key.Hash() + ` of depot, what was read from the file "two": a stored file has 2 bytes instead of 4`,
		"session " + c.Key.Hash() + ` of depot, file "": `,
	} {
		if !strings.Contains(told, want) {
			t.Errorf("not reported: %s\n%s", want, told)
		}
	}
	if got := to.ids(t); got != "a:4 b:2 c:3" {
		t.Errorf("there are %s", got)
	}
	to.whole(t, "b")

	// The next copy brings the repaired content, and nothing else.
	must.OK(t, os.WriteFile(from.path(a.BOL[0].Content), good, 0o600))
	r, err = Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.Copied != 0 || r.There != 3 || r.Contents != 1 || len(r.Problems) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if b, err := blob.ReadAll(t.Context(), to.contents, a.BOL[0].Content); err != nil || string(b) != "aone" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAnOccupiedTargetIsLeftAlone(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	from.attach(t, "a", "one")
	from.attach(t, "b", "two")
	to.attach(t, "b", "mine")
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	code(t, err, Occupied)
	if got := to.ids(t); got != "b:2" || r.Others != 1 {
		t.Errorf("there are %s; %+v", got, r)
	}
	_, err = Survey(t.Context(), from.source(), to.target(), from.options())
	code(t, err, Occupied)

	o := from.options()
	o.Merge = true
	r, err = Copy(t.Context(), from.source(), to.target(), o)
	if err != nil || r.Copied != 1 || len(r.Problems) != 1 || !r.Problems[0].Whole() || fault.CodeOf(r.Problems[0].Err) != session.Exists {
		t.Errorf("%+v, %v", r, err)
	}
	to.whole(t, "a")
	to.whole(t, "b")
	if b, err := to.sessions.Get(t.Context(), key("b")); err != nil || b.BOL[0].Name != "mine" {
		t.Errorf("it was replaced: %+v, %v", b, err)
	}
}

func TestOtherKeysOfTheTargetAreLeftAlone(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	for _, name := range []session.Owner{"depot", "office"} {
		_, err := from.keys.Add(t.Context(), keys.Key{Name: name, Admin: name == "office"})
		must.OK(t, err)
	}
	secret := ""
	for range keys.PerOwner {
		var err error
		secret, err = to.keys.Add(t.Context(), keys.Key{Name: "depot"})
		must.OK(t, err)
	}
	_, err := Copy(t.Context(), from.source(), to.target(), from.options())
	code(t, err, Occupied)
	o := from.options()
	o.Merge = true
	r, err := Copy(t.Context(), from.source(), to.target(), o)
	if err != nil || r.KeysCopied != 1 || len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0].String(), "key of depot: ") {
		t.Errorf("%+v, %v", r, err)
	}
	all, err := to.keys.All(t.Context())
	if k, ok := keys.Find(all, secret); err != nil || !ok || k.Name != "depot" {
		t.Errorf("the target's key is not valid any more: %v", err)
	}
	source, _ := from.keys.All(t.Context())
	if len(all) != 3 || !reflect.DeepEqual(all[2], source[1]) {
		t.Errorf("%+v of %+v", all, source)
	}
}

func TestASecondCopyAddsWhatIsNew(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	from.attach(t, "a", "one")
	_, err := Copy(t.Context(), from.source(), to.target(), from.options())
	must.OK(t, err)
	from.now = from.now.Add(time.Hour)
	to.now = from.now
	from.attach(t, "a", "two")
	from.attach(t, "b", "three")
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.Copied != 2 || r.Contents != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	to.whole(t, "a")
	to.whole(t, "b")
	// The target was used: the source is older now.
	to.attach(t, "a", "later")
	_, err = Copy(t.Context(), from.source(), to.target(), from.options())
	code(t, err, Occupied)
}

func TestOnlyExpiredSessionsAreLeftOut(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	from.attach(t, "old", "one")
	_, _, err := from.sessions.Open(t.Context(), key("cookie"), session.Cookie)
	must.OK(t, err)
	from.now = from.now.Add(time.Hour)
	from.attach(t, "new", "two")
	from.now = from.now.Add(23*time.Hour - time.Millisecond)
	to.now = from.now
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.Copied != 2 || r.Expired != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	from.now = from.now.Add(time.Millisecond)
	r, err = Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.There != 1 || r.Expired != 2 || r.Others != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSourceAndTargetWithTheSameContentsAreRefused(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	from.attach(t, "a", "one")
	other, err := files.Open(filepath.Join(from.dir, "contents"))
	must.OK(t, err)
	_, err = Copy(t.Context(), from.source(), Target{to.sessions, other, to.keys}, from.options())
	code(t, err, SamePlace)
	if got := to.ids(t); got != "" {
		t.Errorf("there are %s", got)
	}
	from.whole(t, "a")
}

// An interrupted copy left parts of contents in the target that no session names.
func TestPartsOfContentsAreReplaced(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	a := from.attach(t, "a", "one", "two")
	must.OK(t, errors.Join(
		os.WriteFile(to.path(a.BOL[0].Content), []byte("ao"), 0o600),
		os.WriteFile(to.path(a.BOL[0].Reading), []byte("aone"), 0o600),
		os.WriteFile(to.path(a.BOL[1].Content), nil, 0o600),
	))
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.Copied != 1 || r.Contents != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	to.whole(t, "a")
}

// full is a target with room for a given number of contents.
type full struct {
	blob.Importer
	room atomic.Int32
}

func (f *full) Import(ctx context.Context, ref blob.Ref, r io.Reader) error {
	if f.room.Add(-1) < 0 {
		return fault.New(blob.StorageFull, "storage is full")
	}
	return f.Importer.Import(ctx, ref, r)
}

func TestACopyToAFullTargetContinuesWhenThereIsRoom(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	for i := range 20 {
		from.attach(t, fmt.Sprint(i), "one", "two")
	}
	_, err := from.keys.Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	target := to.target()
	small := &full{Importer: to.contents}
	small.room.Store(37)
	target.Contents = small
	r, err := Copy(t.Context(), from.source(), target, from.options())
	code(t, err, blob.StorageFull)
	if r.Copied == 0 || r.Copied >= 20 || r.KeysCopied != 0 {
		t.Errorf("%+v", r)
	}
	page, err := to.sessions.List(t.Context(), session.Query{})
	if err != nil || page.Total != r.Copied {
		t.Errorf("%d sessions, told %d, %v", page.Total, r.Copied, err)
	}
	for _, st := range page.Sessions {
		to.whole(t, string(st.Key.ID))
	}
	again, err := Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || again.There != r.Copied || again.Copied != 20-r.Copied || again.KeysCopied != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	for i := range 20 {
		to.whole(t, fmt.Sprint(i))
	}
}

// restless is a source that is used in the middle of the copy.
type restless struct {
	blob.Store
	once func()
}

func (r *restless) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	got, err := r.Store.Open(ctx, ref)
	if err == nil && r.once != nil {
		r.once()
		r.once = nil
	}
	return got, err
}

func TestAChangeOfTheSourceIsDetected(t *testing.T) {
	for name, use := range map[string]func(*testing.T, *place){
		"attach": func(t *testing.T, p *place) { p.attach(t, "a", "more") },
		"begin":  func(t *testing.T, p *place) { p.attach(t, "0") },
		"clear": func(t *testing.T, p *place) {
			if _, err := p.sessions.Clear(t.Context(), key("a")); err != nil {
				t.Error(err)
			}
		},
		"reset": func(t *testing.T, p *place) {
			if _, _, err := p.sessions.New(t.Context(), key("a"), session.Named); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := newPlace(t), newPlace(t)
			from.attach(t, "a", "one")
			from.attach(t, "b", "two")
			source := from.source()
			o := from.options()
			o.Parallel = 1
			source.Contents = &restless{from.contents, func() { use(t, from) }}
			_, err := Copy(t.Context(), source, to.target(), o)
			code(t, err, Changed)
		})
	}
}

func TestACopyCanBeStopped(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	for i := range 20 {
		from.attach(t, fmt.Sprint(i), "one")
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := from.options()
	o.Progress = func(r Report) {
		if r.Copied == 3 {
			cancel()
		}
	}
	_, err := Copy(ctx, from.source(), to.target(), o)
	code(t, err, fault.Cancelled)
	if _, err := Copy(t.Context(), from.source(), to.target(), from.options()); err != nil {
		t.Error(err)
	}
	if a, b := from.ids(t), to.ids(t); a != b {
		t.Errorf("the target has %s, not %s", b, a)
	}
}

// Source and target have more sessions than a page of a listing.
func TestManySessionsAreCopiedOnce(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	const n = 2*session.MaxPage + 10
	for i := range n {
		st := session.Begin(key(fmt.Sprint(i)), session.Named, from.now)
		st.LastUsed = from.now
		for _, p := range []*place{from, to} {
			if p == to && i%3 > 0 {
				continue
			}
			_, err := p.sessions.Import(t.Context(), st)
			must.OK(t, err)
		}
	}
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.Sessions != n || r.There != n/3 || r.Copied != n-n/3 {
		t.Errorf("%+v, %v", r, err)
	}
}
