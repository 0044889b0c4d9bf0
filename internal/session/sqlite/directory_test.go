package sqlite

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	return openAt(t, safe(dir), session.Settings{})
}

// openAt opens a store until the test ends.
func openAt(t testing.TB, p place, settings session.Settings) *Store {
	t.Helper()
	s, err := open(ctx, p, settings)
	must.OK(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestASecondProcessIsRefused(t *testing.T) {
	if dir := os.Getenv("TALLYMAN_SECOND"); dir != "" {
		_, err := Open(ctx, dir, session.Settings{})
		fmt.Printf("code %s: %v\n", fault.CodeOf(err), err)
		return
	}
	dir := t.TempDir()
	s := mustOpen(t, dir)
	second := func() string {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "TALLYMAN_SECOND="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	out := second()
	for _, want := range []string{"code " + string(InUse), dir, "ID " + strconv.Itoa(os.Getpid())} {
		if !strings.Contains(out, want) {
			t.Errorf("the refusal does not say %q: %s", want, out)
		}
	}
	// The same holds within one process.
	if _, err := Open(ctx, dir, session.Settings{}); fault.CodeOf(err) != InUse {
		t.Errorf("a second store in one process: %v", err)
	}
	if _, _, err := s.New(ctx, keyOf("x"), session.Named); err != nil {
		t.Errorf("after others were refused: %v", err)
	}
	s.Close()
	if out := second(); strings.Contains(out, "code "+string(InUse)) {
		t.Errorf("still in use after Close: %s", out)
	}
}

func TestOnlyTheOwnerCanReadTheFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data dir?#%20&x=1") // names with special characters work
	s := mustOpen(t, dir)
	s.New(ctx, keyOf("x"), session.Named)
	want := map[string]bool{lockName: true, fileName: true, fileName + "-wal": true, reserveName: true}
	filepath.WalkDir(filepath.Dir(dir), func(path string, e fs.DirEntry, err error) error {
		info, ierr := e.Info()
		if err != nil || ierr != nil {
			t.Fatal(err, ierr)
		}
		mode := fs.FileMode(0o600)
		if e.IsDir() {
			mode = 0o700
		} else if !want[e.Name()] {
			t.Errorf("unexpected file %s", path)
		}
		delete(want, e.Name())
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), mode)
		}
		return nil
	})
	if len(want) > 0 {
		t.Errorf("missing files: %v", want)
	}
}

// DESIGN.md §6: "../x" is a legal, harmless ID.
func TestNothingOutsideTheDataDirectoryIsTouched(t *testing.T) {
	world := t.TempDir()
	dir := filepath.Join(world, "deep", "data")
	for _, name := range []string{"x", "deep/x", "etc/passwd", "deep/sessions.db", "deep/LOCK"} {
		path := filepath.Join(world, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		must.OK(t, os.WriteFile(path, []byte("mine"), 0o644))
	}
	s := mustOpen(t, dir)
	tree := func() map[string]string {
		seen := map[string]string{}
		filepath.WalkDir(world, func(path string, e fs.DirEntry, err error) error {
			must.OK(t, err)
			rel, _ := filepath.Rel(world, path)
			switch {
			case strings.HasPrefix(rel, "deep/data/"):
				// Inside the directory only the names are compared.
				seen[rel] = ""
			case !e.IsDir():
				b := must.Read(t, path)
				seen[rel] = fmt.Sprint(sha256.Sum256(b))
			default:
				seen[rel] = "folder"
			}
			return nil
		})
		return seen
	}
	before := tree()
	for _, id := range []string{"../x", "../../x", "../../etc/passwd", "/etc/passwd", filepath.Join(world, "x"), "../sessions.db", "LOCK", "sessions.db", "contents", "..", ".", "x/../../x"} {
		for _, k := range []session.Key{{Owner: session.Local, ID: session.ID(id)}, {Owner: session.Owner(id), ID: session.ID(id)}} {
			st, _, err := s.Open(ctx, k, session.Named)
			if err != nil {
				t.Fatalf("%q: %v", id, err)
			}
			in := sessiontest.NewInput(session.FileName("../../" + id))
			if _, _, err := s.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}}); err != nil {
				t.Fatalf("%q: %v", id, err)
			}
			if got, err := s.Get(ctx, k); err != nil || got.Key != k {
				t.Errorf("%q: %+v, %v", id, got, err)
			}
			if _, _, err := s.New(ctx, k, session.Cookie); err != nil {
				t.Error(err)
			}
			if _, err := s.Clear(ctx, k); err != nil {
				t.Error(err)
			}
		}
	}
	if after := tree(); !reflect.DeepEqual(after, before) {
		t.Errorf("files were touched:\n%v\nwere\n%v", after, before)
	}
}

func TestANewerSchemaIsRefusedAndUnchanged(t *testing.T) {
	dir := t.TempDir()
	p := safe(dir)
	p.migrations = append(slices.Clone(migrations), `ALTER TABLE session ADD COLUMN later TEXT`, `SELECT 1`)
	s := openAt(t, p, session.Settings{})
	s.New(ctx, keyOf("x"), session.Named)
	s.Close()
	before := must.Read(t, filepath.Join(dir, fileName))
	_, err := Open(ctx, dir, session.Settings{})
	if fault.CodeOf(err) != NewerSchema {
		t.Fatalf("a newer schema: %v", err)
	}
	for _, want := range []string{dir, "schema is " + strconv.Itoa(len(migrations)+2), "up to " + strconv.Itoa(len(migrations)), "newer"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the refusal does not say %q: %v", want, err)
		}
	}
	after, _ := os.ReadFile(filepath.Join(dir, fileName))
	if !slices.Equal(before, after) {
		t.Error("the refused database was changed")
	}
}

