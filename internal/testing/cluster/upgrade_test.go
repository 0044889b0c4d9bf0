package cluster_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/cluster"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/program"
	"tallyman/internal/testing/shipments"
)

// nextProgram builds a future program with one more step of the schema: the same
// source with one more migration.
func nextProgram(t *testing.T) string {
	t.Helper()
	source, err := filepath.Abs("../../session/postgres/schema.go")
	must.OK(t, err)
	b := must.Read(t, source)
	steps := regexp.MustCompile(`\n\t\{sql: schema\d+, oldest: \d+\},\n\}`).FindIndex(b)
	if steps == nil {
		t.Fatalf("%s does not end its list of steps as expected: this test adds one after the last", source)
	}
	at := steps[1] - len("}")
	last := bytes.Count(b[:at], []byte("{sql: schema"))
	next := string(b[:at]) + fmt.Sprintf("\t{sql: `ALTER TABLE tallyman.session ADD COLUMN note text NOT NULL DEFAULT ''`, oldest: %d},\n", last) + string(b[at:])
	dir := t.TempDir()
	changed := filepath.Join(dir, "schema.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	must.OK(t, err)
	for path, content := range map[string][]byte{changed: []byte(next), filepath.Join(dir, "overlay.json"): overlay} {
		must.OK(t, os.WriteFile(path, content, 0o600))
	}
	newer := filepath.Join(dir, "tallyman")
	must.OK(t, program.Build(newer, "-overlay", filepath.Join(dir, "overlay.json")))
	return newer
}

// Replicas are replaced one by one by a program of the next schema while clients
// work. Old and new ones serve the same sessions, and no request is refused.
func TestARollingUpgradeOverOneStepOfTheSchema(t *testing.T) {
	t.Parallel()
	next := nextProgram(t)
	c := start(t, cluster.Config{Replicas: 3})
	ships := []shipments.Shipment{
		shipments.New(t, sample.Options{Bills: 2, Lines: 6, Seed: 1}, "T"),
		shipments.New(t, sample.Options{Bills: 2, Lines: 6, Seed: 1}, "U"),
	}
	version := func() (n int) {
		query(t, c, `SELECT version FROM tallyman.schema`, &n)
		return n
	}
	before := version()
	var workflows atomic.Int64
	var over atomic.Bool
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			for i := 0; !over.Load(); i++ {
				sid, ship := fmt.Sprintf("u%d-%d", n, i%4), ships[i%2]
				for _, r := range []api.Request{
					{Method: "POST", Path: "/new-session"},
					{Method: "POST", Path: "/upload", Kind: "application/pdf", Body: ship.Bills},
					{Method: "POST", Path: "/upload-csv", Kind: "text/csv", Body: ship.Orders},
					{Method: "GET", Path: "/download"},
				} {
					r.SID = sid
					a, err := try(c, r)
					if err != nil || a.Status != 200 {
						t.Errorf("%s: %v, %d %s", r.Path, err, a.Status, a.Body)
						return
					}
					if r.Path == "/download" && !bytes.Equal(a.Body, ship.Expected) {
						t.Errorf("the sheet is not the expected one: %.100s", a.Body)
					}
				}
				workflows.Add(1)
			}
		})
	}
	defer all.Wait()
	defer over.Store(true)
	// This session lives throughout.
	ask(t, c, api.Request{Method: "POST", Path: "/upload", SID: "long", Kind: "application/pdf", Body: ships[0].Bills})
	ask(t, c, api.Request{Method: "POST", Path: "/upload-csv", SID: "long", Kind: "text/csv", Body: ships[0].Orders})
	serves := func() {
		t.Helper()
		for _, r := range c.Replicas {
			if got := ask(t, c, api.Request{Base: r.URL(), Method: "GET", Path: "/download", SID: "long"}).Body; !bytes.Equal(got, ships[0].Expected) {
				t.Errorf("%s serves another sheet", r.Name)
			}
		}
	}
	progress := func() {
		from := workflows.Load()
		until(t, "clients go on", func() bool { return t.Failed() || workflows.Load() >= from+6 })
	}
	progress()
	for i, r := range c.Replicas {
		r.Program = next
		r.End()
		must.OK(t, r.Start())
		if got := version(); got != before+1 {
			t.Errorf("with %d new replicas the schema is %d, was %d", i+1, got, before)
		}
		serves()
		progress()
	}
	// A replica of the old program can still start beside the new ones.
	old := c.Replicas[0]
	old.End()
	old.Program = c.Config.Program
	must.OK(t, old.Start())
	serves()
	progress()
	over.Store(true)
	all.Wait()
	t.Logf("%d workflows while the replicas were replaced", workflows.Load())
}
