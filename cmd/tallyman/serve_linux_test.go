package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/client"
	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/logged"
	"tallyman/internal/testing/must"
	built "tallyman/internal/testing/program"
	"tallyman/internal/testing/shipments"
)

// server is the running program.
type server struct {
	*built.Server
	log   *logged.Buffer
	start map[string]any // its start line
	url   string
}

// startServer starts the program and waits for its start line.
func startServer(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	s := &server{log: &logged.Buffer{}, Server: built.New("tallyman")}
	s.Args, s.Env = append([]string{"--data", dir, "--cache", intake.CacheDir(), "--log", "json"}, args...), env
	s.Heard = func(line string) { fmt.Fprintln(s.log, line) }
	must.OK(t, s.Start())
	t.Cleanup(s.Kill)
	line, _, _ := strings.Cut(s.log.String(), "\n")
	if err := json.Unmarshal([]byte(line), &s.start); err != nil || s.start["msg"] != "listening" {
		t.Fatalf("the first line is %q (%v)", line, err)
	}
	s.url = s.URL()
	return s
}

// ask makes a request, which must succeed, and decodes the answer unless into is nil.
func (s *server) ask(t *testing.T, r api.Request, into any) []byte {
	t.Helper()
	a, err := r.Do(t.Context(), s.url)
	if err != nil || a.Status/100 != 2 {
		t.Fatalf("%s: %d %s, %v", r, a.Status, a.Body, err)
	}
	if into != nil {
		must.OK(t, a.Into(into))
	}
	return a.Body
}

// measured waits until a line is among the measurements that a key sees.
func (s *server) measured(t *testing.T, key, line string) {
	t.Helper()
	var got bytes.Buffer
	must.Soon(t, func() bool {
		got.Reset()
		got.Write(s.ask(t, api.Request{Method: "GET", Path: "/metrics", Key: key}, nil))
		return strings.Contains(got.String(), line)
	}, "the measurements lack %s:\n%s", line, &got)
}

