package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// bareVariable is set in the process that serves the bare handler.
const bareVariable = "TALLYMAN_BENCH_BARE"

// BareAnswer is what a bare handler answers to everything.
type BareAnswer struct {
	Header http.Header
	Body   []byte
}

// Bare is a process of this program with a bare net/http handler.
type Bare struct {
	URL string
	// End ends it.
	End func()
}

// AnswerOf asks a server once. line is the method and the path of the request. It ends the
// program at an error.
func AnswerOf(server, line string) BareAnswer {
	method, path, _ := strings.Cut(line, " ")
	resp := Must(http.DefaultClient.Do(Must(http.NewRequest(method, server+path, nil))))
	defer resp.Body.Close()
	a := BareAnswer{resp.Header, Must(io.ReadAll(resp.Body))}
	if resp.StatusCode != http.StatusOK {
		Fail("%s: the server answered %d: %.200s", line, resp.StatusCode, a.Body)
	}
	a.Header.Del("Date") // net/http adds these itself
	a.Header.Del("Content-Length")
	return a
}

// StartBare starts a handler that always answers the same, and keeps event streams open. The
// program must call RunIfBare first of all. StartBare ends the program at an error, and the
// handler ends with the program.
func StartBare(a BareAnswer) *Bare {
	cmd := exec.Command(Must(os.Executable()))
	cmd.Env = append(os.Environ(), bareVariable+"=1")
	cmd.Stderr = os.Stderr
	in, out := Must(cmd.StdinPipe()), Must(cmd.StdoutPipe())
	Check(cmd.Start())
	Check(json.NewEncoder(in).Encode(a))
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		Fail("the bare handler does not start: %w", err)
	}
	return &Bare{URL: strings.TrimSpace(url), End: func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	}}
}

// RunIfBare serves as the bare handler, and never returns, if the process is one.
func RunIfBare() {
	if os.Getenv(bareVariable) != "" {
		fmt.Fprintln(os.Stderr, "the bare handler:", serveBare())
		os.Exit(1)
	}
}

// serveBare serves the answer that standard input gives, until that ends.
func serveBare() error {
	var a BareAnswer
	if err := json.NewDecoder(os.Stdin).Decode(&a); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // the end of the program that measures
		os.Exit(0)
	}()
	fmt.Printf("http://%s\n", l.Addr())
	// The limits are those of the program: each costs deadlines of every request.
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			io.Copy(io.Discard, r.Body)
		}
		h := w.Header()
		for key, values := range a.Header {
			h[key] = values
		}
		w.Write(a.Body)
		if r.URL.Path == "/events" {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})
	return server.Serve(l)
}
