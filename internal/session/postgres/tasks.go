package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// Tasks is the queue of all programs that share the database.
type Tasks struct{ store *Store }

var _ queue.Queue = Tasks{}

// Tasks returns the queue.
func (s *Store) Tasks() Tasks { return Tasks{s} }

// taskColumns are the columns of a task, in the order of scanTask.
const taskColumns = `id, seq, owner, kind, key, fingerprint, payload, contents, sizes, sha256s, state, due, token, note, error, result, created, ended, expires`

// taskOf is the columns of the task that a function returned as f.task.
var taskOf = "(f.task)." + strings.ReplaceAll(taskColumns, ", ", ", (f.task).")

// taskRow is a task's row; all is zero if there is none.
type taskRow struct {
	read                         queue.Task // without what follows
	due, created, ended, expires int64      // milliseconds since 1970, 0 for none
	contents                     [][16]byte
	sizes                        []int64
	sha256s                      [][]byte
}

func (r *taskRow) targets() []any {
	t := &r.read
	return []any{
		(*zeronull.Text)(&t.ID), (*zeronull.Int8)(&t.Seq), (*zeronull.Text)(&t.Owner), (*zeronull.Text)(&t.Kind),
		(*zeronull.Text)(&t.Key), (*zeronull.Text)(&t.Fingerprint), &t.Payload, &r.contents, &r.sizes, &r.sha256s,
		(*zeronull.Text)(&t.State), (*zeronull.Int8)(&r.due), (*zeronull.Int8)(&t.Token), &t.Note, (*zeronull.Text)(&t.Error),
		&t.Result, (*zeronull.Int8)(&r.created), (*zeronull.Int8)(&r.ended), (*zeronull.Int8)(&r.expires),
	}
}

func (r *taskRow) task() queue.Task {
	timeOf := func(ms int64) (t time.Time) {
		if ms != 0 {
			t = at(ms)
		}
		return t
	}
	t := r.read
	t.Due, t.Created, t.Ended, t.Expires = timeOf(r.due), timeOf(r.created), timeOf(r.ended), timeOf(r.expires)
	for i, id := range r.contents {
		ref := blob.Ref{Key: blobKey(id), Size: r.sizes[i]}
		copy(ref.SHA256[:], r.sha256s[i])
		t.Contents = append(t.Contents, ref)
	}
	return t
}

// ask makes a call whose one row begins with an outcome.
func (q Tasks) ask(ctx context.Context, c call, to ...any) (outcome string, err error) {
	c.scan = one(append([]any{&outcome}, to...)...)
	err = q.store.run(ctx, c)
	return outcome, err
}

// bytesOf makes a value of bytea that is not NULL.
func bytesOf(b []byte) []byte { return append([]byte{}, b...) }

// Put implements queue.Queue.
func (q Tasks) Put(ctx context.Context, n queue.New) (queue.Task, bool, error) {
	if err := n.Check(); err != nil {
		return queue.Task{}, false, err
	}
	contents, sizes, sums := [][16]byte{}, []int64{}, [][]byte{}
	for _, ref := range n.Contents {
		id, _ := uuidOf(ref.Key) // checked
		contents, sizes, sums = append(contents, id), append(sizes, ref.Size), append(sums, bytesOf(ref.SHA256[:]))
	}
	var row taskRow
	outcome, err := q.ask(ctx, call{
		what: "put the task",
		sql:  `SELECT f.outcome, ` + taskOf + ` FROM tallyman.put_task_6($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) f`,
		args: func() []any {
			return []any{q.store.now(), string(n.ID), string(n.Owner), string(n.Kind), n.Key, n.Fingerprint, bytesOf(n.Payload),
				contents, sizes, sums, n.After.Milliseconds(), n.MostOpen, n.MostKept}
		},
		// While it is not known whether the task names contents, Named must not answer.
		again:  len(contents) == 0,
		attach: len(contents) > 0,
	}, row.targets()...)
	switch {
	case err != nil:
		return queue.Task{}, false, err
	case outcome == "open":
		return queue.Task{}, false, queue.ErrTooMany(n.MostOpen, true)
	case outcome == "kept":
		return queue.Task{}, false, queue.ErrTooMany(n.MostKept, false)
	case outcome == "there":
		return row.task().Same(n)
	}
	return row.task(), true, nil
}

