package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"tallyman/client"
	"tallyman/internal/blob"
	"tallyman/internal/sample"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// A server that is killed at any moment loses no acknowledged job, and ends each once, with
// its own sheet; nothing is left of attempts that were cut off.
func TestJobsSurviveKills(t *testing.T) {
	t.Parallel() // it waits for what dead servers had taken on
	kills := 2
	if sessiontest.Long() {
		kills = 30
	}
	dir := t.TempDir()
	var s *server
	var c *client.Client
	begin := func() {
		s = startServer(t, dir, nil, "--listen", "127.0.0.1:0", "--workers", "1")
		c = &client.Client{URL: s.url, Session: ""}
	}
	var papers []shipments.Shipment
	for i := range 4 {
		papers = append(papers, shipments.New(t, sample.Options{Bills: 4 + i, Lines: 20, Seed: uint64(i)}, ""))
	}
	begin()
	jobs := map[string]int{}
	keys := map[string]string{}
	put := func(key string, i int) {
		t.Helper()
		j, err := c.Submit(t.Context(), key, client.Upload{Name: "bol.pdf", Content: bytes.NewReader(papers[i].Bills)}, client.Upload{Name: "o.csv", Content: bytes.NewReader(papers[i].Orders)})
		must.OK(t, err)
		jobs[j.ID] = i
		if id, again := keys[key]; again && id != j.ID {
			t.Errorf("the key %s makes a second job", key)
		}
		keys[key] = j.ID
	}
	for n := range kills {
		for i := range papers {
			put(fmt.Sprintf("%d-%d", n, i), i)
		}
		time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
		s.Kill()
		begin()
		put(fmt.Sprintf("%d-%d", n, 0), 0) // who does not know asks again
	}
	for id, i := range jobs {
		j, err := c.Wait(t.Context(), id)
		must.OK(t, err)
		var got bytes.Buffer
		if j.State != "done" {
			t.Fatalf("%+v: %+v", j, j.Error)
		}
		must.OK(t, c.JobSheet(t.Context(), id, &got, "csv"))
		if !bytes.Equal(got.Bytes(), papers[i].Expected) {
			t.Errorf("the job %s has another sheet", id)
		}
	}
	if want := kills * len(papers); len(jobs) != want {
		t.Errorf("%d jobs were made, want %d", len(jobs), want)
	}
	for id := range jobs {
		must.OK(t, c.DeleteJob(t.Context(), id))
	}
	// What a kill left behind, the sweep removes at the next start.
	s.Kill()
	startServer(t, dir, nil, "--listen", "127.0.0.1:0", "--workers", "1", "--orphan-age", "1ms", "--sweep-share", "100")
	left := func() (n int) {
		must.OK(t, filepath.WalkDir(filepath.Join(dir, "contents"), func(path string, d fs.DirEntry, err error) error {
			if err == nil && blob.Key(d.Name()).Valid() {
				n++
			}
			return nil
		}))
		return n
	}
	for left() > 0 {
		time.Sleep(50 * time.Millisecond)
	}
}
