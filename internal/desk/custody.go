package desk

import (
	"context"
	"io"
	"slices"

	"tallyman/internal/blob"
	"tallyman/internal/session"
)

// custody owns contents from the moment in which they are stored until a session's row
// refers to them, or until they are deleted.
type custody struct {
	desk *Desk
	keys []blob.Key
	held *held // by what was read
}

// put stores what it reads from r.
func (c *custody) put(ctx context.Context, r io.Reader) (blob.Ref, error) {
	ref, err := c.desk.contents.Put(ctx, r)
	if err == nil {
		c.keys = append(c.keys, ref.Key)
	}
	return ref, err
}

// hand passes the contents on to the row of a session, which alone decides about them
// from now on.
func (c *custody) hand() {
	c.desk.contents.Release(c.keys...)
	c.keys = nil
}

// giveBack deletes contents.
func (c *custody) giveBack(ctx context.Context, keys []blob.Key) {
	c.keys = slices.DeleteFunc(slices.Clone(c.keys), func(k blob.Key) bool { return slices.Contains(keys, k) })
	c.desk.drop(ctx, session.Removed{Contents: keys})
}

// end ends the custody after an attach that failed with err. It deletes the contents,
// unless it is unknown whether they were attached.
func (c *custody) end(ctx context.Context, err error) {
	switch {
	case len(c.keys) == 0:
	case err != nil && !session.Settled(err):
		c.hand()
	default:
		c.giveBack(ctx, c.keys)
	}
}
