package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/child"
	"tallyman/internal/testing/hostile"
)

// fault is a kind of fault to inject.
type fault struct {
	name string
	ends bool // the server ends by it
	do   func(ctx context.Context) error
}

// errMissed reports that a fault had no effect, so it is not counted.
var errMissed = errors.New("it missed")

// ballast is the file that fills a disk.
const ballast = "BALLAST"

// faults returns all faults that are possible here.
func (s *Soak) faults() []fault {
	all := []fault{
		{"kill -9 of the server", true, s.killServer},
		{"SIGTERM of the server, and a start", true, s.restart},
		{"client: header that never ends", false, s.later(s.slowHeader)},
		{"client: body that comes slowly", false, s.later(s.slowBody)},
		{"client: answers that are not read", false, s.later(s.slowReader)},
		{"client: upload broken off", false, s.abort},
		{"client: download broken off", false, s.abortDownload},
		{"hostile document", false, s.hostileDocument},
		{"hostile order export", false, s.hostileOrders},
		{"wrong request", false, s.wrongRequest},
		{"flood of connections", false, s.flood},
		{"foreign server over the same contents", false, s.foreignServer},
		{"second server with the same data directory", false, s.twin},
	}
	if runtime.GOOS == "linux" { // where processes can be found
		all = append(all, fault{"kill -9 of a worker", false, s.killWorker}, fault{"worker stopped for a while", false, s.stopWorker},
			fault{"rogue worker", false, s.rogueWorker})
	}
	if canJump {
		all = append(all, fault{"jump of the wall clock", false, s.jumpClock})
	}
	if canStop {
		all = append(all, fault{"server stopped for a while", false, s.stopServer})
	}
	if !s.o.NoFullDisk {
		all = append(all, fault{"full disk", false, s.fullDisk}, fault{"kill -9 of the server on a full disk", true, s.killOnFullDisk})
	}
	return all
}

// later runs a slow fault beside others. It makes no random choices, which are not for
// concurrent use.
func (s *Soak) later(do func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error {
		s.background.Go(func() { do(ctx) })
		return nil
	}
}

// between is a random time.
func (s *Soak) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.server.random.Int64N(int64(most-least)))
}

func (s *Soak) killServer(ctx context.Context) error {
	over := s.trouble.begin(down)
	defer over()
	s.server.Kill()
	sleep(ctx, s.between(0, 300*time.Millisecond))
	if err := s.start(); err != nil {
		return err
	}
	over()
	return s.probe(ctx, "kill -9 and a start")
}

func (s *Soak) killWorker(ctx context.Context) error {
	pid := s.server.worker()
	if pid == 0 {
		return errMissed
	}
	over := s.trouble.begin(harmed)
	defer over()
	if err := child.Signal(pid, s.server.PID(), os.Kill); err != nil {
		return errMissed // it ended meanwhile
	}
	s.trouble.allow(harmed)
	over()
	return s.probe(ctx, "kill -9 of a worker")
}

func (s *Soak) stopServer(ctx context.Context) error {
	return s.pause(ctx, s.server.PID(), os.Getpid())
}

func (s *Soak) stopWorker(ctx context.Context) error {
	return s.pause(ctx, s.server.worker(), s.server.PID())
}

// pause stops a child of a process for a while.
func (s *Soak) pause(ctx context.Context, pid, parent int) error {
	if err := child.Signal(pid, parent, stopped); err != nil {
		return errMissed // there is no worker, or it ended meanwhile
	}
	sleep(ctx, s.between(100*time.Millisecond, s.patience(4*time.Second)))
	child.Signal(pid, parent, continued)
	return s.probe(ctx, "SIGSTOP and SIGCONT")
}

// patience shortens durations in a short run.
func (s *Soak) patience(d time.Duration) time.Duration {
	return max(200*time.Millisecond, min(d, s.o.Time/20))
}

func (s *Soak) fullDisk(ctx context.Context) error {
	over := s.trouble.begin(full)
	defer over()
	empty, err := fill(s.server.data)
	if err != nil {
		return err
	}
	met := s.meets(ctx)
	sleep(ctx, s.between(100*time.Millisecond, s.patience(3*time.Second)))
	empty()
	over()
	if err := s.probe(ctx, "the disk was full"); err != nil {
		return err
	}
	if !met {
		return errMissed
	}
	return nil
}

// meets uploads a document to a full disk, and reports whether there was no room for
// it.
func (s *Soak) meets(ctx context.Context) bool {
	d, sid := s.stray("no room")
	a := s.ask(ctx, s.hc, uploading(sid, d))
	if a.outcome == done {
		s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/clear-session", SID: sid})
	}
	return a.Status == http.StatusInsufficientStorage || a.code == "storage_unavailable"
}

