package main

import (
	"bufio"
	"path/filepath"
	"time"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/sheet"
)

// routingFile is the file of --routing. A nil one is none.
type routingFile struct {
	name   string
	format sheet.Format
	day    time.Time
	out    *atomicfile.File
}

// routingOf returns the file that the options name, nil for none.
func (o *sheetOptions) routingOf() (*routingFile, error) {
	if o.routing == "" {
		if o.on != "" {
			return nil, fault.New(fault.BadRequest, "--on is the day of --routing; name a file with that")
		}
		return nil, nil
	}
	if o.output != "" && filepath.Clean(o.output) == filepath.Clean(o.routing) {
		return nil, fault.New(fault.BadRequest, "--routing and -o name the same file; name another")
	}
	r := &routingFile{name: o.routing, day: time.Now()}
	var err error
	if o.on != "" {
		if r.day, err = time.Parse(time.DateOnly, o.on); err != nil {
			return nil, fault.New(fault.BadRequest, "--on is a day such as 2025-07-30, not %q", o.on)
		}
	}
	ext := filepath.Ext(o.routing)
	if ext == "" {
		ext = "."
	}
	if r.format, err = sheet.ParseFormat(ext[1:]); err != nil || r.format == sheet.EBOL {
		return nil, fault.New(fault.BadRequest, "--routing %s: end the name with .csv, .xlsx or .json", o.routing)
	}
	return r, nil
}

// create begins the file, so that one that cannot be written fails before the reading.
func (r *routingFile) create() (err error) {
	if r != nil {
		r.out, err = atomicfile.Create(r.name)
	}
	return err
}

// discard removes what was begun, unless it was committed.
func (r *routingFile) discard() {
	if r != nil {
		r.out.Discard()
	}
}

// write writes the routing of a sheet.
func (r *routingFile) write(s *sheet.Sheet) error {
	if r == nil {
		return nil
	}
	b := bufio.NewWriter(r.out)
	if err := s.Routing(r.day).Write(b, r.format); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return r.out.Commit()
}
