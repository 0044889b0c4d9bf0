// Replicas measures the service over PostgreSQL and S3 with 1, 2 and 3 replicas,
// compared with the embedded store in the same run: requests and whole workflows a
// second, round trips of each operation, and what a workflow costs each part. It
// builds the program and starts everything on this machine.
//
//	go run ./bench/replicas [--bol FILE --orders FILE] [--time 5s]
//
// Without files it uses an invented document of 86 pages.
package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/client"
	"tallyman/internal/intake"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

func main() {
	load.Main("bench/replicas", run)
}

// workers is the number of each server's workers.
const workers = "2"

func run() {
	d, each := load.Parse()
	built := load.Must(program.Path())
	servers := load.Must(cluster.StartServers())
	defer func() { load.Check(servers.Close()) }()
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	fmt.Printf("%s, document of %d kB, %v for each figure.\n", runtime.Version(), len(d.Bills)>>10, each)
	fmt.Printf("Clients, replicas, workers, PostgreSQL and the S3 server share the %d processors of this machine\nand its one disk: the figures show what replicas cost, not what several machines would do.\n\n", runtime.NumCPU())

	fmt.Printf("%-20s %10s %7s %10s %7s %10s %7s %10s\n", "", "new/s", "", "status/s", "", "workflow/s", "", "MB each")
	base := embedded(built, each, d)
	base.print("embedded", base)
	for n := 1; n <= 3; n++ {
		r := replicas(servers, n, each, d)
		r.print(fmt.Sprintf("%d of PostgreSQL + S3", n), base)
	}
	fmt.Println()
	trips(servers, d)
	costs(servers, d, each)
}

// embedded measures one server over the embedded store.
func embedded(built string, each time.Duration, d load.Documents) rates {
	dir := load.Must(os.MkdirTemp("", "tallyman-bench-*"))
	defer os.RemoveAll(dir)
	s := program.New(built, "--data", filepath.Join(dir, "data"), "--cache", intake.CacheDir(), "--workers", workers)
	load.Check(s.Start())
	defer s.End(0)
	return measure([]string{s.URL()}, []int{s.PID()}, each, d)
}

// rates are what servers do in a second, and the highest memory of one of them with
// its workers, in MB.
type rates struct{ created, status, workflows, memory float64 }

func (r rates) print(name string, base rates) {
	fmt.Printf("%-20s %10.0f %6.2fx %10.0f %6.2fx %10.1f %6.2fx %10.0f\n", name,
		r.created, r.created/base.created, r.status, r.status/base.status, r.workflows, r.workflows/base.workflows, r.memory)
}

// connections is the number of concurrent connections.
const connections = 16

func measure(urls []string, pids []int, each time.Duration, d load.Documents) (r rates) {
	warm(urls, d)
	r.created = load.Rate(urls, connections, each, func(client, round int) string {
		return fmt.Sprintf("POST /new-session?_sid=n%d.%d", client, round%50)
	})
	r.status = load.Rate(urls, connections, each, func(int, int) string { return "GET /status?_sid=full" })
	peak := load.Peak(pids...)
	hc := spread(urls)
	r.workflows = load.Must(load.Clients(8, each, func(n, round int) error { return d.Workflow(context.Background(), clientOf(hc, fmt.Sprint("w", n))) }))
	r.memory = peak()
	return r
}

// warm runs a workflow on each server, and leaves a session called full.
func warm(urls []string, d load.Documents) {
	for _, url := range urls {
		load.Check(d.Workflow(context.Background(), clientOf(spread([]string{url}), "warm")))
	}
	load.Check(d.Fill(context.Background(), clientOf(spread(urls), "full")))
}

// clientOf returns a client of one session.
func clientOf(hc *http.Client, sid string) *client.Client {
	return &client.Client{URL: "http://localhost", Session: sid, HTTP: hc, Retries: 100}
}

// spread returns a client that sends each request to the next server in turn.
func spread(urls []string) *http.Client { return &http.Client{Transport: &turns{urls: urls}} }

