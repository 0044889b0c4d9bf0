package worker

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/internal/fault"
)

// SetStall changes how long a worker may work without sending anything, for later
// calls.
func (p *Pool) SetStall(d time.Duration) { p.config.Stall = d }

// talk connects an imitation of a worker process with the worker's side of the
// connection, in this process, so that both use the same clock.
func talk(t *testing.T) (*process, *conn) {
	toWorker, fromParent := io.Pipe()
	toParent, fromWorker := io.Pipe()
	t.Cleanup(func() { fromParent.Close() })
	p := &process{
		cmd: &exec.Cmd{Process: &os.Process{}}, // which cannot be killed
		stdin: struct {
			io.Writer
			io.Closer
		}{fromParent, io.NopCloser(nil)},
		stdout: io.NopCloser(toParent),
		out:    frameWriter{bufio.NewWriter(fromParent)},
		in:     frameReader{r: bufio.NewReader(toParent)},
	}
	c := &conn{out: frameWriter{bufio.NewWriter(fromWorker)}, in: make(chan frame, 4)}
	go func() {
		in := frameReader{r: bufio.NewReader(toWorker)}
		for {
			kind, payload, err := in.read()
			if err != nil {
				close(c.in)
				return
			}
			c.in <- frame{kind, payload}
		}
	}()
	return p, c
}

func TestSignsOfLifeKeepASlowCallAlive(t *testing.T) {
	const stall = 20 * time.Second
	for name, c := range map[string]struct {
		every   time.Duration
		stalled bool
	}{
		"a sign in time each time": {stall - time.Millisecond, false},
		"one that comes too late":  {stall + time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, w := talk(t)
				go func() {
					<-w.in // the call
					call := &Call{conn: w}
					for range 8 {
						time.Sleep(c.every)
						call.Alive()
					}
					end, _ := json.Marshal(outcome{})
					w.out.write(frameEnd, end)
				}()
				keep, err := p.call(t.Context(), stall, Request{Method: "slow"})
				if keep == c.stalled || p.stalled.Load() != c.stalled || err != nil {
					t.Errorf("it stalled: %v, %v", p.stalled.Load(), err)
				}
			})
		})
	}
}

// Compiling before the first document may take any time: meanwhile the worker reports
// that it is alive, which says nothing about the document.
func TestACallThatWaitsForCompilingIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const stall, compiling = time.Second, time.Hour
		p, w := talk(t)
		prepared = make(chan struct{})
		defer func() { prepared = nil }()
		go func() {
			time.Sleep(compiling)
			close(prepared)
		}()
		go func() {
			<-w.in
			call := &Call{conn: w}
			out := result(func(c *Call, _ []byte) error {
				return fault.New(fault.NoBills, "read after all")
			}, call, nil)
			if err := call.ready(); err != nil {
				t.Error(err)
			}
			end, _ := json.Marshal(out)
			w.out.write(frameEnd, end)
		}()
		began := time.Now()
		keep, err := p.call(t.Context(), stall, Request{Method: "read"})
		if !keep || fault.CodeOf(err) != fault.NoBills || time.Since(began) < compiling {
			t.Errorf("after %v it ends with %v; kept: %v", time.Since(began), err, keep)
		}
	})
}

// KillIdle kills all idle workers, as somebody else would.
func (p *Pool) KillIdle() {
	for range cap(p.slots) {
		s := <-p.slots
		if s.proc != nil {
			s.proc.cmd.Process.Kill()
		}
		p.slots <- s
	}
}
