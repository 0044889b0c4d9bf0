package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
)

// input is a file that a command reads.
type input struct {
	intake.File
	close func()
}

// openInput opens the file of a name, or standard input for "-". An input without
// random access, such as a pipe, is first copied to a temporary file, but not much
// more than most bytes of it: the reader refuses larger files. It fails with
// fault.Unreadable, Unwritable if there is no room for the copy, or Cancelled.
func openInput(ctx context.Context, std streams, name string, most int64) (*input, error) {
	type opened struct {
		in  *input
		err error
	}
	done := make(chan opened, 1)
	go func() {
		in, err := open(std, name, most)
		done <- opened{in, err}
	}()
	select {
	case o := <-done:
		return o.in, o.err
	case <-ctx.Done():
		// A read from a silent pipe cannot be interrupted. The program ends without
		// it.
		return nil, fault.New(fault.Cancelled, "%s: cancelled", name)
	}
}

// readInput returns the content of a file, or of standard input, but not more than one byte
// over most: who parses it refuses larger ones. It fails as openInput does.
func readInput(ctx context.Context, std streams, name string, most int64) ([]byte, error) {
	in, err := openInput(ctx, std, name, most)
	if err != nil {
		return nil, err
	}
	defer in.close()
	b, err := io.ReadAll(io.NewSectionReader(in, 0, min(in.Size, most+1)))
	if err != nil {
		return nil, unreadable(name, err)
	}
	return b, nil
}

func open(std streams, name string, most int64) (*input, error) {
	if name == "-" {
		return spool("standard input", std.in, most)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, unreadable(name, err)
	case info.IsDir():
		f.Close()
		return nil, fault.New(fault.Unreadable, "%s is a directory; name a file in it", name)
	case !info.Mode().IsRegular():
		defer f.Close()
		return spool(name, f, most)
	}
	return &input{
		File:  intake.File{Name: name, ReaderAt: f, Size: info.Size()},
		close: func() { f.Close() },
	}, nil
}

func unreadable(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Unreadable, "%s: there is no such file", name)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Unreadable, "%s: you have no permission to read it", name)
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.New(fault.Unreadable, "%s cannot be read: %w", name, err)
}

func spool(name string, r io.Reader, most int64) (*input, error) {
	f, err := atomicfile.Scratch("", "tallyman-input-")
	if err != nil {
		return nil, atomicfile.Unwritable(os.TempDir(), err)
	}
	in := &input{close: func() {
		f.Close()
		os.Remove(f.Name())
	}}
	n, err := io.Copy(f, io.LimitReader(r, most+1))
	if err != nil {
		in.close()
		if p := (*fs.PathError)(nil); errors.As(err, &p) && p.Path == f.Name() {
			return nil, atomicfile.Unwritable("the temporary copy of "+name+" in "+os.TempDir(), err)
		}
		return nil, unreadable(name, err)
	}
	in.File = intake.File{Name: name, ReaderAt: f, Size: n}
	return in, nil
}

// notAnInput fails with fault.BadRequest if the output is one of the inputs: the
// result would overwrite it.
func notAnInput(output string, inputs []string) error {
	out, err := os.Stat(output)
	if err != nil || !out.Mode().IsRegular() {
		return nil
	}
	for _, name := range inputs {
		if in, err := os.Stat(name); err == nil && os.SameFile(in, out) {
			return fault.New(fault.BadRequest, "%s is read and would be replaced; name another file with -o", name)
		}
	}
	return nil
}
