package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/pairing"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pairingtest"
)

// inbox is a watched folder of a test.
type inbox struct {
	*testing.T
	dir   string
	maker *pairingtest.Maker
	c     Config
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{T: t, dir: t.TempDir(), maker: &pairingtest.Maker{}}
	in.c = Config{
		Dir: in.dir, Maker: in.maker, List: func(io.Writer, *sheet.Sheet) {}, Formats: []sheet.Format{sheet.CSV},
		Every: time.Millisecond, Looks: 2, Wait: time.Hour, Patience: -1, AtOnce: 2,
	}
	return in
}

func (in *inbox) put(name, content string) {
	in.Helper()
	must.OK(in, os.WriteFile(filepath.Join(in.dir, name), []byte(content), 0o666))
}

// once watches until nothing is left to do.
func (in *inbox) once() {
	in.Helper()
	must.OK(in, New(in.c).Once(in.Context()))
}

// when returns a watcher that does something when it first comes to a step.
func (in *inbox) when(step string, do func()) *Watcher {
	w := New(in.c)
	var once sync.Once
	w.step = func(at string) {
		if at == step {
			once.Do(do)
		}
	}
	return w
}

// hourPasses sets the times in the journal back by an hour and a bit.
func (in *inbox) hourPasses() {
	in.Helper()
	path := filepath.Join(in.dir, ownName, "journal")
	var now []byte
	for line := range bytes.Lines(must.Read(in, path)) {
		var r pairing.Record
		must.OK(in, json.Unmarshal(line, &r))
		r.At = r.At.Add(-61 * time.Minute)
		line, err := json.Marshal(r)
		must.OK(in, err)
		now = append(append(now, line...), '\n')
	}
	must.OK(in, os.WriteFile(path, now, 0o666))
}

// found returns the files of a folder below the inbox, without the time in the names of the
// folders of jobs.
func (in *inbox) found(under string) (names []string) {
	in.Helper()
	root := filepath.Join(in.dir, under)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if len(name) > len("2006-01-02 15.04.05 ") {
			name = name[len("2006-01-02 15.04.05 "):]
		}
		names = append(names, filepath.ToSlash(name))
		return err
	})
	must.OK(in, err)
	slices.Sort(names)
	return names
}

// has compares the files of a folder.
func (in *inbox) has(under string, want ...string) {
	in.Helper()
	slices.Sort(want)
	if got := in.found(under); !slices.Equal(got, want) {
		in.Errorf("%s has %q, want %q", under, got, want)
	}
}