func (s *Soak) killOnFullDisk(ctx context.Context) error {
	over := s.trouble.begin(full)
	defer over()
	empty, err := fill(s.server.data)
	if err != nil {
		return err
	}
	sleep(ctx, s.between(100*time.Millisecond, s.patience(time.Second)))
	dead := s.trouble.begin(down)
	defer dead()
	s.server.Kill()
	if err := s.start(); err != nil {
		s.report.violated(unpromised, "the server does not start on a full disk: %v", err)
		empty()
		if err := s.start(); err != nil {
			return err
		}
	}
	dead()
	sleep(ctx, s.between(100*time.Millisecond, s.patience(time.Second)))
	empty()
	over()
	return s.probe(ctx, "kill -9 and a start on a full disk")
}

// dial opens a connection directly to the server.
func (s *Soak) dial() (*net.TCPConn, error) {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(s.server.url(), "http://"), 5*time.Second)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// slowHeader begins a request and never ends its header. The server closes the
// connection.
func (s *Soak) slowHeader(ctx context.Context) {
	c, err := s.dial()
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /status?_sid=slow HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	limit := s.patience(15 * time.Second)
	for end := time.Now().Add(limit); time.Now().Before(end) && ctx.Err() == nil; {
		if _, err := c.Write([]byte("x")); err != nil {
			return
		}
		sleep(ctx, 200*time.Millisecond)
	}
	// The server waits ten seconds for it.
	if limit < 14*time.Second || ctx.Err() != nil {
		return
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		s.report.violated(hangs, "a connection whose header never ends was still open after %v", limit)
	}
}

// slowBody uploads a document whose last bytes come one by one: it is read and
// attached like any other.
func (s *Soak) slowBody(ctx context.Context) {
	d, sid := s.stray("slow")
	r := uploading(sid, d)
	acknowledged := s.hooks.asks(r)
	began := time.Now()
	c, err := s.dial()
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /upload?_sid=%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", url.QueryEscape(sid), r.Kind, len(r.Body))
	const slow = 100
	c.Write(r.Body[:len(r.Body)-slow])
	each := s.patience(10*time.Second) / slow
	for i := len(r.Body) - slow; i < len(r.Body) && ctx.Err() == nil; i++ {
		if _, err := c.Write(r.Body[i : i+1]); err != nil {
			break
		}
		sleep(ctx, each)
	}
	if ctx.Err() != nil {
		return
	}
	a, err := s.read(c, http.MethodPost)
	a = s.judge(ctx, "an upload whose last bytes came slowly", began, a, err, nil)
	if a.outcome != done {
		return
	}
	acknowledged()
	b := s.ask(ctx, s.hc, api.Request{Method: "GET", Path: "/download", SID: sid})
	if b.outcome == done && !bytes.Equal(b.Body, sheetOf(d)) {
		s.report.violated(wrong, "a slow upload of %s to %q gave the sheet %.300q", d.Mark, sid, b.Body)
	}
	s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/clear-session", SID: sid})
}

// read reads an answer from a connection.
func (s *Soak) read(c net.Conn, method string) (answer, error) {
	c.SetReadDeadline(time.Now().Add(s.o.Deadline))
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{Answer: api.Answer{Status: resp.StatusCode, Header: resp.Header, Body: b}}, err
}

// slowReader requests a sheet again and again on one connection, reads none of the
// answers for a while, and then only a few.
func (s *Soak) slowReader(ctx context.Context) {
	d, sid := s.stray("not read")
	if a := s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/upload", SID: sid, Kind: "application/pdf", Body: d.PDF}); a.outcome != done {
		return
	}
	defer s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/clear-session", SID: sid})
	c, err := s.dial()
	if err != nil {
		return
	}
	defer c.Close()
	c.SetReadBuffer(4 << 10)
	c.SetWriteDeadline(time.Now().Add(s.patience(5 * time.Second)))
	for range 500 { // until the server reads no more, since no answer is read
		if _, err := fmt.Fprintf(c, "GET /download?format=json&_sid=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", url.QueryEscape(sid)); err != nil {
			break
		}
	}
	sleep(ctx, s.patience(10*time.Second))
	b := make([]byte, 512)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for range 20 {
		if _, err := c.Read(b); err != nil {
			return
		}
		sleep(ctx, 20*time.Millisecond)
	}
}