type turns struct {
	urls []string
	next atomic.Uint64
}

func (t *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Host = strings.TrimPrefix(t.urls[int(t.next.Add(1))%len(t.urls)], "http://")
	return http.DefaultTransport.RoundTrip(out)
}

func replicas(servers *cluster.Servers, n int, each time.Duration, d load.Documents) rates {
	c := load.Must(servers.New(cluster.Config{Replicas: n, Direct: true, Args: []string{"--workers", workers}}))
	defer c.Close()
	urls, pids := where(c)
	return measure(urls, pids, each, d)
}

func where(c *cluster.Cluster) (urls []string, pids []int) {
	for _, r := range c.Replicas {
		urls, pids = append(urls, r.URL()), append(pids, r.PID())
	}
	return urls, pids
}

// trips counts the round trips of each operation on the links to the servers.
func trips(servers *cluster.Servers, d load.Documents) {
	c := load.Must(servers.New(cluster.Config{Replicas: 2, Args: []string{"--workers", workers}}))
	defer c.Close()
	urls, _ := where(c)
	warm(urls, d)
	here, there := urls[:1], urls[1:]
	const times = 10
	get := func(at []string, method, path string) func(int) {
		hc := spread(at)
		return func(i int) {
			req := load.Must(http.NewRequest(method, strings.ReplaceAll("http://localhost"+path, "{}", fmt.Sprint(i)), nil))
			resp, err := hc.Do(req)
			load.Check(err)
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
				load.Fail("%s: %s %s (%v)", path, resp.Status, b, err)
			}
		}
	}
	upload := func(at []string, orders bool) func(int) {
		return func(i int) {
			cl := &client.Client{URL: "http://localhost", Session: fmt.Sprint("t", i), HTTP: spread(at)}
			if orders {
				load.Must(cl.UploadOrders(context.Background(), client.Upload{Name: "o.csv", Content: bytes.NewReader(d.Orders)}))
				return
			}
			load.Must(cl.UploadBills(context.Background(), false, client.Upload{Name: "b.pdf", Content: bytes.NewReader(d.Bills)}))
		}
	}
	fmt.Printf("round trips of all replicas, mean of %d operations each\n", times)
	for _, o := range []struct {
		name string
		do   func(int)
	}{
		{"new-session, nothing there", get(here, "POST", "/new-session?_sid=t{}")},
		{"new-session, an empty one there", get(here, "POST", "/new-session?_sid=t{}")},
		{"status, empty", get(here, "GET", "/status?_sid=t{}")},
		{"upload", upload(here, false)},
		{"upload-csv, same replica", upload(here, true)},
		{"status, with sheet, same replica", get(here, "GET", "/status?_sid=t{}")},
		{"status, with sheet, other replica", get(there, "GET", "/status?_sid=t{}")},
		{"download, same replica", get(here, "GET", "/download-bol?_sid=t{}")},
		{"download, other replica, first", get(there, "GET", "/download-bol?_sid=t{}")},
		{"download, other replica, again", get(there, "GET", "/download-bol?_sid=t{}")},
		{"new-session, with files", get(here, "POST", "/new-session?_sid=t{}")},
		{"upload again", upload(here, false)},
		{"upload-csv, other replica", upload(there, true)},
		{"clear, with files", get(there, "POST", "/clear-session?_sid=t{}")},
		{"clear, nothing there", get(there, "POST", "/clear-session?_sid=t{}")},
	} {
		time.Sleep(500 * time.Millisecond) // work that continues after an answer
		c.Statements.Take()
		c.Requests.Take()
		for i := range times {
			o.do(i)
		}
		time.Sleep(500 * time.Millisecond)
		fmt.Printf("%-36s PostgreSQL: %-44s S3: %s\n", o.name, per(c.Statements.Take(), times, 1), per(c.Requests.Take(), times, 1))
	}
	fmt.Println()
}

