package shipments

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/sample"
	"tallyman/internal/testing/api"
)

// MixOwners is the number of owners that Mix needs.
const MixOwners = 4

// Mix makes 32 clients of 4 owners use the same session IDs at once, for that many
// rounds each. Each owner's sessions x and y hold one document only; in the session
// "mixed" its clients attach either, so that each sheet must be of one document or
// the other. ask makes a request with the key of an owner, from 0 to MixOwners-1; its error
// fails the test.
func Mix(t *testing.T, rounds int, ask func(owner int, r api.Request) (api.Answer, error)) {
	t.Helper()
	small := sample.Options{Bills: 3, Lines: 12, Seed: 1}
	ships := []Shipment{New(t, small, "T"), New(t, small, "U")}
	var requests, retries, downloads, lines, foreign, mixed atomic.Int64
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() {
			owner := n % MixOwners
			random := rand.New(rand.NewPCG(1, uint64(n)))
			do := func(method, path, sid, kind string, body []byte) (int, []byte) {
				for {
					a, err := ask(owner, api.Request{Method: method, Path: path, SID: sid, Kind: kind, Body: body})
					if err != nil {
						t.Error(err)
						return 0, nil
					}
					requests.Add(1)
					switch a.Status {
					case http.StatusServiceUnavailable: // busy: repeat it, like any client
						retries.Add(1)
						time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
						continue
					case http.StatusOK, http.StatusNotFound, http.StatusConflict, http.StatusBadRequest:
					default:
						t.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
					}
					return a.Status, a.Body
				}
			}
			for range rounds {
				sid := []string{"x", "y", "mixed"}[random.IntN(3)]
				which := owner % 2
				if sid == "mixed" {
					which = random.IntN(2)
				}
				ship := ships[which]
				switch random.IntN(10) {
				case 0:
					do("POST", []string{"/new-session", "/clear-session", "/auto-reset"}[random.IntN(3)], sid, "", nil)
				case 1, 2, 3, 4, 5:
					do("POST", "/upload", sid, "application/pdf", ship.Bills)
				case 6, 7:
					do("POST", "/upload-csv", sid, "text/csv", ship.Orders)
				}
				status, sheet := do("GET", []string{"/download", "/download-bol", "/download-bol/combined_data.csv"}[random.IntN(3)], sid, "", nil)
				if status != http.StatusOK {
					continue
				}
				downloads.Add(1)
				from, _, err := Origin(sheet)
				if err != nil {
					t.Error(err)
				}
				for letter, n := range from {
					lines.Add(int64(n))
					if sid != "mixed" && letter != ship.Letter {
						foreign.Add(int64(n))
					}
				}
				if len(from) > 1 || from["T"]+from["U"] != small.Lines {
					mixed.Add(1)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d requests, %d of them repeated, %d downloads with %d lines", requests.Load(), retries.Load(), downloads.Load(), lines.Load())
	if foreign.Load() != 0 || mixed.Load() != 0 || downloads.Load() < 100 {
		t.Errorf("of %d downloads with %d lines, %d lines were of the wrong document, %d sheets were not one whole document",
			downloads.Load(), lines.Load(), foreign.Load(), mixed.Load())
	}
}
