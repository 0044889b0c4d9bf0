package cluster_test

import (
	"syscall"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/child"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

func TestHealthNamesTheFailingPartAndItsRecovery(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Replicas: 5, Patience: "1s"})
	other := c.Replicas[4]
	ship := shipments.New(t, sample.Options{Bills: 1, Lines: 3, Seed: 1}, "T")
	type parts struct{ Status, Sessions, Contents, Workers string }
	health := func(r *cluster.Replica) (p parts) {
		a, err := try(c, api.Request{Base: r.URL(), Method: "GET", Path: "/health"})
		must.OK(t, err)
		into(t, a, &p)
		if p.Status == "healthy" != (a.Status == 200) || a.Status != 200 && (a.Status != 503 || a.Header.Get("Retry-After") == "") {
			t.Errorf("%d, Retry-After %q: %s", a.Status, a.Header.Get("Retry-After"), a.Body)
		}
		return p
	}
	well := parts{"healthy", "working", "working", "working"}
	stand := func(r *cluster.Replica, sig syscall.Signal) {
		_, workers := load.Family(r.PID())
		for _, w := range workers {
			if err := child.Signal(w.PID, r.PID(), sig); err != nil {
				t.Logf("a worker gets no signal: %v", err)
			}
		}
	}
	for i, part := range []struct {
		name       string
		harm, mend func(*cluster.Replica)
		want       parts
	}{
		{"PostgreSQL refuses connections", func(r *cluster.Replica) { r.ToPostgres.Refuse(true) }, func(r *cluster.Replica) { r.ToPostgres.Refuse(false) },
			parts{"unhealthy", "failing", "working", "working"}},
		{"S3 refuses connections", func(r *cluster.Replica) { r.ToS3.Refuse(true) }, func(r *cluster.Replica) { r.ToS3.Refuse(false) },
			parts{"unhealthy", "working", "failing", "working"}},
		{"S3 hangs", func(r *cluster.Replica) { r.ToS3.Stall(true) }, func(r *cluster.Replica) { r.ToS3.Stall(false) },
			parts{"unhealthy", "working", "failing", "working"}},
		{"the workers hang", func(r *cluster.Replica) { stand(r, syscall.SIGSTOP) }, func(r *cluster.Replica) { stand(r, syscall.SIGCONT) },
			parts{"unhealthy", "working", "working", "failing"}},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			r := c.Replicas[i]
			t.Cleanup(func() { part.mend(r) })
			until(t, "the replica is healthy", func() bool { return health(r) == well })
			ask(t, c, api.Request{Base: r.URL(), Method: "POST", Path: "/upload", SID: "x", Kind: "application/pdf", Body: ship.Bills})
			part.harm(r)
			until(t, "its health reports the fault", func() bool { return health(r) == part.want })
			until(t, "another replica is healthy meanwhile", func() bool { return health(other) == well })
			part.mend(r)
			until(t, "the replica is healthy again", func() bool { return health(r) == well })
		})
	}
}
