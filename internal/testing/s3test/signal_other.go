//go:build !unix

package s3test

import "errors"

var errNoSignals = errors.New("this system has no signals that stop a process")

// Stop makes the server stand still, where the system can do that.
func (s *Server) Stop() error { return errNoSignals }

// Continue lets a server go on that was stopped.
func (s *Server) Continue() error { return errNoSignals }
