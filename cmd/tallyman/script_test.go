//go:build linux

package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xuri/excelize/v2"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/jobs"
	"tallyman/internal/queue"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
	"tallyman/internal/webhook"
)

// The scripts read like a terminal. In addition to the commands of testscript they
// use:
//
//	exits CODE PROGRAM [ARGUMENT…]   like exec, with the exit code; standard error
//	                                 must be readable text
//	runs PROGRAM [ARGUMENT…]         like exec, with any exit code
//	holds DIRECTORY [NAME…]          the directory has these files, and no others
//	hostile KIND FILE                write a malicious file
//	wrong KIND DIRECTORY             write a sample with a fault
//	orders-as KIND FROM TO           save an order export (CSV) in another form
//	replace OLD NEW FILE…            change a text in files
//	xlsx-is FILE CSV                 a workbook opens and holds the cells of a CSV
//	json-is FILE CSV                 JSON decodes and holds the cells of a CSV
//	png-is FILE WIDTH                a picture decodes and has that width, in pixels
//	reading                          wait until a worker runs
//	workers-gone                     no worker is left
//	small-disk DIRECTORY             mount a disk of a few kilobytes there
//	sessions DIRECTORY N             put N sessions with two files each there
//	damage DIRECTORY                 flip a bit of the first file of the first session
//
// The variable REAL is the directory of real documents, if the condition [real]
// holds. The condition [mount] holds if small-disk works.
//
// They need Linux: /proc shows which workers run.
func TestScripts(t *testing.T) {
	cache, err := os.UserCacheDir()
	must.OK(t, err)
	real, err := filepath.Abs("../../../shared/testdata/midas-2025-07-10")
	must.OK(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// Scripts have their own home, and without this cache each would compile the
			// PDF engine.
			env.Setenv("XDG_CACHE_HOME", cache)
			env.Setenv("REAL", real)
			// Use one worker unless a script needs more: each takes half a second to
			// start.
			env.Setenv("GOMAXPROCS", "1")
			return os.Chmod(filepath.Dir(env.WorkDir), 0o755) // for the unprivileged user
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "real":
				_, err := os.Stat(real)
				return err == nil, nil
			case "mount":
				return mayMount()
			}
			return false, fmt.Errorf("there is no condition %s", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":        exits,
			"runs":         runs,
			"holds":        holds,
			"hostile":      writeHostile,
			"wrong":        writeWrong,
			"orders-as":    ordersAs,
			"replace":      replace,
			"xlsx-is":      xlsxIs,
			"json-is":      jsonIs,
			"png-is":       pngIs,
			"reading":      reading,
			"workers-gone": workersGone,
			"small-disk":   smallDisk,
			"sessions":     makeSessions,
			"damage":       damage,
			"later":        makeTasks,
		},
		RequireExplicitExec: false,
		RequireUniqueNames:  true,
	})
}

// arguments ends the script if the number of arguments differs from the usage.
func arguments(ts *testscript.TestScript, neg bool, args []string, usage string) {
	if want := len(strings.Fields(usage)) - 1; neg || len(args) != want && !(strings.HasSuffix(usage, "…") && len(args) >= want) {
		ts.Fatalf("usage: %s", usage)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "exits CODE PROGRAM…")
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("the exit code is %d (%v)", code, err)
	}
	said := ts.ReadFile("stderr")
	if code != 0 && said == "" {
		ts.Fatalf("it failed and did not say why")
	}
	for _, internal := range []string{"goroutine ", "panic", "runtime error", "internal error", "%!"} {
		if strings.Contains(said, internal) {
			ts.Fatalf("%q is not text for people", internal)
		}
	}
}

func runs(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "runs PROGRAM…")
	if err := ts.Exec(args[0], args[1:]...); err != nil && !errors.As(err, new(*exec.ExitError)) {
		ts.Check(err)
	}
}

func holds(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "holds DIRECTORY…")
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range entries {
		// The script's own temporary directory.
		if e.Name() != ".tmp" {
			got = append(got, e.Name())
		}
	}
	want := slices.Sorted(slices.Values(args[1:]))
	if !slices.Equal(got, want) {
		ts.Fatalf("%s holds %q, not %q", args[0], got, want)
	}
}

