package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/turn"
)

// call is one statement. Each is a transaction of its own: it takes one round trip,
// and it ends with the statement whatever happens to this process.
type call struct {
	what string // completes "could not …"
	sql  string
	args func() []any         // called again for each attempt; nil for none
	scan func(pgx.Rows) error // reads the result; called again likewise
	// again is true if the statement is idempotent, so that it can be retried when a
	// connection breaks.
	again bool
	// attach is true if it makes contents named.
	attach bool
}

// attempts bounds how often a statement is tried.
const attempts = 6

// ask makes a call that returns one answer.
func (s *Store) ask(ctx context.Context, c call) (answer, error) {
	var a answer
	c.scan = func(rows pgx.Rows) error {
		a = answer{}
		return one(a.targets()...)(rows)
	}
	err := s.run(ctx, c)
	return a, err
}

// one reads a result of one row.
func one(to ...any) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		if !rows.Next() {
			return errors.Join(rows.Err(), errors.New("the database returned no row"))
		}
		return rows.Scan(to...)
	}
}

// run makes a call. If ctx ends before the statement is sent, nothing was done. Once it
// is sent, run waits for its outcome.
func (s *Store) run(ctx context.Context, c call) error {
	if err := ctx.Err(); err != nil {
		return fault.Ended(err)
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	defer turn.Pause(ctx)()
	for attempt := 1; ; attempt++ {
		err, sent := s.try(ctx, c)
		if err == nil {
			return nil
		}
		if f, ok := errors.AsType[*fault.Error](err); ok {
			return f
		}
		refused := refusal(err)
		if refused == nil {
			s.broke.Store(int64(time.Since(s.start)))
		}
		if refused == nil && sent && !c.again {
			if c.attach {
				s.doubtful.Store(int64(time.Since(s.start) + s.limits.doubt()))
			}
			return blob.Unavailable(c.what, "", err)
		}
		if attempt == attempts || refused != nil && !worthAnother(refused) || refused == nil && sent && attempt > 2 {
			return failed(c.what, err)
		}
		if err := fault.Pause(ctx, time.Duration(1<<attempt)*time.Millisecond/2+rand.N(2*time.Millisecond)); err != nil {
			return err
		}
	}
}

// try makes one attempt at a call. sent is false if it is certain that the
// statement did not reach the server.
func (s *Store) try(ctx context.Context, c call) (err error, sent bool) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err, false
	}
	defer conn.Release()
	if err := ctx.Err(); err != nil {
		return fault.Ended(err), false
	}
	// The caller's context is not used from here on: pgx can abandon a statement only
	// by closing the connection, and then nobody knows the outcome.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.answer)
	defer cancel()
	var args []any
	if c.args != nil {
		args = c.args()
	}
	rows, err := conn.Query(ctx, c.sql, args...)
	if err != nil {
		return err, !pgconn.SafeToRetry(err)
	}
	err = c.scan(rows)
	// The server commits after it has sent the rows: only the end of the answer shows
	// whether it did.
	rows.Close()
	err = errors.Join(rows.Err(), err)
	if p := refusal(err); p != nil && p.Code == readOnly {
		// Another connection may lead to a server that accepts writes, or this server
		// may accept them later.
		conn.Conn().Close(ctx)
	}
	return err, true
}

// acquire takes a connection from the pool. If it returns an error, which is a fault,
// nothing was done.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	soon, cancel := context.WithTimeout(ctx, s.limits.acquire)
	defer cancel()
	conn, err := s.pool.Acquire(soon)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, fault.Ended(ctx.Err())
	case soon.Err() != nil && s.pool.Stat().AcquiredConns() >= s.pool.Config().MaxConns:
		return nil, session.ErrBusy("all its connections to the database are in use")
	default:
		return nil, failed("reach the database", err)
	}
}

// enter begins an operation, unless the store is closed or too many are under
// way.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return session.ErrClosed()
	}
	if s.inside >= s.limits.waiting {
		return session.ErrBusy("too many operations on sessions are waiting")
	}
	s.inside++
	return nil
}

func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
	if s.closed && s.inside == 0 {
		close(s.idle)
	}
}