// abort breaks an upload off in the middle of its body: nothing of it may stay.
func (s *Soak) abort(ctx context.Context) error {
	d, sid := s.stray("broken off")
	r := uploading(sid, d)
	c, err := s.dial()
	if err != nil {
		return errMissed
	}
	fmt.Fprintf(c, "POST /upload?_sid=%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", url.QueryEscape(sid), r.Kind, len(r.Body))
	c.Write(r.Body[:s.server.random.IntN(len(r.Body)-1)])
	sleep(ctx, s.between(0, 50*time.Millisecond))
	c.SetLinger(0) // as a reset, not an end
	c.Close()
	a := s.ask(ctx, s.hc, api.Request{Method: "GET", Path: "/download", SID: sid}, "no_sheet", "not_found")
	if a.outcome == done {
		s.report.violated(wrong, "an upload that was broken off is there: session %q, %.300q", sid, a.Body)
	}
	return nil
}

// abortDownload requests a sheet and hangs up.
func (s *Soak) abortDownload(ctx context.Context) error {
	c, err := s.dial()
	if err != nil {
		return errMissed
	}
	path := []string{"/download?format=xlsx", "/view?x=1", "/events?x=1"}[s.server.random.IntN(3)]
	sid := names(s.server.random.IntN(s.o.Clients))[s.server.random.IntN(6)]
	fmt.Fprintf(c, "GET %s&_sid=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", path, url.QueryEscape(sid))
	sleep(ctx, s.between(0, 20*time.Millisecond))
	c.SetLinger(0)
	return c.Close()
}

// Hostile documents and exports, none of which needs all time and memory: other
// requests must be served meanwhile.
var (
	hostilePDFs = []func() []byte{
		func() []byte { return hostile.FormBomb(6, 10) }, hostile.FormLoop, hostile.PatternLoop, hostile.Type3Loop, hostile.PageTreeLoop,
		func() []byte { return hostile.PageTreeDeep(2000) }, func() []byte { return hostile.PageCount(1 << 30) },
		func() []byte { return hostile.ManyPages(300, 1000) }, func() []byte { return hostile.SpaceBomb(30 << 20) },
		func() []byte { return hostile.NestedBomb(30 << 20) }, func() []byte { return hostile.TextBomb("words", 20_000) },
		func() []byte { return hostile.TableBomb(2, 5000, 50) }, func() []byte { return hostile.NumberBomb(1 << 20) },
		func() []byte { return hostile.ArrayBomb(100_000) }, func() []byte { return hostile.DeepObject(100_000) },
		func() []byte { return hostile.SaveBomb(100_000) }, func() []byte { return hostile.PathBomb(100_000) },
		func() []byte { return hostile.ImageBomb("JPXDecode", 30_000) }, hostile.UnicodeBomb, hostile.PrevLoop,
		func() []byte { return hostile.XrefSize(1 << 30) }, hostile.LengthLoop, hostile.ObjectLoop, hostile.LockedPDF,
		func() []byte { return hostile.EncryptedPDF("secret", "owner", "words") }, func() []byte { return hostile.TextPDF("no bill") },
		func() []byte { return []byte("%PDF-1.7\n") }, func() []byte { return []byte{0} },
	}
	hostileExports = []func() []byte{
		func() []byte { return hostile.ZipBomb(64 << 20) }, func() []byte { return hostile.LyingZipBomb(64 << 20) },
		func() []byte { return hostile.CellBomb(20 << 20) }, hostile.EntityBomb, func() []byte { return hostile.CellText(5 << 20) },
		func() []byte { return []byte("Invoice No.,Style\n\"") }, func() []byte { return bytes.Repeat([]byte(","), 1<<20) },
		func() []byte { return bytes.Repeat([]byte{0xFF, 0xFE, 0}, 100_000) }, func() []byte { return []byte("PK\x03\x04nothing") },
		func() []byte { return []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1nothing") },
	}
)

func (s *Soak) hostileDocument(ctx context.Context) error {
	attack := hostilePDFs[s.server.random.IntN(len(hostilePDFs))]
	const sid = "hostile bills"
	s.remember(sid)
	s.harmless(ctx, api.Request{Method: "POST", Path: "/upload", SID: sid, Kind: "application/pdf", Body: attack()})
	return nil
}

func (s *Soak) hostileOrders(ctx context.Context) error {
	d, sid := s.stray("hostile orders")
	if a := s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/upload", SID: sid, Kind: "application/pdf", Body: d.PDF}); a.outcome != done {
		return errMissed
	}
	attack := hostileExports[s.server.random.IntN(len(hostileExports))]
	s.harmless(ctx, api.Request{Method: "POST", Path: "/upload-csv", SID: sid, Kind: "application/octet-stream", Body: attack()})
	a := s.ask(ctx, s.hc, api.Request{Method: "GET", Path: "/download", SID: sid})
	if a.outcome == done && !bytes.Equal(a.Body, sheetOf(d)) {
		s.report.violated(wrong, "after a hostile order export the session %q has the sheet %.300q", sid, a.Body)
	}
	s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/clear-session", SID: sid})
	return nil
}

