package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// asBare is set in the environment of the process that is the bare handler.
const asBare = "TALLYMAN_OWNERS_BARE"

// bare is a process that answers all requests with next to nothing.
type bare struct {
	url string
	end func()
}

func startBare() (*bare, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), asBare+"=1"), os.Stderr
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
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.end()
		return nil, err
	}
	b.url = strings.TrimSpace(url)
	return b, nil
}

// serveBare serves until its standard input ends.
func serveBare() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Printf("http://%s\n", l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, `{"version":"bare"}`)
		if r.URL.Path == "/events" {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
}
