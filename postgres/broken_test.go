package postgres

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// broken are faults in the database's functions, and the case of the suite that
// must find each.
var broken = []struct{ rule, finds, old, new string }{
	{"a content may belong to two sessions", "a content belongs to one session", "RAISE EXCEPTION 'a content belongs to another session' USING ERRCODE = 'TM001';", "NULL;"},
	{"cookies live as long as others", "a session ends when its kind's life has passed since its last use", "CASE p_kind WHEN 'cookie' THEN p_cookie ELSE p_named END", "p_named"},
	{"reads do not extend a life", "a session ends when its kind's life has passed since its last use", "\t\tUPDATE tallyman.session SET used = a.at WHERE owner", "\t\tUPDATE tallyman.session SET used = used WHERE owner"},
	{"attaching does not extend a life", "reading and attaching extend a session's life, listing does not", "SET revision = revision + 1, used = a.at", "SET revision = revision + 1"},
	{"contents stay named", "new always begins an empty incarnation", "DELETE FROM tallyman.content c USING keys k WHERE c.key = k.key", "SELECT 1 FROM keys"},
	{"a BOL keeps the orders", "attaching a BOL replaces it and drops the orders", "(p_slot = 'bol' OR slot = p_slot)", "slot = p_slot"},
	{"the revision does not matter", "an attach that names a revision fails if another came first", "p_revision <> 0 AND p_revision <> a.revision", "false"},
	{"the sweep takes all", "the sweep removes expired sessions only, in small steps", "used <= v_now - tallyman.life_1(v_kind, p_named, p_cookie)", "used <= v_now"},
	{"what begins again has ended", "an expired session is gone for every operation", "created = a.at, used = a.at, ended = NULL", "created = a.at, used = a.at"},
	{"an update looks at the key only", "updating puts a new reading to files that are there", "AND f.content = n.content AND f.size = n.size AND f.sha256 = n.sha256", ""},
	{"there is no bound", "there is a bound on sessions", "v_sessions >= p_max", "false"},
	{"nothing counts what was removed", "new always begins an empty incarnation", "INTO a.removed_files, a.removed_bytes, a.removed_contents", "INTO a.removed_files, a.removed_files, a.removed_contents"},
}

// brokenSchema is the schema with the fault that a test wants, nil for none.
func brokenSchema(t testing.TB) []migration {
	for _, b := range broken {
		if b.rule == os.Getenv("TALLYMAN_BROKEN") {
			if n := strings.Count(schema1, b.old); n != 1 {
				t.Fatalf("the schema has %d times %q", n, b.old)
			}
			return []migration{{sql: strings.Replace(schema1, b.old, b.new, 1), oldest: 1}}
		}
	}
	return nil
}

// A test that must fail can only run in another process.
func TestTheSuiteFindsBrokenFunctions(t *testing.T) {
	for _, b := range broken {
		t.Run(b.rule, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestStoreKeepsTheRules$/^"+strings.ReplaceAll(b.finds, " ", "_"), "-test.timeout=5m", "-test.failfast")
			cmd.Env = append(os.Environ(), "TALLYMAN_BROKEN="+b.rule, "TALLYMAN_SERVER_PORT="+strconv.Itoa(server.Port))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "--- FAIL: TestStoreKeepsTheRules/") || strings.Contains(string(out), "the schema has") {
				t.Errorf("the suite did not find out (%v):\n%s", err, out[max(0, len(out)-2000):])
				return
			}
			for _, line := range strings.Split(string(out), "\n") {
				if strings.Contains(line, "--- FAIL: TestStoreKeepsTheRules/") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}
