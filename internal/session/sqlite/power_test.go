package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

// These tests cut the power of a simulated disk at random moments of a load, and
// check what is there afterwards. Killing a real process cannot show what a power cut
// loses: the system keeps what was not synced.

// powerCycles runs a load on a simulated disk through a number of power cuts, and
// returns an error if the state after them contradicts an earlier answer.
func powerCycles(t *testing.T, cycles int, change func(*place)) error {
	seed := rand.Uint64()
	disk := newSimDisk(t, seed)
	dir := t.TempDir()
	var history *sessiontest.History
	for cycle := range cycles {
		if cycle%4 == 0 {
			history = sessiontest.NewHistory() // a history of other sessions: old ones cost the checker time
		}
		p := safe(dir)
		p.vfs, p.logPages, p.staleRows, p.reserve = disk.name, 20, 10, 0 // this forces housekeeping
		change(&p)
		// Many cuts come while the store opens, or in its first commits.
		disk.cutAfter(1 + rand.IntN([]int{20, 100, 1000}[rand.IntN(3)]))
		store, err := open(context.Background(), p, session.Settings{})
		if err != nil {
			if !disk.isOff() {
				return errors.Join(errors.New("opening the store after a power cut"), err)
			}
			disk = disk.after(t) // cut again, while the store was opening
			continue
		}
		load := sessiontest.Load{Clients: 6, Operations: 1 << 30, Seed: seed + uint64(cycle)}
		run := load.Start(store, history, cycle/4)
		run.ReadAll()
		if err := history.Check(); err != nil {
			return err
		}
		run.Clients()
		store.Close()
		disk = disk.after(t)
		history.Restarted()
	}
	return nil
}

func TestAPowerCutLosesNothingThatWasAcknowledged(t *testing.T) {
	// 200 are enough to show each wrong setting below.
	must.OK(t, powerCycles(t, sessiontest.Times(200, 5000), func(*place) {}))
}

// Settings that are often recommended lose acknowledged operations. So the test above
// can fail, and the store's own settings are right.
func TestAPowerCutFindsWrongSettings(t *testing.T) {
	for name, change := range map[string]func(*place){
		"synchronous=NORMAL syncs checkpoints only":     func(p *place) { p.synchronous = "NORMAL" },
		"synchronous=OFF syncs nothing":                 func(p *place) { p.synchronous = "OFF" },
		"psow=1 trusts in sectors that survive a write": func(p *place) { p.psow = "1" },
	} {
		t.Run(name, func(t *testing.T) {
			if err := powerCycles(t, 200, change); err == nil {
				t.Error("200 power cuts showed nothing")
			} else {
				t.Logf("%.300s", err)
			}
		})
	}
}
