package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/internal/sample"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// drop is what lies in a watched folder, and what must come of it.
type drop struct {
	files map[string][]byte
	// orders are the names of the exports, by the PDF with whose bills they are.
	orders map[string]string
	// failed are the files that have to fail.
	failed map[string]bool
}

// newDrop returns so many pairs of a PDF and its order export, and some files that have no
// counterpart, are copies, or cannot be read.
func newDrop(t *testing.T, pairs int) *drop {
	t.Helper()
	d := &drop{files: map[string][]byte{}, orders: map[string]string{}, failed: map[string]bool{}}
	for i := range pairs {
		s := shipments.Sample(t, sample.Options{Bills: 1, Lines: 1, Seed: uint64(i)})
		old := s.Bills[0].Number
		s.Bills[0].Number = fmt.Sprintf("W%05d", i)
		for j := range s.Orders {
			if s.Orders[j].InvoiceNo == old {
				s.Orders[j].InvoiceNo = s.Bills[0].Number
			}
		}
		var pdf, orders bytes.Buffer
		must.OK(t, s.WritePDF(&pdf))
		must.OK(t, s.WriteOrders(&orders))
		// The halves of a pair are far from each other in the order of names.
		bol, export := fmt.Sprintf("b%04d.pdf", i), fmt.Sprintf("o%04d.csv", pairs-i)
		switch i % 10 {
		case 3:
			d.files[bol] = pdf.Bytes() // no orders
		case 6:
			d.files[export] = orders.Bytes() // no bills
			d.failed[export] = true
		case 7:
			junk := fmt.Sprintf("x%04d.pdf", i)
			d.files[junk] = append([]byte("%PDF-1.7\n"), junk...)
			d.failed[junk] = true
			fallthrough
		default:
			d.files[bol], d.files[export] = pdf.Bytes(), orders.Bytes()
			d.orders[bol] = export
		}
	}
	return d
}

// places returns where the files of a watched folder are: for each name, the folders.
func places(t *testing.T, dir string) map[string][]string {
	t.Helper()
	at := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			at[e.Name()] = append(at[e.Name()], filepath.Dir(path))
		}
		return err
	})
	must.OK(t, err)
	return at
}

// mostKills is how often a program is killed at most: if it is not done by then, the test fails.
const mostKills = 300

// runUntilKilled starts a program, and kills it after a random time, which doubles with every 40
// kills: on a slow machine a program that is killed soon does no work. The program must not end
// by itself.
func runUntilKilled(t *testing.T, cmd *exec.Cmd, kills int, least, most time.Duration) {
	t.Helper()
	must.OK(t, cmd.Start())
	time.Sleep((least + rand.N(most-least)) << (kills / 40))
	cmd.Process.Kill()
	cmd.Wait()
	if cmd.ProcessState.Exited() {
		t.Fatalf("after kill %d it ended by itself, %v:\n%s", kills, cmd.ProcessState, cmd.Stderr)
	}
}

// With TALLYMAN_LONG=1 there are 1,000 files, and a kill every few seconds.
func TestEachFileHasOneOutcomeThroughKills(t *testing.T) {
	pairs, least, most := 25, 100*time.Millisecond, 600*time.Millisecond
	if sessiontest.Long() {
		pairs, least, most = 525, 2*time.Second, 5*time.Second
	}
	d := newDrop(t, pairs)
	dir := t.TempDir()
	for name, b := range d.files {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), b, 0o666))
	}
	kills := 0
	for ; ; kills++ {
		var log bytes.Buffer
		cmd := exec.Command("tallyman", "watch", "--every", "20ms", "--wait", "2s", "--settle", "0", "--log", "json", dir)
		cmd.Stderr = &log
		runUntilKilled(t, cmd, kills, least, most)
		at := places(t, dir)
		left := 0
		for name := range d.files {
			if len(at[name]) != 1 {
				t.Fatalf("after kill %d, %s is in %q\n%s", kills+1, name, at[name], log.String())
			}
			if at[name][0] == dir || strings.Contains(at[name][0], ".tallyman") {
				left++
			}
		}
		if left == 0 && kills >= 5 {
			break
		}
		if kills > mostKills {
			t.Fatalf("%d files are left after %d kills; the last log:\n%s", left, kills, log.String())
		}
	}
	t.Logf("%d files, %d kills", len(d.files), kills+1)
	// A last process has nothing to do but to finish what the last kill left.
	says(t, exitOK, "watch", "--once", "--every", "20ms", "--wait", "0", dir)
	at := places(t, dir)
	sheets := 0
	for name, b := range d.files {
		if len(at[name]) != 1 {
			t.Fatalf("%s is in %q", name, at[name])
		}
		place := at[name][0]
		if got, err := os.ReadFile(filepath.Join(place, name)); err != nil || sha256.Sum256(got) != sha256.Sum256(b) {
			t.Errorf("%s is not what it was (%v)", name, err)
		}
		if failed := filepath.Base(filepath.Dir(place)) == "failed"; failed != d.failed[name] {
			t.Errorf("%s is in %s", name, place)
		}
		if export := d.orders[name]; export != "" && (len(at[export]) != 1 || at[export][0] != place) {
			t.Errorf("%s is in %s, its orders in %q", name, place, at[export])
		}
	}
	for name, where := range at {
		if strings.HasSuffix(name, ".xlsx") {
			sheets += len(where)
		}
	}
	want := 0
	for name := range d.files {
		if strings.HasPrefix(name, "b") {
			want++
		}
	}
	if sheets != want {
		t.Errorf("there are %d sheets, want %d", sheets, want)
	}
}

func TestServeWatchesTheFolderOfAnOwner(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	key := prints(t, "key", "add", "depot", "--admin", "--data", data)
	s := startServer(t, data, []string{"TALLYMAN_WATCH_FORMAT=csv"}, "--listen", "127.0.0.1:0", "--watch", "depot="+dir)
	prints(t, "sample", "-o", dir, "-f")
	os.Remove(filepath.Join(dir, "expected-unmatched.csv")) // would wait for its bills
	want := must.Read(t, filepath.Join(dir, "expected-sheet.csv"))
	os.Remove(filepath.Join(dir, "expected-sheet.csv"))
	var found []string
	must.Soon(t, func() bool {
		found, _ = filepath.Glob(filepath.Join(dir, "done", "*", "bol.csv"))
		return len(found) > 0
	}, "there is no sheet")
	got := must.Read(t, found[0])
	if g, w := must.CSV(t, bytes.NewReader(got)), must.CSV(t, bytes.NewReader(want)); fmt.Sprint(g) != fmt.Sprint(w) {
		t.Errorf("the sheet is %q, want %q", g, w)
	}
	// The files count when the folder is in its place and the log has its line.
	s.measured(t, key, fmt.Sprintf(`tallyman_folder_outcomes_total{folder=%q,outcome="done"} 2`, dir))
	s.end(t)
}

// A folder without the key whose files these are, or in the data directory, is refused.
func TestServeRefusesFoldersThatAreNobodys(t *testing.T) {
	data := t.TempDir()
	prints(t, "key", "add", "depot", "--data", data)
	for at, says := range map[string]string{
		t.TempDir():            "must name the key",
		"other=" + t.TempDir(): "must name the key",
		"depot=" + filepath.Join(data, "contents"): "in the data directory",
	} {
		refuses(t, says, "serve", "--data", data, "--listen", "127.0.0.1:0", "--watch", at)
	}
}
