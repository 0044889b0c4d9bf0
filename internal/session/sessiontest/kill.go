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
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// The variables that make a test binary the process that is killed.
const (
	victimPlace = "TALLYMAN_VICTIM_PLACE"
	victimRound = "TALLYMAN_VICTIM_ROUND"
	victimWrong = "TALLYMAN_VICTIM_WRONG"
)

// AnswerFirst is a mistake that victims can make: a clear is answered before it
// is committed.
const AnswerFirst = "answer first"

// victimClients is how many clients a victim has, and victimKeys how many
// sessions.
const victimClients, victimKeys = 6, 3

// telling is what a victim tells before and after each operation. It tells the
// second only when the operation was answered, so what was read of it was
// acknowledged.
type telling struct {
	N      int     `json:"n"`
	Client int     `json:"client"`
	Op     *Op     `json:"op,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
}

// Victim is the work of a process that is killed: many clients that upload to a
// few sessions, clear and read them.
type Victim struct {
	Store session.Store
	// Input stores what the next file is to hold.
	Input func() session.Input
	// Attached, if set, is told what became of a file.
	Attached func(session.Input, error)
	// Removed, if set, is told what each operation took away, after its answer.
	Removed func(session.Removed)
	// Clearing, if set, is told of a clear before it is done.
	Clearing func(session.Key)
}

// VictimOf returns where the store of this process is, if it was started to be
// killed, and the mistake that it is to make; "" if it was not.
func VictimOf() (place, wrong string) { return os.Getenv(victimPlace), os.Getenv(victimWrong) }

func victimKey(round string, i int) session.Key {
	return key(fmt.Sprintf("round %s, session %d", round, i))
}

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
			var known [victimKeys]session.Incarnation
			for {
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
					known[i] = st.Incarnation
				case p < 25:
					op.Kind = New
					n = say(telling{Client: c, Op: &op})
					st, removed, err = v.Store.New(ctx, k, session.Named)
					known[i] = st.Incarnation
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
					f := v.Input()
					a := session.Attachment{Incarnation: known[i], Slot: session.BOL, Mode: session.Replace, Files: []session.Input{f}}
					switch rand.IntN(3) {
					case 0:
						a.Mode = session.Append
					case 1:
						a.Slot = session.Orders
					}
					op = opOf(k, a)
					n = say(telling{Client: c, Op: &op})
					st, removed, err = v.Store.Attach(ctx, k, a)
					if err != nil {
						known[i] = session.Incarnation{}
					}
					if v.Attached != nil {
						v.Attached(f, err)
					}
				default:
					op.Kind = Get
					n = say(telling{Client: c, Op: &op})
					st, err = v.Store.Get(ctx, k)
					known[i] = st.Incarnation
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

// Killer starts the test binary as a victim, kills it, and looks at what it left,
// again and again.
type Killer struct {
	// Place is where the store is, and Wrong the mistake to be made, if any. The
	// victim gets both of VictimOf.
	Place, Wrong string
	// Start is about how long a victim takes to open its store. Some are killed
	// within that time.
	Start time.Duration
	// Settled, if set, returns when nothing is under way any more that the victim
	// had asked for.
	Settled func()
	// Open opens the store, which is closed afterwards, after a kill. check says
	// what is wrong with it, beside the answers that it gives.
	Open func() (_ session.Store, check func() error, err error)
}

// Kill kills so many victims, at random moments. What they acknowledged must be
// there afterwards; what they did not must be there as a whole or not at all. It
// returns how many operations were acknowledged.
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

// one runs a victim and kills it. It adds to the history what the victim told, and
// returns how many operations were acknowledged.
func (k Killer) one(round string, history *History, moment *int64) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
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
	// While it starts, or once it has told a number of things.
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
			break // a line that was cut off was not told
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
	if ctx.Err() != nil {
		return 0, fmt.Errorf("the process hung, and was killed for that\n%s", stderr.Bytes())
	}
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
			return fmt.Errorf("reading after a kill: %w", err) // the history would take it for anything
		}
		history.recordAt(victimClients, Op{Kind: Get, Key: victimKey(round, i)}, answerOf(st, session.Removed{}, err), call, *moment)
	}
	return check()
}
