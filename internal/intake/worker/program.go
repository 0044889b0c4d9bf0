package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"
)

// Program is another program of this machine that reads its input and writes its result,
// confined as workers are: the process that becomes it first gives up the network, all files
// but some folders, which it can only read, and what it needs no system calls for. It knows
// nothing of the parent's environment, is ended with its parent, and can start no program
// outside its folders.
type Program struct {
	// Path is the program's file, Args what follows its name.
	Path string
	Args []string
	// Env is all of its environment.
	Env []string
	// Folders can be read, and programs in them be started.
	Folders []string
	// Memory bounds its data, in bytes.
	Memory int64
	// Time bounds how long it runs, and how much processor time it takes.
	Time time.Duration
	// Most bounds what it writes, in bytes.
	Most int
}

// ErrNoPrograms says that other programs cannot be confined on this system.
var ErrNoPrograms = errors.New("other programs are run on Linux only, where they can be confined")

// ranTogether is set when the kernel refuses programs namespaces of their own.
var ranTogether atomic.Bool

// Run gives the program its input and returns what it writes. It fails if the program fails,
// takes too long or writes too much, and with ErrNoPrograms.
func (p *Program) Run(ctx context.Context, input []byte) ([]byte, error) {
	if runtime.GOOS != "linux" {
		return nil, ErrNoPrograms
	}
	encoded, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Time)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	out, words := &bounded{most: p.Most, end: end}, &tail{}
	env := []string{envWorker + "=" + program, envProgram + "=" + string(encoded)}
	cmd, err := launch("/proc/self/exe", env, &ranTogether, false, func(cmd *exec.Cmd) error {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), out, words
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Before Wait, after which the process group may be another's.
	stop := context.AfterFunc(ctx, func() { killAll(cmd.Process) })
	err = cmd.Wait()
	stop()
	switch {
	case errors.Is(context.Cause(ctx), errTooMuch):
		return nil, fmt.Errorf("%s writes more than %d bytes", p.Path, p.Most)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s took too long, or nobody waits for it: %w", p.Path, ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %s", p.Path, err, words)
	}
	return out.b, nil
}

var errTooMuch = errors.New("a program writes too much")

// bounded keeps what is written to it, and ends the writer when that is too much: one that
// ignores a broken pipe would go on.
type bounded struct {
	b    []byte
	most int
	end  context.CancelCauseFunc
}

func (w *bounded) Write(p []byte) (int, error) {
	if len(w.b)+len(p) > w.most {
		w.end(errTooMuch)
		return 0, errTooMuch
	}
	w.b = append(w.b, p...)
	return len(p), nil
}
