package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/linear"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/shipments"
)

// documents are few and small, so that there are many operations in a second. Each
// has a different number of bills.
func documents(t testing.TB) model {
	m := model{}
	for i, letter := range []string{"T", "U", "V"} {
		m[letter] = shipments.New(t, sample.Options{Bills: i + 1, Lines: 3 * (i + 1), Seed: 1}, letter)
	}
	return m
}

// clients collide on a few sessions, and record their operations.
type clients struct {
	t       testing.TB
	cluster *cluster.Cluster
	counts  *load.Counts
}

// loadKeys is the number of session IDs in a history.
const loadKeys = 3

// one makes one random request.
func (c clients) one(h *history, round int, random *rand.Rand) {
	sid := fmt.Sprintf("round-%d-%d", round, random.IntN(loadKeys))
	letter := []string{"T", "U", "V"}[random.IntN(3)]
	k := h.call(sid)
	switch p := random.IntN(100); {
	case p < 12:
		path := []string{"/new-session", "/auto-reset"}[random.IntN(2)]
		c.reset(k, begin, path)
	case p < 20:
		c.reset(k, clearing, "/clear-session")
	case p < 45:
		c.upload(k, letter, random.IntN(3) == 0)
	case p < 60:
		c.uploadOrders(k, letter)
	case p < 68:
		c.amend(k, 0)
	case p < 76:
		// Somebody amends what was there a moment ago.
		if revision := c.list(k); revision > 0 {
			c.amend(h.call(sid), revision)
		}
	case p < 90:
		c.status(k)
	default:
		c.download(k)
	}
}

// ask makes a request through the balancer. known is false if its effect is unknown.
// It checks the rules for all answers.
func (c clients) ask(r api.Request) (a api.Answer, known bool) {
	c.counts.Add("operations", 1)
	a, err := try(c.cluster, r)
	if err != nil || a.Header.Get(cluster.ByHeader) == "" {
		c.counts.Add("unknown: no answer", 1)
		c.rest()
		return a, false
	}
	if a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" {
		switch code := a.Code(); code {
		case "busy", "worker_stopped":
			c.counts.Add("refused: "+code, 1)
			return a, true
		case "storage_unavailable":
			// An operation that the server reports as failed may have been done all
			// the same. No other change was made.
			for _, what := range []string{"begin the session", "clear the session", "attach the files"} {
				if bytes.Contains(a.Body, []byte("could not "+what)) {
					c.counts.Add("unknown: storage_unavailable", 1)
					c.rest()
					return a, false
				}
			}
			c.counts.Add("refused: storage_unavailable", 1)
			c.rest()
			return a, true
		}
	}
	if a.Status >= 500 {
		c.counts.Add("unclear answers", 1)
		c.t.Errorf("%s %s: %d %s, Retry-After %q", r.Method, r.Path, a.Status, a.Body, a.Header.Get("Retry-After"))
		return a, false
	}
	return a, true
}

// rest keeps a client from recording too many operations of unknown outcome: the
// checker has to try them at every place.
func (c clients) rest() { time.Sleep(300 * time.Millisecond) }

// wrong reports an inexplicable answer.
func (c clients) wrong(r string, a api.Answer) {
	c.counts.Add("unclear answers", 1)
	c.t.Errorf("%s: %d %s", r, a.Status, a.Body)
}

func (c clients) reset(k call, kind kind, path string) {
	a, known := c.ask(api.Request{Method: "POST", Path: path, SID: k.sid})
	switch {
	case !known:
		k.record(op{kind: kind}, told{unknown: true})
	case a.Status == 200:
		var removed api.Removed
		into(c.t, a, &removed)
		k.record(op{kind: kind}, told{removed: removed.Removed.Files, bytes: removed.Removed.Bytes})
	case a.Status != 503: // nothing was done
		c.wrong(path, a)
	}
}

