package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tallyman/blob"
	"tallyman/blob/files"
	"tallyman/fault"
	"tallyman/session"
	"tallyman/storetest"
)

// line is what the process that is killed tells before and after each operation.
// It tells the second only when the operation was answered, so what the parent
// read was acknowledged.
type line struct {
	N      int               `json:"n"`
	Client int               `json:"client"`
	Op     *storetest.Op     `json:"op,omitempty"`
	Answer *storetest.Answer `json:"answer,omitempty"`
}

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TALLYMAN_CRASH_DIR"); dir != "" {
		crashingServer(dir, os.Getenv("TALLYMAN_CRASH_ROUND"), os.Getenv("TALLYMAN_CRASH_WRONG"))
	}
	os.Exit(m.Run())
}

const crashClients = 6

func crashKey(round string, i int) session.Key {
	return session.Key{Owner: session.Local, ID: session.ID(fmt.Sprintf("round %s, session %d", round, i))}
}

// crashingServer opens a data directory and uploads, clears and reads with many
// clients, as package desk does, until it is killed. A janitor sweeps meanwhile.
func crashingServer(dir, round, wrong string) {
	store, contents, err := openBoth(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	n := 0
	say := func(l line) int {
		mu.Lock()
		defer mu.Unlock()
		if l.Op != nil {
			n++
			l.N = n
		}
		out.Encode(l)
		return l.N
	}
	j := session.Janitor{Store: store, Contents: contents, Every: time.Millisecond, OrphansEvery: time.Millisecond, Rest: 1}
	go j.Run(ctx)
	for c := range crashClients {
		go func() {
			var known [3]session.Incarnation
			for {
				i := rand.IntN(len(known))
				k := crashKey(round, i)
				op := storetest.Op{Key: k}
				var st session.State
				var removed session.Removed
				var err error
				var n int
				switch p := rand.IntN(100); {
				case p < 15:
					op.Kind = storetest.Open
					n = say(line{Client: c, Op: &op})
					st, removed, err = store.Open(ctx, k, session.Named)
					known[i] = st.Incarnation
				case p < 25:
					op.Kind = storetest.New
					n = say(line{Client: c, Op: &op})
					st, removed, err = store.New(ctx, k, session.Named)
					known[i] = st.Incarnation
				case p < 35:
					op.Kind = storetest.Clear
					n = say(line{Client: c, Op: &op})
					switch wrong {
					case "contents first":
						if st, err := store.Get(ctx, k); err == nil {
							contents.Delete(ctx, st.Contents()...)
							time.Sleep(20 * time.Millisecond)
						}
					case "answer first":
						if st, err := store.Get(ctx, k); err == nil && st.Revision == 1 {
							say(line{N: n, Client: c, Answer: &storetest.Answer{}})
							n = 0
						}
					}
					removed, err = store.Clear(ctx, k)
				case p < 80:
					a := session.Attachment{Incarnation: known[i], Slot: session.BOL, Mode: session.Replace}
					switch rand.IntN(3) {
					case 0:
						a.Mode = session.Append
					case 1:
						a.Slot = session.Orders
					}
					f := put(contents)
					a.Files = []session.Input{f}
					op = storetest.OpOf(k, a)
					n = say(line{Client: c, Op: &op})
					st, removed, err = store.Attach(ctx, k, a)
					if err != nil && session.Settled(err) {
						contents.Delete(ctx, f.Content.Key, f.Reading.Key)
						known[i] = session.Incarnation{}
					} else {
						contents.Release(f.Content.Key, f.Reading.Key)
					}
				default:
					op.Kind = storetest.Get
					n = say(line{Client: c, Op: &op})
					st, err = store.Get(ctx, k)
					known[i] = st.Incarnation
				}
				answer := storetest.AnswerOf(st, removed, err)
				if n > 0 {
					say(line{N: n, Client: c, Answer: &answer})
				}
				contents.Delete(ctx, removed.Contents...)
			}
		}()
	}
	select {}
}

// put stores a small file and something that was read from it.
func put(contents blob.Store) session.Input {
	store := func(n int) blob.Ref {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		ref, err := contents.Put(ctx, bytes.NewReader(b))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return ref
	}
	return session.Input{Name: "f", Content: store(rand.IntN(5000)), Reading: store(rand.IntN(500))}
}

func openBoth(dir string) (*Store, *files.Store, error) {
	store, err := Open(ctx, dir, session.Settings{})
	if err != nil {
		return nil, nil, err
	}
	contents, err := files.Open(filepath.Join(dir, "contents"))
	if err != nil {
		return nil, nil, err
	}
	return store, contents, nil
}

// A real process is killed at random moments, also while it starts, under a load
// on few sessions. What it acknowledged must be there afterwards, with all its
// contents; what it did not must be there as a whole or not at all; and after a
// sweep no content is left that no row names.
func TestKillingTheProcessLosesNothingThatWasAcknowledged(t *testing.T) {
	kills := 6
	if storetest.Long() {
		kills = 150
	}
	acknowledged, err := killAgainAndAgain(t, kills, "")
	if err != nil {
		t.Error(err)
	}
	if acknowledged < kills*10 {
		t.Errorf("only %d operations were acknowledged", acknowledged)
	}
	t.Logf("%d kills, %d operations acknowledged", kills, acknowledged)
}

// The test above is able to fail: it finds a server that deletes contents before
// the row that names them, and one that answers before it commits.
func TestKillingTheProcessShowsAWrongOrder(t *testing.T) {
	for _, wrong := range []string{"contents first", "answer first"} {
		t.Run(wrong, func(t *testing.T) {
			if _, err := killAgainAndAgain(t, 100, wrong); err == nil {
				t.Error("100 kills showed nothing")
			} else {
				t.Logf("%.300s", err)
			}
		})
	}
}

func killAgainAndAgain(t *testing.T, kills int, wrong string) (acknowledged int, err error) {
	dir := t.TempDir()
	var history *storetest.History
	var moment int64
	for kill := range kills {
		round := fmt.Sprint(kill / 3)
		if kill%3 == 0 {
			history, moment = storetest.NewHistory(), 0
		}
		n, err := crash(dir, round, wrong, history, &moment)
		acknowledged += n
		if err == nil {
			err = afterCrash(dir, round, history, &moment)
		}
		if err == nil {
			err = history.Check()
		}
		if err != nil {
			return acknowledged, fmt.Errorf("kill %d: %w", kill, err)
		}
	}
	return acknowledged, nil
}

// crash runs the process on a data directory and kills it. It adds to the history
// what the process told, and returns how many operations were acknowledged.
func crash(dir, round, wrong string, history *storetest.History, moment *int64) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "TALLYMAN_CRASH_DIR="+dir, "TALLYMAN_CRASH_ROUND="+round, "TALLYMAN_CRASH_WRONG="+wrong)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	in := bufio.NewReader(stdout)
	// While it starts, or once it has told a number of things.
	tell := 1 + rand.IntN(500)
	if rand.IntN(4) == 0 {
		time.AfterFunc(time.Duration(rand.IntN(30))*time.Millisecond, func() { cmd.Process.Kill() })
	}
	type called struct {
		line
		at int64
	}
	pending := map[int]called{}
	acknowledged := 0
	for {
		text, err := in.ReadBytes('\n')
		if err == io.EOF {
			break // a line that was cut off was not told
		}
		if err != nil {
			return 0, err
		}
		if tell--; tell == 0 {
			cmd.Process.Kill()
		}
		*moment++
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return 0, fmt.Errorf("%s: %w", text, err)
		}
		if l.Op != nil {
			pending[l.N] = called{l, *moment}
			continue
		}
		c := pending[l.N]
		delete(pending, l.N)
		history.RecordAt(c.Client, *c.Op, *l.Answer, c.at, *moment)
		acknowledged++
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
		return 0, fmt.Errorf("the process ended before it was killed: %v\n%s", err, stderr.Bytes())
	}
	*moment++
	for _, c := range pending {
		history.RecordAt(c.Client, *c.Op, storetest.Answer{Unknown: true}, c.at, *moment)
	}
	return acknowledged, nil
}

