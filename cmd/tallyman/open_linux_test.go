package main

import (
	"net"
	"strings"
	"testing"

	"tallyman/client"
	"tallyman/internal/testing/must"
)

// With the explicit option, the server accepts other machines without a key.
func TestServeIsOpenOnlyWithAnExplicitOption(t *testing.T) {
	s := startServer(t, t.TempDir(), nil, "--listen", ":0", "--open")
	if s.start["loopback"] != false || s.start["open"] != true || s.start["keys"] != 0.0 {
		t.Errorf("the start line is %v", s.start)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	must.OK(t, err)
	if _, err := (&client.Client{URL: "http://127.0.0.1:" + port}).Status(t.Context()); err != nil {
		t.Errorf("without a key: %v", err)
	}
	s.end(t)
}
