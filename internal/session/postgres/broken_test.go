package postgres

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// broken are faults in the database's functions, and the case of the suite that
// must find each.
var broken = []struct {
	step                  int // the migration that defines the function, from 1
	rule, finds, old, new string
}{
	{1, "a content may belong to two sessions", "a content belongs to one session", "RAISE EXCEPTION 'a content belongs to another session' USING ERRCODE = 'TM001';", "NULL;"},
	{1, "cookies live as long as others", "a session ends when its kind's life has passed since its last use", "CASE p_kind WHEN 'cookie' THEN p_cookie ELSE p_named END", "p_named"},
	{1, "reads do not extend a life", "a session ends when its kind's life has passed since its last use", "\t\tUPDATE tallyman.session SET used = a.at WHERE owner", "\t\tUPDATE tallyman.session SET used = used WHERE owner"},
	{1, "attaching does not extend a life", "reading and attaching extend a session's life, listing does not", "SET revision = revision + 1, used = a.at", "SET revision = revision + 1"},
	{1, "contents stay named", "new always begins an empty incarnation", "DELETE FROM tallyman.content c USING keys k WHERE c.key = k.key", "SELECT 1 FROM keys"},
	{1, "a BOL keeps the orders", "attaching a BOL replaces it and drops the orders", "(p_slot = 'bol' OR slot = p_slot)", "slot = p_slot"},
	{1, "the revision does not matter", "an attach that names a revision fails if another came first", "p_revision <> 0 AND p_revision <> a.revision", "false"},
	{1, "the sweep takes all", "the sweep removes expired sessions only, in small steps", "used <= v_now - tallyman.life_1(v_kind, p_named, p_cookie)", "used <= v_now"},
	{1, "what begins again has ended", "an expired session is gone for every operation", "created = a.at, used = a.at, ended = NULL", "created = a.at, used = a.at"},
	{1, "an update looks at the key only", "updating puts a new reading to files that are there", "AND f.content = n.content AND f.size = n.size AND f.sha256 = n.sha256", ""},
	{1, "there is no bound", "there is a bound on sessions", "v_sessions >= p_max", "false"},
	{1, "nothing counts what was removed", "new always begins an empty incarnation", "INTO a.removed_files, a.removed_bytes, a.removed_contents", "INTO a.removed_files, a.removed_files, a.removed_contents"},
	{2, "an import takes another incarnation's place", "[a-z ]*import", "a.incarnation <> p_incarnation OR a.revision > p_revision", "a.revision > p_revision"},
	{2, "an import goes back to an earlier revision", "[a-z ]*import", "a.incarnation <> p_incarnation OR a.revision > p_revision", "a.incarnation <> p_incarnation"},
	{2, "an import counts as use", "[a-z ]*import", "p_used := least(p_used, a.at);", "p_used := a.at;"},
	{2, "an import may have been used in a time to come", "[a-z ]*import", "p_used := least(p_used, a.at);", ""},
	{2, "an import brings an earlier use back", "[a-z ]*import", "p_used := greatest(p_used, a.used);", ""},
	{2, "an import shares contents", "[a-z ]*import", "RAISE EXCEPTION 'a content belongs to another session' USING ERRCODE = 'TM001';", "NULL;"},
	{2, "an import mixes the files' order", "[a-z ]*import", "ORDER BY n.place", "ORDER BY n.name"},
	{2, "an import forgets when files were attached", "[a-z ]*import", "n.reading, n.reading_size, n.reading_sha256, n.summary, n.attached\n", "n.reading, n.reading_size, n.reading_sha256, n.summary, p_used\n"},
	{2, "an import gives back what it keeps", "[a-z ]*import", "array(SELECT unnest(x.contents) EXCEPT SELECT unnest(v_names))", "x.contents"},
	{2, "an import knows no bound", "[a-z ]*import", "v_sessions >= p_max", "false"},
}

// brokenSchema returns the schema with the fault that a test wants, nil for none.
func brokenSchema(t testing.TB) []migration {
	for _, b := range broken {
		if b.rule != os.Getenv("TALLYMAN_BROKEN") {
			continue
		}
		all := slices.Clone(migrations)
		step := &all[b.step-1]
		if n := strings.Count(step.sql, b.old); n != 1 {
			t.Fatalf("the schema has %d times %q", n, b.old)
		}
		step.sql = strings.Replace(step.sql, b.old, b.new, 1)
		return all
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
