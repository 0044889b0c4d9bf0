package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// fileName is the database's name; SQLite's log is beside it, with "-wal" added.
const fileName = "sessions.db"

// pragmas configure a connection.
//
// synchronous=FULL makes every commit sync the log before it returns. NORMAL, which is
// often recommended for WAL mode, syncs only checkpoints: a power cut then loses
// commits.
const pragmas = `
	PRAGMA journal_mode=WAL;
	PRAGMA synchronous=%s;
	PRAGMA fullfsync=ON;
	PRAGMA checkpoint_fullfsync=ON;
	PRAGMA journal_size_limit=16777216;
	PRAGMA cache_size=-16384;
	PRAGMA temp_store=MEMORY;
	PRAGMA cell_size_check=ON;
	PRAGMA trusted_schema=OFF;
`

// database is the only connection to the file, with its statements. Only one goroutine
// at a time may use it.
type database struct {
	conn *sqlite3.Conn
	log  *logDisk
	// logPages is the length of the log in pages.
	logPages int

	begin, commit, put, remove, use, probe, task, untask *sqlite3.Stmt
	// papers write documents of owners, by shelf.
	papers [len(tables)]*sqlite3.Stmt
}

// place says where a database is and how it is written.
type place struct {
	dir         string
	vfs         string // the operating system's if ""
	synchronous string
	psow        string
	migrations  []string
	// logPages is the length of the log, in pages, from which it is copied into the
	// database file.
	logPages int
	// staleRows is the number of stale rows from which commits remove some of them as well,
	// if it is more than half the number of sessions.
	staleRows int
	// reserve is the size of the reserve in bytes.
	reserve int64
}

// safe returns a place in a directory with settings that lose no commit.
func safe(dir string) place {
	return place{dir: dir, synchronous: "FULL", psow: "0", migrations: migrations, logPages: 2000, staleRows: 4096, reserve: 1 << 20}
}

