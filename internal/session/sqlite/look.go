package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// Seen is the result of Look.
type Seen struct {
	// Schema is the version of the schema, Known the latest that this program knows.
	// Open updates an older one.
	Schema, Known int
	// Damage are the findings of SQLite's check, as sentences; none if the database is
	// intact.
	Damage []string
	// Sessions is the number of sessions, expired ones included.
	Sessions int
	// Contents are the contents that the sessions refer to, and the tasks.
	Contents []blob.Ref
}

// Look examines the sessions of a data directory, whether or not a server is using it.
// It changes nothing there and takes no lock: it works on a copy, which it makes in
// scratch, a folder with room for it, and removes.
//
// It fails with fault.NotFound if there are no sessions, with Foreign, NewerSchema,
// DamagedData and session.StorageFull as Open does, and with fault.Busy if a busy
// server gave it no chance to make a copy.
func Look(ctx context.Context, dir, scratch string) (_ *Seen, err error) {
	copied, err := os.MkdirTemp(scratch, ".tallyman-look-*")
	if err != nil {
		return nil, openFault(scratch, err)
	}
	defer os.RemoveAll(copied)
	if err := copyDatabase(ctx, dir, copied); err != nil {
		if w, ok := errors.AsType[*scratchError](err); ok {
			return nil, openFault(scratch, w.err)
		}
		if _, ok := errors.AsType[*fault.Error](err); ok || ctx.Err() != nil {
			return nil, blob.Fault("copy the session database", err)
		}
		return nil, openFault(dir, err)
	}
	s, err := look(copied, dir)
	switch {
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return nil, openFault(dir, err)
	case err != nil: // any other error concerns the copy
		return nil, openFault(scratch, err)
	}
	return s, nil
}

func look(copied, dir string) (s *Seen, err error) {
	defer recoverAs(&err)
	conn, err := sqlite3.Open(filepath.Join(copied, fileName))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.Exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF"); err != nil {
		return nil, err
	}
	s = &Seen{Known: len(migrations)}
	if s.Schema, err = version(conn, dir, s.Known); err != nil {
		return nil, err
	}
	if err := each(conn, "PRAGMA quick_check(10)", func(st *sqlite3.Stmt) error {
		if said := st.ColumnText(0); said != "ok" {
			s.Damage = append(s.Damage, said)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if s.Schema == 0 || len(s.Damage) > 0 {
		return s, nil
	}
	newest := map[session.Key]*session.State{}
	db := &database{conn: conn}
	err = db.load(func(r row) error {
		if newest[r.key] = r.state; r.state == nil {
			delete(newest, r.key)
		}
		return nil
	})
	for _, st := range newest {
		s.Sessions++
		s.Contents = append(s.Contents, st.Stored()...)
	}
	if err == nil && s.Schema >= withTasks {
		err = db.loadTasks(func(t queue.Task) { s.Contents = append(s.Contents, t.Contents...) })
	}
	return s, err
}

// copyDatabase copies the database with its log as of one moment.
//
// A server writes to the database file only what is in the log as well, and begins the
// log anew, with another header, only after that. So if the log, which is copied last,
// has the same header as before, it contains everything that was written to the file
// meanwhile.
func copyDatabase(ctx context.Context, dir, to string) error {
	path := filepath.Join(dir, fileName)
	for attempt := range 20 {
		if attempt > 0 {
			if err := fault.Pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
		before, err := stamp(path)
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.NotFound, "there are no sessions in %s; name the data directory of a server", dir)
		}
		if err != nil {
			return err
		}
		for _, suffix := range []string{"", "-wal"} {
			if err := copyFile(ctx, path+suffix, filepath.Join(to, fileName+suffix)); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
				return err
			}
		}
		after, err := stamp(path)
		if err != nil {
			return err
		}
		if before == after {
			return nil
		}
		os.Remove(filepath.Join(to, fileName+"-wal"))
	}
	return fault.New(fault.Busy, "the sessions in %s change too fast to be copied; try again when the server is less busy", dir)
}

// stamp identifies the log by its header. Without a log, it identifies the state of the
// database file, which must not have changed.
func stamp(path string) (string, error) {
	log, err := os.Open(path + "-wal")
	if err == nil {
		defer log.Close()
		header := make([]byte, 32)
		n, err := io.ReadFull(log, header)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return "", err
		}
		if n == len(header) && !bytes.Equal(header, make([]byte, 32)) {
			return string(header), nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano()), nil
}

// scratchError is an error of writing the copy, not of reading the original.
type scratchError struct{ err error }

func (e *scratchError) Error() string { return e.err.Error() }
func (e *scratchError) Unwrap() error { return e.err }

// scratchFile is a file that marks its errors of writing as scratchError.
type scratchFile struct{ file *os.File }

func (f scratchFile) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	if err != nil {
		err = &scratchError{err}
	}
	return n, err
}

func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return &scratchError{err}
	}
	for err == nil {
		if err = ctx.Err(); err == nil {
			_, err = io.CopyN(scratchFile{out}, in, 4<<20)
		}
	}
	if err == io.EOF {
		err = nil
	}
	if closed := out.Close(); err == nil && closed != nil {
		err = &scratchError{closed}
	}
	return err
}
