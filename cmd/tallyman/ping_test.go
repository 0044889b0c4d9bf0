package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPingReportsWhetherAServerIsHealthy(t *testing.T) {
	end := make(chan struct{})
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		args   []string
		code   int
		says   string
	}{
		{"healthy", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" || r.Method != http.MethodGet {
				http.NotFound(w, r)
			}
			w.Write([]byte(`{"status":"healthy","storage":"working","workers":"busy"}`))
		}, nil, exitOK, "healthy\n"},
		{"failing", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte(`{"status":"unhealthy","storage":"failing","workers":"working"}`))
		}, nil, exitFailed, "is not healthy: storage is failing, workers are working\n"},
		{"refusing", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte(`{"error":"Too many connections.","code":"busy"}`))
		}, nil, exitFailed, "it answers with status 503: Too many connections.\n"},
		{"something else", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>healthy")) }, nil, exitFailed, "without the JSON of Tallyman"},
		{"hanging", func(w http.ResponseWriter, r *http.Request) { <-end }, []string{"--timeout", "1ms"}, exitFailed, "it gave no answer within 1ms\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			if c.name == "hanging" {
				defer close(end)
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), streams{out: &out, err: &errs}, append([]string{"ping", "--url", server.URL + "/"}, c.args...))
			if said := out.String() + errs.String(); code != c.code || !strings.HasSuffix(said, c.says) && !strings.Contains(errs.String(), c.says) {
				t.Errorf("exit code %d with %q, want %d, %q", code, said, c.code, c.says)
			}
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	var out, errs bytes.Buffer
	if code := run(t.Context(), streams{out: &out, err: &errs}, []string{"ping", "--url", gone.URL}); code != exitFailed || !strings.Contains(errs.String(), "connection refused") {
		t.Errorf("no server: %d, %q", code, errs.String())
	}
}

func TestPingUsesTheServersAddress(t *testing.T) {
	for _, c := range []struct{ listen, port, want string }{
		{"", "", "http://127.0.0.1:8080"},
		{":9000", "", "http://localhost:9000"},
		{"0.0.0.0:9000", "", "http://localhost:9000"},
		{"[::]:9000", "", "http://localhost:9000"},
		{"10.1.2.3:9000", "8000", "http://10.1.2.3:9000"},
		{"", "8000", "http://localhost:8000"},
	} {
		t.Setenv("TALLYMAN_LISTEN", c.listen)
		t.Setenv("PORT", c.port)
		if got, err := ownURL(newFlags(streams{}, "ping", "")); err != nil || got != c.want {
			t.Errorf("%q, %q: %s, %v; want %s", c.listen, c.port, got, err, c.want)
		}
	}
	for _, args := range [][]string{{"--timeout", "0s"}, {"--url", "localhost:8080"}, {"x"}} {
		var errs bytes.Buffer
		if code := run(t.Context(), streams{out: &errs, err: &errs}, append([]string{"ping"}, args...)); code != exitFailed || !strings.Contains(errs.String(), `see "tallyman ping --help"`) {
			t.Errorf("%v: %d, %s", args, code, errs.String())
		}
	}
}
