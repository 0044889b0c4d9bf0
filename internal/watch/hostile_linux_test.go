package watch

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/smalldisk"
)

func TestWhatIsNoFileIsLeftAlone(t *testing.T) {
	in := newInbox(t)
	in.c.Wait = -1
	secret := filepath.Join(t.TempDir(), "secret.pdf")
	os.WriteFile(secret, []byte("%PDF- S"), 0o666)
	os.Symlink(secret, filepath.Join(in.dir, "link.pdf"))
	os.Symlink("nowhere", filepath.Join(in.dir, "broken.pdf"))
	os.Mkdir(filepath.Join(in.dir, "folder.pdf"), 0o777)
	must.OK(t, syscall.Mkfifo(filepath.Join(in.dir, "pipe.pdf"), 0o666))
	in.put("a.pdf", "%PDF- A")
	in.once()
	in.has("done", "a/a.pdf", "a/a.csv", "a/a.check.txt")
	in.has("failed")
	in.waits("broken.pdf", "folder.pdf", "link.pdf", "pipe.pdf")
}

// A file can become a link or a pipe between the look and the reading.
func TestAFileThatBecomesALinkIsNotRead(t *testing.T) {
	in := newInbox(t)
	secret := filepath.Join(t.TempDir(), "secret.pdf")
	os.WriteFile(secret, []byte("%PDF- A"), 0o666)
	in.put("a.pdf", "%PDF- A")
	in.put("b.pdf", "%PDF- B")
	w := New(in.c)
	must.OK(t, w.Open())
	defer w.leave()
	must.OK(t, w.list(time.Now()))
	a, b := filepath.Join(in.dir, "a.pdf"), filepath.Join(in.dir, "b.pdf")
	os.Remove(a)
	os.Symlink(secret, a)
	os.Remove(b)
	syscall.Mkfifo(b, 0o666)
	for _, e := range w.entries {
		if f, err := w.open(e); err == nil {
			f.Close()
			t.Errorf("%s was opened", e.name)
		}
	}
}

func TestAFileWithoutPermissionFails(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.maker.Fails = func(string) error { return fault.New(fault.Unreadable, "a.pdf: there is no permission to read it") }
	in.once()
	in.has("failed", "a/a.pdf", "a/a.reason.txt")
}

func TestAFullDiskLosesNothing(t *testing.T) {
	smalldisk.Run(t, "1m", func(t *testing.T, dir string) {
		in := newInbox(t)
		in.dir, in.c.Dir = dir, dir
		in.put("a.pdf", "%PDF- A")
		in.put("a.txt", "A")
		in.put("bad.jpg", "junk")
		if err := New(in.c).Open(); err != nil { // makes the folders
			t.Fatal(err)
		}
		fill, err := os.Create(filepath.Join(dir, ".fill"))
		must.OK(t, err)
		for {
			if _, err := fill.Write([]byte(strings.Repeat("x", 512))); err != nil {
				break
			}
		}
		fill.Close()
		w := New(in.c)
		w.Once(t.Context()) // fails, or leaves all
		in.has("done")
		in.has("failed")
		if _, err := os.Stat(filepath.Join(dir, "a.pdf")); err != nil {
			t.Error(err)
		}
		os.Remove(fill.Name())
		in.once()
		in.has("done", "a/a.pdf", "a/a.txt", "a/a.csv", "a/a.check.txt")
		in.has("failed", "bad/bad.jpg", "bad/bad.reason.txt")
		in.waits()
	})
}