// openDatabase opens the database in a locked data directory and updates its schema.
func openDatabase(p place) (_ *database, err error) {
	defer recoverAs(&err)
	dir, err := filepath.Abs(p.dir)
	if err != nil {
		return nil, err
	}
	slashed := func(name string) *url.URL {
		return &url.URL{Path: filepath.ToSlash(filepath.Join(dir, name))}
	}
	params := url.Values{
		// The database's files get the mode of the lock file.
		"modeof": {slashed(lockName).Path},
		// A power cut during a write may damage the whole sector: with this setting
		// SQLite begins every commit in a sector of its own.
		"psow": {p.psow},
	}
	log, err := newLogDisk(p.vfs)
	if err != nil {
		return nil, err
	}
	params.Set("vfs", log.name)
	// SQLite understands %20 for a space, but not +.
	query := strings.ReplaceAll(params.Encode(), "+", "%20")
	conn, err := sqlite3.Open("file:" + slashed(fileName).EscapedPath() + "?" + query)
	if err != nil {
		log.forget()
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db := &database{conn: conn, log: log}
	if err := db.setUp(p); err != nil {
		_ = db.close()
		return nil, err
	}
	return db, nil
}

// setUp configures the connection and updates the schema.
func (db *database) setUp(p place) (err error) {
	defer recoverAs(&err)
	// This must be first: SQLite keeps the log's index in memory only if the database
	// is locked exclusively from the start.
	if err := db.conn.Exec("PRAGMA locking_mode=EXCLUSIVE"); err != nil {
		return fmt.Errorf("locking the database: %w", err)
	}
	version, err := version(db.conn, p.dir, len(p.migrations))
	if err != nil {
		return err
	}
	if version == 0 {
		// The schema is up to date. Writing it again would cost a commit.
		if err := db.conn.Exec("PRAGMA auto_vacuum=INCREMENTAL"); err != nil {
			return err
		}
	}
	if err := db.conn.Exec(fmt.Sprintf(pragmas, p.synchronous)); err != nil {
		return fmt.Errorf("preparing the database: %w", err)
	}
	db.conn.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		db.logPages = pages
		return nil
	})
	// After a power cut the log may end within a sector. The next commit would write to
	// that sector and endanger it again. So the log begins anew, unless there is no
	// room for that.
	if err := db.checkpoint(sqlite3.CHECKPOINT_RESTART); err != nil && !noRoom(err) {
		return fmt.Errorf("copying the log into the database: %w", err)
	}
	if err := migrate(db.conn, version, p.migrations); err != nil {
		return err
	}
	for _, s := range []struct {
		to  **sqlite3.Stmt
		sql string
	}{
		{&db.begin, `BEGIN IMMEDIATE`},
		{&db.commit, `COMMIT`},
		{&db.put, `INSERT INTO session (seq, owner, id, kind, incarnation, revision, created, used, inputs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&db.remove, `DELETE FROM session WHERE seq = ?`},
		{&db.use, `UPDATE session SET used = ? WHERE seq = ?`},
		{&db.probe, `UPDATE probe SET n = n + 1`},
		{&db.papers[ofProfiles], putPaper(ofProfiles)},
		{&db.papers[ofWebhooks], putPaper(ofWebhooks)},
		{&db.task, `INSERT INTO task (seq, task) VALUES (?1, ?2) ON CONFLICT (seq) DO UPDATE SET task = ?2`},
		{&db.untask, `DELETE FROM task WHERE seq = ?`},
	} {
		if *s.to, _, err = db.conn.PrepareFlags(s.sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return fmt.Errorf("preparing %s: %w", s.sql, err)
		}
	}
	return nil
}

// recoverAs turns a panic into an error: the driver panics when SQLite exceeds its
// limit of memory.
func recoverAs(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("SQLite gave up: %v", p)
	}
}

// close ends the connection, which is not used afterwards. It checkpoints the log if it can.
func (db *database) close() (err error) {
	defer recoverAs(&err)
	for _, s := range []*sqlite3.Stmt{db.begin, db.commit, db.put, db.remove, db.use, db.probe, db.papers[ofProfiles], db.papers[ofWebhooks], db.task, db.untask} {
		s.Close()
	}
	err = db.conn.Close()
	db.log.forget()
	return err
}

// row is the state of a session from seq on.
type row struct {
	seq int64
	key session.Key
	// state is nil if the session ends. It has no LastUsed and Expires.
	state *session.State
	used  int64 // milliseconds since 1970
}

// work is the content of a commit.
type work struct {
	rows   []row
	uses   map[int64]int64 // last uses to write, by row
	remove []int64         // rows to remove, oldest first
	// probe makes the commit write even if nothing changes.
	probe bool
	// papers are the documents of owners that change.
	papers map[paper]session.Profile
	// tasks are those that change, and gone the numbers of those that go.
	tasks []queue.Task
	gone  []int64
}

func (w work) empty() bool {
	return len(w.rows) == 0 && len(w.uses) == 0 && len(w.remove) == 0 && !w.probe && len(w.papers) == 0 && len(w.tasks) == 0 && len(w.gone) == 0
}

// apply commits all of the work or nothing. If it fails, the transaction was rolled
// back where that was possible.
func (db *database) apply(w work) (err error) {
	defer recoverAs(&err)
	defer func() {
		if err != nil && !db.conn.GetAutocommit() {
			err = errors.Join(err, db.conn.Exec("ROLLBACK"))
		}
	}()
	db.log.writes = 0
	if err := db.begin.Exec(); err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	for i := range w.rows {
		if err := db.append(&w.rows[i]); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	for seq, used := range w.uses {
		if err := errors.Join(db.use.BindInt64(1, used), db.use.BindInt64(2, seq), db.use.Exec()); err != nil {
			return fmt.Errorf("writing a last use: %w", err)
		}
	}
	for at, p := range w.papers {
		st := db.papers[at.shelf]
		if err := errors.Join(st.BindText(1, string(at.owner)), st.BindInt64(2, p.Revision), st.BindBlob(3, p.Content), st.Exec()); err != nil {
			return fmt.Errorf("writing a %s: %w", tables[at.shelf], err)
		}
	}
	if err := db.applyTasks(w); err != nil {
		return err
	}
	for _, seq := range w.remove {
		if err := errors.Join(db.remove.BindInt64(1, seq), db.remove.Exec()); err != nil {
			return fmt.Errorf("removing: %w", err)
		}
	}
	if w.probe {
		if err := db.probe.Exec(); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	if err := db.commit.Exec(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

func (db *database) append(r *row) error {
	st := db.put
	err := errors.Join(
		st.ClearBindings(),
		st.BindInt64(1, r.seq),
		st.BindText(2, string(r.key.Owner)),
		st.BindText(3, string(r.key.ID)),
	)
	if s := r.state; s != nil {
		err = errors.Join(err,
			st.BindText(4, string(s.Kind)),
			st.BindBlob(5, s.Incarnation[:]),
			st.BindInt64(6, s.Revision),
			st.BindInt64(7, s.Created.UnixMilli()),
			st.BindInt64(8, r.used),
		)
		if len(s.Inputs()) > 0 {
			b, jerr := json.Marshal(inputs{s.BOL, s.Orders, s.Amendments})
			err = errors.Join(err, jerr, st.BindRawText(9, b))
		}
	}
	return errors.Join(err, st.Exec())
}

// inputs is the format of a row's inputs.
type inputs struct {
	BOL        []session.Input `json:"bol,omitempty"`
	Orders     exports         `json:"orders,omitempty"`
	Amendments []session.Input `json:"amendments,omitempty"`
}

// exports are order exports. Schemas before 3 have one, and not in a list.
type exports []session.Input

// UnmarshalJSON implements json.Unmarshaler.
func (e *exports) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		*e = make(exports, 1)
		return json.Unmarshal(b, &(*e)[0])
	}
	return json.Unmarshal(b, (*[]session.Input)(e))
}

// load reads all rows, oldest first.
func (db *database) load(yield func(row) error) error {
	return each(db.conn, `SELECT seq, owner, id, kind, incarnation, revision, created, used, inputs FROM session ORDER BY seq`, func(st *sqlite3.Stmt) (err error) {
		r := row{seq: st.ColumnInt64(0), used: st.ColumnInt64(7)}
		r.key = session.Key{Owner: session.Owner(st.ColumnText(1)), ID: session.ID(st.ColumnText(2))}
		if err := r.key.Check(); err != nil {
			return fmt.Errorf("row %d: %w", r.seq, err)
		}
		if st.ColumnType(3) != sqlite3.NULL {
			if r.state, err = scan(st, r.key); err != nil {
				return fmt.Errorf("row %d: %w", r.seq, err)
			}
		}
		return yield(r)
	})
}

// putPaper is the statement that writes a document.
func putPaper(of shelf) string {
	return `INSERT INTO ` + tables[of] + ` (owner, revision, content) VALUES (?1, ?2, ?3) ON CONFLICT (owner) DO UPDATE SET revision = ?2, content = ?3`
}

// loadPapers reads all documents of owners.
func (db *database) loadPapers(yield func(paper, session.Profile)) error {
	for of, table := range tables {
		err := each(db.conn, `SELECT owner, revision, content FROM `+table, func(st *sqlite3.Stmt) error {
			p := session.Profile{Revision: st.ColumnInt64(1), Content: st.ColumnBlob(2, nil)}
			at := paper{shelf(of), session.Owner(st.ColumnText(0))}
			if err := p.Check(at.owner); err != nil {
				return err
			}
			yield(at, p)
			return nil
		})
		if err != nil {
			return fmt.Errorf("a %s: %w", table, err)
		}
	}
	return nil
}

// scan reads the state in a row.
func scan(st *sqlite3.Stmt, key session.Key) (*session.State, error) {
	s := &session.State{
		Key:      key,
		Kind:     session.Kind(st.ColumnText(3)),
		Revision: st.ColumnInt64(5),
		Created:  time.UnixMilli(st.ColumnInt64(6)).UTC(),
	}
	if n := copy(s.Incarnation[:], st.ColumnRawBlob(4)); n != len(s.Incarnation) || !s.Kind.Valid() {
		return nil, errors.New("it is not a session")
	}
	if b := st.ColumnRawText(8); len(b) > 0 {
		var in inputs
		if err := json.Unmarshal(b, &in); err != nil {
			return nil, fmt.Errorf("its inputs: %w", err)
		}
		s.BOL, s.Orders, s.Amendments = in.BOL, in.Orders, in.Amendments
	}
	return s, nil
}

// checkpoint copies the log into the database file, so that the next commit begins the
// log anew.
func (db *database) checkpoint(mode sqlite3.CheckpointMode) (err error) {
	defer recoverAs(&err)
	_, _, err = db.conn.WALCheckpoint("", mode)
	if err == nil {
		db.logPages = 0
	}
	return err
}

// shrink returns up to n pages of the file to the file system, if a large part of it is
// free.
func (db *database) shrink(n int64) (err error) {
	defer recoverAs(&err)
	free, err := pragma(db.conn, "freelist_count")
	if err != nil || free < n {
		return err
	}
	all, err := pragma(db.conn, "page_count")
	if err != nil || free < all/4 {
		return err
	}
	return db.conn.Exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", n))
}
