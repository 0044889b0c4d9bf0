package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/linear"
	"tallyman/internal/testing/link"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/pgtest"
	"tallyman/internal/testing/shipments"
)

// ledger holds workflows that were acknowledged and never cleared.
type ledger struct {
	mu   sync.Mutex
	sids []string
	of   map[string]shipments.Shipment
}

func (l *ledger) add(sid string, ship shipments.Shipment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[string]shipments.Shipment{}
	}
	if _, ok := l.of[sid]; !ok {
		l.sids = append(l.sids, sid)
	}
	l.of[sid] = ship
}

func (l *ledger) some(random *rand.Rand) (sid string, ship shipments.Shipment, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sids) == 0 {
		return "", ship, false
	}
	sid = l.sids[random.IntN(len(l.sids))]
	return sid, l.of[sid], true
}

// keep runs one workflow in a new session, repeats each request until it is
// acknowledged, and adds it to the ledger. It gives up when over returns true.
func (c clients) keep(l *ledger, sid string, ship shipments.Shipment, over func() bool) {
	again := func(r api.Request) bool {
		for !over() {
			a, known := c.ask(r)
			switch {
			case known && a.Status == 200:
				return true
			case known && a.Status != 503:
				c.wrong(r.Path+" of a workflow", a)
				return false
			}
			time.Sleep(20 * time.Millisecond)
		}
		return false
	}
	kind, body := api.Form(api.Part{Name: "bol.pdf", Content: ship.Bills})
	if !again(api.Request{Method: "POST", Path: "/upload", SID: sid, Kind: kind, Body: body}) {
		return
	}
	kind, body = api.Form(api.Part{Name: "orders.csv", Content: ship.Orders})
	if !again(api.Request{Method: "POST", Path: "/upload-csv", SID: sid, Kind: kind, Body: body}) {
		// The orders may or may not be there: they were not acknowledged.
		return
	}
	l.add(sid, ship)
	c.counts.Add("workflows acknowledged", 1)
}

// look downloads a session of the ledger, and counts lost or mixed-up lines. It
// returns false if there was no conclusive answer.
func (c clients) look(sid string, ship shipments.Shipment) bool {
	a, known := c.ask(api.Request{Method: "GET", Path: "/download", SID: sid})
	if !known || a.Status == 503 {
		return false
	}
	c.counts.Add("downloads of acknowledged workflows", 1)
	if a.Status != 200 {
		c.counts.Add("lost", 1)
		c.t.Errorf("session %s is lost: %d %s", sid, a.Status, a.Body)
		return true
	}
	if !bytes.Equal(a.Body, ship.Expected) {
		c.counts.Add("contaminated", 1)
		c.t.Errorf("session %s serves another sheet: %.300s", sid, a.Body)
	}
	return true
}

// harm is a kind of fault. It returns when the fault is over.
type harm struct {
	name string
	do   func(c *cluster.Cluster, random *rand.Rand) error
}

// between is a random time.
func between(random *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+random.IntN(most-least)) * time.Millisecond
}

func one(c *cluster.Cluster, random *rand.Rand) *cluster.Replica {
	return c.Replicas[random.IntN(len(c.Replicas))]
}

// onLink applies a fault to a link of a replica for a time.
func onLink(link func(*cluster.Replica) *link.Link, least, most int, begin, end func(*link.Link)) func(*cluster.Cluster, *rand.Rand) error {
	return func(c *cluster.Cluster, random *rand.Rand) error {
		l := link(one(c, random))
		begin(l)
		time.Sleep(between(random, least, most))
		end(l)
		return nil
	}
}

func toPostgres(r *cluster.Replica) *link.Link { return r.ToPostgres }
func toS3(r *cluster.Replica) *link.Link       { return r.ToS3 }
func cut(l *link.Link)                         { l.Cut() }
func refuse(l *link.Link)                      { l.Refuse(true) }
func accept(l *link.Link)                      { l.Refuse(false) }
func stall(l *link.Link)                       { l.Stall(true) }
func goOn(l *link.Link)                        { l.Stall(false) }
func slow(l *link.Link)                        { l.Delay(30 * time.Millisecond) }
func quick(l *link.Link)                       { l.Delay(0) }

func restartPostgres(mode pgtest.Mode) func(*cluster.Cluster, *rand.Rand) error {
	return func(c *cluster.Cluster, random *rand.Rand) error {
		if err := c.Servers.Postgres.Stop(mode); err != nil {
			return err
		}
		time.Sleep(between(random, 0, 300))
		return c.Servers.Postgres.Start()
	}
}

