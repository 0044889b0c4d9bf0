package postgres

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/internal/queue/queuetest"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
)

// broken are faults in the database's functions, and the case of the suite that
// must find each.
var broken = []struct {
	step                  int // the migration that defines the function, from 1
	rule, finds, old, new string
}{
	{5, "a content may belong to two sessions", "a content belongs to one session", "RAISE EXCEPTION 'a content belongs to another session' USING ERRCODE = 'TM001';", "NULL;"},
	{1, "cookies live as long as others", "a session ends when its kind's life has passed since its last use", "CASE p_kind WHEN 'cookie' THEN p_cookie ELSE p_named END", "p_named"},
	{1, "reads do not extend a life", "a session ends when its kind's life has passed since its last use", "\t\tUPDATE tallyman.session SET used = a.at WHERE owner", "\t\tUPDATE tallyman.session SET used = used WHERE owner"},
	{5, "attaching does not extend a life", "reading and attaching extend a session's life, listing does not", "SET revision = revision + 1, used = a.at", "SET revision = revision + 1"},
	{1, "contents stay named", "new always begins an empty incarnation", "DELETE FROM tallyman.content c USING keys k WHERE c.key = k.key", "SELECT 1 FROM keys"},
	{5, "a BOL keeps the orders", "attaching a BOL replaces it and drops the orders", "(p_slot = 'bol' OR slot = p_slot)", "slot = p_slot"},
	{5, "the revision does not matter", "an attach that names a revision fails if another came first", "p_revision <> 0 AND p_revision <> a.revision", "false"},
	{1, "the sweep removes live sessions too", "the sweep removes expired sessions only, in small steps", "used <= v_now - tallyman.life_1(v_kind, p_named, p_cookie)", "used <= v_now"},
	{1, "a session that begins again stays marked as ended", "an expired session is gone for every operation", "created = a.at, used = a.at, ended = NULL", "created = a.at, used = a.at"},
	{5, "an update compares only the key", "updating replaces the readings of existing files", "AND f.content = n.content AND f.size = n.size AND f.sha256 = n.sha256;\n\t\tELSE", ";\n\t\tELSE"},
	{5, "amendments replace nothing", "amendments are replaced as a whole", "(p_slot = 'bol' OR slot = p_slot)", "(p_slot = 'bol' OR slot = p_slot AND slot <> 'amendments')"},
	{5, "appended orders take places that are taken", "appending an order export keeps the others", "max(f.place) FILTER (WHERE f.slot = p_slot)", "max(f.place) FILTER (WHERE f.slot = 'bol')"},
	{5, "detaching what is gone succeeds", "detaching takes one file away", "IF v_matched <> v_new THEN", "IF v_matched <> v_new AND p_mode = 'update' THEN"},
	{5, "detaching empties the slot", "detaching takes one file away", "DELETE FROM tallyman.file f USING unnest(p_contents, p_sizes, p_sha256s) AS n (content, size, sha256)\n\t\t\t\tWHERE f.incarnation = p_incarnation AND f.slot = p_slot\n\t\t\t\t\tAND f.content = n.content AND f.size = n.size AND f.sha256 = n.sha256;", "DELETE FROM tallyman.file f WHERE f.incarnation = p_incarnation AND f.slot = p_slot;"},
	{1, "there is no bound", "there is a bound on sessions", "v_sessions >= p_max", "false"},
	{1, "removed files are not counted", "new always begins an empty incarnation", "INTO a.removed_files, a.removed_bytes, a.removed_contents", "INTO a.removed_files, a.removed_files, a.removed_contents"},
	{2, "an import takes another incarnation's place", "an import never takes another session's place", "a.incarnation <> p_incarnation OR a.revision > p_revision", "a.revision > p_revision"},
	{2, "an import goes back to an earlier revision", "importing again changes nothing", "a.incarnation <> p_incarnation OR a.revision > p_revision", "a.incarnation <> p_incarnation"},
	{2, "an import counts as use", "an import makes the session what it was elsewhere", "p_used := least(p_used, a.at);", "p_used := a.at;"},
	{2, "an import may carry a last use in the future", "an import does not count as use", "p_used := least(p_used, a.at);", ""},
	{2, "an import brings an earlier use back", "importing again changes nothing", "p_used := greatest(p_used, a.used);", ""},
	{2, "an import shares contents", "an import never takes another session's place", "RAISE EXCEPTION 'a content belongs to another session' USING ERRCODE = 'TM001';", "NULL;"},
	{2, "an import changes the order of files", "an import makes the session what it was elsewhere", "ORDER BY n.place", "ORDER BY n.name"},
	{2, "an import forgets when files were attached", "an import makes the session what it was elsewhere", "n.reading, n.reading_size, n.reading_sha256, n.summary, n.attached\n", "n.reading, n.reading_size, n.reading_sha256, n.summary, p_used\n"},
	{2, "an import hands out contents that it keeps", "importing again changes nothing", "array(SELECT unnest(x.contents) EXCEPT SELECT unnest(v_names))", "x.contents"},
	{4, "a profile is written over any revision", "an owner's profile is written only over", "written := revision = p_revision;", "written := true;"},
	{4, "a profile is compared without a lock", "of many writers of one profile at once", "WHERE p.owner = p_owner FOR UPDATE;", "WHERE p.owner = p_owner; PERFORM pg_sleep(0.002);"},
	{6, "a claim holds for ever", "a claim holds until its time is over, and no longer", "task.state = 'claimed' AND task.due > v_now", "task.state = 'claimed'"},
	{6, "any claim may finish", "a claim holds until its time is over, and no longer", "NOT FOUND OR task.token <> p_token", "NOT FOUND"},
	{6, "whoever put most is served most", "owners take turns", "o.running, coalesce(w.served, 0), o.owner", "o.ready DESC"},
	{6, "who has more under way is served as well", "owners take turns", "ORDER BY o.running, ", "ORDER BY "},
	{6, "tasks are claimed without a lock", "many who claim at once never share a task", "LIMIT 1 FOR UPDATE SKIP LOCKED;\n\t\tCONTINUE", "LIMIT 1; PERFORM pg_sleep(0.002);\n\t\tCONTINUE"},
	{6, "ended tasks keep their contents", "contents belong to one task until it ends", "DELETE FROM tallyman.content c WHERE c.key = ANY (freed);", ""},
	{6, "a content belongs to two tasks", "contents belong to one task until it ends", "RAISE EXCEPTION 'a content belongs to something else' USING ERRCODE = 'TM001';", "NULL;"},
	{6, "the bound counts ended tasks", "the bounds of an owner hold", "t.state IN ('waiting', 'claimed');\n\t\tIF v_open", "true;\n\t\tIF v_open"},
	{6, "an ended task is cancelled", "a cancelled task stays cancelled", "ELSIF task.state IN ('waiting', 'claimed') THEN", "ELSIF task.state <> 'cancelled' THEN"},
	{6, "any owner cancels", "owners do not see each other's tasks", "t.id = p_id AND t.owner = p_owner FOR UPDATE", "t.id = p_id FOR UPDATE"},
	{2, "an import ignores the bound on sessions", "imports keep the bound on sessions", "v_sessions >= p_max", "false"},
}

