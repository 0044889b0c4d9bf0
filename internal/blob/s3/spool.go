package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"tallyman/internal/atomicfile"
	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

const (
	// inMemory is the largest content, in bytes, that is spooled in memory.
	inMemory = 256 << 10
	// maxSize is the largest object, in bytes, that S3 stores with one request.
	maxSize = 5 << 30
)

// spool is a local copy of a content: in memory if it is small, else in a temporary
// file without a name, which disappears when the process ends, however it ends.
// Several readers share it; the last one frees it.
type spool struct {
	io.ReaderAt
	size int64
	sum  blob.Sum

	file  *os.File // nil if it is in memory
	users atomic.Int32
}

var buffers = sync.Pool{New: func() any { return new([inMemory]byte) }}

// fill copies r until io.EOF, in pieces. The spool has one user.
func fill(ctx context.Context, dir string, r io.Reader) (_ *spool, err error) {
	const doing = "store a file"
	buf := buffers.Get().(*[inMemory]byte)
	defer buffers.Put(buf)
	s := &spool{}
	s.users.Store(1)
	defer func() {
		if err != nil {
			s.done()
		}
	}()
	sum := sha256.New()
	held := 0 // bytes of buf that are not in the file
	for {
		if err := ctx.Err(); err != nil {
			return nil, blob.Fault(doing, err)
		}
		n, rerr := r.Read(buf[held:])
		sum.Write(buf[held : held+n])
		held += n
		s.size += int64(n)
		ended := rerr == io.EOF
		switch {
		case s.size > maxSize:
			return nil, fault.New(fault.TooLarge, "a file of more than 5 GiB cannot be stored")
		case rerr != nil && !ended:
			return nil, fmt.Errorf("reading what is to be stored: %w", rerr)
		case ended && s.file == nil:
			s.ReaderAt = bytes.NewReader(bytes.Clone(buf[:held]))
		case ended, held == len(buf):
			if err := s.write(dir, buf[:held]); err != nil {
				return nil, blob.Fault(doing, err)
			}
			held, s.ReaderAt = 0, s.file
		}
		if ended {
			sum.Sum(s.sum[:0])
			return s, nil
		}
	}
}

// write appends to the file, which it creates first if necessary.
func (s *spool) write(dir string, p []byte) error {
	if s.file == nil {
		f, err := atomicfile.Scratch(dir, "tallyman-content-")
		if err != nil {
			return err
		}
		s.file = f
	}
	_, err := s.file.Write(p)
	return err
}

// use adds a user. There must be one already.
func (s *spool) use() *spool {
	s.users.Add(1)
	return s
}

// done removes a user.
func (s *spool) done() {
	if s.users.Add(-1) == 0 && s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
}

// seeker returns a new reader over the whole content.
func (s *spool) seeker() io.ReadSeeker { return io.NewSectionReader(s, 0, s.size) }

// content is a blob.Reader over a verified spool. It takes over one use of it.
type content struct {
	*io.SectionReader
	spool *spool
	once  sync.Once
}

func newContent(s *spool) *content {
	return &content{SectionReader: io.NewSectionReader(s, 0, s.size), spool: s}
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.SectionReader.Read(p)
	if err != nil && err != io.EOF {
		err = blob.Fault("read a stored file", err)
	}
	return n, err
}

func (c *content) Close() error {
	c.once.Do(c.spool.done)
	return nil
}
