package xlsx

import (
	"errors"
	"io"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

func wantTooLarge(t *testing.T, err error, says string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.TooLarge || !strings.Contains(f.Message, says) {
		t.Errorf("the error is %v, want %s that says %q", err, fault.TooLarge, says)
	}
}

// TestPartsAreMeteredByWhatIsUnpacked does not rely on the archive package to enforce the
// sizes that an archive declares.
func TestPartsAreMeteredByWhatIsUnpacked(t *testing.T) {
	lim := grid.Limits{Ratio: 10, Unpacked: 40 << 20}
	open := func(packed int64) *part {
		p := &pkg{lim: lim, left: lim.Unpacked}
		return &part{ctx: t.Context(), pkg: p, name: "x", packed: packed, r: io.NopCloser(zeros{})}
	}
	_, err := io.Copy(io.Discard, struct{ io.Reader }{tokens{open(1000)}})
	wantTooLarge(t, err, "more than 10 times")
	_, err = io.Copy(io.Discard, struct{ io.Reader }{tokens{open(1 << 40)}})
	wantTooLarge(t, err, "more than 40.0 MB")
	if _, err = io.Copy(io.Discard, open(1<<40)); !errors.Is(err, errHugeToken) {
		t.Errorf("an endless token ends with %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// tokens reads a part, counting every read as a token.
type tokens struct{ p *part }

func (r tokens) Read(b []byte) (int, error) {
	r.p.token = 0
	return r.p.Read(b)
}
