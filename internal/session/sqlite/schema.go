package sqlite

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/fault"
)

// applicationID in the file's header marks the database as Tallyman's: "TLYM".
const applicationID = 0x544c594d

// migrations take the database from one version of the schema to the next; the version
// is the number of migrations that ran. Released ones are never changed; new ones are
// added.
var migrations = []string{
	// Every change of a session appends a row with the session's new state. The newest
	// row of a session is its state; a row without a kind says that the session has
	// ended. Older rows are trimmed from time to time, oldest first.
	//
	// So a commit writes to one place however many sessions there are, and needs no
	// index: the rows are read only at the start.
	`CREATE TABLE session (
		seq         INTEGER PRIMARY KEY,
		owner       TEXT    NOT NULL,
		id          TEXT    NOT NULL,
		kind        TEXT,    -- named, cookie; NULL in a row that ends the session
		incarnation BLOB,    -- 16 random bytes
		revision    INTEGER,
		created     INTEGER, -- milliseconds since 1970, UTC
		used        INTEGER, -- likewise, behind the truth by 1/16 of the life at most
		inputs      TEXT     -- JSON, NULL if there are none
	) STRICT;
	-- A write that changes nothing, to find out whether writes work.
	CREATE TABLE probe (n INTEGER NOT NULL) STRICT;
	INSERT INTO probe VALUES (0);`,
	// The profile of each owner who has one.
	`CREATE TABLE profile (
		owner    TEXT    NOT NULL PRIMARY KEY,
		revision INTEGER NOT NULL,
		content  BLOB    NOT NULL
	) STRICT;`,
	// Inputs may have several order exports, and amendments; see inputs. Earlier programs
	// would lose them.
	`/* the tables stay as they are */`,
	// The tasks of package queue, as JSON. Earlier programs would not carry them out, and
	// would delete the contents that they name.
	`CREATE TABLE task (
		seq  INTEGER PRIMARY KEY,
		task TEXT NOT NULL
	) STRICT;`,
	// The webhooks of each owner who has some. Earlier programs would tell them nothing.
	`CREATE TABLE webhook (
		owner    TEXT    NOT NULL PRIMARY KEY,
		revision INTEGER NOT NULL,
		content  BLOB    NOT NULL
	) STRICT;`,
}

// withTasks is the first version that has tasks.
const withTasks = 4

// version returns the schema's version. It fails with NewerSchema or Foreign if the
// database in dir must not be changed.
func version(c *sqlite3.Conn, dir string, known int) (int, error) {
	app, err := pragma(c, "application_id")
	if err != nil {
		return 0, err
	}
	version, err := pragma(c, "user_version")
	if err != nil {
		return 0, err
	}
	tables, err := number(c, "SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	switch {
	case app != applicationID && (app != 0 || version != 0 || tables != 0):
		return 0, fault.New(Foreign, "%s in %s is not Tallyman's; choose another data directory", fileName, dir)
	case version > int64(known):
		return 0, fault.New(NewerSchema, "the data in %s was written by a newer Tallyman (its schema is %d, this program knows up to %d); use the newer program, or another data directory", dir, version, known)
	}
	return int(version), nil
}

// migrate takes the database from one version of the schema to the last.
func migrate(c *sqlite3.Conn, from int, steps []string) error {
	for v := from; v < len(steps); v++ {
		sql := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", steps[v], applicationID, v+1)
		if err := c.Exec(sql); err != nil {
			if !c.GetAutocommit() {
				_ = c.Exec("ROLLBACK")
			}
			return fmt.Errorf("upgrading the schema from version %d to %d: %w", v, v+1, err)
		}
	}
	return nil
}

// pragma returns the value of a pragma that is a number.
func pragma(c *sqlite3.Conn, name string) (int64, error) { return number(c, "PRAGMA "+name) }

// number returns the result of a query that is one number.
func number(c *sqlite3.Conn, sql string) (n int64, err error) {
	err = each(c, sql, func(st *sqlite3.Stmt) error {
		n = st.ColumnInt64(0)
		return nil
	})
	return n, err
}

// each calls f for each row of a query.
func each(c *sqlite3.Conn, sql string, f func(*sqlite3.Stmt) error) (err error) {
	defer recoverAs(&err)
	st, _, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Close()
	for st.Step() {
		if err := f(st); err != nil {
			return err
		}
	}
	return st.Err()
}