// waits compares what is left in the inbox itself.
func (in *inbox) waits(want ...string) {
	in.Helper()
	var got []string
	all, err := os.ReadDir(in.dir)
	must.OK(in, err)
	for _, e := range all {
		if name := e.Name(); name != ownName && name != doneName && name != failedName {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		in.Errorf("the folder has %q, want %q", got, want)
	}
	if left := in.found(filepath.Join(ownName, "jobs")); len(left) > 0 {
		in.Errorf("jobs are left: %q", left)
	}
}

// text returns the text of the only file with an ending below the inbox.
func (in *inbox) text(end string) string {
	in.Helper()
	found, err := filepath.Glob(filepath.Join(in.dir, "*", "*", "*"+end))
	if err != nil || len(found) != 1 {
		in.Fatalf("files with %s: %q, %v", end, found, err)
	}
	return string(must.Read(in, found[0]))
}

func TestBillsAndOrdersFindEachOtherByTheirBills(t *testing.T) {
	in := newInbox(t)
	in.put("one.pdf", "%PDF- A B")
	in.put("x.csv", "C D")
	in.put("two.pdf", "%PDF- C D")
	in.put("y.csv", "A B")
	in.put("alone.pdf", "%PDF- E")
	in.put("none.csv", "F")
	in.once()
	in.has("done", "one/one.pdf", "one/y.csv", "one/one.csv", "one/one.check.txt", "two/two.pdf", "two/x.csv", "two/two.csv", "two/two.check.txt")
	in.has("failed")
	in.waits("alone.pdf", "none.csv")
}

func TestWhatFindsNoCounterpartEndsAfterTheWait(t *testing.T) {
	in := newInbox(t)
	in.put("alone.pdf", "%PDF- E")
	in.put("none.csv", "F")
	in.c.Wait = -1
	in.once()
	in.has("done", "alone/alone.pdf", "alone/alone.csv", "alone/alone.check.txt")
	in.has("failed", "none/none.csv", "none/none.reason.txt")
	in.waits()
	if got := in.text(".check.txt"); !strings.Contains(got, "the sheet is made without orders") {
		t.Errorf("the list says %q", got)
	}
	if got := in.text(".reason.txt"); !strings.Contains(got, "No bills of lading") {
		t.Errorf("the reason is %q", got)
	}
}

func TestAnExportWaitsUntilAllItsBillsAreThere(t *testing.T) {
	in := newInbox(t)
	in.put("week.csv", "A B C")
	in.put("mon.pdf", "%PDF- A")
	in.once()
	in.has("done", "mon/mon.pdf", "mon/mon.csv", "mon/mon.check.txt")
	in.waits("week.csv")
	in.put("tue.pdf", "%PDF- B C")
	in.once() // a new process, which knows what was used
	in.has("done", "mon/mon.pdf", "mon/mon.csv", "mon/mon.check.txt", "tue/tue.pdf", "tue/tue.csv", "tue/tue.check.txt", "tue/week.csv")
	in.waits()

	in.put("next.csv", "K L")
	in.put("k.pdf", "%PDF- K")
	in.once()
	in.c.Wait = -1
	in.once()
	if got := in.text("next.note.txt"); !strings.Contains(got, "for 1 bill of it: L.") {
		t.Errorf("the note says %q", got)
	}
	in.waits()
	in.has("failed")
}

func TestBillsTakeAllExportsThatLieThere(t *testing.T) {
	in := newInbox(t)
	in.put("a.csv", "A")
	in.put("b.csv", "B")
	in.put("bol.pdf", "%PDF- A B C") // C is in none
	in.once()
	in.has("done", "bol/a.csv", "bol/b.csv", "bol/bol.pdf", "bol/bol.csv", "bol/bol.check.txt")
	in.waits()
}

func TestTheSameContentHasOneSheet(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.put("copy of a.pdf", "%PDF- A")
	in.put("a.csv", "A")
	in.once()
	in.has("done", "a/a.pdf", "a/copy of a.pdf", "a/a.csv", "a/a (2).csv", "a/a.check.txt")

	in.put("a.pdf", "%PDF- A")
	in.put("a.csv", "A")
	in.once()
	in.waits()
	if got := in.text(".note.txt"); !strings.Contains(got, "were done before") {
		t.Errorf("the note says %q", got)
	}
	if n := in.maker.Made.Load(); n != 1 {
		t.Errorf("%d sheets were made", n)
	}
	// With other orders it is another sheet.
	in.put("a.pdf", "%PDF- A")
	in.put("a.csv", "A A")
	in.once()
	in.waits()
	if n := in.maker.Made.Load(); n != 2 {
		t.Errorf("%d sheets were made", n)
	}
}

// dead is a watcher that stops for ever at a step, as a killed process does. Only its lock is
// given back, by the kernel.
func (in *inbox) dead(step string, nth int64) (met bool) {
	w := New(in.c)
	if met = pairingtest.Dead(&w.step, step, nth, w.Once); met {
		w.folder.lock.Unlock()
	}
	return met
}

// After a death at each step of a job, each input has one outcome and there is one sheet.
func TestEachStepCanBeTheLast(t *testing.T) {
	steps := []string{"begun", "made", "written", "taken", "synced", "committed", "finished"}
	for _, step := range steps {
		for nth := int64(1); nth <= 3; nth++ {
			t.Run(fmt.Sprint(step, " ", nth), func(t *testing.T) {
				in := newInbox(t)
				in.c.AtOnce = 1
				in.put("a.pdf", "%PDF- A")
				in.put("a.txt", "A")
				in.put("b.pdf", "%PDF- B")
				in.put("b.txt", "B")
				in.put("c.jpg", "junk")
				if !in.dead(step, nth) && nth == 1 {
					t.Fatal("the step was not met")
				}
				in.once()
				in.has("done", "a/a.pdf", "a/a.txt", "a/a.csv", "a/a.check.txt", "b/b.pdf", "b/b.txt", "b/b.csv", "b/b.check.txt")
				in.has("failed", "c/c.jpg", "c/c.reason.txt")
				in.waits()
			})
		}
	}
}

func TestADeathWhileAJobIsFinishedIsHarmless(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.put("a.txt", "A")
	if !in.dead("committed", 1) {
		t.Fatal("the step was not met")
	}
	// One input was moved already.
	job, err := filepath.Glob(filepath.Join(in.dir, ownName, "jobs", "*"))
	if err != nil || len(job) != 1 {
		t.Fatal(job, err)
	}
	must.OK(t, os.Rename(filepath.Join(job[0], takenName, "a.pdf"), filepath.Join(job[0], madeName, "a.pdf")))
	in.put("a.pdf", "%PDF- Z") // somebody has put another file of that name there
	in.once()
	in.has("done", "a/a.pdf", "a/a.txt", "a/a.csv", "a/a.check.txt")
	in.waits("a.pdf")
}

func TestAnInputThatIsPutBackReplacesNothing(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.put("a.txt", "A")
	if !in.dead("synced", 1) {
		t.Fatal("the step was not met")
	}
	in.put("a.pdf", "%PDF- Z")
	in.once()
	in.has("done", "a (2)/a (2).pdf", "a (2)/a.txt", "a (2)/a (2).csv", "a (2)/a (2).check.txt")
	in.waits("a.pdf")
}

func TestOnlyWholeFilesAreRead(t *testing.T) {
	in := newInbox(t)
	in.c.Every, in.c.Wait = 10*time.Millisecond, -1
	in.put("later.pdf.part", "%PDF- A")
	in.put(".hidden.pdf", "%PDF- B")
	in.put("~$open.xlsx", "junk")
	in.put("grows.pdf", "%PDF-")
	w := New(in.c)
	must.OK(t, w.Open())
	defer w.leave()
	for i := range 10 {
		f, err := os.OpenFile(filepath.Join(in.dir, "grows.pdf"), os.O_APPEND|os.O_WRONLY, 0)
		must.OK(t, err)
		fmt.Fprintf(f, " B%d", i)
		f.Close()
		time.Sleep(in.c.Every)
		w.look(t.Context())
		if n := in.maker.Made.Load(); n > 0 {
			t.Fatal("it was read while it grew")
		}
	}
	w.leave()
	in.once()
	in.has("done", "grows/grows.pdf", "grows/grows.csv", "grows/grows.check.txt")
	in.waits(".hidden.pdf", "later.pdf.part", "~$open.xlsx")
}

func TestAFileThatCannotBeReadHasTimeToBecomeWhole(t *testing.T) {
	in := newInbox(t)
	in.c.Patience, in.c.Wait = 50*time.Millisecond, -1
	in.put("a.pdf", "%PDF- junk")
	in.put("b.pdf", "%PDF- junk")
	var n atomic.Int64
	in.maker.Fails = func(name string) error {
		if name == "b.pdf" && n.Add(1) == 1 {
			in.put("b.pdf", "%PDF- B")
			return fault.New(fault.DamagedPDF, "half")
		}
		return nil
	}
	in.once()
	in.has("failed", "a/a.pdf", "a/a.reason.txt")
	in.has("done", "b/b.pdf", "b/b.csv", "b/b.check.txt")
	in.waits()
}

func TestWhatIsNotTheFilesFaultIsNoOutcome(t *testing.T) {
	for _, code := range []fault.Code{fault.Busy, fault.WorkerStopped, fault.Unwritable} {
		in := newInbox(t)
		in.c.Wait = -1
		in.put("a.pdf", "%PDF- A")
		var n atomic.Int64
		in.maker.Fails = func(string) error {
			if n.Add(1) < 5 {
				return fault.New(code, "not now")
			}
			return nil
		}
		in.c.Patience = time.Millisecond // keeps once going
		for range 20 {
			in.once()
		}
		in.has("failed")
		in.has("done", "a/a.pdf", "a/a.csv", "a/a.check.txt")
		in.waits()
	}
}

// A file that is replaced while its sheet is made stays where it is, and the sheet is not of it.
func TestAFileThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	for _, step := range []string{"made", "written"} {
		in := newInbox(t)
		in.put("a.pdf", "%PDF- A")
		in.put("a.txt", "A")
		w := in.when(step, func() {
			in.put("new", "%PDF- A changed")
			if err := os.Rename(filepath.Join(in.dir, "new"), filepath.Join(in.dir, "a.pdf")); err != nil {
				t.Error(err)
			}
		})
		must.OK(t, w.Once(t.Context()))
		in.has("done", "a/a.pdf", "a/a.txt", "a/a.csv", "a/a.check.txt")
		if got := in.text("a.pdf"); got != "%PDF- A changed" {
			t.Errorf("%s: %q is done", step, got)
		}
		in.waits()
	}
}