func (c clients) upload(k call, letter string, add bool) {
	file := api.Part{Name: fmt.Sprintf("%s-%d.pdf", letter, k.id), Content: k.model[letter].Bills}
	kind, body := api.Form(file)
	path := "/upload"
	if add {
		path += "?mode=append"
	}
	a, known := c.ask(api.Request{Method: "POST", Path: path, SID: k.sid, Kind: kind, Body: body})
	c.attached(k, op{kind: open}, op{kind: attach, file: sent(file), add: add}, a, known)
}

func (c clients) uploadOrders(k call, letter string) {
	file := api.Part{Name: fmt.Sprintf("%s-%d.csv", letter, k.id), Content: k.model[letter].Orders}
	kind, body := api.Form(file)
	a, known := c.ask(api.Request{Method: "POST", Path: "/upload-csv", SID: k.sid, Kind: kind, Body: body})
	if known && a.Status == 400 && a.Code() == "no_bol" {
		k.record(op{kind: noBills}, told{})
		return
	}
	c.attached(k, op{kind: look}, op{kind: attach, file: sent(file), orders: true}, a, known)
}

// amendments is the answer of /amendments.
type amendments struct {
	Revision   int64
	Amendments []struct{ Value string }
}

func (a amendments) told() told {
	t := told{revision: a.Revision}
	for _, one := range a.Amendments {
		t.list += one.Value + ";"
	}
	return t
}

// list reads the amendments, and returns the session's revision, 0 if there are no bills.
func (c clients) list(k call) int64 {
	a, known := c.ask(api.Request{Method: "GET", Path: "/amendments", SID: k.sid})
	var said amendments
	switch {
	case !known || a.Status == 503:
	case a.Status == 404:
		k.record(op{kind: listing}, told{sheet: "none"})
	case a.Status == 200:
		into(c.t, a, &said)
		k.record(op{kind: listing}, said.told())
	default:
		c.wrong("/amendments", a)
	}
	return said.Revision
}

// amend adds an amendment, to a revision or to what is newest.
func (c clients) amend(k call, revision int64) {
	what := fmt.Sprintf("v%d", k.id)
	body := fmt.Sprintf(`{"revision": %d, "add": [{"kind": "fill", "ship_to": "nobody", "column": "Load #", "value": %q}]}`, revision, what)
	a, known := c.ask(api.Request{Method: "POST", Path: "/amendments", SID: k.sid, Kind: "application/json", Body: []byte(body)})
	o := op{kind: amending, file: what, revision: revision}
	switch {
	case !known:
		k.record(o, told{unknown: true})
	case a.Status == 200:
		var said amendments
		into(c.t, a, &said)
		k.record(o, said.told())
		c.counts.Add("amended", 1)
	case a.Status == 400 && a.Code() == "no_bol":
		k.record(op{kind: noBills}, told{})
	case a.Status == 409 && a.Code() == "changed":
		if revision > 0 {
			k.record(op{kind: stale, revision: revision}, told{})
		}
		c.counts.Add("amendments refused", 1)
	case a.Code() == "session_superseded", a.Status == 503: // nothing was done
	default:
		c.wrong("POST /amendments", a)
	}
}

// attached records the parts of an upload.
func (c clients) attached(k call, first, second op, a api.Answer, known bool) {
	switch {
	case !known:
		k.record(first, told{unknown: true})
		k.record(second, told{unknown: true})
	case a.Status == 200:
		var said struct{ Bills int }
		into(c.t, a, &said)
		k.record(first, told{})
		k.record(second, told{})
		if !second.orders {
			k.record(op{kind: figures}, told{bills: said.Bills})
		}
	case a.Code() == "session_superseded":
		k.record(first, told{})
		// It may have been there for a moment: first another upload replaced it, and then
		// the reset came.
		k.recordUntil(second, told{unknown: true}, true)
		k.record(op{kind: over}, told{})
		c.counts.Add("superseded", 1)
	case a.Code() == "session_changed" && (second.orders || second.add):
		k.record(first, told{})
		k.record(op{kind: changed}, told{})
		c.counts.Add("changed", 1)
	case a.Status == 503: // it may have begun the session
		k.recordUntil(first, told{unknown: true}, true)
	default:
		c.wrong("an upload", a)
	}
}

