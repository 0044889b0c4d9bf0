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
	"sync"
	"syscall"
	"testing"
	"time"

	"tallyman/client"
	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// server is the running program.
type server struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner // its log
	start map[string]any // its start line
	url   string
}

// startServer starts the program and waits for its start line.
func startServer(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	program, err := exec.LookPath("tallyman")
	must.OK(t, err)
	s := &server{cmd: exec.Command(program, append([]string{"serve", "--data", dir, "--cache", intake.CacheDir()}, args...)...)}
	s.cmd.Env = append(os.Environ(), env...)
	out, err := s.cmd.StderrPipe()
	must.OK(t, err)
	must.OK(t, s.cmd.Start())
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	s.lines = bufio.NewScanner(held(out))
	if !s.lines.Scan() {
		t.Fatal("the server printed nothing")
	}
	if err := json.Unmarshal(s.lines.Bytes(), &s.start); err != nil || s.start["msg"] != "listening" {
		t.Fatalf("the first line is %q (%v)", s.lines.Text(), err)
	}
	s.url, _ = s.start["url"].(string)
	return s
}

// held reads ahead as far as it can, so that a server whose log nobody reads does not wait.
func held(r io.Reader) io.Reader {
	var mu sync.Mutex
	var text bytes.Buffer
	more := sync.NewCond(&mu)
	var end error
	go func() {
		for b := make([]byte, 4096); ; {
			n, err := r.Read(b)
			mu.Lock()
			text.Write(b[:n])
			end = err
			mu.Unlock()
			more.Broadcast()
			if err != nil {
				return
			}
		}
	}()
	return readerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		for text.Len() == 0 && end == nil {
			more.Wait()
		}
		if text.Len() == 0 {
			return 0, io.EOF // also if the pipe was closed, since the server has ended
		}
		return text.Read(b)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// Nobody reads the log, so all that the server says hangs: it ends all the same.
func TestServeEndsByForceAfterTheGracePeriod(t *testing.T) {
	program, err := exec.LookPath("tallyman")
	must.OK(t, err)
	r, w, err := os.Pipe()
	must.OK(t, err)
	defer r.Close()
	cmd := exec.Command(program, "serve", "--data", t.TempDir(), "--cache", intake.CacheDir(), "--listen", "127.0.0.1:0", "--grace", "100ms", "--log", "json")
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

// end tells the server to end, and waits until it has.
func (s *server) end(t *testing.T) {
	t.Helper()
	must.OK(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.ends(t)
}

// ends waits until the server has ended.
func (s *server) ends(t *testing.T) {
	t.Helper()
	last := ""
	for s.lines.Scan() {
		last = s.lines.Text()
	}
	if err := s.cmd.Wait(); err != nil || !strings.Contains(last, `"msg":"ended"`) {
		t.Errorf("the server ended with %v; its last line is %s", err, last)
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
	must.OK(t, s.cmd.Process.Signal(syscall.SIGTERM))
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Errorf("the stream of events ended with %v", err)
	}
	_, err = pipe.Write(bills[len(bills)/2:])
	must.OK(t, err)
	pipe.Close()
	if r := <-answered; r.err != nil || r.status != 200 {
		t.Errorf("the upload that was accepted: %d %s, %v", r.status, r.body, r.err)
	}
	s.ends(t)

	s = startServer(t, dir, nil, "--listen", "127.0.0.1:0")
	c = &client.Client{URL: s.url, Session: "kept"}
	var b bytes.Buffer
	if err := c.Download(t.Context(), &b, "csv"); err != nil || !bytes.Equal(b.Bytes(), sheet) {
		t.Errorf("after a restart: %v, %.100s", err, b.Bytes())
	}
	if program, err := exec.LookPath("tallyman"); err == nil {
		out, err := exec.Command(program, "serve", "--data", dir, "--listen", "127.0.0.1:0").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "is in use by the process with ID "+fmt.Sprint(s.cmd.Process.Pid)) {
			t.Errorf("a second server on the same data: %v, %s", err, out)
		}
		// The sweep of that server would take these contents for orphans.
		out, err = exec.Command(program, "serve", "--data", t.TempDir(), "--blobs", "file://"+filepath.Join(dir, "contents"), "--listen", "127.0.0.1:0").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "in use by another Tallyman") {
			t.Errorf("a server of other data with the same contents: %v, %s", err, out)
		}
	}
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
