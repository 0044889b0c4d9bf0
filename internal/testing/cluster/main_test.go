package cluster_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/program"
)

// servers are shared by all tests.
var servers = sync.OnceValues(cluster.StartServers)

func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	code := m.Run()
	if s, err := servers(); err == nil {
		s.Close()
	}
	program.Forget()
	os.Exit(code)
}

// start starts a cluster that ends with the test, which fails if a replica
// panicked.
func start(t testing.TB, config cluster.Config) *cluster.Cluster {
	t.Helper()
	s, err := servers()
	must.OK(t, err)
	c, err := s.New(config)
	must.OK(t, err)
	t.Cleanup(func() {
		c.Close()
		for _, r := range c.Replicas {
			for _, line := range r.Log() {
				if strings.Contains(line, "panic") || strings.Contains(line, "goroutine ") || strings.Contains(line, `"code":"internal"`) {
					t.Errorf("%s: %s", r.Name, line)
				}
			}
			if t.Failed() {
				for _, line := range r.Log()[max(0, len(r.Log())-5):] {
					t.Logf("%s: %s", r.Name, strings.TrimSpace(line))
				}
			}
		}
	})
	return c
}

// into decodes an answer.
func into(t testing.TB, a api.Answer, v any) {
	t.Helper()
	if err := a.Into(v); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
}

// try makes a request, through the balancer unless it has a Base. An error means that
// its effect is unknown.
func try(c *cluster.Cluster, r api.Request) (api.Answer, error) {
	return r.Do(context.Background(), c.Balancer.URL)
}

// ask makes a request that must be answered with 200, and repeats it while the
// service is busy, as it may be on a slow machine.
func ask(t testing.TB, c *cluster.Cluster, r api.Request) api.Answer {
	t.Helper()
	for {
		a, err := try(c, r)
		switch {
		case err != nil:
			t.Fatalf("%s %s: %v", r.Method, r.Path, err)
		case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" && !ended(t):
			time.Sleep(50 * time.Millisecond)
			continue
		case a.Status != http.StatusOK:
			t.Fatalf("%s %s: %d %s", r.Method, r.Path, a.Status, a.Body)
		}
		return a
	}
}

// until waits until a condition holds, and fails the test if it never does.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		if ended(t) {
			t.Fatalf("this never became true: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ended reports whether the time for all tests is nearly over, so that a test that
// waits in vain can still report it.
func ended(t testing.TB) bool {
	end, ok := t.(*testing.T).Deadline()
	return ok && time.Until(end) < 20*time.Second
}

func long() bool { return os.Getenv("TALLYMAN_LONG") != "" }