// brokenSchema returns the schema with one of the faults.
func brokenSchema(t testing.TB, step int, old, new string) []migration {
	t.Helper()
	all := slices.Clone(migrations)
	m := &all[step-1]
	if n := strings.Count(m.sql, old); n != 1 {
		t.Fatalf("the schema has %d times %q", n, old)
	}
	m.sql = strings.Replace(m.sql, old, new, 1)
	return all
}

// A test that must fail needs another process. One process tries all faults.
func TestTheSuiteFindsBrokenFunctions(t *testing.T) {
	const variable = "TALLYMAN_BROKEN"
	if os.Getenv(variable) != "" {
		name := server.Database(t)
		for _, b := range broken {
			t.Run(b.rule, func(t *testing.T) {
				schema := brokenSchema(t, b.step, b.old, b.new)
				server.Exec(t, name, "DROP SCHEMA IF EXISTS tallyman CASCADE")
				open := suiteIn(name, func(t testing.TB, address string, settings session.Settings) session.Store {
					return mustOpen(t, address, settings, Options{migrations: schema})
				})
				if b.step == 6 {
					queuetest.Run(t, tasksOf(open))
					return
				}
				sessiontest.Run(t, open)
			})
		}
		return
	}
	// As go test rewrites the names of subtests.
	named := func(s string) string { return strings.ReplaceAll(s, " ", "_") }
	var run []string
	for _, b := range broken {
		run = append(run, "^"+t.Name()+"$/^"+named(b.rule)+"$/^"+named(b.finds))
	}
	timeout := time.Duration(0)
	if end, ok := t.Deadline(); ok {
		timeout = time.Until(end)
	}
	cmd := exec.Command(os.Args[0], "-test.run="+strings.Join(run, "|"), "-test.timeout="+timeout.String())
	cmd.Env = append(os.Environ(), variable+"=1", "TALLYMAN_SERVER_PORT="+strconv.Itoa(server.Port))
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Fatalf("the suite on broken functions: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	for _, b := range broken {
		if !strings.Contains(string(out), "--- FAIL: "+t.Name()+"/"+named(b.rule)+"/"+named(b.finds)) {
			t.Errorf("%s: the case %q does not find it", b.rule, b.finds)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
