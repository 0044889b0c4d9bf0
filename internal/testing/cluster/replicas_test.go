package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/blob"
	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// workflow runs clear, new, upload, upload-csv, download-bol, clear, each request on
// another replica.
func workflow(t *testing.T, c *cluster.Cluster, ship shipments.Shipment, sid string, client *http.Client, minted bool) {
	t.Helper()
	seen := map[string]bool{}
	do := func(method, path, kind string, body []byte) api.Answer {
		t.Helper()
		a := ask(t, c, api.Request{Method: method, Path: path, SID: sid, Kind: kind, Body: body, Client: client})
		seen[a.Header.Get(cluster.ByHeader)] = true
		return a
	}
	do("POST", "/clear-session", "", nil)
	var created struct {
		ID string `json:"session_id"`
	}
	into(t, do("POST", "/new-session", "", nil), &created)
	if minted {
		sid = created.ID
	}
	kind, body := api.Form(api.Part{Name: "bol.pdf", Content: ship.Bills})
	do("POST", "/upload", kind, body)
	if got := do("GET", "/download-bol", "", nil).Body; !bytes.Equal(got, ship.Unmatched) {
		t.Error("the sheet without orders is not the expected one")
	}
	kind, body = api.Form(api.Part{Name: "orders.csv", Content: ship.Orders})
	do("POST", "/upload-csv", kind, body)
	for range 3 { // from each replica
		if got := do("GET", "/download-bol", "", nil).Body; !bytes.Equal(got, ship.Expected) {
			t.Error("the sheet is not the expected one")
		}
	}
	var cleared struct {
		Status  string
		Removed struct{ Files int }
	}
	into(t, do("POST", "/clear-session", "", nil), &cleared)
	if cleared.Status != "cleared" || cleared.Removed.Files != 2 {
		t.Errorf("cleared: %+v", cleared)
	}
	if len(seen) != len(c.Replicas) {
		t.Errorf("only %[2]v of %[1]d replicas got requests", len(c.Replicas), seen)
	}
}

func TestTheWorkflowOverThreeReplicas(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 3})
	run := func(name string, ship shipments.Shipment) {
		t.Run(name+" with an ID of the client's", func(t *testing.T) { workflow(t, c, ship, "external_1720_ab/../c d", nil, false) })
		t.Run(name+" with a minted ID", func(t *testing.T) { workflow(t, c, ship, "", nil, true) })
		t.Run(name+" by cookie", func(t *testing.T) {
			jar, err := cookiejar.New(nil)
			must.OK(t, err)
			workflow(t, c, ship, "", &http.Client{Jar: jar}, false)
		})
	}
	run("invented", shipments.New(t, sample.Options{Bills: 6, Lines: 30, Seed: 1}, "T"))
	if ship, ok := shipments.Real(t, "../../.."); ok {
		run("real", ship)
	}
	until(t, "the bucket is empty", func() bool { return stored(t, c) == 0 })
}

// stored counts the objects in the bucket.
func stored(t testing.TB, c *cluster.Cluster) (n int) {
	t.Helper()
	all, err := load.Files(filepath.Join(c.Servers.S3.Root, c.Bucket))
	must.OK(t, err)
	for _, path := range all {
		if blob.Key(filepath.Base(path)).Valid() {
			n++
		}
	}
	return n
}

// statusOf is the status with which a replica answers a request with a key, "" for none.
func statusOf(t *testing.T, c *cluster.Cluster, r *cluster.Replica, key string) int {
	t.Helper()
	a, err := try(c, api.Request{Base: r.URL(), Method: "GET", Path: "/status", SID: "x", Key: key})
	must.OK(t, err)
	return a.Status
}

// locked waits until all replicas know a key, and refuse requests without one.
func locked(t *testing.T, c *cluster.Cluster, secret string) {
	t.Helper()
	for _, r := range c.Replicas {
		until(t, "a key that was added is valid", func() bool {
			return statusOf(t, c, r, secret) == 200 && statusOf(t, c, r, "") == 401
		})
	}
}