// per writes counts per operation, for n operations, with some digits after the point.
func per(counts map[string]int, n float64, digits int) string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s %.*f", what, digits, float64(counts[what])/n))
	}
	return cmp.Or(strings.Join(all, ", "), "none")
}

// costs measures what a workflow costs each part, with three replicas that take the
// requests in turn.
func costs(servers *cluster.Servers, d load.Documents, each time.Duration) {
	c := load.Must(servers.New(cluster.Config{Replicas: 3, Args: []string{"--workers", workers}}))
	defer c.Close()
	urls, pids := where(c)
	warm(urls, d)
	hc := spread(urls)
	commits := func() (n float64) {
		time.Sleep(1500 * time.Millisecond) // the server reports with a delay
		conn := load.Must(pgx.Connect(context.Background(), c.Store()))
		defer conn.Close(context.Background())
		load.Check(conn.QueryRow(context.Background(), `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`).Scan(&n))
		return n
	}
	bytesOf := func() (up, down float64) {
		for _, r := range c.Replicas {
			up, down = up+float64(r.ToS3.Up.Load()), down+float64(r.ToS3.Down.Load())
		}
		return up, down
	}
	from := commits()
	c.Statements.Take()
	c.Requests.Take()
	up, down := bytesOf()
	program, postgres, s3 := load.CPU(pids...), load.CPU(servers.Postgres.PID()), load.CPU(servers.S3.PID())
	var ran atomic.Int64
	load.Must(load.Clients(4, 2*each, func(n, round int) error {
		ran.Add(1)
		return d.Workflow(context.Background(), clientOf(hc, fmt.Sprint("c", n)))
	}))
	time.Sleep(500 * time.Millisecond)
	n := float64(ran.Load())
	program, postgres, s3 = load.CPU(pids...)-program, load.CPU(servers.Postgres.PID())-postgres, load.CPU(servers.S3.PID())-s3
	statements, requests := c.Statements.Take(), c.Requests.Take()
	upTo, downTo := bytesOf()
	to := commits()
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / n }
	fmt.Printf("a workflow costs, mean of %.0f over 3 replicas, each request at the next\n", n)
	fmt.Printf("  processor: replicas and workers %.1f ms, PostgreSQL %.2f ms, S3 server %.1f ms\n", ms(program), ms(postgres), ms(s3))
	fmt.Printf("  PostgreSQL: %.1f transactions; round trips: %s\n", (to-from)/n, per(statements, n, 2))
	fmt.Printf("  S3: %.0f kB written, %.0f kB read; requests: %s\n", (upTo-up)/n/1000, (downTo-down)/n/1000, per(requests, n, 2))
	size(c, hc, d)
}

// size measures the storage that sessions need.
func size(c *cluster.Cluster, hc *http.Client, d load.Documents) {
	const sessions = 100
	conn := load.Must(pgx.Connect(context.Background(), c.Store()))
	defer conn.Close(context.Background())
	bytes := func() (n float64) {
		load.Must(conn.Exec(context.Background(), `VACUUM FULL tallyman.session, tallyman.file, tallyman.content`))
		load.Check(conn.QueryRow(context.Background(), `SELECT sum(pg_total_relation_size(r)) FROM unnest('{tallyman.session,tallyman.file,tallyman.content}'::regclass[]) r`).Scan(&n))
		return n
	}
	before := bytes()
	for i := range sessions {
		load.Check(d.Fill(context.Background(), clientOf(hc, fmt.Sprint("z", i))))
	}
	after := bytes()
	total, objects := 0.0, 0
	for _, path := range load.Must(load.Files(filepath.Join(c.Servers.S3.Root, c.Bucket))) {
		if info, err := os.Stat(path); err == nil {
			total, objects = total+float64(info.Size()), objects+1
		}
	}
	fmt.Printf("  room of a session with bills and orders: database %.1f kB, bucket %.0f kB in 4 objects (%d sessions; %d objects in all)\n",
		(after-before)/sessions/1000, total/float64(objects)*4/1000, sessions, objects)
}
