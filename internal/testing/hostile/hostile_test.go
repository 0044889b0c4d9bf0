package hostile

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"

	"tallyman/internal/testing/must"
)

func TestFlateRunUnpacksToTheRun(t *testing.T) {
	for _, n := range []int{1, 1 << 20, 5<<20 + 1} {
		r, err := zlib.NewReader(bytes.NewReader(flateRun("1 m ", n)))
		must.OK(t, err)
		got, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%d times: %v", n, err)
		}
		if len(got) < 4*n || !bytes.Equal(got, bytes.Repeat([]byte("1 m "), len(got)/4)) {
			t.Errorf("%d times: unpacked to %d bytes, or to wrong ones", n, len(got))
		}
	}
}
