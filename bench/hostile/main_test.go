package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/program"
)

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	code := m.Run()
	program.Forget()
	os.Exit(code)
}

// started returns a server for one test.
func started(t *testing.T) *server {
	t.Helper()
	path, err := program.Path()
	must.OK(t, err)
	s, err := start(path, t.TempDir(), 2)
	must.OK(t, err)
	t.Cleanup(s.end)
	return s
}

var usual = options{deadline: 30 * time.Minute, all: 50 * time.Minute, atOnce: 2, warm: 4, growth: 64, patience: 30 * time.Minute}

func content(b []byte) func() ([]byte, error) { return func() ([]byte, error) { return b, nil } }

func TestHostileFilesAreAnsweredAndDoNoHarm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"form-loop.pdf":                   hostile.FormLoop(),
		"type3-loop.pdf":                  hostile.Type3Loop(),
		"page-tree-loop.pdf":              hostile.PageTreeLoop(),
		"page-tree-deep.pdf":              hostile.PageTreeDeep(10_000),
		"billion-pages.pdf":               hostile.PageCount(1_000_000_000),
		"no-pages.pdf":                    hostile.PageCount(-1),
		"deep.pdf":                        hostile.DeepObject(100_000),
		"jpx.pdf":                         hostile.ImageBomb("JPXDecode", 100_000),
		"jbig2.pdf":                       hostile.ImageBomb("JBIG2Decode", 1_000_000),
		"prev-loop.pdf":                   hostile.PrevLoop(),
		"xref-size.pdf":                   hostile.XrefSize(2_000_000_000),
		"length-loop.pdf":                 hostile.LengthLoop(),
		"object-loop.pdf":                 hostile.ObjectLoop(),
		"locked.pdf":                      hostile.LockedPDF(),
		"password.pdf":                    hostile.EncryptedPDF("secret", "owner", "locked"),
		"text.pdf":                        hostile.TextPDF("no bill"),
		"bomb.xlsx":                       hostile.ZipBomb(16 << 20),
		"liar.xlsx":                       hostile.LyingZipBomb(16 << 20),
		"entities.xlsx":                   hostile.EntityBomb(),
		"cell.csv":                        hostile.CellText(1 << 20),
		"dust.png":                        hostile.Dust(600, 750),
		"nothing":                         nil,
		"zeros\n\"; filename=\"other.pdf": make([]byte, 1<<16),
	} {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	documents, leftOut, err := collect([]string{dir}, 1<<30)
	if err != nil || len(leftOut) > 0 {
		t.Fatal(err, leftOut)
	}
	// A large picture of the same kind takes a quarter of a minute, and is sent by the program itself.
	more := slices.DeleteFunc(mutants(4, 1), func(d document) bool { return d.name == "pictures/"+hostile.InkAlone })
	documents = append(documents, more...)
	s := started(t)
	r, err := try(t.Context(), s, s.URL(), documents, usual)
	must.OK(t, err)
	var b strings.Builder
	r.print(&b)
	if len(r.violations) > 0 || r.documents != len(documents) || r.accepted[asBOL] == 0 || r.drawn == 0 || r.accepted[asOrders] == 0 {
		t.Errorf("%d of %d files were sent, %v accepted:\n%s", r.documents, len(documents), r.accepted, &b)
	}
	for _, says := range []string{
		fmt.Sprintf("%d files sent", len(documents)), "422 encrypted_pdf", "413 too_large", "422 damaged_pdf", "0 violations",
		"neither 2xx nor 4xx 0, no JSON 0, over the deadline 0",
	} {
		if !strings.Contains(b.String(), says) {
			t.Errorf("the report does not say %q:\n%s", says, &b)
		}
	}
}

