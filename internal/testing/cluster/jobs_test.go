package cluster_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/linear"
	"tallyman/internal/testing/load"
)

// jobOp is one operation on a job: kind is "read" or "delete", since jobs exist before their
// histories begin. The answer is the state that was read, "gone" for 404; what a delete did,
// "cancelled" or "removed"; and "" if it is not known.
type jobOp struct{ job, kind string }

// jobModel is what a job may be: open until it ends by itself, which may happen between any
// two operations, or is cancelled; once it has ended it stays so, until it is removed.
var jobModel = linear.Model[string, string, jobOp, string]{
	Init:  "open",
	Key:   func(op jobOp) string { return op.job },
	Equal: func(a, b string) bool { return a == b },
	Step: func(state string, op jobOp, saw string) (next []string) {
		may := []string{state}
		if state == "open" {
			may = append(may, "done") // it ended just before
		}
		for _, s := range may {
			switch {
			case op.kind == "read" && (saw == "" || saw == s || s == "open" && (saw == "queued" || saw == "running")):
				next = append(next, s)
			case op.kind == "delete":
				after, did := "gone", "removed"
				switch s {
				case "open":
					after, did = "cancelled", "cancelled"
				case "gone":
					after, did = "gone", "gone"
				}
				if saw == "" {
					next = append(next, s) // it may have had no effect
				}
				if saw == "" || saw == did {
					next = append(next, after)
				}
			}
		}
		return next
	},
}

func TestTheModelOfJobsRefusesImpossibleHistories(t *testing.T) {
	type step struct{ kind, saw string }
	for name, steps := range map[string][]step{
		"a job that was lost":              {{"read", "queued"}, {"read", "gone"}},
		"a result that was taken back":     {{"read", "done"}, {"read", "running"}},
		"a cancelled job that was done":    {{"delete", "cancelled"}, {"read", "done"}},
		"a removed job that came back":     {{"read", "done"}, {"delete", "removed"}, {"read", "done"}},
		"a job that was cancelled twice":   {{"delete", "cancelled"}, {"delete", "cancelled"}},
		"a done job that was cancelled":    {{"read", "done"}, {"delete", "cancelled"}},
		"a job that was removed unended":   {{"read", "running"}, {"delete", "removed"}, {"read", "running"}},
		"a job that failed without reason": {{"read", "failed"}},
	} {
		var h []porcupine.Operation
		for i, s := range steps {
			h = append(h, porcupine.Operation{Input: jobOp{job: "x", kind: s.kind}, Output: s.saw, Call: int64(2 * i), Return: int64(2*i + 1)})
		}
		if err := jobModel.Check(h, checkTime); !errors.Is(err, linear.ErrNotLinearizable) {
			t.Errorf("%s is accepted: %v", name, err)
		}
	}
}

// harmsOfJobs are faults that cut jobs off.
var harmsOfJobs = map[string]bool{
	"kill -9 of a replica": true, "kill -9 of two replicas": true, "PostgreSQL restarted, immediate": true, "connections to PostgreSQL cut": true,
	"connections to S3 cut": true, "connections to PostgreSQL stalled": true,
}

