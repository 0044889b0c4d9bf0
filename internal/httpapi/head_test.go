package httpapi_test

import (
	"context"
	"sync/atomic"
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
)

// counted is a blob store that counts its open readers.
type counted struct {
	blob.Store
	open atomic.Int64
}

func (c *counted) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	r, err := c.Store.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return closing{r, c}, nil
}

type closing struct {
	blob.Reader
	of *counted
}

func (c closing) Close() error {
	c.of.open.Add(-1)
	return c.Reader.Close()
}

func TestHeadOfAFileLeavesNoReaderOpen(t *testing.T) {
	at := newStores(t)
	contents := &counted{Store: at.contents}
	p := at.serve(t, desk.New(at.store, contents, reader, desk.Limits{}))
	p.uploadBills(t, "s", small(t, 1).bills)
	for range 3 {
		for _, method := range []string{"HEAD", "GET"} {
			p.do(t, request{method: method, path: "/download-bol/bol.pdf?_sid=s"}).must(t, method)
		}
	}
	until(func() bool { return contents.open.Load() == 0 }) // the last is closed after its answer
}