// Each of these misbehaves on one request, and only on requests for a document, not on
// those before.
func TestEveryMisbehaviourIsFound(t *testing.T) {
	t.Parallel()
	d := invent(sample.Options{Bills: 1, Lines: 3, Seed: 2})
	answers := func(status int, kind, body string) func(*testing.T, *server, http.ResponseWriter, *http.Request) bool {
		return func(_ *testing.T, _ *server, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
			return true
		}
	}
	shared := started(t)
	for _, tt := range []struct {
		name string
		path string
		own  bool // needs a separate server, which it harms
		harm func(*testing.T, *server, http.ResponseWriter, *http.Request) (answered bool)
		want string // a violation, or the expected text about the server's state
	}{
		{"nothing", "/upload", false, func(*testing.T, *server, http.ResponseWriter, *http.Request) bool { return false }, ""},
		{"a 500", "/upload", false, answers(500, "application/json", `{"error":"x","code":"internal"}`), ours},
		{"a 503", "/upload-csv", false, answers(503, "application/json", `{"error":"x","code":"busy"}`), ours},
		{"a page instead of JSON", "/upload", false, answers(200, "text/html", "<p>fine"), notJSON},
		{"an empty answer", "/status", false, answers(200, "application/json", ""), notJSON},
		{"an error without a code", "/upload-csv", false, answers(422, "application/json", `{"error":"x"}`), "an error without a sentence or a code"},
		{"a stack in the sentence", "/upload", false, answers(422, "application/json", `{"error":"runtime error: index out of range","code":"x"}`), "the sentence shows internals"},
		{"a hang", "/upload", false, func(_ *testing.T, _ *server, _ http.ResponseWriter, r *http.Request) bool {
			io.Copy(io.Discard, r.Body) // only then does the server notice that a client is gone
			<-r.Context().Done()
			return true
		}, overDeadline},
		{"a connection that breaks", "/upload", false, func(*testing.T, *server, http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, "no answer"},
		{"a sheet that lacks a column", "/download-bol", false, answers(200, "text/csv", "RTS ID\n"), "the sheet is not whole: record on line 1: wrong number of fields"},
		{"a sheet of another type", "/download-bol", false, answers(200, "application/pdf", ""), "it is of another type than text/csv"},
		{"no sheet of what was accepted", "/download-bol", false, answers(404, "application/json", `{"error":"x","code":"no_sheet"}`), "it was accepted, but there is no sheet"},
		{"another document's file", "/download-bol/bol.pdf", false, answers(200, "application/pdf", "%PDF-"), "the downloaded file differs from the one that was sent"},
		{"a file that is not listed", "/files", false, answers(200, "application/json", `{"files":[]}`), "it was accepted, but is not listed"},
		{"no picture", "/page-picture", false, answers(200, "image/png", "none"), "the picture is invalid: unexpected EOF"},
		{"a session that stays", "/clear-session", true, answers(200, "application/json", `{"status":"cleared"}`), "there are 2 sessions, 0 before"},
		{"a session whose files stay", "/clear-session", true, answers(200, "application/json", `{"status":"cleared"}`), " files of sessions are left, 0 before"},
		{"a temporary file that stays", "/upload", true, func(t *testing.T, s *server, _ http.ResponseWriter, _ *http.Request) bool {
			if err := os.WriteFile(filepath.Join(s.tmp, "left-behind"), nil, 0o600); err != nil {
				t.Error(err)
			}
			return false
		}, "temporary files are left: [\""},
		{"a connection that stays", "/upload", true, func(t *testing.T, s *server, _ http.ResponseWriter, _ *http.Request) bool {
			// The server closes it itself, but only after the patience is over.
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
			if err != nil {
				t.Error(err)
				return false
			}
			t.Cleanup(func() { conn.Close() })
			return false
		}, " files open, "},
		{"a server that ends", "/upload-csv", true, func(t *testing.T, s *server, _ http.ResponseWriter, _ *http.Request) bool {
			if p, err := os.FindProcess(s.PID()); err == nil {
				p.Kill()
			}
			for !s.Fell() {
				time.Sleep(10 * time.Millisecond)
			}
			return false
		}, "it ended"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := shared
			if tt.own {
				t.Parallel()
				s = started(t)
			}
			to, err := url.Parse(s.URL())
			must.OK(t, err)
			through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: &http.Transport{DisableKeepAlives: true},
				ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == tt.path && strings.HasPrefix(r.URL.Query().Get("_sid"), "hostile-0-") && tt.harm(t, s, w, r) {
					return
				}
				through.ServeHTTP(w, r)
			}))
			defer proxy.Close()
			o := usual
			o.warm = 1
			if tt.want != "" {
				o.patience = time.Second
			}
			if tt.want == overDeadline {
				o.deadline = 3 * time.Second
			}
			r, err := try(t.Context(), s, proxy.URL, []document{{"bol.pdf", content(d.Bills)}}, o)
			must.OK(t, err)
			noticed := tt.want == "" && len(r.violations) == 0
			for _, v := range r.violations {
				noticed = noticed || tt.want != "" && (v.what == tt.want || v.document == "the server" && strings.Contains(v.answer, tt.want))
			}
			if !noticed {
				t.Errorf("the violations are %q; %q is none of them", r.violations, tt.want)
			}
		})
	}
}

