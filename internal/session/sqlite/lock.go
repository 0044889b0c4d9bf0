package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"

	"tallyman/internal/fault"
)

// lockName is the file whose lock makes a process the owner of a data
// directory. It holds that process's ID, for people. It is never deleted: a
// process that waits for the lock would otherwise end up with another file's.
const lockName = "LOCK"

// lock takes a data directory for this process, or fails with InUse.
func lock(dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, lockName)
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if !ok {
		who := "another process"
		if b, err := os.ReadFile(path); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
				who = fmt.Sprintf("the process with ID %d", pid)
			}
		}
		return nil, fault.New(InUse, "the data directory %s is in use by %s; stop that process, or use another directory", dir, who)
	}
	// The ID informs people only; a failure to write it does no harm.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return l, nil
}

// unlock releases the data directory.
func unlock(l *flock.Flock) error {
	_ = os.Truncate(l.Path(), 0)
	return l.Unlock()
}

// Holder is the process that uses a data directory.
type Holder struct {
	// PID is the ID of the process. It is 0 if no process uses the directory, or if
	// the process cannot be identified.
	PID int
	// Sure is false if only the lock file names the process and the process cannot be
	// seen from here: it runs elsewhere, or was killed. Without a PID it is false if
	// it is unknown whether a process uses the directory.
	Sure bool
	// Hidden is true if a process uses the directory but its ID cannot be read.
	Hidden bool
}

// UsedBy returns the process that uses a data directory. It takes no lock, so it
// never delays a server that starts.
func UsedBy(dir string) (Holder, error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{Sure: true}, nil
	}
	if err != nil {
		return Holder{}, err
	}
	defer f.Close()
	if pid, err := holder(f); err == nil && pid > 0 {
		return Holder{PID: pid, Sure: true}, nil
	}
	b, err := io.ReadAll(io.LimitReader(f, 32))
	// On Windows the lock keeps other processes from reading the file, and its owner
	// from writing the ID.
	const windows, lockViolation = runtime.GOOS == "windows", syscall.Errno(33)
	if windows && errors.Is(err, lockViolation) {
		return Holder{Hidden: true}, nil
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return Holder{PID: pid, Sure: pid == 0 && err == nil && !windows}, err
}