// afterCrash opens the data directory, reads all sessions into the history, and
// checks contents.
func afterCrash(dir, round string, history *storetest.History, moment *int64) (err error) {
	store, contents, err := openBoth(dir)
	if err != nil {
		return fmt.Errorf("opening after a kill: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for i := range 3 {
		*moment++
		call := *moment
		st, err := store.Get(ctx, crashKey(round, i))
		*moment++
		history.RecordAt(crashClients, storetest.Op{Kind: storetest.Get, Key: crashKey(round, i)}, storetest.AnswerOf(st, session.Removed{}, err), call, *moment)
	}
	page, err := store.List(ctx, session.Query{})
	if err != nil {
		return err
	}
	named := map[blob.Key]bool{}
	for _, st := range page.Sessions {
		for _, f := range st.Inputs() {
			for _, ref := range []blob.Ref{f.Content, f.Reading} {
				named[ref.Key] = true
				if err := blob.Verify(ctx, contents, ref); err != nil {
					return fmt.Errorf("a content of session %q: %s: %w", st.Key.ID, fault.CodeOf(err), err)
				}
			}
		}
	}
	j := session.Janitor{Store: store, Contents: contents, Rest: -1}
	if _, err := j.Orphans(ctx); err != nil {
		return err
	}
	left := 0
	err = filepath.WalkDir(filepath.Join(dir, "contents"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left++
			if !named[blob.Key(e.Name())] {
				return fmt.Errorf("%s is an orphan after the sweep", path)
			}
		}
		return err
	})
	if err == nil && left != len(named) {
		err = fmt.Errorf("%d contents on disk, rows name %d", left, len(named))
	}
	return err
}
