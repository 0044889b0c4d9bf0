package tracing

import (
	"context"

	"tallyman/internal/blob"
	"tallyman/internal/session"
	"tallyman/internal/span"
)

// Sessions makes a span of each operation on a session store that belongs to a
// request.
func Sessions(s session.Store) session.Store { return sessions{s} }

type sessions struct{ session.Store }

func (s sessions) Open(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	ctx, sp := span.Start(ctx, "sessions.open")
	st, removed, err := s.Store.Open(ctx, key, kind)
	sp.End(err)
	return st, removed, err
}

func (s sessions) New(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	ctx, sp := span.Start(ctx, "sessions.new")
	st, removed, err := s.Store.New(ctx, key, kind)
	sp.Int("files_removed", int64(removed.Files))
	sp.End(err)
	return st, removed, err
}

func (s sessions) Clear(ctx context.Context, key session.Key) (session.Removed, error) {
	ctx, sp := span.Start(ctx, "sessions.clear")
	removed, err := s.Store.Clear(ctx, key)
	sp.Int("files_removed", int64(removed.Files))
	sp.End(err)
	return removed, err
}

func (s sessions) Attach(ctx context.Context, key session.Key, a session.Attachment) (session.State, session.Removed, error) {
	ctx, sp := span.Start(ctx, "sessions.attach")
	sp.Int("files", int64(len(a.Files)))
	st, removed, err := s.Store.Attach(ctx, key, a)
	sp.End(err)
	return st, removed, err
}

func (s sessions) Get(ctx context.Context, key session.Key) (session.State, error) {
	ctx, sp := span.Start(ctx, "sessions.get")
	st, err := s.Store.Get(ctx, key)
	sp.End(err)
	return st, err
}

func (s sessions) List(ctx context.Context, q session.Query) (session.Page, error) {
	ctx, sp := span.Start(ctx, "sessions.list")
	page, err := s.Store.List(ctx, q)
	sp.Int("sessions", int64(len(page.Sessions)))
	sp.End(err)
	return page, err
}

func (s sessions) Expire(ctx context.Context, limit int) (session.Expired, error) {
	ctx, sp := span.Start(ctx, "sessions.expire")
	expired, err := s.Store.Expire(ctx, limit)
	sp.Int("sessions", int64(expired.Sessions))
	sp.End(err)
	return expired, err
}

func (s sessions) Named(ctx context.Context, keys []blob.Key) ([]bool, error) {
	ctx, sp := span.Start(ctx, "sessions.named")
	sp.Int("files", int64(len(keys)))
	named, err := s.Store.Named(ctx, keys)
	sp.End(err)
	return named, err
}

func (s sessions) Check(ctx context.Context) error {
	ctx, sp := span.Start(ctx, "sessions.check")
	err := s.Store.Check(ctx)
	sp.End(err)
	return err
}