func (c clients) status(k call) {
	a, known := c.ask(api.Request{Method: "GET", Path: "/status", SID: k.sid})
	if !known || a.Status == 503 {
		return
	}
	if a.Status != 200 {
		c.wrong("/status", a)
		return
	}
	var said api.Status
	into(c.t, a, &said)
	var files []string
	for _, f := range said.Uploaded() {
		if f.Name != "amendments.json" { // its size depends on the time
			files = append(files, fileOf(f))
		}
	}
	k.record(op{kind: status}, told{exists: said.Exists, files: strings.Join(files, ";")})
}

func (c clients) download(k call) {
	a, known := c.ask(api.Request{Method: "GET", Path: "/download", SID: k.sid})
	switch {
	case !known || a.Status == 503:
	case a.Status == 404:
		k.record(op{kind: download}, told{sheet: "none"})
	case a.Status == 200:
		lines, merged, err := shipments.Origin(a.Body)
		if err != nil {
			c.t.Error(err)
			return
		}
		c.counts.Add("downloads", 1)
		k.record(op{kind: download}, told{sheet: sheetOf(lines, merged)})
	default:
		c.wrong("/download", a)
	}
}

// readAll reads all sessions of a history.
func (c clients) readAll(h *history, round int) {
	for i := range loadKeys {
		c.status(h.call(fmt.Sprintf("round-%d-%d", round, i)))
	}
}

func TestAnswersOfAllReplicasAreLinearizable(t *testing.T) {
	t.Parallel()
	c := clients{t, start(t, cluster.Config{Replicas: 3}), &load.Counts{}}
	docs := documents(t)
	rounds, each := 16, 8
	if long() {
		rounds = 250
	}
	for round := 0; round < rounds; round++ {
		h := newHistory(docs)
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(round), uint64(n)))
				for range each {
					c.one(h, round, random)
				}
			})
		}
		all.Wait()
		c.readAll(h, round)
		switch err := h.check(); {
		case errors.Is(err, linear.ErrUndecided) && each > 1:
			each /= 2
			rounds += 2 // repeat this round, with one more
			t.Logf("round %d: %v; from now on %d requests of each client", round, err, each)
		case err != nil:
			t.Fatalf("round %d: %v", round, err)
		}
	}
	t.Log(c.counts)
	if c.counts.Get("superseded") == 0 || c.counts.Get("downloads") == 0 || c.counts.Get("amended") == 0 || c.counts.Get("amendments refused") == 0 {
		t.Error("the load has no collisions")
	}
}