func writeHostile(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "hostile KIND FILE")
	make, ok := map[string]func() []byte{
		"text":      func() []byte { return hostile.TextPDF("Dear Sir or Madam") },
		"encrypted": func() []byte { return hostile.EncryptedPDF("secret", "owner", "locked") },
		"form-bomb": func() []byte { return hostile.FormBomb(10, 10) },
		"endless":   func() []byte { return hostile.ManyPages(15_000, 40<<20) },
		"pattern":   hostile.PatternLoop,
		"dark":      func() []byte { return hostile.PictureBomb(300, 400) },
		"too-many":  func() []byte { return hostile.ManyPages(50_000, 1) },
		"zip-bomb":  func() []byte { return hostile.ZipBomb(64 << 20) },
		"cell-bomb": func() []byte { return hostile.CellBomb(10 << 20) },
		"cell-text": func() []byte { return hostile.CellText(10 << 20) },
		"headings":  func() []byte { return hostile.TextBomb("STYLE", 50_000) },
	}[args[0]]
	if !ok {
		ts.Fatalf("there is no hostile %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), make(), 0o666))
}

// invented returns a sample with a bill of two pages.
func invented(ts *testscript.TestScript) *sample.Sample {
	s, err := sample.New(sample.Defaults())
	ts.Check(err)
	return s
}

func writeWrong(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "wrong KIND DIRECTORY")
	s := invented(ts)
	switch args[0] {
	case "digit": // a line prints other pieces than its own
		b := s.Bills[0]
		b.Lines[0].Print = sample.Print{sample.Pieces: strconv.Itoa(b.Lines[0].Pieces + 1)}
	case "page": // the first page of the bill of two pages is missing
		s.Pages = slices.DeleteFunc(s.BillPages(), func(p sample.Page) bool { return p.N == 1 && p.M == 2 })
	case "row": // a line prints words where its pieces should be
		s.Bills[0].Lines[0].Print = sample.Print{sample.Pieces: "1Z"}
	case "totals": // a bill prints no totals
		b := s.Bills[0]
		b.NoTotals, b.Cube, b.Weight = true, 0, 0
		for _, l := range b.Lines {
			b.Cube += l.Volume
			b.Weight += l.Weight
		}
	case "order": // a line has no order row
		s.Orders = s.Orders[1:]
	case "scan": // no page has text, and one a picture
		s.Pages = []sample.Page{{Picture: true}, {}, {}}
	case "letter": // a page of the document belongs to no bill
		s.Pages = append(s.BillPages(), sample.Page{Text: []string{"Please note our new bank account."}})
	default:
		ts.Fatalf("there is no wrong %s", args[0])
	}
	ts.Check(s.WriteDir(ts.MkAbs(args[1]), false))
}

func replace(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "replace OLD NEW FILE…")
	for _, name := range args[2:] {
		text := ts.ReadFile(name)
		if !strings.Contains(text, args[0]) {
			ts.Fatalf("%s does not hold %q", name, args[0])
		}
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(strings.ReplaceAll(text, args[0], args[1])), 0o666))
	}
}

// table returns the sheet in a CSV.
func table(ts *testscript.TestScript, name string) [][]string {
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(name))).ReadAll()
	ts.Check(err)
	return rows
}

// sameCells compares two sheets, numbers as numbers: a workbook does not keep
// trailing zeros.
func sameCells(ts *testscript.TestScript, got, want [][]string) {
	if len(got) != len(want) {
		ts.Fatalf("it has %d rows, not %d", len(got), len(want))
	}
	for i, row := range want {
		for j, w := range row {
			g := ""
			if j < len(got[i]) {
				g = got[i][j]
			}
			gn, err1 := strconv.ParseFloat(g, 64)
			wn, err2 := strconv.ParseFloat(w, 64)
			if g != w && (err1 != nil || err2 != nil || gn != wn) {
				ts.Fatalf("row %d, %s: %q is not %q", i+1, want[0][j], g, w)
			}
		}
	}
}

