package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
)

// The tests here cut the power of a simulated disk at random moments of a load,
// and look at what is there when it is back. A real process that is killed
// cannot show what a power cut takes: the system keeps what was not synced.

// powerCycles lets a load run on a simulated disk through a number of power
// cuts, and returns an error if what was found after them contradicts what
// clients were told before.
func powerCycles(t *testing.T, cycles int, change func(*place)) error {
	seed := rand.Uint64()
	disk := newSimDisk(t, seed)
	dir := t.TempDir()
	var history *sessiontest.History
	for cycle := range cycles {
		if cycle%4 == 0 {
			history = sessiontest.NewHistory() // of other sessions: old ones cost the checker time
		}
		p := safe(dir)
		p.vfs, p.logPages, p.staleRows, p.reserve = disk.name, 20, 10, 0 // so that there is housekeeping
		change(&p)
		// Often while the store opens, or in its first commits.
		disk.cutAfter(1 + rand.IntN([]int{20, 100, 1000}[rand.IntN(3)]))
		store, err := open(context.Background(), p, session.Settings{})
		if err != nil {
			if !disk.isOff() {
				return errors.Join(errors.New("opening the store after a power cut"), err)
			}
			disk = disk.after(t) // again, while it was being opened
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
	cycles := 200 // as many as show each wrong setting below
	if sessiontest.Long() {
		cycles = 5000
	}
	if err := powerCycles(t, cycles, func(*place) {}); err != nil {
		t.Error(err)
	}
}

// Settings that are often recommended lose what was acknowledged: the test above
// is able to fail, and the store's are chosen rightly.
func TestAPowerCutShowsWrongSettings(t *testing.T) {
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