func TestNoDownloadHoldsALineOfAnotherDocument(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 3})
	var secrets []string
	for i := range shipments.MixOwners {
		secret, err := c.Key(fmt.Sprint("owner", i))
		must.OK(t, err)
		secrets = append(secrets, secret)
	}
	for _, secret := range secrets {
		locked(t, c, secret)
	}
	rounds := 12
	if long() {
		rounds = 100
	}
	shipments.Mix(t, rounds, func(owner int, r api.Request) (api.Answer, error) {
		r.Key = secrets[owner]
		return try(c, r)
	})
}

// stream reads the events of a session from one replica.
func stream(t *testing.T, at, sid string) (next func() (kind string, data map[string]any)) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", at+"/events?_sid="+sid, nil)
	must.OK(t, err)
	resp, err := http.DefaultClient.Do(req)
	must.OK(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() (string, map[string]any) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var e map[string]any
				must.OK(t, json.Unmarshal([]byte(data), &e))
				kind, _ := e["type"].(string)
				return kind, e
			}
		}
		return "", nil
	}
}

func TestEventsOfAnUploadReachClientsOfAllReplicas(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 3})
	ship := shipments.New(t, sample.Options{Bills: 40, Lines: 200, Seed: 1}, "T")
	if r, ok := shipments.Real(t, "../../.."); ok {
		ship = r
	}
	here, there, direct := c.Replicas[0], c.Replicas[1], c.Replicas[2]
	// A bus begins to listen some time after its replica starts.
	until(t, "all replicas listen", func() bool {
		return listening(t, c) == 3
	})
	a, b := stream(t, here.URL(), "s"), stream(t, direct.URL(), "s")
	for _, next := range []func() (string, map[string]any){a, b} {
		if kind, e := next(); kind != "state" || e["status"] != "no_session" {
			t.Fatalf("the first event is %v", e)
		}
	}
	ask(t, c, api.Request{Base: there.URL(), Method: "POST", Path: "/upload", SID: "s", Kind: "application/pdf", Body: ship.Bills})
	ask(t, c, api.Request{Base: there.URL(), Method: "POST", Path: "/clear-session", SID: "s"})
	for i, next := range []func() (string, map[string]any){a, b} {
		seen := map[string]int{}
		for seen["cleared"] == 0 {
			kind, e := next()
			if kind == "" {
				t.Fatalf("stream %d ended after %v", i, seen)
			}
			seen[kind]++
			if kind == "attached" && (e["bills"] != float64(ship.Count) || e["status"] != "ready") {
				t.Errorf("stream %d: %v", i, e)
			}
		}
		if seen["reading"] != 1 || seen["progress"] == 0 || seen["attached"] != 1 {
			t.Errorf("stream %d delivers %v", i, seen)
		}
	}
}