// The size and the time of a file can be as they were.
func TestAChangeThatOnlyTheContentShowsIsFound(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.put("a.txt", "A")
	path := filepath.Join(in.dir, "a.pdf")
	w := in.when("written", func() {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			return
		}
		in.put("a.pdf", "%PDF- B")
		os.Chtimes(path, time.Time{}, info.ModTime())
	})
	must.OK(t, w.Once(t.Context()))
	in.has("done")
	in.waits("a.pdf", "a.txt")
}

func TestAFileThatVanishesLeavesNothing(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.put("a.txt", "A")
	w := in.when("written", func() { os.Remove(filepath.Join(in.dir, "a.pdf")) })
	must.OK(t, w.Once(t.Context()))
	in.has("done")
	in.has("failed")
	in.waits("a.txt")
}

func TestWaitingGoesOnAfterARestart(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.once()
	in.waits("a.pdf")
	in.hourPasses()
	in.once()
	in.has("done", "a/a.pdf", "a/a.csv", "a/a.check.txt")

	// What somebody takes away waits anew when it comes again.
	in.put("b.pdf", "%PDF- B")
	in.once()
	os.Remove(filepath.Join(in.dir, "b.pdf"))
	in.once()
	w := New(in.c)
	must.OK(t, w.Open())
	defer w.leave()
	b, err := os.ReadFile(filepath.Join(in.dir, ownName, "journal"))
	if n := strings.Count(string(b), `"waits"`) - strings.Count(string(b), `"gone"`); err != nil || n != 1 { // that of a.pdf ended with its outcome
		t.Errorf("%d contents wait (%v):\n%s", n, err, b)
	}
}

