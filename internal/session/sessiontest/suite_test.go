package sessiontest

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

func TestTheSuitePassesAStoreThatKeepsTheRules(t *testing.T) { Run(t, openMemory("")) }

// broken are rules that a memory store can break. The suite must find each of them.
var broken = []string{
	"a BOL keeps the amendments",
	"a BOL keeps the orders",
	"a cleared session comes back after a restart",
	"a context that has ended does not matter",
	"a failed attach leaves something",
	"a page skips",
	"a profile is read, compared and written",
	"a profile is written over any revision",
	"a reset keeps the incarnation",
	"a restart begins lives anew",
	"an attach begins a session",
	"an import attaches now",
	"an import begins a new incarnation",
	"an import brings an earlier use back",
	"an import counts as use",
	"an import counts from 1",
	"an import forgets contents",
	"an import may carry a last use in the future",
	"an import reads, waits and writes",
	"an import takes another session's place",
	"an import of a profile may go back",
	"profiles are not checked",
	"profiles are not durable",
	"importing again fails",
	"imports are not checked",
	"imports are not durable",
	"imports ignore the bound on sessions",
	"imports share contents",
	"an attach reads, waits and writes",
	"an attach to a session is lost at a restart",
	"any string is an ID",
	"appending drops the orders",
	"appending replaces",
	"attachments are not checked",
	"clear counts wrongly",
	"clearing nothing fails",
	"contents are forgotten",
	"contents are never named",
	"contents are shared",
	"cookies live as long as others",
	"expired sessions stay until they are swept",
	"files come one by one",
	"IDs are cut",
	"IDs are folded",
	"IDs are normalised",
	"IDs are trimmed",
	"incarnations count from 1 after a clear",
	"detaching drops the orders",
	"names are cleaned again",
	"new keeps the orders",
	"new reuses an empty session",
	"no incarnation is checked",
	"nothing is durable",
	"open changes the kind",
	"open finds leftovers",
	"orders drop the amendments",
	"orders replace orders",
	"owners do not matter",
	"pages overlap",
	"reads come from a cache that is late",
	"reads do not extend a life",
	"the files of expired sessions count",
	"the listing counts as use",
	"the listing is out of order",
	"the listing shows everybody's",
	"the revision does not matter",
	"the sweep forgets contents",
	"the sweep goes by creation",
	"the sweep knows no step",
	"there is no bound",
	"two clients may both begin",
	"uploads hold their session",
	"uses are lost at a restart",
}

// A test that must fail needs another process.
func TestTheSuiteFindsEveryBrokenRule(t *testing.T) {
	if rule := os.Getenv("STORETEST_BROKEN"); rule != "" {
		Run(t, openMemory(rule))
		return
	}
	exe, err := os.Executable()
	must.OK(t, err)
	for _, rule := range broken {
		t.Run(rule, func(t *testing.T) {
			cmd := exec.Command(exe, "-test.run=^TestTheSuiteFindsEveryBrokenRule$", "-test.timeout=5m", "-test.failfast")
			cmd.Env = append(os.Environ(), "STORETEST_BROKEN="+rule)
			out, err := cmd.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "--- FAIL: TestTheSuiteFindsEveryBrokenRule/") {
				t.Errorf("the suite did not find the broken rule (%v):\n%s", err, tail(out))
				return
			}
			for _, line := range strings.Split(string(out), "\n") {
				if strings.Contains(line, "--- FAIL: TestTheSuiteFindsEveryBrokenRule/") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}

func tail(b []byte) string { return string(b[max(0, len(b)-2000):]) }

// The linearizability checker alone finds operations that cross incarnations and
// stale reads.
func TestTheCheckerFindsHistoriesThatAreNotLinearizable(t *testing.T) {
	for _, rule := range []string{
		"no incarnation is checked", "incarnations count from 1 after a clear", "reads come from a cache that is late",
		"a profile is read, compared and written", "a profile is written over any revision",
		"files come one by one", "an attach reads, waits and writes", "two clients may both begin", "new reuses an empty session",
	} {
		t.Run(rule, func(t *testing.T) {
			clock := NewClock()
			settings := session.Settings{Now: clock.Now}
			store := openMemory(rule)(t, t.TempDir(), settings)
			_, err := Linearizable(store, Load{Clients: 8, Operations: 3000, Rounds: 5, Clock: clock, Life: settings.Lives.Of(session.Named)})
			if !errors.Is(err, ErrNotLinearizable) {
				t.Errorf("not found: %v", err)
			} else {
				t.Logf("%.1000s", err)
			}
		})
	}
}