func TestAnOlderSchemaIsUpgradedAndKeepsItsSessions(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	st, _, err := s.New(ctx, keyOf("x"), session.Named)
	must.OK(t, err)
	in := sessiontest.NewInput("1.pdf")
	want, _, err := s.Attach(ctx, keyOf("x"), session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}})
	must.OK(t, err)
	s.Close()

	p := safe(dir)
	// A step that fails half-way leaves the old version.
	p.migrations = append(slices.Clone(migrations), `CREATE TABLE half (n INTEGER); INSERT INTO nowhere VALUES (1)`)
	if _, err := open(ctx, p, session.Settings{}); err == nil {
		t.Fatal("a migration that fails succeeded")
	}
	p.migrations = append(slices.Clone(migrations), `CREATE TABLE half (n INTEGER) STRICT`, `UPDATE probe SET n = 7`)
	s = openAt(t, p, session.Settings{})
	if got := content(s.Get(ctx, keyOf("x"))); got != content(want, nil) {
		t.Errorf("after migrating the session is %v, was %v", got, content(want, nil))
	}
	if _, _, err := s.New(ctx, keyOf("y"), session.Named); err != nil {
		t.Error(err)
	}
}

func TestAnInterruptedMigrationBeginsAgain(t *testing.T) {
	dir := t.TempDir()
	for n := 1; n < 60; n++ {
		disk := newSimDisk(t, uint64(n))
		p := safe(dir)
		p.vfs, p.reserve = disk.name, 0
		disk.cutAfter(n)
		s, err := open(ctx, p, session.Settings{})
		if err == nil {
			s.Close()
		}
		disk = disk.after(t)
		p.vfs = disk.name
		if s, err = open(ctx, p, session.Settings{}); err != nil {
			t.Fatalf("after a power cut at write %d of the first start: %v", n, err)
		}
		if _, _, err := s.New(ctx, keyOf("x"), session.Named); err != nil {
			t.Errorf("write %d: %v", n, err)
		}
		s.Close()
	}
}

func TestAForeignDatabaseIsRefusedAndUnchanged(t *testing.T) {
	make := func(sql string) func(string) {
		return func(path string) {
			c, err := sqlite3.Open(path)
			must.OK(t, err)
			must.OK(t, c.Exec(sql))
			c.Close()
		}
	}
	for _, c := range []struct {
		name string
		make func(path string)
		code fault.Code
	}{
		{"another program's", make(`CREATE TABLE t (n); PRAGMA application_id=77`), Foreign},
		{"nobody's", make(`CREATE TABLE t (n)`), Foreign},
		{"no database", func(path string) { os.WriteFile(path, []byte(strings.Repeat("not a database", 1000)), 0o600) }, DamagedData},
		{"a folder", func(path string) { os.Mkdir(path, 0o700) }, session.StorageUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			c.make(path)
			before, _ := os.ReadFile(path)
			_, err := Open(ctx, dir, session.Settings{})
			if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), dir) {
				t.Errorf("code %s, want %s: %v", fault.CodeOf(err), c.code, err)
			}
			if after, _ := os.ReadFile(path); !slices.Equal(after, before) {
				t.Error("it was changed")
			}
			// The directory is free again.
			l, err := lock(dir)
			must.OK(t, err)
			unlock(l)
		})
	}
}

func TestADamagedDatabaseIsReported(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	for i := range 500 {
		s.New(ctx, keyOf(fmt.Sprint(i)), session.Named)
	}
	s.Close()
	path := filepath.Join(dir, fileName)
	b := must.Read(t, path)
	for i := 3 * 4096; i < len(b); i++ {
		b[i] = 0xa5
	}
	must.OK(t, os.WriteFile(path, b, 0o600))
	_, err := Open(ctx, dir, session.Settings{})
	if fault.CodeOf(err) != DamagedData || !strings.Contains(err.Error(), dir) {
		t.Errorf("a damaged database: %v", err)
	}
}

func TestInvalidDataDirectoriesAreRefusedClearly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/nowhere"} {
		_, err := Open(ctx, dir, session.Settings{})
		if _, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestADataDirectoryMayBeALink(t *testing.T) {
	world := t.TempDir()
	must.OK(t, os.Mkdir(filepath.Join(world, "real"), 0o700))
	link := filepath.Join(world, "link")
	must.OK(t, os.Symlink("real", link))
	s := mustOpen(t, link)
	st, _, err := s.New(ctx, keyOf("x"), session.Named)
	must.OK(t, err)
	if _, err := Open(ctx, filepath.Join(world, "real"), session.Settings{}); fault.CodeOf(err) != InUse {
		t.Errorf("the same directory by another name: %v", err)
	}
	s.Close()
	again := mustOpen(t, filepath.Join(world, "real"))
	if got, err := again.Get(ctx, keyOf("x")); err != nil || got.Incarnation != st.Incarnation {
		t.Errorf("by its own name: %+v, %v", got, err)
	}
}