// harmless makes a request that the server may refuse with any 4xx, but must not fail
// on.
func (s *Soak) harmless(ctx context.Context, r api.Request) {
	s.report.operation(r.Method + " " + pathOf(r) + ", hostile")
	began := time.Now()
	a, err := s.exchange(ctx, s.hc, r)
	what := fmt.Sprintf("%s with %d bytes that begin with %.60q", r, len(r.Body), r.Body)
	s.tolerate(ctx, what, began, a, err)
}

// tolerate judges an answer that may be any 4xx.
func (s *Soak) tolerate(ctx context.Context, what string, began time.Time, a answer, err error) {
	s.judge(ctx, what, began, a, err, []string{a.Code()})
}

// wrongRequests are requests that no client should send, with some of their allowed
// answers: 0 means any answer that net/http gives in its own words.
var wrongRequests = []struct {
	text   string
	status int
}{
	{"GET /status?_sid=a%00b HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"GET /status?_sid=" + strings.Repeat("x", 256) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"GET /status?_sid=%FF HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"GET /status?_sid=a&session_id=b HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"DELETE /status?_sid=x HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
	{"GET /upload?_sid=x HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
	{"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
	{"GET /download-bol/..%2F..%2Fetc%2Fpasswd?_sid=x HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
	{"GET /download?_sid=x&format=exe HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"GET /status?_sid=x HTTP/1.1\r\nHost: example.com\r\n\r\n", 403},
	{"POST /upload?_sid=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 400},
	{"POST /upload?_sid=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/gif\r\nContent-Length: 1\r\n\r\nx", 415},
	{"POST /upload?_sid=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\nx", 400},
	{"POST /upload?_sid=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pdf\r\nContent-Length: 999999999\r\n\r\n", 413},
	{"POST /upload-base64?_sid=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{\"file_data\":\"!!!\"}", 400},
	{"POST /upload-base64?_sid=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[[[[[[[[[", 400},
	{"POST /upload-csv?_sid=nobody HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\nx", 400},
	{"GET /validate-session HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"GET /page-picture?_sid=nobody&of=x HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
	// These do not reach a route: net/http answers in its own words.
	{"GET /status HTTP/1.1\r\nHost: localhost\r\nX-Large: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
	{"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 0},
	{"NONSENSE\r\n\r\n", 0},
	{"POST /upload?_sid=x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/pdf\r\n\r\nZZZ\r\n", 400},
	{"POST /upload?_sid=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 0},
}

// wrongRequest makes some of them, and checks that the server says what is wrong.
func (s *Soak) wrongRequest(ctx context.Context) error {
	for _, i := range s.server.random.Perm(len(wrongRequests))[:4] {
		s.wrong(ctx, wrongRequests[i].text, wrongRequests[i].status)
	}
	return nil
}

func (s *Soak) wrong(ctx context.Context, text string, status int) {
	began := time.Now()
	c, err := s.dial()
	if err != nil {
		return
	}
	defer c.Close()
	s.report.operation("wrong requests")
	c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, text)
	method, _, _ := strings.Cut(text, " ")
	a, err := s.read(c, method)
	what := fmt.Sprintf("the wrong request %.120q", text)
	switch {
	case err != nil && status == http.StatusRequestHeaderFieldsTooLarge:
		// If the server leaves input unread, the system breaks the connection, and
		// the answer may be lost with it.
	case err == nil && (a.Status == http.StatusRequestHeaderFieldsTooLarge || status == 0 && (a.Status < 500 || a.Status == http.StatusHTTPVersionNotSupported)):
		s.report.answer(fmt.Sprintf("%d by net/http", a.Status))
	case err == nil && a.Status < 500 && a.Status != status:
		s.report.violated(unpromised, "%s was answered with %d %.200q, not %d", what, a.Status, a.Body, status)
	default:
		s.tolerate(ctx, what, began, a, err)
	}
}

// flood opens more connections than the server accepts, and holds them for a while.
func (s *Soak) flood(ctx context.Context) error {
	over := s.trouble.begin(crowded)
	defer over()
	var open []net.Conn
	end := func() {
		for _, c := range open {
			c.Close()
		}
	}
	defer end()
	for i := range connections + 40 {
		c, err := s.dial()
		if err != nil {
			break
		}
		open = append(open, c)
		if i%3 == 0 {
			io.WriteString(c, "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	sleep(ctx, s.between(100*time.Millisecond, s.patience(2*time.Second)))
	end()
	over()
	return s.probe(ctx, "a flood of connections")
}