var harms = []harm{
	{"kill -9 of a replica", func(c *cluster.Cluster, random *rand.Rand) error {
		r := one(c, random)
		r.Kill()
		time.Sleep(between(random, 0, 300))
		return r.Start()
	}},
	{"PostgreSQL restarted, fast", restartPostgres(pgtest.Fast)},
	{"PostgreSQL restarted, immediate", restartPostgres(pgtest.Immediate)},
	{"S3 server stopped and continued", func(c *cluster.Cluster, random *rand.Rand) error {
		if err := c.Servers.S3.Stop(); err != nil {
			return err
		}
		time.Sleep(between(random, 200, 4500))
		return c.Servers.S3.Continue()
	}},
	{"connections to PostgreSQL cut", onLink(toPostgres, 0, 200, cut, cut)},
	{"connections to S3 cut", onLink(toS3, 0, 200, cut, cut)},
	{"kill -9 of two replicas", func(c *cluster.Cluster, random *rand.Rand) error {
		i := random.IntN(3)
		a, b := c.Replicas[i], c.Replicas[(i+1)%3]
		a.Kill()
		b.Kill()
		time.Sleep(between(random, 0, 300))
		return errors.Join(a.Start(), b.Start())
	}},
	{"S3 server killed and started", func(c *cluster.Cluster, random *rand.Rand) error {
		c.Servers.S3.Kill()
		time.Sleep(between(random, 0, 500))
		return c.Servers.S3.Run()
	}},
	{"connections to PostgreSQL delayed", onLink(toPostgres, 300, 1000, slow, quick)},
	{"connections to S3 delayed", onLink(toS3, 300, 1000, slow, quick)},
	{"connections to PostgreSQL stalled", onLink(toPostgres, 200, 3000, stall, goOn)},
	{"connections to S3 refused", onLink(toS3, 200, 1500, refuse, accept)},
	{"connections to PostgreSQL refused", onLink(toPostgres, 200, 1500, refuse, accept)},
	{"connections to S3 stalled", onLink(toS3, 200, 3000, stall, goOn)},
}

// While clients work, replicas are killed, PostgreSQL is restarted, the S3 server
// stopped, and connections are cut, refused, stalled and delayed. The history of
// every session is linearizable, nothing acknowledged is lost, no sheet holds another
// document's lines, every 5xx says what failed and when to retry, and everything
// recovers by itself.
func TestChaos(t *testing.T) {
	faults := len(harms)
	if long() {
		faults = 15 * len(harms) // 210
	}
	// The patience is shorter than in real use, so that stalled storage shows.
	c := clients{t, start(t, cluster.Config{Replicas: 3, Patience: "1s"}), &load.Counts{}}
	docs := documents(t)
	var ledger ledger

	var round, most atomic.Int64
	most.Store(150) // operations in the history of a fault
	// Clients hold it for reading during a request of a history.
	var turning sync.RWMutex
	h := newHistory(docs)
	var over atomic.Bool
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(n)))
			for !over.Load() && !t.Failed() {
				turning.RLock()
				if !h.full(int(most.Load())) {
					c.one(h, int(round.Load()), random)
				}
				turning.RUnlock()
				time.Sleep(between(random, 1, 60))
			}
		})
	}
	for n := range 2 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(n)))
			for i := 0; !over.Load() && !t.Failed(); i++ {
				ship := docs[[]string{"T", "U", "V"}[random.IntN(3)]]
				c.keep(&ledger, fmt.Sprintf("kept-%d-%d", n, i), ship, func() bool { return over.Load() || t.Failed() })
				if sid, k, ok := ledger.some(random); ok {
					c.look(sid, k)
				}
				time.Sleep(between(random, 1, 100))
			}
		})
	}
	defer all.Wait()
	defer over.Store(true)

	random := rand.New(rand.NewPCG(4, 4))
	var order []harm
	kinds := map[string]int{}
	began := time.Now()
	for i := 0; i < faults; i++ {
		if len(order) == 0 {
			order = append(order, harms...)
			random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		bad := order[0]
		order = order[1:]
		time.Sleep(between(random, 50, 200))
		if err := bad.do(c.cluster, random); err != nil {
			t.Fatalf("fault %d, %s: %v", i, bad.name, err)
		}
		kinds[bad.name]++
		// Each replica works again: it stores a file, and gives a sheet.
		for _, r := range c.cluster.Replicas {
			sid := "probe-" + r.Name
			works := func() bool {
				a, err := try(c.cluster, api.Request{Base: r.URL(), Method: "POST", Path: "/upload", SID: sid, Kind: "application/pdf", Body: docs["T"].Bills})
				if err != nil || a.Status != 200 {
					return false
				}
				a, err = try(c.cluster, api.Request{Base: r.URL(), Method: "GET", Path: "/download", SID: sid})
				return err == nil && bytes.Equal(a.Body, docs["T"].Unmatched)
			}
			for !works() {
				if ended(t) {
					t.Fatalf("fault %d, %s: %s does not work again; its stacks are\n%s", i, bad.name, r.Name, r.Dump())
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		turning.Lock()
		done, number := h, int(round.Load())
		c.readAll(done, number)
		h = newHistory(docs)
		round.Add(1)
		turning.Unlock()
		switch err := done.check(); {
		case errors.Is(err, linear.ErrUndecided) && most.Load() > 10:
			most.Store(most.Load() / 2)
			order = append(order, bad)
			faults++
			t.Logf("fault %d, %s: %v; repeated with %d operations", i, bad.name, err, most.Load())
		case err != nil:
			t.Errorf("fault %d, %s: %v", i, bad.name, err)
		}
		if t.Failed() {
			break
		}
	}
	over.Store(true)
	all.Wait()
	for sid, k := range ledger.of {
		until(t, "the session "+sid+" answers", func() bool { return c.look(sid, k) })
	}
	t.Logf("%d faults in %v: %v", faults, time.Since(began).Round(time.Second), kinds)
	t.Logf("%v; %d sessions of the ledger checked at the end; contaminated %d, lost %d, unclear answers %d",
		c.counts, len(ledger.of), c.counts.Get("contaminated"), c.counts.Get("lost"), c.counts.Get("unclear answers"))
	if len(ledger.of) == 0 {
		t.Error("no workflow was acknowledged")
	}
}