// Histories that break one rule each, and similar ones that do not.
func TestTheCheckerFindsBrokenRules(t *testing.T) {
	docs := documents(t)
	type step struct {
		op
		told
		call, end int64
	}
	const sid = "s"
	file := fileOf(api.File{Name: "T-2.pdf", Size: 10})
	for _, c := range []struct {
		name  string
		want  bool
		steps []step
	}{
		{"an attach in its life", true, []step{
			{op{kind: open, id: 2}, told{}, 1, 4}, {op{kind: attach, id: 2, file: file}, told{}, 1, 4}, {op{kind: status, id: 4}, told{exists: true, files: file}, 8, 9}}},
		{"an attach that landed in another life", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: begin, id: 3}, told{}, 3, 4}, {op{kind: attach, id: 2, file: file}, told{}, 5, 6}}},
		{"one that was superseded by a reset", true, []step{
			{op{kind: open, id: 2}, told{}, 1, 6}, {op{kind: begin, id: 3}, told{}, 3, 4}, {op{kind: over, id: 2}, told{}, 1, 6}}},
		{"one that was superseded without a reset", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 6}, {op{kind: over, id: 2}, told{}, 1, 6}}},
		{"orders beside the bills that replaced theirs", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: attach, id: 2, file: file}, told{}, 1, 2}, {op{kind: look, id: 3}, told{}, 3, 3},
			{op{kind: open, id: 4}, told{}, 4, 5}, {op{kind: attach, id: 4, file: "U-4.pdf:10"}, told{}, 4, 5}, {op{kind: attach, id: 3, file: "T-3.csv:5", orders: true}, told{}, 7, 9}}},
		{"orders that were refused for that", true, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: attach, id: 2, file: file}, told{}, 1, 2}, {op{kind: look, id: 3}, told{}, 3, 9},
			{op{kind: open, id: 4}, told{}, 4, 5}, {op{kind: attach, id: 4, file: "U-4.pdf:10"}, told{}, 4, 5}, {op{kind: changed, id: 3}, told{}, 3, 9}}},
		{"orders that were refused for nothing", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: attach, id: 2, file: file}, told{}, 1, 2}, {op{kind: look, id: 3}, told{}, 3, 9},
			{op{kind: open, id: 4}, told{}, 4, 5}, {op{kind: attach, id: 4, file: "U-4.pdf:10", add: true}, told{}, 4, 5}, {op{kind: changed, id: 3}, told{}, 3, 9}}},
		{"two amendments of one revision", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: attach, id: 2, file: file}, told{}, 1, 2},
			{op{kind: amending, id: 3, file: "v3", revision: 2}, told{list: "v3;", revision: 3}, 3, 9}, {op{kind: amending, id: 4, file: "v4", revision: 2}, told{list: "v4;", revision: 3}, 3, 9}}},
		{"two amendments of one revision, of which one is refused", true, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: attach, id: 2, file: file}, told{}, 1, 2},
			{op{kind: amending, id: 3, file: "v3", revision: 2}, told{list: "v3;", revision: 3}, 3, 9}, {op{kind: stale, id: 4, revision: 2}, told{}, 3, 9}}},
		{"an amendment that is refused for nothing", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: attach, id: 2, file: file}, told{}, 1, 2}, {op{kind: stale, id: 4, revision: 2}, told{}, 3, 9}}},
		{"an amendment that is lost", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 2}, {op{kind: attach, id: 2, file: file}, told{}, 1, 2},
			{op{kind: amending, id: 3, file: "v3"}, told{list: "v3;", revision: 3}, 3, 4}, {op{kind: listing, id: 4}, told{revision: 2}, 5, 6}}},
		{"a cleared session that comes back", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 4}, {op{kind: attach, id: 2, file: file}, told{}, 1, 4},
			{op{kind: clearing, id: 3}, told{removed: 1, bytes: 10}, 5, 6}, {op{kind: status, id: 4}, told{exists: true, files: file}, 8, 9}}},
		{"an acknowledged file that is lost", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 4}, {op{kind: attach, id: 2, file: file}, told{}, 1, 4}, {op{kind: status, id: 4}, told{exists: true}, 8, 9}}},
		{"a sheet of another document", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 4}, {op{kind: attach, id: 2, file: file}, told{}, 1, 4}, {op{kind: download, id: 4}, told{sheet: "U6 false"}, 8, 9}}},
		{"a reset that reports fewer files than it removes", false, []step{
			{op{kind: open, id: 2}, told{}, 1, 4}, {op{kind: attach, id: 2, file: file}, told{}, 1, 4}, {op{kind: begin, id: 4}, told{}, 8, 9}}},
		{"a missing file of an upload of unknown outcome", true, []step{
			{op{kind: open, id: 2}, told{unknown: true}, 1, 100}, {op{kind: attach, id: 2, file: file}, told{unknown: true}, 1, 100}, {op{kind: status, id: 4}, told{exists: true}, 8, 9}}},
		{"the same, visible and gone again", false, []step{
			{op{kind: open, id: 2}, told{unknown: true}, 1, 100}, {op{kind: attach, id: 2, file: file}, told{unknown: true}, 1, 100},
			{op{kind: status, id: 4}, told{exists: true, files: file}, 8, 9}, {op{kind: status, id: 5}, told{exists: true}, 10, 11}}},
	} {
		h := newHistory(docs)
		for _, s := range c.steps {
			s.op.sid = sid
			h.ops = append(h.ops, porcupine.Operation{Input: s.op, Output: s.told, Call: s.call, Return: s.end})
		}
		if err := h.check(); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