// Claim implements queue.Queue.
func (q Tasks) Claim(ctx context.Context, kind queue.Kind, lease time.Duration) (queue.Task, bool, error) {
	var row taskRow
	outcome, err := q.ask(ctx, call{
		what: "claim a task",
		sql:  `SELECT f.outcome, ` + taskOf + ` FROM tallyman.claim_task_6($1, $2, $3) f`,
		args: func() []any { return []any{q.store.now(), string(kind), lease.Milliseconds()} },
	}, row.targets()...)
	if err != nil || outcome != "claimed" {
		return queue.Task{}, false, err
	}
	return row.task(), true, nil
}

// held makes a call for a claim.
func (q Tasks) held(ctx context.Context, c call, to ...any) error {
	c.again = true
	outcome, err := q.ask(ctx, c, to...)
	if err == nil && outcome == "lost" {
		err = queue.ErrLost()
	}
	return err
}

// Extend implements queue.Queue.
func (q Tasks) Extend(ctx context.Context, h queue.Hold, lease time.Duration, note []byte) error {
	if len(note) > queue.MaxNote {
		return fault.New(fault.BadRequest, "the note of a task has more than %d bytes", queue.MaxNote)
	}
	return q.held(ctx, call{
		what: "extend a claim",
		sql:  `SELECT tallyman.extend_task_6($1, $2, $3, $4, $5)`,
		args: func() []any { return []any{q.store.now(), string(h.ID), h.Token, lease.Milliseconds(), note} },
	})
}

// Finish implements queue.Queue.
func (q Tasks) Finish(ctx context.Context, h queue.Hold, e queue.End) ([]blob.Key, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	var freed [][16]byte
	err := q.held(ctx, call{
		what: "finish a task",
		sql:  `SELECT outcome, freed FROM tallyman.finish_task_6($1, $2, $3, $4, $5, $6, $7)`,
		args: func() []any {
			return []any{q.store.now(), string(h.ID), h.Token, string(e.State), e.Result, queue.Cut(e.Error), e.Keep.Milliseconds()}
		},
	}, &freed)
	return blobKeys(freed), err
}

// Retry implements queue.Queue.
func (q Tasks) Retry(ctx context.Context, h queue.Hold, after time.Duration, reason string) error {
	outcome, err := q.ask(ctx, call{
		what: "put a task off",
		sql:  `SELECT tallyman.retry_task_6($1, $2, $3, $4, $5)`,
		args: func() []any {
			return []any{q.store.now(), string(h.ID), h.Token, after.Milliseconds(), queue.Cut(reason)}
		},
	})
	if err == nil && outcome != "held" {
		err = queue.ErrLost()
	}
	return err
}

// Cancel implements queue.Queue.
func (q Tasks) Cancel(ctx context.Context, owner session.Owner, id queue.ID, keep time.Duration) (queue.Task, []blob.Key, error) {
	var freed [][16]byte
	var row taskRow
	outcome, err := q.ask(ctx, call{
		what:  "cancel a task",
		sql:   `SELECT f.outcome, f.freed, ` + taskOf + ` FROM tallyman.cancel_task_6($1, $2, $3, $4) f`,
		args:  func() []any { return []any{q.store.now(), string(owner), string(id), keep.Milliseconds()} },
		again: true,
	}, append([]any{&freed}, row.targets()...)...)
	if err == nil && outcome == "none" {
		err = queue.ErrNotFound()
	}
	if err != nil {
		return queue.Task{}, nil, err
	}
	return row.task(), blobKeys(freed), nil
}