// Jobs that are acknowledged end once, with their own sheets, while replicas are killed and
// connections break: no job is lost, none has two results, and nothing is left of what was
// begun in vain.
func TestJobsSurviveChaos(t *testing.T) {
	rounds := 2
	if long() {
		rounds = 60
	}
	c := clients{t, start(t, cluster.Config{Replicas: 3, Patience: "1s"}), &load.Counts{}}
	docs := documents(t)
	random := rand.New(rand.NewPCG(7, 7))
	order := slices.DeleteFunc(slices.Clone(harms), func(h harm) bool { return !harmsOfJobs[h.name] })
	type known struct {
		letter    string
		cancelled bool
	}
	var mu sync.Mutex
	jobs := map[string]*known{}
	var history []porcupine.Operation
	put := func(key, letter string) (id string) {
		kind, body := api.Form(api.Part{Field: "file", Name: "bol.pdf", Content: docs[letter].Bills}, api.Part{Field: "file", Name: "orders.csv", Content: docs[letter].Orders})
		for !t.Failed() {
			a, answered := c.ask(api.Request{Method: "POST", Path: "/jobs", Kind: kind, Body: body, Once: key})
			if answered && a.Status == http.StatusAccepted {
				var j struct {
					ID string `json:"job_id"`
				}
				into(t, a, &j)
				return j.ID
			}
			if answered && a.Status != http.StatusServiceUnavailable {
				c.wrong("POST /jobs", a)
			}
			time.Sleep(20 * time.Millisecond)
		}
		return ""
	}
	state := func(a api.Answer, answered bool) string {
		var j struct{ State, Status string }
		switch {
		case !answered || a.Status == http.StatusServiceUnavailable:
			return ""
		case a.Status == http.StatusNotFound:
			return "gone"
		}
		into(t, a, &j)
		return cmp.Or(j.Status, j.State)
	}
	ask := func(method, id string) (saw string) {
		kind := map[string]string{"GET": "read", "DELETE": "delete"}[method]
		call := time.Now().UnixNano()
		saw = state(c.ask(api.Request{Method: method, Path: "/jobs/" + id}))
		back := time.Now().UnixNano()
		if saw == "" {
			back = math.MaxInt64 / 2 // perhaps it takes effect much later
		}
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{Input: jobOp{id, kind}, Output: saw, Call: call, Return: back})
		return saw
	}
	for round := range rounds {
		var all sync.WaitGroup
		for client := range 3 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(round), uint64(client)))
				for i := range 4 {
					key, letter := fmt.Sprintf("%d-%d-%d", round, client, i), []string{"T", "U", "V"}[random.IntN(3)]
					id := put(key, letter)
					if again := put(key, letter); again != id {
						t.Errorf("one key made the jobs %s and %s", id, again)
					}
					k := &known{letter: letter}
					mu.Lock()
					jobs[id] = k
					mu.Unlock()
					for range 4 {
						ask("GET", id)
						time.Sleep(between(random, 1, 200))
					}
					if random.IntN(4) == 0 {
						k.cancelled = true
						ask("DELETE", id)
						ask("GET", id)
					}
				}
			})
		}
		bad := order[random.IntN(len(order))]
		time.Sleep(between(random, 100, 800))
		if err := bad.do(c.cluster, random); err != nil {
			t.Fatalf("%s: %v", bad.name, err)
		}
		all.Wait()
	}
	ended := 0
	for id, k := range jobs {
		var saw string
		until(t, "the job "+id+" ends", func() bool {
			saw = ask("GET", id)
			return t.Failed() || saw != "" && saw != "queued" && saw != "running"
		})
		if saw == "done" {
			ended++
			until(t, "the sheet of the job "+id+" is answered", func() bool {
				a, answered := c.ask(api.Request{Method: "GET", Path: "/jobs/" + id + "/sheet"})
				if answered && a.Status == 200 && !bytes.Equal(a.Body, docs[k.letter].Expected) || answered && a.Status == 404 {
					t.Errorf("the job %s has another sheet: %d %.200s", id, a.Status, a.Body)
				}
				return t.Failed() || answered && a.Status == 200
			})
		} else if !k.cancelled {
			t.Errorf("the job %s is %s", id, saw)
		}
	}
	if err := jobModel.Check(history, 0); err != nil {
		t.Errorf("the states of a job: %v", err)
	}
	// One session per result: those of attempts that were cut off are cleared.
	until(t, "no session of another attempt is left", func() bool {
		a, answered := c.ask(api.Request{Method: "GET", Path: "/debug-sessions?limit=1"})
		var page struct {
			Total int `json:"total_sessions"`
		}
		if !answered || a.Status != 200 || a.Into(&page) != nil {
			return t.Failed()
		}
		return t.Failed() || page.Total <= ended
	})
	if ended == 0 {
		t.Error("no job was done")
	}
	t.Logf("%d jobs, %d done, %d operations; %v", len(jobs), ended, len(history), c.counts)
}
