package s3

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// slowest is the average rate, in bytes a second, that a transfer must reach after
// its first patience.
const slowest = 16 << 10

// errStalled is the error of a request that made no progress. The SDK retries such
// requests, since they are timeouts.
var errStalled error = stalled{}

type stalled struct{}

func (stalled) Error() string   { return "the storage service stopped answering" }
func (stalled) Timeout() bool   { return true }
func (stalled) Temporary() bool { return true }

// impatient sends requests, and ends those that stall: no fixed timeout suits both a
// request of a few bytes and one of gigabytes over a slow connection. A request may stall
// for the duration of patience; each transferred byte, in either direction, extends its
// time, up to patience again.
type impatient struct {
	client interface {
		Do(*http.Request) (*http.Response, error)
	}
	patience time.Duration
}

func (c impatient) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	w := &watch{patience: c.patience, cancel: cancel, until: time.Now().Add(c.patience)}
	w.mu.Lock() // it may expire before the timer is known
	w.timer = time.AfterFunc(c.patience, w.expire)
	w.mu.Unlock()
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watched{r.Body, w}
	}
	resp, err := c.client.Do(r)
	if err != nil {
		err = w.explain(err)
		w.stop()
		return nil, err
	}
	resp.Body = &watchedAnswer{watched{resp.Body, w}}
	return resp, nil
}

// watch watches one request.
type watch struct {
	patience time.Duration
	cancel   context.CancelFunc

	mu      sync.Mutex
	timer   *time.Timer
	until   time.Time
	expired bool
}

func (w *watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	// The timer is reset only when it fires, not for every few bytes.
	if left := time.Until(w.until); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.expired = true
	w.cancel()
}

func (w *watch) moved(n int) {
	if n <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = w.until.Add(time.Duration(n) * time.Second / slowest)
	if most := time.Now().Add(w.patience); w.until.After(most) {
		w.until = most
	}
}

// explain returns errStalled for an error that the watch caused.
func (w *watch) explain(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && err != io.EOF && w.expired {
		return errStalled
	}
	return err
}

func (w *watch) stop() {
	w.mu.Lock()
	w.timer.Stop()
	w.mu.Unlock()
	w.cancel()
}

// watched is a body that reports its progress to the watch.
type watched struct {
	io.ReadCloser
	watch *watch
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.watch.moved(n)
	return n, b.watch.explain(err)
}

// watchedAnswer ends the watch when it is closed.
type watchedAnswer struct{ watched }

func (b *watchedAnswer) Close() error {
	err := b.ReadCloser.Close()
	b.watch.stop()
	return err
}
