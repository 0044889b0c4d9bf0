package cluster_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/testing/cluster"
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
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.New(config)
	if err != nil {
		t.Fatal(err)
	}
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

// request is a request to make, through the balancer unless url is set.
type request struct {
	at, method, path, sid string
	key                   string
	header                http.Header
	kind                  string
	body                  []byte
	client                *http.Client
}

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) code() string {
	var e struct{ Code string }
	json.Unmarshal(a.body, &e)
	return e.Code
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// try makes a request. An error means that its effect is unknown.
func try(c *cluster.Cluster, r request) (answer, error) {
	at := r.at
	if at == "" {
		at = c.Balancer.URL
	}
	address := at + r.path
	if r.sid != "" {
		glue := "?"
		if strings.Contains(r.path, "?") {
			glue = "&"
		}
		address += glue + "_sid=" + url.QueryEscape(r.sid)
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequest(r.method, address, body)
	if err != nil {
		return answer{}, err
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.key != "" {
		req.Header.Set("X-API-Key", r.key)
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	client := r.client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, b}, err
}

// ask makes a request that must be answered with 200, and repeats it while the
// service is busy, as it may be on a slow machine.
func ask(t testing.TB, c *cluster.Cluster, r request) answer {
	t.Helper()
	for {
		a, err := try(c, r)
		switch {
		case err != nil:
			t.Fatalf("%s %s: %v", r.method, r.path, err)
		case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" && !ended(t):
			time.Sleep(50 * time.Millisecond)
			continue
		case a.status != http.StatusOK:
			t.Fatalf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
		return a
	}
}

// form is a multipart body with one file.
func form(t testing.TB, name string, content []byte) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	p, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = p.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// until waits until a condition holds, and fails the test if it never does.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		if ended(t) {
			t.Fatalf("it never came to this: %s", what)
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

// tally counts what several clients do.
type tally struct {
	mu sync.Mutex
	m  map[string]int
}

func (c *tally) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]int{}
	}
	c.m[what] += n
}

func (c *tally) get(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[what]
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.m)
}
