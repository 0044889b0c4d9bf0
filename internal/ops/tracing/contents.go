package tracing

import (
	"context"
	"io"

	"tallyman/internal/blob"
	"tallyman/internal/span"
)

// Contents makes a span of each operation on a blob store that belongs to a request.
func Contents(s blob.Store) blob.Store { return contents{s} }

type contents struct{ blob.Store }

// Put's span includes the time for which it waits for its reader.
func (c contents) Put(ctx context.Context, r io.Reader) (blob.Ref, error) {
	ctx, sp := span.Start(ctx, "contents.put")
	ref, err := c.Store.Put(ctx, r)
	sp.Int("bytes", ref.Size)
	sp.End(err)
	return ref, err
}

func (c contents) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	ctx, sp := span.Start(ctx, "contents.open")
	sp.Int("bytes", ref.Size)
	r, err := c.Store.Open(ctx, ref)
	sp.End(err)
	return r, err
}

func (c contents) Delete(ctx context.Context, keys ...blob.Key) error {
	ctx, sp := span.Start(ctx, "contents.delete")
	sp.Int("files", int64(len(keys)))
	err := c.Store.Delete(ctx, keys...)
	sp.End(err)
	return err
}

func (c contents) List(ctx context.Context, after blob.Key, limit int) ([]blob.Item, blob.Key, error) {
	ctx, sp := span.Start(ctx, "contents.list")
	items, next, err := c.Store.List(ctx, after, limit)
	sp.Int("files", int64(len(items)))
	sp.End(err)
	return items, next, err
}

func (c contents) Check(ctx context.Context) error {
	ctx, sp := span.Start(ctx, "contents.check")
	err := c.Store.Check(ctx)
	sp.End(err)
	return err
}