func xlsxIs(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "xlsx-is FILE CSV")
	f, err := excelize.OpenReader(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	defer f.Close()
	got, err := f.GetRows(f.GetSheetName(0), excelize.Options{RawCellValue: true})
	ts.Check(err)
	want := table(ts, args[1])
	if n := len(got); n == len(want)+1 && len(got[n-1]) > 0 && got[n-1][0] == "Total" {
		got = got[:n-1] // the sums
	}
	// A date is stored as the number of its day.
	for i := range want {
		for j, cell := range want[i] {
			if d, err := time.Parse("01022006", cell); err == nil && strings.HasSuffix(want[0][j], " Date") {
				want[i][j] = strconv.Itoa(int(d.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24))
			}
		}
	}
	sameCells(ts, got, want)
}

func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "json-is FILE CSV")
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	d.DisallowUnknownFields()
	var v sheet.View
	ts.Check(d.Decode(&v))
	if d.More() {
		ts.Fatalf("something follows the JSON")
	}
	got := [][]string{v.Columns}
	for _, r := range v.Rows {
		var row []string
		for _, c := range r.Cells {
			row = append(row, c.Text)
		}
		got = append(got, row)
	}
	sameCells(ts, got, table(ts, args[1]))
}

func pngIs(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "png-is FILE WIDTH")
	img, err := png.Decode(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	// The page is higher than wide, and a legend is below it.
	if size := img.Bounds().Size(); strconv.Itoa(size.X) != args[1] || size.Y <= size.X {
		ts.Fatalf("its size is %v", size)
	}
}

func makeSessions(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "sessions DIRECTORY N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	inDirectory(ts, ts.MkAbs(args[0]), func(ctx context.Context, sessions *sqlite.Store, contents blob.Store) {
		for i := range n {
			k := session.Key{Owner: "depot", ID: session.ID(strconv.Itoa(i))}
			st, _, err := sessions.Open(ctx, k, session.Named)
			ts.Check(err)
			var in []session.Input
			for _, name := range []string{"bol 0.pdf", "bol 1.pdf"} {
				f := session.Input{Name: name}
				for _, ref := range []*blob.Ref{&f.Content, &f.Reading} {
					*ref, err = contents.Put(ctx, strings.NewReader(strings.Repeat("x", 50)))
					ts.Check(err)
				}
				in = append(in, f)
			}
			_, _, err = sessions.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: in})
			ts.Check(err)
		}
	})
}

// makeTasks puts jobs, and events to one webhook, all of which nobody carried out.
func makeTasks(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "later DIRECTORY JOBS EVENTS")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	events, err := strconv.Atoi(args[2])
	ts.Check(err)
	inDirectory(ts, ts.MkAbs(args[0]), func(ctx context.Context, sessions *sqlite.Store, _ blob.Store) {
		tasks := sessions.Tasks()
		for range n {
			_, _, err := tasks.Put(ctx, queue.New{ID: queue.NewID("j_"), Owner: "depot", Kind: jobs.Kind})
			ts.Check(err)
		}
		policy, err := webhook.NewPolicy([]string{"hooks.example.com"}, nil)
		ts.Check(err)
		service := webhook.New(webhook.Config{Endpoints: sessions.Webhooks(), Queue: tasks, Policy: policy})
		_, err = service.Add(ctx, "depot", "https://hooks.example.com/", nil, "")
		ts.Check(err)
		for range events {
			ts.Check(service.Emit(ctx, "depot", webhook.Event{Type: webhook.SheetReady}))
		}
	})
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "damage DIRECTORY")
	dir := ts.MkAbs(args[0])
	inDirectory(ts, dir, func(ctx context.Context, sessions *sqlite.Store, _ blob.Store) {
		page, err := sessions.List(ctx, session.Query{Limit: 1})
		ts.Check(err)
		k := string(page.Sessions[0].BOL[0].Content.Key)
		ts.Check(os.WriteFile(filepath.Join(dir, "contents", k[:2], k), []byte(strings.Repeat("x", 49)+"y"), 0o600))
	})
}

// inDirectory opens a data directory for a while.
func inDirectory(ts *testscript.TestScript, dir string, do func(context.Context, *sqlite.Store, blob.Store)) {
	store, err := sqlite.Open(context.Background(), dir, session.Settings{})
	ts.Check(err)
	defer func() { ts.Check(store.Close()) }()
	contents, err := files.Open(filepath.Join(dir, "contents"))
	ts.Check(err)
	do(context.Background(), store, contents)
}