// prints runs the program, which must not fail, and returns its standard output.
func prints(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("tallyman", args...).Output()
	if err != nil {
		t.Fatalf("tallyman %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// says runs the program, checks the exit code, and returns the output.
func says(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := exec.Command("tallyman", args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		t.Fatalf("tallyman %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// refuses runs the program, which must fail for a reason.
func refuses(t *testing.T, why string, args ...string) {
	t.Helper()
	if said := says(t, exitFailed, args...); !strings.Contains(said, why) {
		t.Errorf("tallyman %q: %s", args, said)
	}
}

// Nobody reads the log, so all that the server says hangs: it ends all the same.
func TestServeEndsByForceAfterTheGracePeriod(t *testing.T) {
	r, w, err := os.Pipe()
	must.OK(t, err)
	defer r.Close()
	cmd := exec.Command("tallyman", "serve", "--data", t.TempDir(), "--cache", intake.CacheDir(), "--listen", "127.0.0.1:0", "--grace", "100ms", "--log", "json")
	cmd.Env, cmd.Stderr = append(os.Environ(), envClosing+"=100ms"), w
	must.OK(t, cmd.Start())
	hung := time.AfterFunc(time.Hour, func() { cmd.Process.Kill() })
	defer hung.Stop()
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || !strings.Contains(line, `"msg":"listening"`) {
		t.Errorf("it begins with %q, %v", line, err)
	}
	full, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
	must.OK(t, err)
	defer syscall.Close(full)
	w.Close()
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = syscall.Write(full, make([]byte, size))
		}
		if err != syscall.EAGAIN {
			t.Fatal(err)
		}
	}
	must.OK(t, cmd.Process.Signal(syscall.SIGTERM))
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("it ended with %s", cmd.ProcessState)
	}
}

// end ends the server, which must do so well.
func (s *server) end(t *testing.T) {
	t.Helper()
	s.ended(t, s.EndWithin(time.Hour))
}

// ended checks how the server ended.
func (s *server) ended(t *testing.T, how *os.ProcessState) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	if last := lines[len(lines)-1]; how == nil || !how.Success() || !strings.Contains(last, `"msg":"ended"`) {
		t.Errorf("the server ended with %v; its last line is %s", how, last)
	}
}

// documents returns a PDF of bills and its sheet.
func documents(t *testing.T) (bills, sheet []byte) {
	t.Helper()
	ship := shipments.New(t, sample.Defaults(), "")
	return ship.Bills, ship.Unmatched
}

func TestServeFinishesAndKeepsAcceptedUploads(t *testing.T) {
	dir := t.TempDir()
	bills, sheet := documents(t)
	s := startServer(t, dir, nil, "--listen", "127.0.0.1:0", "--grace", "1h")
	if s.start["data"] != dir || s.start["loopback"] != true || s.start["keys"] != 0.0 || !strings.HasPrefix(s.url, "http://127.0.0.1:") {
		t.Errorf("the start line is %v", s.start)
	}
	// An open event stream must not delay the end of the server.
	events, err := http.Get(s.url + "/events?_sid=kept")
	must.OK(t, err)
	defer events.Body.Close()

	sending, pipe := io.Pipe()
	type result struct {
		status int
		body   []byte
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		resp, err := http.Post(s.url+"/upload?_sid=kept", "application/pdf", sending)
		if err != nil {
			answered <- result{err: err}
			return
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		answered <- result{resp.StatusCode, b, err}
	}()
	_, err = pipe.Write(bills[:len(bills)/2])
	must.OK(t, err)
	// An upload counts as accepted once the session exists.
	c := &client.Client{URL: s.url, Session: "kept"}
	for {
		if st, err := c.Status(t.Context()); err != nil {
			t.Fatal(err)
		} else if st.SessionExists {
			break
		}
	}
	ending := make(chan *os.ProcessState, 1)
	go func() { ending <- s.EndWithin(time.Hour) }()
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Errorf("the stream of events ended with %v", err)
	}
	_, err = pipe.Write(bills[len(bills)/2:])
	must.OK(t, err)
	pipe.Close()
	if r := <-answered; r.err != nil || r.status != 200 {
		t.Errorf("the upload that was accepted: %d %s, %v", r.status, r.body, r.err)
	}
	s.ended(t, <-ending)

	s = startServer(t, dir, nil, "--listen", "127.0.0.1:0")
	c = &client.Client{URL: s.url, Session: "kept"}
	var b bytes.Buffer
	if err := c.Download(t.Context(), &b, "csv"); err != nil || !bytes.Equal(b.Bytes(), sheet) {
		t.Errorf("after a restart: %v, %.100s", err, b.Bytes())
	}
	refuses(t, fmt.Sprint("is in use by the process with ID ", s.PID()), "serve", "--data", dir, "--listen", "127.0.0.1:0")
	// The sweep of that server would take these contents for orphans.
	refuses(t, "in use by another Tallyman", "serve", "--data", t.TempDir(), "--blobs", "file://"+filepath.Join(dir, "contents"), "--listen", "127.0.0.1:0")
	s.end(t)
}

func TestServeWithKeysAcceptsOthersAndNoticesNewKeys(t *testing.T) {
	dir := t.TempDir()
	ring := keys.Open(dir)
	secret, err := ring.Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	s := startServer(t, dir, []string{"PORT=0"})
	if s.start["loopback"] != false || s.start["keys"] != 1.0 {
		t.Errorf("the start line is %v", s.start)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	must.OK(t, err)
	url := "http://127.0.0.1:" + port
	ask := func(key string) string {
		_, err := (&client.Client{URL: url, Key: key, Retries: -1}).Status(t.Context())
		return client.CodeOf(err)
	}
	if code := ask(""); code != "unauthorized" {
		t.Errorf("without a key: %q", code)
	}
	if code := ask(secret); code != "" {
		t.Errorf("with the key: %q", code)
	}
	second, err := ring.Add(t.Context(), keys.Key{Name: "second"})
	must.OK(t, err)
	if code := ask(second); code != "" {
		t.Errorf("with a new key: %q", code)
	}
	must.OK(t, ring.Remove(t.Context(), "depot", ""))
	if code := ask(secret); code != "unauthorized" {
		t.Errorf("with a removed key: %q", code)
	}
	s.end(t)
}

func TestServeHonoursPORTForThisMachineWithoutKeys(t *testing.T) {
	s := startServer(t, t.TempDir(), []string{"PORT=0", "TALLYMAN_WORKERS=1"})
	if s.start["loopback"] != true || s.start["workers"] != 1.0 || !strings.HasPrefix(s.url, "http://127.0.0.1:") {
		t.Errorf("the start line is %v", s.start)
	}
	s.end(t)
}

// The server ends connections that send their headers a byte at a time, or nothing at
// all, and serves others meanwhile.
func TestServeEndsConnectionsThatSendNoRequest(t *testing.T) {
	t.Parallel()
	s := startServer(t, t.TempDir(), nil, "--listen", "127.0.0.1:0")
	var conns []net.Conn
	for i := range 200 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		must.OK(t, err)
		defer conn.Close()
		if i%2 == 0 {
			fmt.Fprint(conn, "GET /status HTTP/1.1\r\nHost: localhost\r\nX-A: ")
		}
		conns = append(conns, conn)
	}
	if _, err := (&client.Client{URL: s.url}).Status(t.Context()); err != nil {
		t.Error(err)
	}
	for _, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	}
	s.end(t)
}
