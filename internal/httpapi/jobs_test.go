package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// runJobs runs the server's jobs until the returned function is called, or the test ends.
func (p *place) runJobs(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.api.RunJobs(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// putJob makes a job of files, and returns its ID.
func (p *place) putJob(t testing.TB, header http.Header, parts ...part) string {
	t.Helper()
	a := p.do(t, request{path: "/jobs", header: header}.form(t, parts...))
	got, _ := decode(a.body).(map[string]any)
	id, _ := got["job_id"].(string)
	if at := a.header.Get("Location"); a.status != 202 || id == "" || at != "/jobs/"+id {
		t.Fatalf("%d, Location %q: %s", a.status, at, a.body)
	}
	return id
}

func billsPart(b []byte) part  { return fileIn("file", "bol.pdf", b) }
func ordersPart(b []byte) part { return fileIn("file", "orders.csv", b) }

// job returns a job's answer once it has a state.
func (p *place) job(t testing.TB, id, state string) map[string]any {
	t.Helper()
	var got map[string]any
	until(func() bool {
		got, _ = decode(p.get(t, "/jobs/"+id).body).(map[string]any)
		return got["state"] == state || got["ended_at"] != nil
	})
	if got["state"] != state {
		t.Fatalf("the job ended otherwise than %s: %v", state, got)
	}
	return got
}

// jobDone has a job make the sheet of bills, and returns its ID.
func (p *place) jobDone(t testing.TB, bills []byte) string {
	t.Helper()
	stop := p.runJobs(t)
	defer stop()
	id := p.putJob(t, nil, billsPart(bills))
	p.job(t, id, "done")
	return id
}

func TestAJobMakesTheSheetThatAnUploadWould(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	id := p.putJob(t, nil, ordersPart(ship.orders), billsPart(ship.bills)) // the content decides what they are
	p.get(t, "/jobs/"+id).is(t, 200, fields{"job_id": id, "state": "queued", "attempts": 0.0, "files": []any{"orders.csv", "bol.pdf"}, "progress": anyObject, "created_at": anyTime, "links": anyObject})
	p.get(t, "/jobs/"+id+"/sheet").fails(t, 409, "job_not_ended", nil)
	p.settles(t, 2)
	p.runJobs(t)
	got := p.job(t, id, "done")
	result, _ := got["result"].(map[string]any)
	if result["lines"] != 30.0 || result["reconciled"] != 6.0 || result["bills"] != 6.0 || result["matched"] != 30.0 || result["state"] != "joined" || got["attempts"] != 1.0 {
		t.Errorf("%v", got)
	}
	links, _ := got["links"].(map[string]any)
	sheet, _ := links["sheet"].(string)
	p.get(t, sheet, http.Header{"Range": {"bytes=99999999-"}}).fails(t, 416, "bad_range", fields{"session_id": anyText})
	for format, want := range map[string]string{"": "text/csv", "xlsx": "spreadsheetml", "json": "application/json"} {
		a := p.get(t, sheet+"?format="+format)
		if a.status != 200 || !strings.Contains(a.header.Get("Content-Type"), want) || format == "" && !bytes.Equal(a.body, ship.expected) {
			t.Errorf("%s: %d %s %.200s", format, a.status, a.header, a.body)
		}
	}
	// The session is one like any other.
	sid, _ := result["session_id"].(string)
	p.get(t, "/download?_sid="+sid).holds(t, ship.expected, "the job's session")
	p.settles(t, 4) // two files and their readings; those of the task are gone
	p.do(t, request{method: "DELETE", path: "/jobs/" + id}).is(t, 200, fields{"job_id": id, "status": "removed", "state": "done"})
	p.get(t, "/jobs/"+id).fails(t, 404, "not_found", nil)
	p.get(t, "/download?_sid="+sid).fails(t, 404, "no_sheet", fields{"session_id": sid})
	p.settles(t, 0)
}

// What an upload answers to a wrong file is why a job fails.
func TestAJobFailsWithTheCodeOfAnUpload(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.runJobs(t)
	for code, parts := range map[string][]part{
		"damaged_pdf":     {billsPart([]byte("%PDF-1.4\nnothing"))},
		"missing_columns": {billsPart(ship.bills), ordersPart([]byte("a,b\n1,2\n"))},
		"not_a_pdf":       {{name: "pdf", filename: "x.pdf", content: []byte("hello")}},
	} {
		id := p.putJob(t, nil, parts...)
		got := p.job(t, id, "failed")
		failed, _ := got["error"].(map[string]any)
		if failed["code"] != code || failed["error"] == "" || got["result"] != nil {
			t.Errorf("%s: %v", code, got)
		}
		p.get(t, "/jobs/"+id+"/sheet").fails(t, 404, "job_has_failed", nil)
	}
	p.settles(t, 0)
	if page, err := p.store.List(t.Context(), session.Query{}); err != nil || page.Total != 0 {
		t.Errorf("sessions are left: %+v, %v", page, err)
	}
	p.form(t, "/jobs", ordersPart(ship.orders)).fails(t, 400, "no_upload", nil)
	p.settles(t, 0)
}

func TestAJobIsMadeOncePerIdempotencyKey(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	once := http.Header{"Idempotency-Key": {"one"}}
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for range 4 {
		wg.Go(func() {
			id := p.putJob(t, once, billsPart(ship.bills))
			mu.Lock()
			defer mu.Unlock()
			ids[id] = true
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("one key made the jobs %v", ids)
	}
	p.settles(t, 1)
	p.do(t, request{path: "/jobs", header: once}.form(t, billsPart(other(t, 2).bills))).fails(t, 422, "idempotency_key_reused", nil)
	p.settles(t, 1)
	p.runJobs(t)
	for id := range ids {
		p.job(t, id, "done")
		if again := p.putJob(t, once, billsPart(ship.bills)); again != id {
			t.Errorf("after the end the key makes the job %s", again)
		}
	}
	p.settles(t, 2)
}

func TestAJobOfUploadsOfASession(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	put := func(body string) answer {
		return p.post(t, "/jobs?_sid=s", "application/json", []byte(body))
	}
	put(`{}`).fails(t, 400, "no_upload", fields{"session_id": "s"})
	p.uploadBills(t, "s", ship.bills)
	p.uploadOrders(t, "s", ship.orders)
	put(`{"uploads":["nothing.pdf"]}`).fails(t, 404, "not_found", fields{"session_id": "s"})
	put(`{"upload":["bol.pdf"]}`).fails(t, 400, "bad_request", fields{"session_id": "s"})
	put(`[`).fails(t, 400, "bad_request", fields{"session_id": "s"})
	put(`{"uploads":["`+strings.Repeat("x", 70_000)+`"]}`).fails(t, 413, "too_large", fields{"session_id": "s"})
	files, _ := decode(p.get(t, "/files?_sid=s").body).(map[string]any)["files"].([]any)
	bills, _ := files[1].(map[string]any)["name"].(string)
	one, _ := decode(put(`{"uploads":["` + bills + `"]}`).body).(map[string]any)["job_id"].(string)
	all, _ := decode(put(`{}`).body).(map[string]any)["job_id"].(string)
	p.post(t, "/clear-session?_sid=s", "", nil) // the job has copies
	p.runJobs(t)
	p.job(t, one, "done")
	p.job(t, all, "done")
	p.get(t, "/jobs/"+all+"/sheet").holds(t, ship.expected)
	p.get(t, "/jobs/"+one+"/sheet").holds(t, ship.unmatched)
	p.settles(t, 6)
}

func TestAJobThatIsCancelledNeverEndsOtherwise(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	id := p.putJob(t, nil, billsPart(ship.bills))
	p.do(t, request{method: "DELETE", path: "/jobs/" + id}).is(t, 200, fields{"job_id": id, "status": "cancelled", "state": "cancelled"})
	p.settles(t, 0)
	p.runJobs(t)
	next := p.putJob(t, nil, billsPart(ship.bills))
	p.job(t, next, "done")
	p.job(t, id, "cancelled")
	p.get(t, "/jobs/"+id+"/sheet").fails(t, 404, "job_has_failed", nil)
	p.do(t, request{method: "DELETE", path: "/jobs/" + id}).is(t, 200, fields{"job_id": id, "status": "removed", "state": "cancelled"})
	p.do(t, request{method: "DELETE", path: "/jobs/" + id}).fails(t, 404, "not_found", nil)
	// Whoever clears the session of a job takes its sheet away.
	got := p.job(t, next, "done")
	sid, _ := got["result"].(map[string]any)["session_id"].(string)
	p.post(t, "/new-session?_sid="+sid, "", nil)
	p.get(t, "/jobs/"+next+"/sheet").fails(t, 404, "no_sheet", nil)
}

// A job that is being read is stopped, and its session is cleared.
func TestAJobIsCancelledWhileItRuns(t *testing.T) {
	at := newStores(t)
	held := &holdingContents{Store: at.contents, reached: make(chan struct{}, 100), release: make(chan struct{})}
	p := at.serve(t, desk.New(at.store, held, reader, desk.Limits{}))
	p.runJobs(t)
	id := p.putJob(t, nil, billsPart(small(t, 1).bills))
	<-held.reached
	p.job(t, id, "running")
	p.do(t, request{method: "DELETE", path: "/jobs/" + id}).is(t, 200, fields{"job_id": id, "status": "cancelled", "state": "cancelled"})
	close(held.release)
	p.settles(t, 0)
	until(func() bool {
		page, err := p.store.List(t.Context(), session.Query{})
		return err == nil && page.Total == 0
	})
	p.job(t, id, "cancelled")
}

// holdingContents lets nobody open a content before it is released.
type holdingContents struct {
	blob.Store
	reached, release chan struct{}
}

func (h *holdingContents) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	h.reached <- struct{}{}
	<-h.release
	return h.Store.Open(ctx, ref)
}

func TestJobsAreBounded(t *testing.T) {
	p := newPlace(t, func(c *httpapi.Config) { c.Jobs = 2 })
	bills := small(t, 1).bills
	first := p.putJob(t, nil, billsPart(bills))
	p.putJob(t, nil, billsPart(bills))
	a := p.form(t, "/jobs", billsPart(bills))
	a.fails(t, 429, "too_many_jobs", fields{"details": anyObject})
	if a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	p.settles(t, 2)
	p.do(t, request{method: "DELETE", path: "/jobs/" + first})
	p.putJob(t, nil, billsPart(bills))
}

func TestJobsAreListedByOwner(t *testing.T) {
	ring, secrets := ringOf(t, "acme", "zeta")
	as := func(owner string) http.Header { return http.Header{"Authorization": {"Bearer " + secrets[owner]}} }
	p := newPlace(t, func(c *httpapi.Config) { c.Keys = ring })
	bills := small(t, 1).bills
	var ids []string
	for range 3 {
		ids = append(ids, p.putJob(t, as("acme"), billsPart(bills)))
	}
	slices.Reverse(ids)
	list := func(owner, query string) (got []string, next string) {
		t.Helper()
		a := p.get(t, "/jobs"+query, as(owner))
		var page struct {
			Jobs []struct {
				ID string `json:"job_id"`
			}
			Next string
		}
		must.OK(t, json.Unmarshal(a.body, &page))
		for _, j := range page.Jobs {
			got = append(got, j.ID)
		}
		return got, page.Next
	}
	if all, _ := list("acme", ""); !slices.Equal(all, ids) {
		t.Errorf("listed %v, want %v", all, ids)
	}
	some, next := list("acme", "?limit=2")
	rest, none := list("acme", "?limit=2&before="+next)
	if !slices.Equal(append(some, rest...), ids) || none != "" {
		t.Errorf("page by page: %v, %v, %q", some, rest, none)
	}
	if all, _ := list("zeta", ""); len(all) != 0 {
		t.Errorf("another owner sees %v", all)
	}
	for _, r := range []request{{method: "GET", path: "/jobs/" + ids[0]}, {method: "DELETE", path: "/jobs/" + ids[0]}, {method: "GET", path: "/jobs/" + ids[0] + "/sheet"}, {method: "GET", path: "/jobs/" + ids[0] + "/events"}} {
		r.header = as("zeta")
		p.do(t, r).fails(t, 404, "not_found", nil)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?before=x"} {
		p.get(t, "/jobs"+query, as("acme")).fails(t, 400, "bad_request", nil)
	}
	p.runJobs(t)
	until(func() bool {
		n, err := p.tasks.Count(t.Context(), "job")
		return err == nil && n.Done == 3
	})
}

func TestTheEventsOfAJobEndWithIt(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	id := p.putJob(t, nil, billsPart(ship.bills), ordersPart(ship.orders))
	resp, err := p.client.Get(p.URL + "/jobs/" + id + "/events")
	must.OK(t, err)
	defer resp.Body.Close()
	head := make([]byte, len("event: queued\ndata: {"))
	_, err = io.ReadFull(resp.Body, head)
	must.OK(t, err)
	p.runJobs(t)
	rest, err := io.ReadAll(resp.Body) // the stream ends
	must.OK(t, err)
	if string(head) != "event: queued\ndata: {" || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("it begins with %s", head)
	}
	last := rest[bytes.LastIndex(rest, []byte("event: ")):]
	if !bytes.HasPrefix(last, []byte("event: done\n")) || !bytes.Contains(last, []byte(`"matched":30`)) {
		t.Errorf("it ends with %s", last)
	}
	if a := p.get(t, "/jobs/"+id+"/events"); !bytes.HasPrefix(a.body, []byte("event: done\n")) {
		t.Errorf("after the end: %.200s", a.body)
	}
	p.get(t, "/jobs/j_none/events").fails(t, 404, "not_found", nil)
}

// A job whose server was stopped is begun again by another, and one that fails by the
// server's own fault is tried again.
func TestAJobGoesOnAfterItsServerEnded(t *testing.T) {
	at := newStores(t)
	broken := &faulty{Store: at.store}
	p := at.serve(t, desk.New(broken, faultyContents{at.contents, broken}, reader, desk.Limits{}))
	id := p.putJob(t, nil, billsPart(small(t, 1).bills))
	broken.fail(fault.New(blob.StorageUnavailable, "storage cannot be reached"))
	stop := p.runJobs(t)
	until(func() bool {
		got, err := p.tasks.Get(t.Context(), session.Local, queue.ID(id))
		return err == nil && got.Token > 0 && got.State == queue.Waiting && got.Error != ""
	})
	stop()
	broken.fail(nil)
	q := at.serve(t, desk.New(at.store, at.contents, reader, desk.Limits{}))
	q.runJobs(t)
	if got := q.job(t, id, "done"); got["attempts"].(float64) < 2 {
		t.Errorf("%v", got)
	}
	q.settles(t, 2)
	if page, err := q.store.List(t.Context(), session.Query{}); err != nil || page.Total != 1 {
		t.Errorf("%d sessions are there, %v", page.Total, err)
	}
}

// A claimant that was thought dead cannot end the job, and leaves nothing.
func TestALateAttemptLeavesNothing(t *testing.T) {
	at := newStores(t)
	held := &holdingContents{Store: at.contents, reached: make(chan struct{}, 100), release: make(chan struct{})}
	lease := func(c *httpapi.Config) { c.JobsLease = time.Hour }
	late := at.serve(t, desk.New(at.store, held, reader, desk.Limits{}), lease)
	id := late.putJob(t, nil, billsPart(small(t, 1).bills))
	stop := late.runJobs(t)
	<-held.reached
	stop2 := sync.OnceFunc(stop)
	// The other's claim is over, as if its lease had run out.
	task, err := at.tasks.Get(t.Context(), session.Local, queue.ID(id))
	must.OK(t, err)
	must.OK(t, at.tasks.Retry(t.Context(), task.Hold(), 0, "taken away"))
	p := at.serve(t, desk.New(at.store, at.contents, reader, desk.Limits{}))
	p.runJobs(t)
	got := p.job(t, id, "done")
	close(held.release)
	until(func() bool {
		return strings.Contains(late.log.String(), `"msg":"job"`) && strings.Contains(late.log.String(), `"outcome":"lost"`)
	})
	stop2()
	if sid := got["result"].(map[string]any)["session_id"]; sid != id+".2" {
		t.Errorf("the sheet is in the session %v", sid)
	}
	p.get(t, "/jobs/"+id+"/sheet").ok(t)
	page, err := p.store.List(t.Context(), session.Query{})
	must.OK(t, err)
	if page.Total != 1 {
		t.Errorf("%d sessions are left", page.Total)
	}
	p.settles(t, 2)
}

// The sweep spares what only a job names.
func TestTheSweepSparesTheFilesOfJobs(t *testing.T) {
	p := newPlace(t)
	id := p.putJob(t, nil, billsPart(small(t, 1).bills))
	for range 2 {
		s, err := (&session.Janitor{Store: p.store, Contents: p.contents, Rest: -1, Now: func() time.Time { return time.Now().Add(time.Hour) }}).Orphans(t.Context())
		if err != nil || s.Contents != 0 {
			t.Errorf("it swept %+v, %v", s, err)
		}
	}
	p.settles(t, 1)
	p.runJobs(t)
	p.job(t, id, "done")
}

func TestMetricsCountJobs(t *testing.T) {
	p := newPlace(t)
	bills := small(t, 1).bills
	p.jobDone(t, bills)
	p.putJob(t, nil, billsPart(bills))
	text := string(p.get(t, "/metrics").body)
	for _, want := range []string{`tallyman_jobs{state="queued"} 1`, `tallyman_jobs{state="done"} 1`, `tallyman_jobs{state="failed"} 0`, "tallyman_jobs_oldest_seconds ", `tallyman_job_attempts_total{outcome="done"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics do not contain %s", want)
		}
	}
	if !strings.Contains(p.log.String(), `"msg":"job"`) {
		t.Error("the log has no line of the job")
	}
}

func TestTheEndOfAJobGoesToItsOwnersWebhooks(t *testing.T) {
	p, r := hooked(t, func(c *httpapi.Config) { c.PublicURL = "https://tallyman.example.com/" })
	p.hook(t, r, "/jobs", []string{"job.done", "job.failed"})
	p.runJobs(t)
	id := p.putJob(t, nil, billsPart(small(t, 1).bills))
	types, data := came(t, r, "/jobs", 1)
	if d := data[0]; types[0] != "job.done" || d["job_id"] != id || d["lines"] != 30.0 || d["links"].(map[string]any)["sheet"] != "https://tallyman.example.com/jobs/"+id+"/sheet" {
		t.Errorf("%s %v", types[0], d)
	}
	bad := p.putJob(t, nil, fileIn("pdf", "x.pdf", []byte("no PDF")))
	types, data = came(t, r, "/jobs", 2)
	if d := data[1]; types[1] != "job.failed" || d["job_id"] != bad || d["code"] != "not_a_pdf" || d["error"] == "" {
		t.Errorf("%s %v", types[1], d)
	}
}
