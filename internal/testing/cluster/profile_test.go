package cluster_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/shipments"
)

// A profile that one replica wrote is that of all: the next upload through any follows it,
// and of writers through all replicas one comes first.
func TestAProfileHoldsOnAllReplicas(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 3})
	put := func(r int, query, text string) (api.Answer, error) {
		return try(c, api.Request{Base: c.Replicas[r].URL(), Method: "PUT", Path: "/profile" + query, Kind: "application/toml", Body: []byte(text)})
	}
	if a, err := put(0, "?revision=0", "[sheet]\ncolumns = [\"Invoice No.\", \"Style\"]\n"); err != nil || a.Status != 200 {
		t.Fatalf("%d %s, %v", a.Status, a.Body, err)
	}
	ship := shipments.New(t, sample.Options{Bills: 2, Lines: 6, Seed: 1}, "T")
	ask(t, c, api.Request{Base: c.Replicas[1].URL(), Method: "POST", Path: "/upload", SID: "p", Kind: "application/pdf", Body: ship.Bills})
	for _, r := range c.Replicas {
		a := ask(t, c, api.Request{Base: r.URL(), Method: "GET", Path: "/download", SID: "p"})
		if !bytes.HasPrefix(a.Body, []byte("Invoice No.,Style\nT")) {
			t.Errorf("%s serves %.100s", r.Name, a.Body)
		}
		if a := ask(t, c, api.Request{Base: r.URL(), Method: "GET", Path: "/profile"}); a.Header.Get("ETag") != `"1"` {
			t.Errorf("%s has the profile %s", r.Name, a.Header.Get("ETag"))
		}
	}
	var written, changed atomic.Int64
	var all sync.WaitGroup
	for i := range c.Replicas {
		all.Go(func() {
			a, err := put(i, "?revision=1", "")
			switch {
			case err == nil && a.Status == 200:
				written.Add(1)
			case err == nil && a.Status == 409:
				changed.Add(1)
			default:
				t.Errorf("%d %s, %v", a.Status, a.Body, err)
			}
		})
	}
	all.Wait()
	if written.Load() != 1 || changed.Load() != 2 {
		t.Errorf("%d writers came first, %d second", written.Load(), changed.Load())
	}
}