// listening counts the connections that LISTEN in the cluster's database.
func listening(t testing.TB, c *cluster.Cluster) (n int) {
	t.Helper()
	query(t, c, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`, &n)
	return n
}

func query(t testing.TB, c *cluster.Cluster, sql string, to ...any) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.Store())
	must.OK(t, err)
	defer conn.Close(ctx)
	must.OK(t, conn.QueryRow(ctx, sql).Scan(to...))
}

func TestAListingContinuesOnAnotherReplica(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 3})
	for i := range 25 {
		ask(t, c, api.Request{Method: "POST", Path: "/new-session", SID: fmt.Sprintf("s%02d", i)})
	}
	n, by := 0, map[string]bool{}
	for after := ""; ; {
		var page struct {
			All []struct {
				CreatedAt time.Time `json:"created_at"`
			} `json:"all_sessions"`
			Total int `json:"total_sessions"`
			Next  *string
		}
		a := ask(t, c, api.Request{Method: "GET", Path: "/debug-sessions?limit=7&after=" + after})
		into(t, a, &page)
		by[a.Header.Get(cluster.ByHeader)] = true
		if page.Total != 25 {
			t.Fatalf("%s", a.Body)
		}
		n += len(page.All)
		if page.Next == nil {
			break
		}
		after = *page.Next
	}
	if n != 25 || len(by) != 3 {
		t.Errorf("a listing of 25 sessions showed %d, over %v", n, by)
	}
}

// A new key works on all replicas within seconds, and a removed one on none, without a
// restart.
func TestAKeyWorksOnAllReplicas(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 3})
	admin, err := c.Key("admin", "--admin")
	must.OK(t, err)
	depot, err := c.Key("depot")
	must.OK(t, err)
	locked(t, c, admin)
	locked(t, c, depot)
	ask(t, c, api.Request{Method: "POST", Path: "/new-session", SID: "x", Key: depot})
	must.OK(t, c.RemoveKey("depot"))
	removed := time.Now()
	for _, r := range c.Replicas {
		until(t, "a key that was removed is not valid", func() bool { return statusOf(t, c, r, depot) == 401 })
		if got := statusOf(t, c, r, admin); got != 200 {
			t.Errorf("%s answers %d with another key", r.Name, got)
		}
	}
	t.Logf("no replica accepted the removed key %v later", time.Since(removed).Round(10*time.Millisecond))
	again, err := c.Key("depot")
	must.OK(t, err)
	for _, r := range c.Replicas {
		until(t, "the new key is valid, and owns the sessions", func() bool {
			a, err := try(c, api.Request{Base: r.URL(), Method: "GET", Path: "/status", SID: "x", Key: again})
			return err == nil && bytes.Contains(a.Body, []byte(`"session_exists":true`))
		})
	}
}

// Sessions expire on all replicas, which sweep at the same time and leave nothing.
func TestExpiryAndTheJanitorsOfAllReplicas(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 3, Args: []string{"--life", "1h"}})
	ship := shipments.New(t, sample.Options{Bills: 1, Lines: 3, Seed: 1}, "T")
	const n = 20
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			ask(t, c, api.Request{Method: "POST", Path: "/upload", SID: fmt.Sprint("s", i), Kind: "application/pdf", Body: ship.Bills})
		})
	}
	all.Wait()
	exists := func(sid string) bool {
		return bytes.Contains(ask(t, c, api.Request{Method: "GET", Path: "/status", SID: sid}).Body, []byte(`"session_exists":true`))
	}
	// One session is used all the time, on any replica, and lives. The test repeatedly
	// sets the last use of the others back by two hours in the database, since a replica
	// may record a use late.
	var kept sync.WaitGroup
	var over atomic.Bool
	kept.Go(func() {
		for ; !over.Load(); time.Sleep(50 * time.Millisecond) {
			if a, err := try(c, api.Request{Method: "GET", Path: "/status", SID: "s0"}); err == nil && a.Status == 200 && !bytes.Contains(a.Body, []byte(`"session_exists":true`)) {
				t.Errorf("a session that is used is gone: %s", a.Body)
				return
			}
		}
	})
	var rows int
	live := func() int {
		c.Servers.Postgres.Exec(t, c.Database, `UPDATE tallyman.session SET used = used - 2 * 3600000
			WHERE id <> 's0' AND used > extract(epoch FROM clock_timestamp()) * 1000 - 3600000`)
		query(t, c, `SELECT count(*) FROM tallyman.session`, &rows)
		return rows
	}
	until(t, "another session has expired", func() bool { live(); return !exists(fmt.Sprint("s", n-1)) })
	// A janitor starts with its replica: three of them, at the same time.
	for _, r := range c.Replicas[1:] {
		r.End()
	}
	var starting sync.WaitGroup
	for _, r := range c.Replicas[1:] {
		starting.Go(func() {
			if err := r.Start(); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	c.Replicas[0].End()
	must.OK(t, c.Replicas[0].Start())
	until(t, "one session and its two contents are left", func() bool {
		return live() == 1 && stored(t, c) == 2
	})
	over.Store(true)
	kept.Wait()
	if !exists("s0") {
		t.Error("the session in use is gone")
	}
	var contents int
	query(t, c, `SELECT count(*) FROM tallyman.content`, &contents)
	if contents != 2 {
		t.Errorf("%d contents are named", contents)
	}
}
