package worker

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// The two processes exchange frames: a kind, a length, a payload. The parent sends
// calls and the data that the worker asks for; the worker asks for data, sends replies
// and ends each call.
const (
	frameCall  = 'C' // parent: method name, zero byte, arguments
	frameData  = 'D' // parent: the bytes asked for by frameRead
	frameTell  = 'T' // parent: the answer to frameAsk
	frameRead  = 'R' // worker: offset (8 bytes) and length (4 bytes) of the source
	frameReply = 'P' // worker: one reply of the running call
	frameAlive = 'L' // worker: it is alive, and no more
	frameAsk   = 'A' // worker: a question about the running call
	frameEnd   = 'E' // worker: the call is over; outcome as JSON
)

// maxFrame bounds the frames that one side accepts from the other. Pictures of pages
// are the largest.
const maxFrame = 64 << 20

type frameWriter struct{ w *bufio.Writer }

func (f frameWriter) write(kind byte, parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > maxFrame {
		return fmt.Errorf("frame of %d bytes is over the limit of %d", n, maxFrame)
	}
	var head [5]byte
	head[0] = kind
	binary.LittleEndian.PutUint32(head[1:], uint32(n))
	f.w.Write(head[:])
	for _, p := range parts {
		f.w.Write(p)
	}
	return f.w.Flush()
}

type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

// read returns the next frame. The payload is valid until the next read.
func (f *frameReader) read() (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[1:]))
	if n > maxFrame {
		return 0, nil, rogue("frame of %d bytes is over the limit of %d", n, maxFrame)
	}
	if cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	f.buf = f.buf[:n]
	_, err = io.ReadFull(f.r, f.buf)
	return head[0], f.buf, err
}