func TestAWorseServerCountsAsHarmed(t *testing.T) {
	before := state{started: 5, memory: 40, workers: 2, goroutines: 20, open: 20, sessions: 1, contents: 1, temporary: []string{"a"}}
	if got := before.harm(before, 0); len(got) > 0 {
		t.Errorf("as it was: %q", got)
	}
	for want, change := range map[string]func(*state){
		"the server was started again":                  func(s *state) { s.started++ },
		"the server's memory grew from 40 to 51 MB":     func(s *state) { s.memory += 11 },
		"the server has 21 goroutines, 20 before":       func(s *state) { s.goroutines++ },
		"the server has 21 files open, 20 before":       func(s *state) { s.open++ },
		"the server has 3 workers, 2 before":            func(s *state) { s.workers++ },
		"there are 2 sessions, 1 before":                func(s *state) { s.sessions++ },
		"2 files of sessions are left, 1 before":        func(s *state) { s.contents++ },
		`temporary files are left: ["a" "b"], 1 before`: func(s *state) { s.temporary = []string{"a", "b"} },
	} {
		now := before
		change(&now)
		if got := now.harm(before, 10); len(got) != 1 || got[0] != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestFilesThatAreLeftOutAreNamed(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"small": 1, "large": 3 << 20} {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), make([]byte, n), 0o600))
	}
	must.OK(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	documents, leftOut, err := collect([]string{dir}, 1<<20)
	must.OK(t, err)
	if len(documents) != 1 || filepath.Base(documents[0].name) != "small" || len(leftOut) != 2 ||
		!strings.HasSuffix(leftOut[0], "large: it has 3 MB") || !strings.HasSuffix(leftOut[1], "link: it is not a regular file") {
		t.Errorf("%d are sent, left out are %q", len(documents), leftOut)
	}
	if _, _, err := collect([]string{filepath.Join(dir, "missing")}, 1); err == nil {
		t.Error("a missing folder is accepted")
	}
}

func TestAFileThatCannotBeReadIsAViolation(t *testing.T) {
	t.Parallel()
	s := started(t)
	o := usual
	o.warm = 1
	r, err := try(t.Context(), s, s.URL(), []document{{"gone.pdf", func() ([]byte, error) { return nil, os.ErrNotExist }}}, o)
	must.OK(t, err)
	if len(r.violations) != 1 || r.violations[0].document != "gone.pdf" || len(r.leftOut) != 1 {
		t.Errorf("the violations are %q, left out are %q", r.violations, r.leftOut)
	}
}

func TestNothingToSendIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := load.Run(func() { run(t.Context(), usual, []string{dir}) }); err == nil || err.Error() != "nothing to send in "+dir {
		t.Error(err)
	}
}

func TestACancelledRunSaysSo(t *testing.T) {
	t.Parallel()
	s := started(t)
	ctx, cancel := context.WithCancel(t.Context())
	documents := []document{{"first", func() ([]byte, error) { cancel(); return nil, nil }}, {"second", content(nil)}, {"third", content(nil)}, {"fourth", content(nil)}}
	r, err := try(ctx, s, s.URL(), documents, usual)
	must.OK(t, err)
	if len(r.violations) == 0 || !strings.HasPrefix(r.violations[len(r.violations)-1].what, "the run was given up: ") {
		t.Errorf("the violations are %q", r.violations)
	}
}
