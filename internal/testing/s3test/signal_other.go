//go:build !unix

package s3test

import "errors"

var errNoSignals = errors.New("this system has no signals that stop a process")

// Stop suspends the server, where the system supports it.
func (s *Server) Stop() error { return errNoSignals }

// Continue resumes a suspended server.
func (s *Server) Continue() error { return errNoSignals }