// What came while no watcher ran may be the counterpart of what has waited long enough.
func TestNothingIsGivenUpBeforeAllThatLiesThereIsRead(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.once()
	in.hourPasses()
	for i := range 30 {
		in.put(fmt.Sprintf("b%02d.pdf", i), fmt.Sprintf("%%PDF- B%d", i))
	}
	in.put("z.csv", "A")
	in.once()
	in.has("failed")
	if got := in.found("done"); !slices.Contains(got, "a/z.csv") {
		t.Errorf("done has %q", got)
	}
}

func TestAJournalThatACrashCutOffIsUsed(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.put("a.txt", "A")
	in.once()
	path := filepath.Join(in.dir, ownName, "journal")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must.OK(t, err)
	f.WriteString(`{"at":"2026-11-29T`)
	f.Close()
	in.put("b.pdf", "%PDF- B")
	in.put("b.txt", "B")
	in.put("a.pdf", "%PDF- A")
	in.put("a.txt", "A")
	in.once()
	if n := in.maker.Made.Load(); n != 2 {
		t.Errorf("%d sheets were made", n)
	}
	in.waits()

	os.WriteFile(path, []byte("junk\n"), 0o666)
	if err := New(in.c).Open(); fault.CodeOf(err) != fault.Unwritable || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a damaged journal: %v", err)
	}
}

