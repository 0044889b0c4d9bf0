package sessiontest

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
	"sync"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// The variables that make a test binary the process to be killed.
const (
	victimPlace = "TALLYMAN_VICTIM_PLACE"
	victimRound = "TALLYMAN_VICTIM_ROUND"
	victimWrong = "TALLYMAN_VICTIM_WRONG"
)

// AnswerFirst names a deliberate mistake of a victim: it answers a clear before it
// commits it.
const AnswerFirst = "answer first"

// victimClients is the number of a victim's clients, and victimKeys that of its
// sessions. They also write one profile.
const victimClients, victimKeys = 6, 3

// telling is a line that a victim writes before an operation, and again after its answer.
// So an operation with a second line was acknowledged.
type telling struct {
	N      int     `json:"n"`
	Client int     `json:"client"`
	Op     *Op     `json:"op,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
}

// Victim is the work of a process to be killed: many clients that upload to a few
// sessions, and clear and read them.
type Victim struct {
	Store session.Store
	// Input stores and returns the next file.
	Input func() session.Input
	// Attached, if set, receives the outcome of each file's attach.
	Attached func(session.Input, error)
	// Removed, if set, receives what each operation removed, after its answer.
	Removed func(session.Removed)
	// Clearing, if set, is called before each clear.
	Clearing func(session.Key)
}

// VictimOf returns the place of this process's store, if the process was started to
// be killed, and the mistake that it is to make; "" if it was not.
func VictimOf() (place, wrong string) { return os.Getenv(victimPlace), os.Getenv(victimWrong) }

func victimKey(round string, i int) session.Key {
	return key(fmt.Sprintf("round %s, session %d", round, i))
}

// victimProfile is the key of the profile of a round.
func victimProfile(round string) session.Key { return profileKey(session.Owner("round " + round)) }

// Work does not return.
func (v Victim) Work() {
	ctx := context.Background()
	round, wrong := os.Getenv(victimRound), os.Getenv(victimWrong)
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	told := 0
	say := func(t telling) int {
		mu.Lock()
		defer mu.Unlock()
		if t.Op != nil {
			told++
			t.N = told
		}
		out.Encode(t)
		return t.N
	}
	for c := range victimClients {
		go func() {
			var known [victimKeys]session.State
			var seen session.Profile
			rng := rand.New(rand.NewPCG(rand.Uint64(), uint64(c)))
			for {
				if rand.IntN(8) == 0 {
					pk := victimProfile(round)
					p := session.Profile{Revision: seen.Revision, Content: []byte(blob.NewKey())}
					op := putOf(pk, p)
					n := say(telling{Client: c, Op: &op})
					var err error
					if seen, err = v.Store.PutProfile(ctx, pk.Owner, p); err != nil {
						seen, _ = v.Store.Profile(ctx, pk.Owner) // for the next write only
					}
					answer := profileAnswer(seen, err)
					say(telling{N: n, Client: c, Answer: &answer})
					continue
				}
				i := rand.IntN(victimKeys)
				k := victimKey(round, i)
				op := Op{Key: k}
				var st session.State
				var removed session.Removed
				var err error
				var n int
				switch p := rand.IntN(100); {
				case p < 15:
					op.Kind = Open
					n = say(telling{Client: c, Op: &op})
					st, removed, err = v.Store.Open(ctx, k, session.Named)
					known[i] = st
				case p < 25:
					op.Kind = New
					n = say(telling{Client: c, Op: &op})
					st, removed, err = v.Store.New(ctx, k, session.Named)
					known[i] = st
				case p < 35:
					op.Kind = Clear
					n = say(telling{Client: c, Op: &op})
					if v.Clearing != nil {
						v.Clearing(k)
					}
					if wrong == AnswerFirst {
						if st, err := v.Store.Get(ctx, k); err == nil && st.Revision == 1 {
							say(telling{N: n, Client: c, Answer: &Answer{}})
							n = 0
						}
					}
					removed, err = v.Store.Clear(ctx, k)
				case p < 80:
					var fresh []session.Input
					a := randomAttachment(rng, known[i], func() session.Input {
						fresh = append(fresh, v.Input())
						return fresh[len(fresh)-1]
					})
					op = opOf(k, a)
					n = say(telling{Client: c, Op: &op})
					st, removed, err = v.Store.Attach(ctx, k, a)
					if known[i] = st; err != nil {
						known[i] = session.State{}
					}
					if v.Attached != nil {
						for _, f := range fresh {
							v.Attached(f, err)
						}
					}
				default:
					op.Kind = Get
					n = say(telling{Client: c, Op: &op})
					st, err = v.Store.Get(ctx, k)
					known[i] = st
				}
				answer := answerOf(st, removed, err)
				if n > 0 {
					say(telling{N: n, Client: c, Answer: &answer})
				}
				if v.Removed != nil {
					v.Removed(removed)
				}
			}
		}()
	}
	select {}
}

// Killer repeatedly starts the test binary as a victim, kills it, and checks what it
// left.
type Killer struct {
	// Place is where the store is, and Wrong the mistake to make, if any. The victim
	// gets both from VictimOf.
	Place, Wrong string
	// Start is about how long a victim takes to open its store. Some victims are
	// killed within that time.
	Start time.Duration
	// Settled, if set, waits until no operation of the victim is under way any more.
	Settled func()
	// Open opens the store after a kill; the caller closes it. check reports faults that
	// the store's answers do not show.
	Open func() (_ session.Store, check func() error, err error)
}

// Kill kills the given number of victims at random moments. Afterwards every acknowledged
// operation must be there; any other must be there as a whole or not at all. It returns
// the number of acknowledged operations.
func (k Killer) Kill(kills int) (acknowledged int, err error) {
	var history *History
	var moment int64
	for kill := range kills {
		round := fmt.Sprint(kill / 3)
		if kill%3 == 0 {
			history, moment = NewHistory(), 0
		}
		n, err := k.one(round, history, &moment)
		acknowledged += n
		if err == nil {
			err = k.look(round, history, &moment)
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

// LosesNothing is a test: victims are killed, and lose nothing that they have acknowledged.
func (k Killer) LosesNothing(t *testing.T) {
	t.Helper()
	kills := Times(6, 150)
	acknowledged, err := k.Kill(kills)
	must.OK(t, err)
	if acknowledged < kills*10 {
		t.Errorf("only %d operations were acknowledged", acknowledged)
	}
	t.Logf("%d kills, %d operations acknowledged", kills, acknowledged)
}

// one runs a victim and kills it. It adds the victim's operations to the history, and
// returns how many were acknowledged.
func (k Killer) one(round string, history *History, moment *int64) (int, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimPlace+"="+k.Place, victimRound+"="+round, victimWrong+"="+k.Wrong)
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
	// The victim is killed while it starts, or after a random number of lines.
	tell := 1 + rand.IntN(500)
	if rand.IntN(4) == 0 {
		time.AfterFunc(rand.N(k.Start), func() { cmd.Process.Kill() })
	}
	type called struct {
		telling
		at int64
	}
	pending := map[int]called{}
	acknowledged := 0
	for {
		text, err := in.ReadBytes('\n')
		if err == io.EOF {
			break // a truncated line does not count
		}
		if err != nil {
			return 0, err
		}
		if tell--; tell == 0 {
			cmd.Process.Kill()
		}
		*moment++
		var t telling
		if err := json.Unmarshal(text, &t); err != nil {
			return 0, fmt.Errorf("%s: %w", text, err)
		}
		if t.Op != nil {
			pending[t.N] = called{t, *moment}
			continue
		}
		c := pending[t.N]
		delete(pending, t.N)
		history.recordAt(c.Client, *c.Op, *t.Answer, c.at, *moment)
		if !t.Answer.Unknown && t.Answer.Code == "" {
			acknowledged++
		}
	}
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != -1 {
		return 0, fmt.Errorf("the process ended before it was killed: %v\n%s", err, stderr.Bytes())
	}
	if k.Settled != nil {
		k.Settled()
	}
	*moment++
	for _, c := range pending {
		history.recordAt(c.Client, *c.Op, Answer{Unknown: true}, c.at, *moment)
	}
	return acknowledged, nil
}

// look opens the store, reads all sessions of the round into the history, and
// checks the rest.
func (k Killer) look(round string, history *History, moment *int64) (err error) {
	store, check, err := k.Open()
	if err != nil {
		return fmt.Errorf("opening after a kill: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for i := range victimKeys {
		*moment++
		call := *moment
		st, err := store.Get(context.Background(), victimKey(round, i))
		*moment++
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return fmt.Errorf("reading after a kill: %w", err) // the history would accept any answer
		}
		history.recordAt(victimClients, Op{Kind: Get, Key: victimKey(round, i)}, answerOf(st, session.Removed{}, err), call, *moment)
	}
	*moment++
	call := *moment
	p, err := store.Profile(context.Background(), victimProfile(round).Owner)
	*moment++
	if err != nil {
		return fmt.Errorf("reading a profile after a kill: %w", err)
	}
	history.recordAt(victimClients, Op{Kind: GetProfile, Key: victimProfile(round)}, profileAnswer(p, nil), call, *moment)
	return check()
}
