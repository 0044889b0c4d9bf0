package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// bareVariable is set in the process that serves the bare handler.
const bareVariable = "TALLYMAN_BENCH_BARE"

// answer is what a bare handler answers to everything.
type answer struct {
	Header http.Header
	Body   []byte
}

// bare is a process with a bare handler.
type bare struct {
	url string
	end func()
}

// startBare asks the server once, and starts a handler that always answers the same. line
// is the method and the path of the request.
func startBare(server, line string) (*bare, error) {
	method, path, _ := strings.Cut(line, " ")
	req, err := http.NewRequest(method, server+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := answer{Header: resp.Header}
	if a.Body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: the server answered %d: %.200s", line, resp.StatusCode, a.Body)
	}
	a.Header.Del("Date") // net/http adds these itself
	a.Header.Del("Content-Length")
	sent, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), bareVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &bare{end: func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	}}
	if _, err := in.Write(append(sent, '\n')); err != nil {
		b.end()
		return nil, err
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.end()
		return nil, fmt.Errorf("the bare handler does not start: %w", err)
	}
	b.url = strings.TrimSpace(url)
	return b, nil
}

// serveBare serves the answer that standard input gives, until that ends.
func serveBare() error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var a answer
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&a); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, in) // the end of the program that measures
		os.Exit(0)
	}()
	fmt.Printf("http://%s\n", l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		for key, values := range a.Header {
			h[key] = values
		}
		w.Write(a.Body)
	}))
}