// Remove implements queue.Queue.
func (q Tasks) Remove(ctx context.Context, owner session.Owner, id queue.ID) error {
	open := false
	err := q.store.run(ctx, call{
		what:  "remove a task",
		again: true,
		sql: `WITH gone AS (DELETE FROM tallyman.task WHERE owner = $1 AND id = $2 AND state NOT IN ('waiting', 'claimed') RETURNING id)
			SELECT EXISTS (SELECT FROM tallyman.task t WHERE t.owner = $1 AND t.id = $2) AND NOT EXISTS (SELECT FROM gone)`,
		args: func() []any { return []any{string(owner), string(id)} },
		scan: one(&open),
	})
	if err == nil && open {
		err = queue.ErrOpen()
	}
	return err
}

// Get implements queue.Queue.
func (q Tasks) Get(ctx context.Context, owner session.Owner, id queue.ID) (queue.Task, error) {
	all, err := q.read(ctx, `WHERE owner = $1 AND id = $2`, string(owner), string(id))
	if err == nil && len(all) == 0 {
		err = queue.ErrNotFound()
	}
	if err != nil {
		return queue.Task{}, err
	}
	return all[0], nil
}

// List implements queue.Queue.
func (q Tasks) List(ctx context.Context, query queue.Query) (queue.Page, error) {
	all, err := q.read(ctx, `WHERE owner = $1 AND kind = $2 AND ($3 = '' OR state = $3) AND ($4 = 0 OR seq < $4) ORDER BY seq DESC LIMIT $5`,
		string(query.Owner), string(query.Kind), string(query.State), query.Before, query.Size()+1)
	if err != nil {
		return queue.Page{}, err
	}
	return query.Page(all), nil
}

func (q Tasks) read(ctx context.Context, where string, args ...any) (all []queue.Task, err error) {
	err = q.store.run(ctx, call{
		what:  "read tasks",
		again: true,
		sql:   `SELECT ` + taskColumns + ` FROM tallyman.task ` + where,
		args:  func() []any { return args },
		scan: func(rows pgx.Rows) error {
			all = nil
			for rows.Next() {
				var row taskRow
				if err := rows.Scan(row.targets()...); err != nil {
					return err
				}
				all = append(all, row.task())
			}
			return rows.Err()
		},
	})
	return all, err
}

// Expire implements queue.Queue.
func (q Tasks) Expire(ctx context.Context, limit int) (n int, err error) {
	err = q.store.run(ctx, call{
		what: "remove expired tasks",
		sql:  `SELECT tallyman.expire_task_6($1, $2)`,
		args: func() []any { return []any{q.store.now(), max(limit, 1)} },
		scan: one(&n),
	})
	return n, err
}

// Count implements queue.Queue.
func (q Tasks) Count(ctx context.Context, kind queue.Kind) (c queue.Counts, err error) {
	var oldest int64
	err = q.store.run(ctx, call{
		what:  "count tasks",
		again: true,
		sql: `SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'claimed'), count(*) FILTER (WHERE state = 'done'),
			count(*) FILTER (WHERE state = 'dead'), count(*) FILTER (WHERE state = 'cancelled'),
			count(*) FILTER (WHERE state IN ('waiting', 'claimed') AND due <= n.now),
			coalesce(max(n.now - due) FILTER (WHERE state IN ('waiting', 'claimed') AND due <= n.now), 0)
			FROM tallyman.clock_1($1) AS n (now) LEFT JOIN tallyman.task ON kind = $2`,
		args: func() []any { return []any{q.store.now(), string(kind)} },
		scan: one(&c.Waiting, &c.Claimed, &c.Done, &c.Dead, &c.Cancelled, &c.Due, &oldest),
	})
	c.Oldest = time.Duration(oldest) * time.Millisecond
	return c, err
}