func TestAFolderHasOneWatcher(t *testing.T) {
	in := newInbox(t)
	w := New(in.c)
	must.OK(t, w.Open())
	err := New(in.c).Once(t.Context())
	if fault.CodeOf(err) != InUse || !strings.Contains(err.Error(), in.dir) {
		t.Errorf("the second: %v", err)
	}
	w.leave()
	in.once()
}

func TestAFolderMayBeAway(t *testing.T) {
	in := newInbox(t)
	in.c.Wait = -1
	w := New(in.c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		w.Run(ctx)
		close(ended)
	}()
	must.Soon(t, func() bool { return !w.State().Away }, "it does not begin")
	away := in.dir + "-away"
	must.OK(t, os.Rename(in.dir, away))
	must.Soon(t, func() bool { return w.State().Away }, "the folder is not missed")
	must.OK(t, os.Rename(away, in.dir))
	in.put("a.pdf", "%PDF- A")
	must.Soon(t, func() bool { return w.State().Outcomes[pairing.Done] == 1 }, "nothing is done")
	cancel()
	<-ended
	in.has("done", "a/a.pdf", "a/a.csv", "a/a.check.txt")
}

func TestPlacesThatCannotBeWatched(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o666)
	linked := filepath.Join(dir, "linked")
	os.Mkdir(linked, 0o777)
	os.Symlink(dir, filepath.Join(linked, "done"))
	for place, code := range map[string]fault.Code{filepath.Join(dir, "none"): fault.Unreadable, file: fault.Unreadable, linked: fault.Unwritable} {
		err := New(Config{Dir: place, Maker: &pairingtest.Maker{}}).Open()
		if fault.CodeOf(err) != code || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v", place, err)
		}
	}
}

func TestNames(t *testing.T) {
	in := newInbox(t)
	in.c.Wait = -1
	long := strings.Repeat("é", 120) + ".pdf" // 244 bytes
	var want []string
	for i, name := range []string{long, "line\nbreak.pdf", "\xff\xfe.pdf", " .pdf", "-rf.pdf", "no ending", "a.check.txt", "ＡＢ‮fdp.pdf"} {
		content := fmt.Sprintf("%%PDF- N%d", i)
		in.put(name, content)
		want = append(want, content)
	}
	in.once()
	in.waits()
	var got []string
	for _, name := range in.found("done") {
		if b, err := filepath.Glob(filepath.Join(in.dir, "done", "*"+"", "*")); err != nil || len(b) == 0 {
			t.Fatal(name, err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(in.dir, "done", "*", "*"))
	for _, path := range files {
		b := must.Read(t, path)
		if strings.HasPrefix(string(b), "%PDF-") {
			got = append(got, string(b))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("these are done: %q", got)
	}
	if len(files) != 3*len(want) {
		t.Errorf("%d files are in done", len(files))
	}
}

func TestAMakerThatBreaksFailsTheFile(t *testing.T) {
	in := newInbox(t)
	in.put("a.pdf", "%PDF- A")
	in.maker.Fails = func(string) error { return errors.New("secret cause") }
	in.once()
	in.has("failed", "a/a.pdf", "a/a.reason.txt")
	if got := in.text(".reason.txt"); strings.Contains(got, "secret") {
		t.Errorf("the reason is %q", got)
	}
}
