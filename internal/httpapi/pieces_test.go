package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// pieces records what is written, and whether each piece has its own deadline.
type pieces struct {
	*httptest.ResponseRecorder
	deadlines int
	sizes     []int
	failing   int // the number of the piece that fails half way, 0 for none
}

func (p *pieces) SetWriteDeadline(time.Time) error { p.deadlines++; return nil }

func (p *pieces) Write(b []byte) (int, error) {
	p.sizes = append(p.sizes, len(b))
	if p.deadlines != len(p.sizes) {
		return 0, errors.New("a piece has no deadline of its own")
	}
	if len(p.sizes) == p.failing {
		return 1, io.ErrShortWrite
	}
	return p.ResponseRecorder.Write(b)
}

func TestALongAnswerIsWrittenInPiecesWithADeadlineEach(t *testing.T) {
	for _, size := range []int{0, 1, writePiece, writePiece + 1, 5*writePiece + 17} {
		p := &pieces{ResponseRecorder: httptest.NewRecorder()}
		w := &response{ResponseWriter: p, control: http.NewResponseController(p)}
		content := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		n, err := w.Write(content)
		if n != size || err != nil || w.bytes != int64(size) || !bytes.Equal(p.Body.Bytes(), content) {
			t.Errorf("%d bytes: %d written, %d counted, %v", size, n, w.bytes, err)
		}
		if len(p.sizes) != max(1, (size+writePiece-1)/writePiece) || slices.Max(p.sizes) > writePiece {
			t.Errorf("%d bytes come in pieces of %v", size, p.sizes)
		}
	}
	p := &pieces{ResponseRecorder: httptest.NewRecorder(), failing: 2}
	w := &response{ResponseWriter: p, control: http.NewResponseController(p)}
	if n, err := w.Write(make([]byte, 5*writePiece)); n != writePiece+1 || err != io.ErrShortWrite || len(p.sizes) != 2 {
		t.Errorf("after a failure: %d, %v, pieces of %v", n, err, p.sizes)
	}
}
